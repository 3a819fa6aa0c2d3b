"""A dump in the custom format of ``pg_dump``, read through: versions 1.12 to 1.16, that is since PostgreSQL 9.

A head, a table of contents, then blocks of rows. Whole means that each entry of the table has its block, that each
block is unpacked to its end, and that nothing else follows.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn, Protocol

from msgspec import Struct

from rebond.errors import ProofFailed, SourceUnfit

MAGIC = b"PGDMP"
_CUSTOM = 1
_TABLE_METHODS, _METHOD_IN_HEAD, _RELATION_KINDS = (1, 14), (1, 15), (1, 16)
_KNOWN = ((1, 12), (1, 16))
_ROWS, _LARGE_OBJECTS = 1, 3  # kinds of blocks
_NO_DATA = 3  # what an entry says of itself
_PLAIN, _GZIP, _LZ4, _ZSTD = range(4)
_MOST_TEXT_BYTES = 1 << 28
_STEP_BYTES = 1 << 20


class Decoder(Protocol):
    """One compressed stream."""

    @property
    def is_over(self) -> bool:
        """Whether its end has come."""
        ...

    def push(self, content: bytes) -> Iterator[bytes]:
        """Yield what comes out."""
        ...


class Contents(Struct, frozen=True, kw_only=True):
    """What a dump holds. Without ``was_unpacked`` its rows were found to be there, and not looked into."""

    entries: int
    blocks: int
    content_bytes: int
    database: str
    was_unpacked: bool


def read_custom(pieces: Iterable[bytes], path: str, begin_decoding: Callable[[bool], Decoder]) -> Contents:
    """Read a dump to its end. ``begin_decoding`` makes a decoder, of zstd where its argument says so, else of zlib.

    Raises ``ProofFailed`` where it is not whole, ``SourceUnfit`` for a version that is not known.
    """
    return _Dump(_Reader(pieces, path), begin_decoding).read_through()


class _Reader:
    """Takes exactly as many bytes as are asked for."""

    def __init__(self, pieces: Iterable[bytes], path: str) -> None:
        self._pieces = iter(pieces)
        self._held = b""
        self._place = 0
        self.path = path

    def take(self, count: int) -> bytes:
        """Return ``count`` bytes. Raises ``ProofFailed`` where there are fewer."""
        if len(self._held) - self._place < count:
            parts = [self._held[self._place :]]
            missing = count - len(parts[0])
            while missing > 0:
                piece = next(self._pieces, None)
                if piece is None:
                    raise ProofFailed("{path} is cut: the dump stops before its end.", path=self.path)
                parts.append(piece)
                missing -= len(piece)
            self._held, self._place = b"".join(parts), 0
        self._place += count
        return self._held[self._place - count : self._place]

    def is_at_end(self) -> bool:
        """Whether nothing follows."""
        while self._place == len(self._held):
            piece = next(self._pieces, None)
            if piece is None:
                return True
            self._held, self._place = piece, 0
        return False

    def refuse(self, place: str) -> NoReturn:
        """Raise for what cannot be so."""
        raise ProofFailed("{path} is damaged: the {place} of the dump does not hold.", path=self.path, place=place)


class _Dump:
    def __init__(self, reader: _Reader, begin_decoding: Callable[[bool], Decoder]) -> None:
        self._reader = reader
        self._begin_decoding = begin_decoding
        self._version = (0, 0)
        self._integer_bytes = 4
        self._offset_bytes = 8
        self._method = _PLAIN
        self._content_bytes = 0
        self._blocks = 0

    def read_through(self) -> Contents:
        database = self._read_head()
        entries = self._read_integer()
        if not 0 <= entries < 1 << 28:
            self._reader.refuse("head")
        awaited = {number for number, has_block in (self._read_entry() for _ in range(entries)) if has_block}
        while not self._reader.is_at_end():
            awaited.discard(self._read_block())
            self._blocks += 1
        if awaited:
            raise ProofFailed(
                "{path} is cut: of the tables that its list names, {count} have no rows in it.",
                path=self._reader.path,
                count=len(awaited),
            )
        return Contents(
            entries=entries,
            blocks=self._blocks,
            content_bytes=self._content_bytes,
            database=database,
            was_unpacked=self._method != _LZ4,
        )

    def _read_head(self) -> str:
        take = self._reader.take
        if take(len(MAGIC)) != MAGIC:
            self._reader.refuse("head")
        major, minor, _, self._integer_bytes, self._offset_bytes, form = take(6)
        self._version = (major, minor)
        if not _KNOWN[0] <= self._version <= _KNOWN[1] or form != _CUSTOM:
            raise SourceUnfit(
                "{path} is a dump of version {version}, which this Rebond does not know; it was not looked into.",
                hint="pg_restore -f /dev/null FILE reads it through.",
                path=self._reader.path,
                version=f"{major}.{minor}",
            )
        if not 1 <= self._integer_bytes <= 8 or not 1 <= self._offset_bytes <= 8:
            self._reader.refuse("head")
        if self._version >= _METHOD_IN_HEAD:
            self._method = take(1)[0]
        elif self._read_integer():
            self._method = _GZIP
        if self._method not in {_PLAIN, _GZIP, _LZ4, _ZSTD}:
            self._reader.refuse("head")
        for _ in range(7):  # the parts of its moment
            self._read_integer()
        database = self._read_text()
        self._read_text()
        self._read_text()
        return (database or b"").decode(errors="backslashreplace")

    def _read_entry(self) -> tuple[int, bool]:
        """Return the number of an entry and whether a block of rows belongs to it."""
        number = self._read_integer()
        self._read_integer()
        for _ in range(4):  # table, object, name, kind
            self._read_text()
        self._read_integer()
        for _ in range(5):  # definition, dropping, copying, schema, tablespace
            self._read_text()
        if self._version >= _TABLE_METHODS:
            self._read_text()
        if self._version >= _RELATION_KINDS:
            self._read_integer()
        self._read_text()
        self._read_text()
        while self._read_text() is not None:  # what it depends on
            pass
        state = self._reader.take(1)[0]
        self._reader.take(self._offset_bytes)
        if number <= 0 or not 1 <= state <= _NO_DATA:
            self._reader.refuse("list")
        return number, state != _NO_DATA

    def _read_block(self) -> int:
        kind, number = self._reader.take(1)[0], self._read_integer()
        if kind == _ROWS:
            self._read_content()
        elif kind == _LARGE_OBJECTS:
            while self._read_integer():
                self._read_content()
        else:
            self._reader.refuse("rows")
        return number

    def _read_content(self) -> None:
        """Pass one stream, which lies there in parts."""
        decoder = None if self._method in {_PLAIN, _LZ4} else self._begin_decoding(self._method == _ZSTD)
        is_empty = True
        while length := self._read_integer():
            if length < 0:
                self._reader.refuse("rows")
            is_empty = False
            while length > 0:
                part = self._reader.take(min(length, _STEP_BYTES))
                length -= len(part)
                self._content_bytes += self._unpack(decoder, part)
        if decoder is not None and not decoder.is_over and not is_empty:
            self._reader.refuse("rows")

    def _unpack(self, decoder: Decoder | None, part: bytes) -> int:
        if decoder is None:
            return len(part)
        if decoder.is_over:
            self._reader.refuse("rows")
        try:
            return sum(map(len, decoder.push(part)))
        except Exception:  # noqa: BLE001 - each library has errors of its own, and all mean the same
            self._reader.refuse("rows")

    def _read_integer(self) -> int:
        sign, *digits = self._reader.take(1 + self._integer_bytes)
        if sign > 1:
            self._reader.refuse("list")
        value = int.from_bytes(bytes(digits), "little")
        return -value if sign else value

    def _read_text(self) -> bytes | None:
        length = self._read_integer()
        if length < 0:
            return None
        if length > _MOST_TEXT_BYTES:
            self._reader.refuse("list")
        return self._reader.take(length)
