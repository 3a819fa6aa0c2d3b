"""The table of contents of a dump: what ``pg_restore`` is told of each object of a saved database."""

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from rebond.sources.postgres.key_triggers import OF_DUMP, list_turns
from rebond.sources.postgres.names import quote_name, quote_text
from rebond.sources.postgres.roles import read_name
from rebond.sources.postgres.saved import SavedDatabase, SavedTable
from rebond.sources.postgres.sequences import read_position
from rebond.sources.postgres.statements import NAME, QUALIFIED, Item, Script, find_owner, parse_script, split_statements

_OWNED = re.compile(rb"\s*ALTER (?P<what>.*) OWNER TO " + NAME + rb";\s*\Z", re.DOTALL)
_NAMED = re.compile(rb"[A-Z ]+ (?:(?P<whole>" + QUALIFIED + rb")|(?P<name>" + NAME + rb"))\Z")
_SPLIT = re.compile(NAME)
_ENCODING = re.compile(rb"\s*SET client_encoding = '([A-Za-z0-9_]+)';")
_ADDED = re.compile(rb"\s*ALTER TABLE (?P<table>.*?)\s+ADD CONSTRAINT (?P<name>" + NAME + rb")", re.DOTALL)
_DEFAULT = re.compile(rb"\s*(ALTER TABLE .*? ALTER COLUMN " + NAME + rb") SET DEFAULT ", re.DOTALL)
_CAST = re.compile(rb"\s*CREATE (CAST \(.*? AS .*?\)) WITH", re.DOTALL)
_MAPPING = re.compile(rb"\s*CREATE (USER MAPPING FOR " + NAME + rb" SERVER " + NAME + rb")", re.DOTALL)
_LARGE_OBJECT = re.compile(rb"\s*SELECT pg_catalog\.lo_create\('(\d+)'\);")
_LARGE_OBJECT_ROWS = (b"SELECT pg_catalog.lo_open(", b"SELECT pg_catalog.lowrite(", b"SELECT pg_catalog.lo_close(")
_MADE_WITH_ROWS = b"BLOB METADATA"
_ALTERED_AS_TABLE = frozenset({b"VIEW", b"MATERIALIZED VIEW", b"SEQUENCE", b"FOREIGN TABLE"})
_KEYS = frozenset({b"CONSTRAINT", b"INDEX"})


class Section(enum.IntEnum):
    """When an entry is restored."""

    BEFORE = 2
    ROWS = 3
    AFTER = 4


@dataclass(slots=True, kw_only=True)
class Entry:
    """One line of the table. ``needs`` are the numbers of those that come first; ``oid`` is that of a large object."""

    number: int
    name: bytes
    kind: bytes
    section: Section
    oid: bytes = b"0"
    definition: bytes = b""
    drop: bytes = b""
    copy: bytes = b""
    schema: bytes = b""
    tablespace: bytes = b""
    access_method: bytes = b""
    owner: bytes = b""
    rows: SavedTable | None = None
    has_large_objects: bool = False
    needs: list[int] = field(default_factory=list)


class _Contents:
    """Entries being gathered."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.tables: dict[bytes, int] = {}  # by their names as SQL writes them
        self.named: dict[tuple[str, ...], int] = {}

    def add(self, **parts: object) -> Entry:
        entry = Entry(number=len(self.entries) + 1, **parts)  # type: ignore[arg-type]
        self.entries.append(entry)
        return entry


def list_contents(saved: SavedDatabase) -> list[Entry]:
    """Return the entries in order. Raises ``VaultError``."""
    contents = _Contents()
    before, after = saved.read_script("pre-data.sql"), saved.read_script("post-data.sql")
    encoding = _find_encoding(before) or saved.manifest.encoding
    _add_settings(contents, saved, encoding)
    for item in before.items:
        entry = _add_item(contents, item, Section.BEFORE)
        if item.kind in {b"TABLE", b"FOREIGN TABLE", b"MATERIALIZED VIEW"}:
            sql = item.table or _name_view(item)
            contents.tables[sql] = entry.number
            contents.named[tuple(map(read_name, _SPLIT.findall(sql)))] = entry.number
    for table in saved.tables:
        _add_rows(contents, table, "" if encoding == saved.manifest.encoding else saved.manifest.encoding)
    _add_positions(contents, saved)
    if saved.files.has("large-objects.sql"):
        for item in _read_large_objects(saved):
            _add_item(contents, item, Section.BEFORE)
        contents.add(name=b"BLOBS", kind=b"BLOBS", section=Section.ROWS, has_large_objects=True)
    _add_after(contents, [_without_triggers(each) for each in after.items])
    for number, definition in enumerate(list_turns(saved.manifest.turned), 1):
        contents.add(
            name=f"key triggers {number}".encode(),
            kind=b"TRIGGER",
            section=Section.AFTER,
            definition=definition + b"\n\n\n",
            needs=[contents.entries[-1].number],
        )
    return contents.entries


def _read_large_objects(saved: SavedDatabase) -> Iterator[Item]:
    """Yield what makes the large objects, and whose they are: pg_dump 17 and later write it beside their contents."""
    lines, rest = [], b""
    for piece in saved.files.pieces("large-objects.sql"):
        *whole, rest = b"".join((rest, piece)).split(b"\n")
        lines += [each for each in whole if not each.startswith(_LARGE_OBJECT_ROWS)]
    for item in parse_script(b"\n".join([*lines, rest])).items:
        if item.kind == _MADE_WITH_ROWS:
            item.kind = b"BLOB"
        if item.statements and item.kind == b"BLOB":
            yield from _split_large_objects(item)
        elif item.statements and item.kind != b"BLOBS":
            yield item


def _split_large_objects(group: Item) -> list[Item]:
    """Return an item for each: pg_dump 17 and later write those of one owner together."""
    found: list[Item] = []
    for statement in group.statements:
        if (made := _LARGE_OBJECT.match(statement)) or not found:
            found.append(replace(group, name=made[1] if made else group.name, statements=[]))
        found[-1].statements.append(statement)
    return found


def _without_triggers(item: Item) -> Item:
    """Leave out what names triggers as no other server does: they are found otherwise, by what comes last."""
    return replace(item, statements=[each for each in item.statements if not OF_DUMP.match(each)])


def _find_encoding(script: Script) -> str:
    """Return the encoding that the definitions are written in: that of the rows may be another one."""
    found = (_ENCODING.match(each) for each in script.prelude)
    return next((each[1].decode() for each in found if each), "")


def _add_settings(contents: _Contents, saved: SavedDatabase, written_in: str) -> None:
    encoding, database = quote_text(saved.manifest.encoding), quote_name(saved.name)
    for kind, words in (
        (b"ENCODING", f"SET client_encoding = {quote_text(written_in)};\n"),
        (b"STDSTRINGS", "SET standard_conforming_strings = 'on';\n"),
        (b"SEARCHPATH", "SELECT pg_catalog.set_config('search_path', '', false);\n"),
    ):
        contents.add(name=kind, kind=kind, section=Section.BEFORE, definition=words.encode())
    locale = f"LC_COLLATE = {quote_text(saved.manifest.collate)} LC_CTYPE = {quote_text(saved.manifest.ctype)}"
    made = f"CREATE DATABASE {database} WITH TEMPLATE = template0 ENCODING = {encoding} {locale};\n\n\n"
    contents.add(
        name=saved.name.encode(errors="surrogateescape"),
        kind=b"DATABASE",
        section=Section.BEFORE,
        definition=made.encode(errors="surrogateescape"),
        drop=f"DROP DATABASE {database};\n".encode(errors="surrogateescape"),
        owner=saved.manifest.owner.encode(errors="surrogateescape"),
    )


def _add_item(contents: _Contents, item: Item, section: Section) -> Entry:
    owned = next((found for text in item.statements if (found := _OWNED.match(text))), None)
    words = [text for text in item.statements if find_owner(text) is None]
    name, schema = item.name, item.schema
    drop = _name_drop(item)
    large = _LARGE_OBJECT.match(item.statements[0]) if item.kind == b"BLOB" and item.statements else None
    if owned is not None and large is None:
        drop = b"DROP " + _say_kind(owned["what"], item) + b";\n"
        name, schema = _read_names(owned["what"], item)
    return contents.add(
        name=name,
        kind=item.kind,
        section=section,
        oid=large[1] if large is not None else b"0",  # by it pg_restore --if-exists takes it away
        definition=b"\n".join(words) + b"\n\n\n",
        drop=drop,
        schema=schema,
        tablespace=b"" if item.tablespace == b"''" else read_name(item.tablespace).encode(errors="surrogateescape"),
        access_method=item.access_method if item.kind in {b"TABLE", b"MATERIALIZED VIEW"} else b"",
        owner=item.owner,
    )


def _say_kind(what: bytes, item: Item) -> bytes:
    """Return kind and name of what has an owner: pg_dump gives one to views and sequences as if they were tables."""
    is_other = item.kind in _ALTERED_AS_TABLE and what.startswith(b"TABLE ")
    return item.kind + what.removeprefix(b"TABLE") if is_other else what


def _read_names(what: bytes, item: Item) -> tuple[bytes, bytes]:
    """Return name and schema as they are: in the header, line ends in them are spaces."""
    found = _NAMED.match(what)
    if found is None or not found["whole"]:
        return (
            read_name(found["name"]).encode(errors="surrogateescape") if found and found["name"] else item.name
        ), item.schema
    schema, name = (read_name(each).encode(errors="surrogateescape") for each in _SPLIT.findall(found["whole"]))
    return name, schema


def _name_drop(item: Item) -> bytes:
    """Return what ``pg_restore --clean`` runs; empty where nothing is known."""
    first = item.statements[0] if item.statements else b""
    if item.kind in {b"CONSTRAINT", b"FK CONSTRAINT"} and (found := _ADDED.match(first)):
        return b"ALTER TABLE " + found["table"] + b" DROP CONSTRAINT " + found["name"] + b";\n"
    if item.kind == b"DEFAULT" and (found := _DEFAULT.match(first)):
        return found[1] + b" DROP DEFAULT;\n"
    if found := _CAST.match(first) or _MAPPING.match(first):
        return b"DROP " + found[1] + b";\n"
    if item.kind == b"BLOB" and (found := _LARGE_OBJECT.match(first)):
        return b"SELECT pg_catalog.lo_unlink('" + found[1] + b"');\n"
    if item.kind == b"EXTENSION":
        return b"DROP EXTENSION " + quote_name(item.name.decode()).encode() + b";\n"
    return b""


def _add_rows(contents: _Contents, table: SavedTable, encoding: str) -> None:
    columns = f" ({', '.join(map(quote_name, table.columns))})" if table.columns else ""
    options = f" WITH (ENCODING {quote_text(encoding)})" if encoding else ""
    made = contents.named.get((table.schema, table.name))
    # By these words pg_restore knows that it must not empty the partition first: other rows may have come into it.
    by_root = f"-- load via partition root {' '.join(table.sql_of_root.split())}" if table.root else ""
    contents.add(
        name=table.name.encode(errors="surrogateescape"),
        kind=b"TABLE DATA",
        section=Section.ROWS,
        definition=by_root.encode(errors="surrogateescape"),
        copy=f"COPY {table.sql_of_root}{columns} FROM stdin{options};\n".encode(errors="surrogateescape"),
        schema=table.schema.encode(errors="surrogateescape"),
        rows=table,
        needs=[made] if made is not None else [],
    )


def _add_positions(contents: _Contents, saved: SavedDatabase) -> None:
    script = saved.files.read("sequences.sql") if saved.files.has("sequences.sql") else b""
    for _, statement in split_statements(script):
        if sequence := read_position(statement):
            names = [read_name(each) for each in _SPLIT.findall(sequence)]
            schema, name = (each.encode(errors="surrogateescape") for each in (names[0], names[-1]))
            definition = statement.strip() + b"\n\n\n"
            contents.add(name=name, kind=b"SEQUENCE SET", section=Section.ROWS, definition=definition, schema=schema)


def _add_after(contents: _Contents, items: list[Item]) -> None:
    """Add what comes after the rows: keys and indexes need their table only, everything else all of them in order.

    A materialized view that needs a key comes after it, and its own indexes behind that.
    """
    keys = []
    others = []
    for item in items:
        entry = _add_item(contents, item, Section.AFTER)
        if item.kind in _KEYS and item.table in contents.tables:
            entry.needs = [contents.tables[item.table]]
            keys.append(entry.number)
        else:
            others.append(entry)
    before = [*contents.tables.values(), *keys]
    for entry in others:
        entry.needs, before = before, [entry.number]


def _name_view(item: Item) -> bytes:
    return next(_list_view_names(item), b"")


def _list_view_names(item: Item) -> Iterator[bytes]:
    for text in item.statements:
        if found := re.match(rb"\s*CREATE MATERIALIZED VIEW (" + QUALIFIED + rb")", text):
            yield found[1]
