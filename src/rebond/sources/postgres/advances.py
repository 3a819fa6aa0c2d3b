"""Sequences of tables that get rows where they are: they go on behind what was saved, and none goes back.

No number may be given twice; one that nobody uses does no harm.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from rebond.sources.postgres.names import quote_text
from rebond.sources.postgres.saved import SavedDatabase
from rebond.sources.postgres.sequences import OwnSequence, read_position
from rebond.sources.postgres.statements import split_statements
from rebond.sources.postgres.target import DatabaseTarget, ask

_NOW = """
SELECT coalesce(pg_catalog.pg_get_serial_sequence({table}, {column}), (SELECT c.oid::pg_catalog.regclass::text
  FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass({then}) AND c.relkind = 'S'), '');
"""
_POSITION = re.compile(
    rb"\s*SELECT pg_catalog\.setval\((?P<name>E?'(?:[^']|'')*'), (?P<at>-?\d+), (?P<called>true|false)\);\s*\Z"
)


def find_now(target: DatabaseTarget, own: Sequence[OwnSequence]) -> dict[bytes, bytes]:
    """Return by what their columns count now: it may have another name than the one that was saved.

    Both are whole names as SQL writes them. Raises ``RestoreError``.
    """
    answers = ((each.sequence, ask(target.access, target.database, _ask_now(each))) for each in own)
    return {sequence: lines[0] for sequence, lines in answers if lines}  # an empty line is none


def _ask_now(own: OwnSequence) -> str:
    return _NOW.format(
        table=quote_text(own.table.decode(errors="surrogateescape")),
        column=quote_text(own.column),
        then=quote_text(own.sequence.decode(errors="surrogateescape")),
    )


def list_advances(saved: SavedDatabase, now: Mapping[bytes, bytes]) -> Iterator[bytes]:
    """Yield what sets sequences that are behind what was saved: no number may be given twice.

    Those that went on since stay, and so they do on the way back: a number that nobody uses does no harm.
    """
    if not now or not saved.files.has("sequences.sql"):
        return
    for _, statement in split_statements(saved.files.read("sequences.sql")):
        sequence, found = read_position(statement), _POSITION.match(statement)
        if found is not None and sequence in now:
            live, at, called = now[sequence], found["at"], found["called"]
            name = quote_text(live.decode(errors="surrogateescape")).encode(errors="surrogateescape")
            yield (
                b"SELECT pg_catalog.setval(%b, %b, %b) FROM %b q, pg_catalog.pg_sequence s "
                b"WHERE s.seqrelid = %b::pg_catalog.regclass AND CASE q.last_value WHEN %b THEN %b AND NOT q.is_called "
                b"ELSE (q.last_value < %b) = (s.seqincrement > 0) END AND %b BETWEEN s.seqmin AND s.seqmax;"
            ) % (name, at, called, live, name, at, called, at, at)
