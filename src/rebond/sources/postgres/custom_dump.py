"""A saved database in the custom format of ``pg_dump``, version 1.14: every ``pg_restore`` since 12 reads it.

A head, a table of contents, then the rows of each table by themselves, so that ``pg_restore`` takes single tables
and works in parallel. Where the output can be written to at any place, the table says where the rows begin.
"""

import re
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from rebond.sources.postgres.contents import Entry, list_contents
from rebond.sources.postgres.saved import Piece, SavedDatabase

Compress = Callable[[Iterable[Piece]], Iterator[bytes]]

_MAGIC = b"PGDMP\x01\x0e\x00\x04\x08\x01"  # version 1.14.0, integers of 4 bytes, offsets of 8, custom format
_LEVEL = 6  # says only that the rows are compressed by zlib
_ROWS, _LARGE_OBJECTS = b"\x01", b"\x03"
_UNKNOWN, _KNOWN, _NOTHING = 1, 2, 3  # what is known of where the rows of an entry begin
_LO_OPEN = re.compile(rb"SELECT pg_catalog\.lo_open\('(\d+)', 131072\);\n")
_LO_WRITE = re.compile(rb"SELECT pg_catalog\.lowrite\(0, '\\x([0-9a-f]*)'\);\n")
_LO_CLOSE = b"SELECT pg_catalog.lo_close(0);\n"


def write_custom(saved: SavedDatabase, sink: BinaryIO, compress: Compress, *, made_ms: int) -> None:
    """Write the dump. Raises ``VaultError`` and ``OSError``."""
    entries = list_contents(saved)
    head = _write_head(saved, made_ms)
    counted = _CountingSink(sink)
    counted.write(head)
    counted.write(_write_contents(entries, {}))
    offsets: dict[int, int] = {}
    for entry in entries:
        if entry.rows is not None:
            offsets[entry.number] = counted.size
            counted.write(_ROWS + _integer(entry.number))
            _write_blocks(counted, compress(_with_end(saved.files.pieces(entry.rows.file))))
        elif entry.has_large_objects:
            offsets[entry.number] = counted.size
            counted.write(_LARGE_OBJECTS + _integer(entry.number))
            for number, pieces in _list_large_objects(saved.files.pieces("large-objects.sql")):
                counted.write(_integer(number))
                _write_blocks(counted, compress(pieces))
            counted.write(_integer(0))
    if sink.seekable():
        sink.seek(len(head))
        sink.write(_write_contents(entries, offsets))
        sink.seek(0, 2)


class _CountingSink:
    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self.size = 0

    def write(self, content: bytes) -> None:
        self._sink.write(content)
        self.size += len(content)


def _write_head(saved: SavedDatabase, made_ms: int) -> bytes:
    moment = time.gmtime(made_ms / 1000)
    numbers = (moment.tm_sec, moment.tm_min, moment.tm_hour, moment.tm_mday, moment.tm_mon - 1, moment.tm_year - 1900)
    return b"".join(
        (
            _MAGIC,
            _integer(_LEVEL),
            *(_integer(each) for each in (*numbers, 0)),
            _text(saved.name.encode(errors="surrogateescape")),
            _text(saved.manifest.server_version.encode()),
            _text(b"Rebond"),
        )
    )


def _write_contents(entries: list[Entry], offsets: dict[int, int]) -> bytes:
    return _integer(len(entries)) + b"".join(_write_entry(each, offsets.get(each.number)) for each in entries)


def _write_entry(entry: Entry, offset: int | None) -> bytes:
    has_data = entry.rows is not None or entry.has_large_objects
    state = _NOTHING if not has_data else _UNKNOWN if offset is None else _KNOWN
    return b"".join(
        (
            _integer(entry.number),
            _integer(int(has_data)),
            _text(b"0"),
            _text(entry.oid),
            _text(entry.name),
            _text(entry.kind),
            _integer(entry.section),
            _text(entry.definition),
            _text(entry.drop),
            _text(entry.copy),
            _text(entry.schema) if entry.schema else _text(None),
            _text(entry.tablespace),
            _text(entry.access_method or None),
            _text(entry.owner),
            _text(b"false"),
            *(_text(str(each).encode()) for each in entry.needs),
            _text(None),
            bytes((state,)),
            struct.pack("<q", offset or 0),
        )
    )


def _write_blocks(sink: _CountingSink, blocks: Iterable[bytes]) -> None:
    for each in blocks:
        if each:
            sink.write(_integer(len(each)) + each)
    sink.write(_integer(0))


def _with_end(pieces: Iterable[Piece]) -> Iterator[Piece]:
    yield from pieces
    yield b"\\.\n\n\n"


def _list_large_objects(pieces: Iterable[Piece]) -> Iterator[tuple[int, list[bytes]]]:
    """Yield each large object with its content, out of the script that would write it."""
    number = 0
    content: list[bytes] = []
    for line in _list_lines(pieces):
        if found := _LO_OPEN.fullmatch(line):
            number, content = int(found[1]), []
        elif found := _LO_WRITE.fullmatch(line):
            content.append(bytes.fromhex(found[1].decode()))
        elif line == _LO_CLOSE:
            yield number, content


def _list_lines(pieces: Iterable[Piece]) -> Iterator[bytes]:
    rest = bytearray()
    for piece in pieces:
        rest += piece
        *lines, last = bytes(rest).split(b"\n")
        yield from (line + b"\n" for line in lines)
        rest = bytearray(last)


def _integer(value: int) -> bytes:
    return struct.pack("<BI", value < 0, abs(value))


def _text(content: bytes | None) -> bytes:
    return _integer(-1) if content is None else _integer(len(content)) + content
