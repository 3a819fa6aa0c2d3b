"""Loading single tables or schemas into a database that exists: in one transaction, so that it is all or nothing."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rebond.errors import RestoreError, TargetNotEmpty, UnknownName
from rebond.sources.postgres.acting_triggers import (
    ActingTrigger,
    find_acting,
    list_turned_off,
    list_turned_on,
    tell_turned_off,
)
from rebond.sources.postgres.advances import find_now, list_advances
from rebond.sources.postgres.belonging import (
    FOREIGN_KEY,
    PUBLISHED,
    is_comment_beside,
    list_join_names,
    name_schema,
    read_key_comment,
    read_publisher,
    tell_not_added,
    tell_unjoined,
    tell_unpublished,
)
from rebond.sources.postgres.definitions import Definitions
from rebond.sources.postgres.feeding import LoadSession, ScriptGuard
from rebond.sources.postgres.key_triggers import tell_they_act
from rebond.sources.postgres.names import quote_name, quote_text
from rebond.sources.postgres.saved import SavedDatabase, SavedTable
from rebond.sources.postgres.sequences import (
    find_sequences,
    list_own_sequences,
    means,
    name_sequence,
    read_names,
    read_position,
    show,
    split,
)
from rebond.sources.postgres.side_by_side import Advance, check_counts
from rebond.sources.postgres.split_tables import tell_split
from rebond.sources.postgres.statements import Item, split_statements
from rebond.sources.postgres.table_looks import has_publication
from rebond.sources.postgres.target import DatabaseTarget, ask, describe_server
from rebond.sources.postgres.wanted_tables import choose_tables
from rebond.sources.postgres.whole_load import Report

_COUNT_RELATIONS = (
    "SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
)
# Of tables that are loaded alone: what they point to may be another, and what publishes them need not be there.
_LATER = frozenset({FOREIGN_KEY, PUBLISHED})


@dataclass(frozen=True, slots=True, kw_only=True)
class TableToLoad:
    """One table, and what it will be called. ``is_made`` says that it is not there yet."""

    table: SavedTable
    schema: str
    name: str
    is_made: bool

    @property
    def into(self) -> str:
        """Its whole new name as people write it."""
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """Its whole new name as SQL."""
        return f"{quote_name(self.schema)}.{quote_name(self.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartPlan:
    """What will be loaded: every refusal that can be known came before."""

    target: DatabaseTarget
    definitions: Definitions
    tables: tuple[TableToLoad, ...]
    schemas: tuple[str, ...]
    sequences: frozenset[bytes]
    joins: frozenset[tuple[str, str]] = frozenset()
    behind: Mapping[bytes, bytes] = field(
        default_factory=dict
    )  # sequences that may have to go on, and what they are now
    triggers: tuple[ActingTrigger, ...] = ()
    unpublished: frozenset[str] = frozenset()  # publications that are not there
    wanted_schemas: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows all of them have."""
        return sum(each.table.rows for each in self.tables)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPart:
    """What was loaded."""

    database: str
    tables: tuple[str, ...]
    rows: int
    seconds: float


def plan_part(
    saved: SavedDatabase,
    target: DatabaseTarget,
    *,
    tables: Sequence[str],
    schemas: Sequence[str],
    renames: Mapping[str, str],
    keeps_owner: bool,
) -> PartPlan:
    """Look at everything that can be known before; nothing is changed. Raises ``RestoreError``, ``UnknownName``."""
    server, target = describe_server(target)
    if target.database not in server.databases:
        raise RestoreError(
            "There is no database {database} at {server}, and single tables go into one that is there.",
            hint="Create it first, or restore the whole database: leave --table and --schema out.",
            database=target.database,
            server=str(target.access.server),
        )
    if server.is_standby:
        raise RestoreError(
            "The server {server} is a standby: nothing can be loaded into it.",
            hint="Name the primary.",
            server=str(target.access.server),
        )
    chosen = choose_tables(saved, tables, schemas)
    renames = {_find_meant(chosen, old): new for old, new in renames.items()}
    unknown = [old for old in renames if old not in {each.shown for each in chosen}]
    if unknown:
        raise UnknownName(
            "There is no table {name} among those that are to be loaded.",
            hint="Write SCHEMA.TABLE=SCHEMA.TABLE: {known}",
            name=unknown[0],
            known=", ".join(each.shown for each in chosen[:5]),
        )
    planned = tuple(_place(target, each, renames.get(each.shown)) for each in chosen)
    definitions = Definitions.read(saved, server, keeps_owner=keeps_owner)
    made = tuple(each for each in schemas if not _has_schema(target, each))
    publishers = {
        read_publisher(each) for each in definitions.after.items if each.schema.decode(errors="surrogateescape") in made
    } - {""}
    return PartPlan(
        target=target,
        definitions=definitions,
        tables=planned,
        sequences=find_sequences(
            definitions.before.items, find_whole(planned), lambda schema, name: _exists(target, schema, name)
        ),
        schemas=made,
        wanted_schemas=tuple(schemas),
        unpublished=frozenset(each for each in publishers if not has_publication(target, each)),
        joins=list_join_names(definitions.after.items),
        behind=_find_behind(target, definitions.before.items, planned),
        triggers=find_acting(target, [(each.schema, each.name) for each in planned if not each.is_made]),
    )


def _find_behind(target: DatabaseTarget, items: Sequence[Item], tables: Sequence[TableToLoad]) -> dict[bytes, bytes]:
    """Return the sequences of tables that get their rows back where they are, as far as this user may set them."""
    there = {each.table.shown for each in tables if not each.is_made and each.into == each.table.shown}
    now = find_now(target, list_own_sequences(items, there))
    return {then: live for then, live in now.items() if _may_set(target, *split(live))}


def load_part(saved: SavedDatabase, plan: PartPlan, *, report: Report, advance: Advance) -> LoadedPart:
    """Load what was planned, all of it or nothing. Raises ``RestoreError`` and ``VaultError``."""
    began = time.monotonic()
    turned = {each for each in plan.definitions.turned if show(each) in find_whole(plan.tables)}
    for note in (*plan.definitions.notes, *tell_they_act(saved.name, turned)):
        report(note)
    access = plan.target.access
    guard, session = ScriptGuard(access), LoadSession(access, plan.target.database)
    try:
        session.feed("BEGIN;\n")
        _feed(session, guard, list_made(plan, is_before=True))
        _feed(session, guard, list_turned_off(plan.triggers))
        fed_bytes = 0
        for number, each in enumerate(plan.tables):
            first, last = guard.make_key()
            session.feed(first)
            session.feed(each.table.write_in(saved.manifest.encoding, into=_choose_entry(each, plan)) + "\n")
            for piece in saved.files.pieces(each.table.file):
                session.feed(piece)
                fed_bytes += len(piece)
                advance(each.into, number, fed_bytes)
            # What was counted is judged by the server itself, before anything of it stands.
            session.feed("\\.\n")
            session.feed(last)
            session.report(f"{len(each.into)} :ROW_COUNT")
            session.feed(f"SELECT 1 / (:ROW_COUNT = {each.table.rows})::int AS rows_as_saved;\n")
        _feed(session, guard, list_turned_on(plan.triggers))
        _feed(session, guard, list_positions(saved, plan))
        _feed(session, guard, list_advances(saved, plan.behind))
        _feed(session, guard, list_made(plan, is_before=False))
        session.feed("COMMIT;\n")
        check_counts([each.table for each in plan.tables], session.finish())
    finally:
        session.close()
    alone = [each for each in plan.definitions.after.items if not _is_wanted(each, set(), plan)]
    unjoined = tell_unjoined(alone, find_whole(plan.tables))
    split_up = tell_split(saved, [each.table for each in plan.tables], plan.wanted_schemas)
    for note in (*tell_turned_off(plan.triggers), *tell_unpublished(plan.unpublished), *unjoined, *split_up):
        report(note)
    for note in tell_not_added(alone, find_whole(plan.tables), lambda name: has_publication(plan.target, name)):
        report(note)
    return LoadedPart(
        database=plan.target.database,
        tables=tuple(each.into for each in plan.tables),
        rows=plan.rows,
        seconds=time.monotonic() - began,
    )


def _choose_entry(placed: TableToLoad, plan: PartPlan) -> str:
    """Return by which table rows go in: by the root of their tree, where that comes back with them."""
    is_whole = placed.is_made and placed.table.root[:1] and placed.table.root[0] in plan.schemas
    return placed.table.sql_of_root if is_whole and placed.into == placed.table.shown else placed.sql


def _feed(session: LoadSession, guard: ScriptGuard, statements: Iterator[bytes]) -> None:
    first, last = guard.make_key()
    session.feed(first)
    for each in statements:
        session.feed(each)
        session.feed(b"\n")
    session.feed(last)


def list_made(plan: PartPlan, *, is_before: bool) -> Iterator[bytes]:
    """Yield what makes the tables and schemas that are not there."""
    definitions = plan.definitions
    script = definitions.before if is_before else definitions.after
    made = {each.into: each for each in plan.tables if each.is_made}
    plain = {each for each in made.values() if each.into != each.table.shown}
    whole = find_whole(plan.tables)
    yield from definitions.list_prelude(script)
    for item in script.items:
        if _is_wanted(item, whole, plan):
            yield from definitions.list_statements(item)
    if is_before:
        for each in plain:
            yield _make_plain(each)


def list_positions(saved: SavedDatabase, plan: PartPlan) -> Iterator[bytes]:
    """Yield what sets the sequences that were made here."""
    if not saved.files.has("sequences.sql"):
        return
    made = {
        name_sequence(text)
        for item in plan.definitions.before.items
        if _is_made(item, plan)
        for text in item.statements
    }
    for _, statement in split_statements(saved.files.read("sequences.sql")):
        if read_position(statement) in made - {b""}:
            yield statement


def _is_made(item: Item, plan: PartPlan) -> bool:
    return item.kind == b"SEQUENCE" and _is_wanted(item, find_whole(plan.tables), plan)


def find_whole(tables: Sequence[TableToLoad]) -> set[str]:
    """Return the tables that are made under their own names, with all that belongs to them."""
    return {each.table.shown for each in tables if each.is_made and each.into == each.table.shown}


def _is_wanted(item: Item, tables: set[str], plan: PartPlan) -> bool:
    schema = item.schema.decode(errors="surrogateescape")
    if read_publisher(item) in plan.unpublished:
        return False
    if schema in plan.schemas or name_schema(item) in plan.schemas:
        return True
    if item.kind in _LATER:
        return False
    if item.table:
        return show(item.table) in tables and read_key_comment(item) not in plan.joins
    if is_comment_beside(item, plan.definitions.after.items, tables):
        return True
    return bool(item.statements) and name_sequence(item.statements[0]) in plan.sequences


def _make_plain(wanted: TableToLoad) -> bytes:
    """Return the statement for a table that holds the same rows, without keys and defaults."""
    table = wanted.table
    columns = ", ".join(f"{quote_name(name)} {kind}" for name, kind in zip(table.columns, table.types, strict=True))
    return f"CREATE TABLE {wanted.sql} ({columns});".encode(errors="surrogateescape")


def _place(target: DatabaseTarget, table: SavedTable, renamed: str | None) -> TableToLoad:
    """Return where a table goes. Raises ``TargetNotEmpty`` and ``RestoreError``."""
    schema, name = _split(renamed) if renamed else (table.schema, table.name)
    placed = TableToLoad(table=table, schema=schema, name=name, is_made=not _exists(target, schema, name))
    if not placed.is_made and _has_rows(target, placed):
        raise TargetNotEmpty(
            "The table {table} has rows; nothing was changed.",
            hint="Load it beside, and take over what you need by SQL: --rename {saved}={saved}_restored",
            table=placed.into,
            saved=table.shown,
        )
    if renamed and placed.is_made and len(table.types) != len(table.columns):
        raise RestoreError(
            "This snapshot does not say of what types the columns of {table} are, so it cannot be made by another "
            "name.",
            hint="Create {into} first: CREATE TABLE {into} (LIKE {table}); then run the same command again.",
            table=table.shown,
            into=placed.into,
        )
    return placed


def _may_set(target: DatabaseTarget, schema: str, name: str) -> bool:
    condition = f"n.nspname = {quote_text(schema)} AND c.relname = {quote_text(name)} AND c.relkind = 'S'"
    may = "pg_catalog.has_sequence_privilege(c.oid, 'SELECT') AND pg_catalog.has_sequence_privilege(c.oid, 'UPDATE')"
    question = f"{_COUNT_RELATIONS} WHERE {condition} AND CASE c.relkind WHEN 'S' THEN {may} END;"
    return ask(target.access, target.database, question)[0] != b"0"


def _exists(target: DatabaseTarget, schema: str, name: str) -> bool:
    condition = f"n.nspname = {quote_text(schema)} AND c.relname = {quote_text(name)}"
    return ask(target.access, target.database, f"{_COUNT_RELATIONS} WHERE {condition};")[0] != b"0"


def _has_rows(target: DatabaseTarget, table: TableToLoad) -> bool:
    question = f"SELECT pg_catalog.count(*) FROM (SELECT 1 FROM ONLY {table.sql} LIMIT 1) t;"  # noqa: S608 - quoted
    return ask(target.access, target.database, question)[0] != b"0"


def _has_schema(target: DatabaseTarget, schema: str) -> bool:
    question = f"SELECT pg_catalog.count(*) FROM pg_catalog.pg_namespace WHERE nspname = {quote_text(schema)};"  # noqa: S608
    return ask(target.access, target.database, question)[0] != b"0"


def _find_meant(tables: Sequence[SavedTable], text: str) -> str:
    found = [each.shown for each in tables if means(text, each.schema, each.name)]
    return text if text in found else next(iter(found), text)


def _split(text: str) -> tuple[str, str]:
    schema, name = read_names(text)
    return schema or "public", name
