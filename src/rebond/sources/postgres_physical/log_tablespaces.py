"""A log that makes tablespaces, changed so that a server which replays it makes them inside its data directory.

The log says where they were, and PostgreSQL makes them there again. On the same machine the server that wrote the log
still has its tables there, and they would be written over with older pages. So what is laid beside a restored data
directory is changed in one thing: a record that makes a tablespace names no place. PostgreSQL (15 and newer) takes that
for one inside the data directory. The length of the record stays as it is, its sum is made anew, and the log in the
vault is never changed.
"""

import bisect
import re
import struct
from collections.abc import Iterable, Iterator

from msgspec import Struct

from rebond.sources.postgres_physical.sums import sum_crc32c
from rebond.sources.postgres_physical.wal_records import find_data

_PAGE = struct.Struct("<HHIQI")  # magic, flags, timeline, position, bytes that remain of a record
_RECORD = struct.Struct("<IIQBB2xI")  # length, transaction, position of the one before, info, manager, sum
_SUM_AT = 20
_LONG_EXTRA = struct.Struct("<QII")
_CONTINUES, _IS_LONG = 0x0001, 0x0002
_SHORT_BYTES, _LONG_BYTES = 24, 40
_TABLESPACE, _CREATE, _DROP, _OPERATION = 5, 0x00, 0x10, 0xF0
_NUMBER_BYTES = 4
# The word of a record that names its manager is never parted by the edge of a page, and begins at a multiple of eight.
_WORD = re.compile(rb"[\x00-\x1f]\x05\x00\x00", re.DOTALL)
_WORD_BYTES = 8
_HEAD_BYTES = _RECORD.size


class TablespaceChange(Struct, frozen=True):
    """What the log does at a position: it makes a tablespace, which was at a place then, or drops one (no place)."""

    lsn: int
    number: int
    place: str


class LogSegment(Struct, frozen=True):
    """A segment of the log. ``start`` is its position."""

    name: str
    start: int
    content: bytes


def keep_tablespaces_inside(
    segments: Iterable[LogSegment], found: list[TablespaceChange]
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of segments that follow one another, in which no tablespace is made at a place of its own.

    What makes or drops one is added to ``found``. Two segments are held at a time.
    """
    current: LogSegment | None = None
    for each in segments:
        following = each
        if current is not None:
            current, following = _keep_inside(current, each, found)
            yield current.name, current.content
        current = following
    if current is not None:
        yield current.name, _keep_inside(current, None, found)[0].content


def list_made(found: Iterable[TablespaceChange], until: int) -> dict[int, str]:
    """Return the tablespaces that a server makes which replays the log to a position: where each was, by its number."""
    made: dict[int, str] = {}
    for each in found:
        if each.lsn <= until:
            made.pop(each.number, None)
            made |= {each.number: each.place} if each.place else {}
    return made


def _keep_inside(
    segment: LogSegment, following: LogSegment | None, found: list[TablespaceChange]
) -> tuple[LogSegment, LogSegment]:
    """Change the records that begin in a segment; the last of them may end in the next one."""
    page_bytes = _LONG_EXTRA.unpack_from(segment.content, 24)[2] or 8192
    size = len(segment.content)
    beside = following or LogSegment("", 0, b"")
    if not _may_make(segment.content) and not _may_make(beside.content[: 2 * page_bytes]):
        return segment, beside
    content = bytearray(segment.content + beside.content)
    pages = _Pages(content, segment.start, page_bytes)
    for offset, length in pages.list_records(before=size):
        change = _read_change(pages, offset, length)
        if change is not None:
            found.append(change)
            _name_no_place(pages, content, offset, length)
    changed = LogSegment(segment.name, segment.start, bytes(content[:size]))
    return changed, LogSegment(beside.name, beside.start, bytes(content[size:]))


def _may_make(content: bytes) -> bool:
    """Say whether a record may be there that makes a tablespace; quickly, since nearly no segment has one."""
    return any(not found.start() % _WORD_BYTES for found in _WORD.finditer(content))


class _Pages:
    """The log without the headers of its pages. ``payload`` is what records are made of."""

    def __init__(self, content: bytearray, start: int, page_bytes: int) -> None:
        self.start = start
        self.payload = bytearray()
        self._payload_at: list[int] = []
        self._raw_at: list[int] = []
        self._first = 0
        for offset in range(0, len(content) - _LONG_BYTES, page_bytes):
            _, flags, _, address, remains = _PAGE.unpack_from(content, offset)
            if address != start + offset:
                break  # never written, or left of an older use
            header_bytes = _LONG_BYTES if flags & _IS_LONG else _SHORT_BYTES
            if not offset and flags & _CONTINUES:
                self._first = -(-remains // 8) * 8
            self._payload_at.append(len(self.payload))
            self._raw_at.append(offset + header_bytes)
            self.payload += content[offset + header_bytes : offset + page_bytes]

    def place(self, offset: int) -> int:
        """Return where a byte of the payload lies."""
        page = bisect.bisect_right(self._payload_at, offset) - 1
        return self._raw_at[page] + offset - self._payload_at[page]

    def list_records(self, *, before: int) -> Iterator[tuple[int, int]]:
        """Yield where each record that is whole begins, and its length; of those that begin ``before`` a place."""
        offset, size = self._first, len(self.payload)
        while offset + 4 <= size and self.place(offset) < before:
            length = int.from_bytes(self.payload[offset : offset + 4], "little")
            if length < _HEAD_BYTES or offset + length > size:
                return
            yield offset, length
            offset += -(-length // 8) * 8


def _read_change(pages: _Pages, offset: int, length: int) -> TablespaceChange | None:
    """Return what a record says of tablespaces; ``None`` for every other one."""
    payload = pages.payload
    *_, info, manager, said = _RECORD.unpack_from(payload, offset)
    operation = info & _OPERATION
    if manager != _TABLESPACE or operation not in {_CREATE, _DROP} or said != _sum(payload, offset, length):
        return None
    data = find_data(payload, offset + _HEAD_BYTES, offset + length)
    if data is None or data + _NUMBER_BYTES > offset + length:
        return None
    number = int.from_bytes(payload[data : data + _NUMBER_BYTES], "little")
    path = bytes(payload[data + _NUMBER_BYTES : offset + length]).split(b"\0", 1)[0] if operation == _CREATE else b""
    return TablespaceChange(pages.start + pages.place(offset), number, path.decode(errors="surrogateescape"))


def _name_no_place(pages: _Pages, content: bytearray, offset: int, length: int) -> None:
    """Let a record that makes a tablespace name no place; one that drops it, or names none, stays as it is."""
    payload = pages.payload
    data = find_data(payload, offset + _HEAD_BYTES, offset + length)
    place = offset + length if data is None else data + _NUMBER_BYTES
    if place >= offset + length or not payload[place]:
        return
    payload[place] = 0
    content[pages.place(place)] = 0
    for number, byte in enumerate(_sum(payload, offset, length).to_bytes(4, "little"), offset + _SUM_AT):
        payload[number] = byte
        content[pages.place(number)] = byte


def _sum(payload: bytearray, offset: int, length: int) -> int:
    """Return the sum of a record, which is of its data first and then of its header."""
    return sum_crc32c(payload[offset + _HEAD_BYTES : offset + length] + payload[offset : offset + _SUM_AT])
