"""From wanted tables of a saved database to an exchange with those of a live one, and to what makes missing ones."""

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from rebond.errors import RestoreError
from rebond.sources.postgres.advances import find_now, list_advances
from rebond.sources.postgres.belonging import read_attached, read_join, read_key_comment, read_publication
from rebond.sources.postgres.composite_types import require_same_types
from rebond.sources.postgres.exchanged_tables import Exchange, ExchangedTable, MadeTables
from rebond.sources.postgres.generated_columns import list_reworked
from rebond.sources.postgres.names import quote_text
from rebond.sources.postgres.part_load import PartPlan, list_made, list_positions, plan_part
from rebond.sources.postgres.pointing import list_pointing
from rebond.sources.postgres.saved import SavedDatabase, SavedTable
from rebond.sources.postgres.sequences import list_own_sequences, show, split
from rebond.sources.postgres.statements import Item
from rebond.sources.postgres.table_looks import LiveTable, has_key, has_publication, look_at_tables
from rebond.sources.postgres.target import DatabaseTarget, ask

_LONGEST = 40  # letters of a table's name that are kept in another one
_VIEWS = frozenset({b"VIEW", b"MATERIALIZED VIEW"})
_UNPLAIN = re.compile(r"[^a-z0-9_]+")


def plan_exchange(target: DatabaseTarget, tables: Sequence[SavedTable], work: str) -> Exchange:
    """Return under which names the rows of the tables will lie beside; a table that is not there will be made.

    Raises ``RestoreError`` for whatever can be known before: a table that is another one now, a right that is missing.
    """
    for table in tables:
        _require_whole(table)
    looks = look_at_tables(target, [(each.schema, each.name) for each in tables], work)
    found = [(each, looks.find(each.schema, each.name)) for each in tables]
    for table, live in found:
        if live is None:
            _require_schema(target, table)
        else:
            _require_same(table, live, looks.user)
    for key in looks.keys:
        if not key.is_ours:
            raise _not_ours(key.shown, key.owner, looks.user)
        if key.switches and not looks.is_superuser:
            raise _not_to_be_turned(key.shown, key.name, looks.user)
    if not looks.may_create:
        raise RestoreError(
            "{user} may make no schema in {database}, in which the rows would lie that are there now.",
            hint='Let its owner or a superuser say there: GRANT CREATE ON DATABASE "{database}" TO "{user}";',
            user=looks.user,
            database=target.database,
        )
    return Exchange(
        database=target.database,
        work=work,
        tables=tuple(_name(number, each, is_made=live is None) for number, (each, live) in enumerate(found, 1)),
        publishing_all=looks.publishing_all,
        publishing_rows=looks.publishing_rows,
    )


def plan_beside(saved: SavedDatabase, target: DatabaseTarget, exchange: Exchange) -> PartPlan:
    """Return how the rows are loaded into the schema beside. Raises ``RestoreError``."""
    renames = {each.shown: f"{exchange.work}.{each.new}" for each in exchange.tables}
    return plan_part(saved, target, tables=list(renames), schemas=(), renames=renames, keeps_owner=False)


def make_missing(
    saved: SavedDatabase, target: DatabaseTarget, exchange: Exchange, *, keeps_owner: bool, is_counted: bool = True
) -> tuple[Exchange, MadeTables]:
    """Return what makes the tables that are gone, with the keys that joined them; and which sequences come with them.

    ``is_counted`` says that it is known how many large objects there were. Raises ``RestoreError`` and ``VaultError``.
    """
    gone = [each.shown for each in exchange.tables if each.is_made]
    plan = plan_part(saved, target, tables=gone, schemas=(), renames={}, keeps_owner=keeps_owner)
    wanted = {each.shown for each in exchange.tables}
    require_same_types(plan.definitions.before.items, [each for each in saved.tables if each.shown in wanted], target)
    exchange = msgspec.structs.replace(
        exchange,
        pointing=list_pointing(saved, wanted, is_counted=is_counted),
        reworked=list_reworked(
            plan.definitions.before.items, [each for each in saved.tables if each.shown in wanted], target
        ),
    )
    there = {each.shown for each in exchange.tables if not each.is_made}
    own = list_own_sequences(plan.definitions.before.items, there)
    positions = [*(list_positions(saved, plan) if gone else ()), *list_advances(saved, find_now(target, own))]
    made = MadeTables(
        before=b"\n".join(list_made(plan, is_before=True)) if gone else b"",
        after=b"\n".join(
            [
                *list_made(plan, is_before=False),
                *_list_attached(plan, set(gone), target),
                *_list_joins(plan, set(gone), target),
            ]
        )
        if gone
        else b"",
        positions=b"\n".join(positions),
        lost_views=_list_lost_views(plan, set(gone), target) if gone else (),
    )
    return _with_sequences(exchange, plan), made


def _with_sequences(exchange: Exchange, plan: PartPlan) -> Exchange:
    names = sorted(each.decode(errors="surrogateescape") for each in plan.sequences)
    return msgspec.structs.replace(exchange, sequences=tuple(names))


def _list_joins(plan: PartPlan, gone: AbstractSet[str], target: DatabaseTarget) -> Iterator[bytes]:
    """Yield the foreign keys of the tables that are gone, those of others to them, and what publishes them.

    All of that went with them, and a table that is loaded alone comes without.
    """
    made: set[tuple[str, str]] = set()
    for item in plan.definitions.after.items:
        join = read_join(item)
        if join is not None and gone & {show(join.table), show(join.other)}:
            others = {split(each) for each in (join.table, join.other) if show(each) not in gone}
            if len(look_at_tables(target, sorted(others), "").tables) < len(others):
                continue  # the other end is gone too, and is not wanted back
            if show(join.table) in gone or not has_key(target, *split(join.table), join.key):
                made.add((show(join.table), join.key))
                yield from plan.definitions.list_statements(item)
        elif read_key_comment(item) in made or (
            show(item.table) in gone and has_publication(target, read_publication(item))
        ):
            yield from plan.definitions.list_statements(item)


def _list_attached(plan: PartPlan, gone: AbstractSet[str], target: DatabaseTarget) -> Iterator[bytes]:
    """Yield what makes tables partitions again: beside the whole table nobody would find their rows.

    Raises ``RestoreError`` where that one is not there.
    """
    for item in plan.definitions.before.items:
        ends = read_attached(item)
        if ends is None or show(ends[1]) not in gone:
            continue
        looks = look_at_tables(target, [split(ends[0])], "")
        whole = next((each for each in looks.tables if each.is_whole), None)
        if whole is None:
            raise RestoreError(
                "{table} is a partition of {whole}, which is gone too.",
                hint="Make that one again (the file pre-data.sql of the component says how), then run the same command "
                "again. Or load the rows alone: rebond restore SNAPSHOT COMPONENT --into TARGET --table {table}",
                table=show(ends[1]),
                whole=show(ends[0]),
            )
        if not whole.is_ours:
            raise _not_ours(whole.shown, whole.owner, looks.user)
        yield from plan.definitions.list_statements(item)


def _list_lost_views(plan: PartPlan, gone: AbstractSet[str], target: DatabaseTarget) -> tuple[str, ...]:
    """Return the views that read a table which is gone, and are gone with it; they do not come with a table."""
    items = plan.definitions.before.items
    tables = {each.table for each in items if each.table and show(each.table) in gone}
    views = [each for each in items if each.kind in _VIEWS and _names_any(each, tables)]
    names = [
        (each.schema.decode(errors="surrogateescape"), each.name.decode(errors="surrogateescape")) for each in views
    ]
    looks = look_at_tables(target, names, "")
    return tuple(f"{schema}.{name}" for schema, name in names if looks.find(schema, name) is None)


def _names_any(item: Item, tables: AbstractSet[bytes]) -> bool:
    return any(table in statement for table in tables for statement in item.statements)


def _name(number: int, table: SavedTable, *, is_made: bool) -> ExchangedTable:
    start = _UNPLAIN.sub("_", table.name.lower())[:_LONGEST]
    return ExchangedTable(
        schema=table.schema,
        name=table.name,
        columns=table.columns,
        rows=table.rows,
        new=f"{start}_{number}_new",
        before=f"{start}_{number}_before",
        since=f"{start}_{number}_since",
        is_made=is_made,
    )


def _require_whole(table: SavedTable) -> None:
    """Raise ``RestoreError`` where the extension of a table makes some of its rows: they would be lost."""
    if table.condition:
        raise RestoreError(
            "{table} belongs to an extension, which makes some of its rows, and only the others were saved: "
            "{condition}",
            hint="Leave it out: name each table that is wanted with --table. Or load its rows under another name, and "
            "take over what you need by SQL: rebond restore SNAPSHOT COMPONENT --into TARGET --table {table} "
            "--rename {table}={table}_restored",
            table=table.shown,
            condition=table.condition,
        )


def _require_same(table: SavedTable, live: LiveTable, user: str) -> None:
    """Raise ``RestoreError`` unless the rows of a table fit into what is called so now, and may be put there."""
    if not live.is_ordinary:
        raise RestoreError(
            "{table} is no table with rows of its own any more.",
            hint="Load the rows under another name, and take over what you need by SQL: rebond restore SNAPSHOT "
            "COMPONENT --into TARGET --table {table} --rename {table}={table}_restored",
            table=table.shown,
        )
    now, then = _list_columns(live.columns, live.types), _list_columns(table.columns, table.types)
    if sorted(now) != sorted(then if table.types else _list_columns(table.columns, live.types)):
        raise RestoreError(
            "{table} has other columns now than when it was saved: {now}; then: {then}.",
            hint="Load the rows under another name, and take over what you need by SQL: rebond restore SNAPSHOT "
            "COMPONENT --into TARGET --table {table} --rename {table}={table}_restored",
            table=table.shown,
            now=", ".join(each for each in now if each not in then) or "–",
            then=", ".join(each for each in then if each not in now) or "–",
        )
    if not live.is_ours:
        raise _not_ours(live.shown, live.owner, user)
    if live.is_hidden:
        raise RestoreError(
            "Policies of {table} bind its owner too (FORCE ROW LEVEL SECURITY), so {user} may not see all of its rows.",
            hint='Name a superuser in the configuration, or let one say: ALTER ROLE "{user}" BYPASSRLS;',
            table=live.shown,
            user=user,
        )


def _list_columns(names: Sequence[str], types: Sequence[str]) -> list[str]:
    return [f"{name} {kind}" for name, kind in zip(names, types, strict=False)]


def _require_schema(target: DatabaseTarget, table: SavedTable) -> None:
    question = f"SELECT pg_catalog.count(*) FROM pg_catalog.pg_namespace WHERE nspname = {quote_text(table.schema)};"  # noqa: S608
    if ask(target.access, target.database, question)[0] == b"0":
        raise RestoreError(
            "The schema {schema} of {table} is gone too.",
            hint="Bring all of it back, nothing of it is there to be lost: rebond restore SNAPSHOT COMPONENT "
            "--into TARGET --schema {schema}",
            schema=table.schema,
            table=table.shown,
        )


def _not_to_be_turned(table: str, key: str, user: str) -> RestoreError:
    return RestoreError(
        "The triggers of the key {key} of {table} are turned off, or act otherwise than usual, and {user} may not "
        "leave them so: only a superuser may.",
        hint="Name a superuser in the configuration. Or let one say before: ALTER TABLE {table} ENABLE TRIGGER ALL; "
        "at both ends of that key.",
        key=key,
        table=table,
        user=user,
    )


def _not_ours(table: str, owner: str, user: str) -> RestoreError:
    return RestoreError(
        "{table} belongs to {owner}, and {user} may not exchange its rows, nor its keys.",
        hint='Name another user in the configuration, or let a superuser say: GRANT "{owner}" TO "{user}";',
        table=table,
        owner=owner,
        user=user,
    )
