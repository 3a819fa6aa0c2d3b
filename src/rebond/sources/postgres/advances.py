"""Sequences of tables that get rows where they are: they go on behind what was saved, and none goes back.

No number may be given twice; one that nobody uses does no harm.
"""

import re
from collections.abc import Iterator, Sequence

from rebond.sources.postgres.saved import SavedDatabase
from rebond.sources.postgres.sequences import find_sequences, name_sequence, read_position, show
from rebond.sources.postgres.statements import Item, split_statements

_POSITION = re.compile(
    rb"\s*SELECT pg_catalog\.setval\((?P<name>E?'(?:[^']|'')*'), (?P<at>-?\d+), (?P<called>true|false)\);\s*\Z"
)


def find_own(items: Sequence[Item], tables: set[str]) -> frozenset[bytes]:
    """Return the sequences that belong to tables, also those of identity columns."""
    named = {
        name_sequence(text) for each in items if each.table and show(each.table) in tables for text in each.statements
    }
    return find_sequences(items, tables, lambda _schema, _name: True) | (named - {b""})


def list_advances(saved: SavedDatabase, sequences: frozenset[bytes]) -> Iterator[bytes]:
    """Yield what sets sequences that are behind what was saved."""
    if not sequences or not saved.files.has("sequences.sql"):
        return
    for _, statement in split_statements(saved.files.read("sequences.sql")):
        sequence, found = read_position(statement), _POSITION.match(statement)
        if found is not None and sequence in sequences:
            name, at, called = found["name"], found["at"], found["called"]
            yield (
                b"SELECT pg_catalog.setval(%b, %b, %b) FROM %b q, pg_catalog.pg_sequence s "
                b"WHERE s.seqrelid = %b::pg_catalog.regclass AND CASE q.last_value WHEN %b THEN %b AND NOT q.is_called "
                b"ELSE (q.last_value < %b) = (s.seqincrement > 0) END AND %b BETWEEN s.seqmin AND s.seqmax;"
            ) % (name, at, called, sequence, name, at, called, at, at)
