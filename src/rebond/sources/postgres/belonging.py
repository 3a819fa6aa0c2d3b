"""What of a dump belongs to tables that come back alone, where no statement of it says so by itself."""

import re
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet

from msgspec import Struct

from rebond.findings import Finding, Severity
from rebond.sources.postgres.roles import read_name
from rebond.sources.postgres.sequences import show
from rebond.sources.postgres.statements import NAME, QUALIFIED, Item

FOREIGN_KEY, PUBLISHED = b"FK CONSTRAINT", b"PUBLICATION TABLE"
_JOIN = re.compile(
    rb"\s*ALTER TABLE .*? ADD CONSTRAINT (?P<key>"
    + NAME
    + rb") FOREIGN KEY .*? REFERENCES (?P<other>"
    + QUALIFIED
    + rb")",
    re.DOTALL,
)
_KEY_COMMENT = re.compile(rb"\s*COMMENT ON CONSTRAINT (" + NAME + rb") ON (" + QUALIFIED + rb")")
_BESIDE_COMMENT = re.compile(rb"\s*COMMENT ON (INDEX|STATISTICS) (" + QUALIFIED + rb")")
_ATTACHED = re.compile(
    rb"\s*ALTER TABLE (?:ONLY )?(" + QUALIFIED + rb") ATTACH PARTITION (" + QUALIFIED + rb")",
)
_PUBLISHING = frozenset({PUBLISHED, b"PUBLICATION TABLES IN SCHEMA"})
_OF_SCHEMA = b"SCHEMA "  # so begins the name of what belongs to a schema itself
_PUBLICATION = re.compile(rb"\s*ALTER PUBLICATION (" + NAME + rb")")


class Join(Struct, frozen=True, kw_only=True):
    """A foreign key: of which table, by what name, to which other one; whole names as SQL writes them."""

    table: bytes
    key: str
    other: bytes


def read_join(item: Item) -> Join | None:
    """Return the foreign key that an item makes; ``None`` for every other item."""
    found = _JOIN.match(item.statements[0]) if item.kind == FOREIGN_KEY and item.statements else None
    return Join(table=item.table, key=read_name(found["key"]), other=found["other"]) if found else None


def read_key_comment(item: Item) -> tuple[str, str] | None:
    """Return the table, as people write it, and the constraint that an item tells of; ``None`` for every other."""
    found = _KEY_COMMENT.match(item.statements[0]) if item.statements else None
    return (show(found[2]), read_name(found[1])) if found else None


def read_publication(item: Item) -> str:
    """Return the publication that an item adds a table to; empty for every other item."""
    found = _PUBLICATION.match(item.statements[0]) if item.kind == PUBLISHED and item.statements else None
    return read_name(found[1]) if found else ""


def read_publisher(item: Item) -> str:
    """Return the publication that an item adds a table or a whole schema to; empty for every other item."""
    found = _PUBLICATION.match(item.statements[0]) if item.kind in _PUBLISHING and item.statements else None
    return read_name(found[1]) if found else ""


def name_schema(item: Item) -> str:
    """Return the schema that an item makes, or whose rights or comment it holds; empty for every other item."""
    if item.kind == b"SCHEMA":
        return item.name.decode(errors="surrogateescape")
    return read_name(item.name.removeprefix(_OF_SCHEMA)) if item.name.startswith(_OF_SCHEMA) else ""


def tell_unpublished(names: AbstractSet[str]) -> Iterator[Finding]:
    """Yield what is to be known of publications that are not there."""
    if names:
        yield Finding(
            code="publication-not-there",
            severity=Severity.NOTE,
            subject=min(names),
            template="The publications {names} are not there: what comes back is in none of them.",
            hint_template="Where it is to be published again: ALTER PUBLICATION … ADD TABLE …;",
            values={"names": ", ".join(sorted(names))},
        )


def tell_not_added(
    items: Iterable[Item], tables: AbstractSet[str], is_there: Callable[[str], bool]
) -> Iterator[Finding]:
    """Yield what is to be known of publications that had tables which come back alone: these are in them no more."""
    added = [each for each in items if each.kind == PUBLISHED and show(each.table) in tables]
    added = [each for each in added if is_there(read_publication(each))]
    if added:
        names = {show(each.table): "" for each in added}
        yield Finding(
            code="tables-not-published",
            severity=Severity.NOTE,
            subject=next(iter(names)),
            template="The tables {tables} were published, and come back alone: no publication has them now.",
            hint_template="Where their rows are to be sent again: {statements}",
            values={
                "tables": ", ".join(names),
                "statements": " ".join(
                    text.strip().decode(errors="surrogateescape") for each in added for text in each.statements
                ),
            },
        )


def tell_unjoined(items: Iterable[Item], tables: AbstractSet[str]) -> Iterator[Finding]:
    """Yield what is to be known of foreign keys from and to tables that come back alone: none of them is made."""
    joins = [each for each in map(read_join, items) if each and {show(each.table), show(each.other)} & tables]
    if joins:
        yield Finding(
            code="foreign-keys-not-made",
            severity=Severity.NOTE,
            subject=joins[0].key,
            template="Foreign keys are not made for tables that come back alone: {keys}.",
            hint_template="Where they are missing now, take their lines from post-data.sql, which 'rebond restore "
            "--to DIR' writes.",
            values={"keys": ", ".join(f"{show(each.table)}.{each.key}" for each in joins)},
        )


def read_attached(item: Item) -> tuple[bytes, bytes] | None:
    """Return the whole table and the partition that an item joins, as SQL writes them; ``None`` for every other."""
    found = _ATTACHED.match(item.statements[0]) if item.kind == b"TABLE ATTACH" and item.statements else None
    return (found[1], found[2]) if found else None


def list_partitions(items: Iterable[Item], table: str) -> list[str]:
    """Return the partitions that have rows of a table, which is named as people write it; none where it has its own."""
    below: dict[str, list[str]] = {}
    for item in items:
        for statement in item.statements:
            if item.kind == b"TABLE ATTACH" and (found := _ATTACHED.match(statement)):
                below.setdefault(show(found[1]), []).append(show(found[2]))
    found_leaves, pending = [], list(below.get(table, ()))
    while pending:
        each = pending.pop(0)
        if each in below:
            pending = below[each] + pending
        else:
            found_leaves.append(each)
    return found_leaves


def list_join_names(items: Iterable[Item]) -> frozenset[tuple[str, str]]:
    """Return the foreign keys by table, as people write it, and name."""
    joins = (read_join(each) for each in items)
    return frozenset((show(each.table), each.key) for each in joins if each is not None)


def is_comment_beside(item: Item, items: Iterable[Item], tables: AbstractSet[str]) -> bool:
    """Say whether an item tells of an index or of statistics of one of the tables, named as people write them."""
    found = _BESIDE_COMMENT.match(item.statements[0]) if item.statements else None
    return found is not None and any(
        each.kind == found[1] and show(each.table) in tables and _name(each) == show(found[2]) for each in items
    )


def _name(item: Item) -> str:
    return b".".join((item.schema, item.name)).decode(errors="surrogateescape")
