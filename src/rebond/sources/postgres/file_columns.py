"""Columns of text that may name files: which there are, what some of them hold, and all that they hold."""

import contextlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec

from rebond.sources.postgres.looks import Asked
from rebond.sources.postgres.names import quote_name
from rebond.sources.postgres.raw_text import read_json
from rebond.sources.streams.readers import StreamReader
from rebond.sources.streams.whole_output import read_output

SAMPLE_ROWS = 200
_BLOCK_BYTES = 1 << 18
_PORTION = 100_000
_IN_MEMORY_BYTES = 1 << 20
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}

_FIND_DJANGO = """SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relname IN ('django_migrations', 'django_content_type') AND c.relkind = 'r'
 GROUP BY 1 HAVING pg_catalog.count(*) = 2 ORDER BY n.nspname <> 'public', 1"""
_LIST_COLUMNS = """SELECT pg_catalog.json_build_object('schema', n.nspname, 'table', c.relname, 'column', a.attname,
 'is_varied', t.typname = 'varchar') FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
 AND n.nspname <> 'information_schema' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
 AND t.typname IN ('varchar', 'text', 'citext', 'bpchar') ORDER BY n.nspname, c.relname, a.attnum"""


class TextColumn(msgspec.Struct, frozen=True):
    """A column of text. ``is_varied`` says that its type is varchar, as Django's file fields are."""

    schema: str
    table: str
    column: str
    is_varied: bool

    @property
    def name(self) -> str:
        """Its name as it is shown and as a configuration may name it."""
        return f"{self.table}.{self.column}" if self.schema == "public" else f"{self.schema}.{self.table}.{self.column}"

    @property
    def query(self) -> str:
        """The query that gives its values."""
        column = quote_name(self.column)
        return (
            f"SELECT {column} FROM {quote_name(self.schema)}.{quote_name(self.table)} "  # noqa: S608 - quoted
            f"WHERE {column} IS NOT NULL AND {column} <> ''"
        )


def find_django(snapshot: Asked) -> str | None:
    """Return the schema that Django keeps its own tables in; ``None`` where this is no database of Django's."""
    answer = _ask(snapshot, _FIND_DJANGO)
    return answer[0].decode() if answer else None


def list_applied(snapshot: Asked, schema: str) -> dict[str, set[str]]:
    """Return the names of the migrations that ran, by the label of their application."""
    table = f"{quote_name(schema)}.django_migrations"
    found: dict[str, set[str]] = {}
    for line in _ask(snapshot, f"SELECT pg_catalog.json_build_array(app, name) FROM {table}"):  # noqa: S608 - quoted
        label, name = read_json(line, tuple[str, str])
        found.setdefault(label, set()).add(name)
    return found


def list_columns(snapshot: Asked) -> list[TextColumn]:
    """Return all columns of text."""
    return [read_json(each, TextColumn) for each in _ask(snapshot, _LIST_COLUMNS)]


def sample_values(snapshot: Asked, columns: Sequence[TextColumn]) -> list[list[bytes]]:
    """Return some values of each column."""
    found: list[list[bytes]] = [[] for _ in columns]
    for begin in range(0, len(columns), 200):  # a statement of bounded length
        part = columns[begin : begin + 200]
        parts = [
            f"(SELECT {number}, v FROM ({each.query} LIMIT {SAMPLE_ROWS}) AS q (v))"  # noqa: S608 - quoted
            for number, each in enumerate(part, begin)
        ]
        answer = read_output(
            lambda parts=parts: snapshot.open_rows(" UNION ALL ".join(parts)),  # type: ignore[misc]
            program="psql",
        )
        for line in answer.split(b"\n")[:-1]:
            number, _, value = line.partition(b"\t")
            found[int(number)].append(unescape(value))
    return found


class GatheredValues:
    """All values of some columns, each once, kept in temporary files where they are many."""

    def __init__(self, count: int) -> None:
        self._files: list[BinaryIO] = [
            tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # type: ignore[misc]
            for _ in range(count)
        ]

    def gather(self, snapshot: Asked, columns: Sequence[TextColumn]) -> None:
        """Ask in the moment that is held; what was gathered before stays. Raises ``SourceError`` and ``OSError``."""
        if not columns:
            return
        parts = [
            f"(SELECT {number}, v FROM (SELECT DISTINCT * FROM ({each.query}) AS q) AS q (v))"  # noqa: S608 - quoted
            for number, each in enumerate(columns)
        ]
        known = [self._sum_up(number) for number in range(len(columns))]
        reader = snapshot.open_rows(" UNION ALL ".join(parts))
        try:
            for line in read_lines(reader):
                number, _, value = line.partition(b"\t")
                if hash(value) not in known[int(number)]:
                    self._files[int(number)].write(value + b"\n")
            reader.finish()
        finally:
            reader.close()

    def read(self, number: int) -> Iterator[list[bytes]]:
        """Yield the values of one column in portions."""
        file = self._files[number]
        file.seek(0)
        portion: list[bytes] = []
        for line in file:
            portion.append(unescape(line[:-1]))
            if len(portion) == _PORTION:
                yield portion
                portion = []
        if portion:
            yield portion

    def _sum_up(self, number: int) -> set[int]:
        """Return a number for each value of one column: many fit into memory so. What follows is added at the end."""
        file = self._files[number]
        file.seek(0)
        return {hash(line[:-1]) for line in file}

    def close(self) -> None:
        """Forget them."""
        for each in self._files:
            with contextlib.suppress(OSError):
                each.close()


def read_lines(reader: StreamReader) -> Iterator[bytes]:
    """Yield the lines of a stream without their ends."""
    block = memoryview(bytearray(_BLOCK_BYTES))
    rest = b""
    while count := reader.readinto(block):
        *lines, rest = (rest + block[:count]).split(b"\n")
        yield from lines
    if rest:
        yield rest


def unescape(value: bytes) -> bytes:
    """Return a value as it is, from how COPY writes it."""
    return _ESCAPED.sub(lambda found: _LETTERS.get(found[1], found[1]), value) if b"\\" in value else value


def _ask(snapshot: Asked, query: str) -> list[bytes]:
    answer = read_output(lambda: snapshot.open_rows(query), program="psql")
    return [unescape(each) for each in answer.split(b"\n")[:-1]]
