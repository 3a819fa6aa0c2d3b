"""Sequences that single tables need, and names as people and SQL write them."""

import re
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from msgspec import Struct

from rebond.sources.postgres.roles import read_name
from rebond.sources.postgres.statements import NAME, QUALIFIED, Item

_NAMES_SEQUENCE = re.compile(
    rb"\s*(?:CREATE (?:UNLOGGED )?SEQUENCE|ALTER SEQUENCE|COMMENT ON SEQUENCE|(?:GRANT|REVOKE) .*? ON SEQUENCE) ("
    + QUALIFIED
    + rb")"
    rb"|.*\sSEQUENCE NAME (" + QUALIFIED + rb")",
    re.DOTALL,
)
_OWNED = re.compile(rb"\s*ALTER SEQUENCE (" + QUALIFIED + rb") OWNED BY (" + QUALIFIED + rb")\.(" + NAME + rb")")
_IDENTITY = re.compile(
    rb"\s*ALTER TABLE (?:ONLY )?(?P<table>"
    + QUALIFIED
    + rb") ALTER COLUMN (?P<column>"
    + NAME
    + rb") ADD GENERATED .*?\sSEQUENCE NAME (?P<sequence>"
    + QUALIFIED
    + rb")",
    re.DOTALL,
)
_NEXT = re.compile(rb"nextval\('((?:[^']|'')*)'::regclass\)")
_SET_POSITION = re.compile(rb"\s*SELECT pg_catalog\.setval\((?P<escaped>E)?'(?P<name>(?:[^']|'')*)', ")
_WRITTEN = re.compile(NAME + rb"(?:\." + NAME + rb")?")


def find_sequences(items: Iterable[Item], tables: set[str], exists: Callable[[str, str], bool]) -> frozenset[bytes]:
    """Return the sequences that come with tables: those that belong to them, and others that their columns count by.

    Of the others only those that are not there yet: they may count for several tables.
    """
    owned: dict[bytes, str] = {}
    counted_by: set[bytes] = set()
    for item in items:
        for statement in item.statements:
            if found := _OWNED.match(statement):
                owned[found[1]] = show(found[2])
            elif item.table and show(item.table) in tables:
                counted_by |= {each.replace(b"''", b"'") for each in _NEXT.findall(statement)}
    wanted = {sequence for sequence, table in owned.items() if table in tables}
    others = {each for each in counted_by if each not in owned and not exists(*split(each))}
    return frozenset(wanted | others)


class OwnSequence(Struct, frozen=True, kw_only=True):
    """A sequence, as SQL writes it, by which one column of a table counts."""

    sequence: bytes
    table: bytes
    column: str


def list_own_sequences(items: Iterable[Item], tables: AbstractSet[str]) -> list[OwnSequence]:
    """Return the sequences that belong to columns of tables, those of identity columns too."""
    found: list[OwnSequence] = []
    for statement in (statement for item in items for statement in item.statements):
        if owned := _OWNED.match(statement):
            found.append(OwnSequence(sequence=owned[1], table=owned[2], column=read_name(owned[3])))
        elif own := _IDENTITY.match(statement):
            found.append(OwnSequence(sequence=own["sequence"], table=own["table"], column=read_name(own["column"])))
    return [each for each in found if show(each.table) in tables]


def name_sequence(statement: bytes) -> bytes:
    """Return the sequence that a statement is about, as SQL writes it; empty for none."""
    found = _NAMES_SEQUENCE.match(statement)
    return (found[1] or found[2]) if found else b""


def split(qualified: bytes) -> tuple[str, str]:
    """Return a schema, empty where there is none, and a name, from how SQL writes them."""
    first = re.match(NAME, qualified)
    end = first.end() if first else 0
    if end == len(qualified):
        return "", read_name(qualified)
    return read_name(qualified[:end]), read_name(qualified[end:].removeprefix(b"."))


def read_position(statement: bytes) -> bytes:
    """Return the sequence whose position a statement sets, as SQL writes it; empty for another statement."""
    found = _SET_POSITION.match(statement)
    if found is None:
        return b""
    name = found["name"].replace(b"''", b"'")
    return name.replace(b"\\\\", b"\\") if found["escaped"] else name


def show(qualified: bytes) -> str:
    """Return a whole name as people write it, from how SQL writes it."""
    schema, name = split(qualified)
    return f"{schema}.{name}" if schema else name


def read_names(text: str) -> tuple[str, str]:
    """Return schema, empty for none, and name that a person means who wrote them plainly, or as SQL does."""
    written = text.encode(errors="surrogateescape")
    if '"' in text and _WRITTEN.fullmatch(written):
        return split(written)
    schema, dot, name = text.partition(".")
    return (schema, name) if dot else ("", schema)


def means(text: str, schema: str, name: str) -> bool:
    """Say whether a person who wrote ``TABLE`` or ``SCHEMA.TABLE``, plainly or as SQL does, may mean this one."""
    if text in (name, f"{schema}.{name}"):
        return True
    wanted = read_names(text)
    return '"' in text and wanted[1] == name and wanted[0] in ("", schema)
