"""What a segment of the log says about time: commits, restore points and checkpoints, each with its position.

Enough to know, before anything is written, whether a moment can be reached and where it lies. No page is changed by
what is read here; replaying is PostgreSQL's own work.
"""

import struct
from collections.abc import Iterable, Iterator

import msgspec

from rebond.sources.postgres_physical.sums import sum_crc32c

_PAGE = struct.Struct("<HHIQI")  # magic, flags, timeline, position, bytes that remain of a record
_LONG_EXTRA = struct.Struct("<QII")  # system id, segment and page size, after four bytes of padding
_RECORD = struct.Struct("<IIQBB2xI")  # length, transaction, position of the one before, info, manager, sum
_LINKED = struct.Struct("<I4xQ")  # of that, what leads from one to the next
_MANAGER_AT, _SUM_AT = 17, 20
_CONTINUES, _IS_LONG = 0x0001, 0x0002
_SHORT_BYTES, _LONG_BYTES = 24, 40
_XLOG, _TRANSACTION = 0, 1
_CHECKPOINTS, _RESTORE_POINT, _END_OF_RECOVERY = frozenset({0x00, 0x10}), 0x70, 0x90
_OPERATION = 0x70
_COMMITS = frozenset({0x00, 0x30})  # of a transaction; of one that was prepared
_ABORTS = frozenset({0x20, 0x40})
_OF_PREPARED = frozenset({0x30, 0x40})
_HAS_PARTS = 0x80
_HAS_DATABASE, _HAS_PREPARED, _HAS_ORIGIN, _HAS_NAME = 0x001, 0x010, 0x020, 0x080
_SHORT_DATA, _LONG_DATA, _ORIGIN, _TOP_TRANSACTION = 255, 254, 253, 252
_CHECKPOINT_TIME_AT = 64  # in a CheckPoint: after three words of 64 bits and what is numbered between
_EPOCH_US = 946_684_800_000_000  # PostgreSQL counts from the year 2000


class Mark(msgspec.Struct, frozen=True):
    """Something in the log that has a moment. ``kind`` is commit, abort, point or checkpoint.

    ``lsn`` is where its record begins. ``time_us`` counts from 1970, UTC; ``name`` is a restore point's.
    """

    kind: str
    lsn: int
    time_us: int
    xid: int = 0
    name: str = ""

    @property
    def latest_us(self) -> int:
        """The latest that it can have been: most checkpoints tell the second in which they began, and no more."""
        is_rounded = self.kind == "checkpoint" and self.time_us % 1_000_000 == 0
        return self.time_us + 999_999 if is_rounded else self.time_us


class CutRecord(msgspec.Struct, frozen=True):
    """A record that begins in a segment and ends in a later one: where it begins, its length, and what is there."""

    lsn: int
    length: int
    begun: bytes

    @property
    def may_be_mark(self) -> bool:
        """Whether it is of a kind that says something of moments, as far as can be told."""
        return len(self.begun) < _RECORD.size or _RECORD.unpack_from(self.begun)[4] in {_XLOG, _TRANSACTION}


class ScannedSegment(msgspec.Struct, frozen=True):
    """What was found in one segment.

    ``last_lsn`` is where the last record begins that is whole in it; ``None`` where none is. ``cut`` is the one that
    goes on in the next segment. A server replays only what is whole, so nothing is said of a half record.
    """

    marks: tuple[Mark, ...]
    last_lsn: int | None
    cut: CutRecord | None = None


def scan_segment(content: bytes, start_lsn: int) -> ScannedSegment:
    """Read the records that lie in a segment, up to what was never written or is left of an older use."""
    page_bytes = _LONG_EXTRA.unpack_from(content, 24)[2] or 8192
    payload, first = _strip_pages(content, start_lsn, page_bytes)
    marks: list[Mark] = []
    before: int | None = None
    last: tuple[int, int, int] | None = None
    for offset, lsn, length in _walk(payload, first, start_lsn, page_bytes):
        if offset + length > len(payload):
            is_full = len(payload) == _count_payload(len(content), page_bytes)
            cut = CutRecord(lsn, length, bytes(payload[offset:])) if is_full else None
            return ScannedSegment(tuple(marks), last and last[1], cut)
        before, last = last and last[1], (offset, lsn, length)
        if payload[offset + _MANAGER_AT] in {_XLOG, _TRANSACTION}:
            mark = _read_mark(payload, offset, lsn)
            if mark is not None:
                marks.append(mark)
    if last is not None and not _is_whole(payload, last[0], last[2]):  # it was cut while it was written
        return ScannedSegment(tuple(each for each in marks if each.lsn != last[1]), before)
    return ScannedSegment(tuple(marks), last and last[1])


def finish_record(cut: CutRecord, following: Iterable[tuple[bytes, int]]) -> tuple[Mark | None, bool]:
    """Put a record together with its rest. Return what it says of moments, and whether it is whole.

    ``following`` are the contents of the segments behind, each with the position of its first byte.
    """
    record = bytearray(cut.begun)
    for content, start_lsn in following:
        page_bytes = _LONG_EXTRA.unpack_from(content, 24)[2] or 8192
        payload, _ = _strip_pages(content, start_lsn, page_bytes)
        record += payload[: cut.length - len(record)]
        if len(record) == cut.length or len(payload) < _count_payload(len(content), page_bytes):
            break
    if len(record) < cut.length or not _is_whole(record, 0, cut.length):
        return None, False
    has_mark = record[_MANAGER_AT] in {_XLOG, _TRANSACTION}
    return _read_mark(record, 0, cut.lsn) if has_mark else None, True


def _is_whole(payload: bytearray, offset: int, length: int) -> bool:
    """Compare the sum of a record, which is of its data first and then of its header."""
    said: int = _RECORD.unpack_from(payload, offset)[5]
    end = offset + length
    return said == sum_crc32c(payload[offset + _RECORD.size : end] + payload[offset : offset + _SUM_AT])


def _count_payload(size: int, page_bytes: int) -> int:
    """Return how many bytes of a whole segment are of no header."""
    return size - _LONG_BYTES - (size // page_bytes - 1) * _SHORT_BYTES


def _strip_pages(content: bytes, start_lsn: int, page_bytes: int) -> tuple[bytearray, int]:
    """Return the segment without the headers of its pages, and where its first own record begins in that."""
    payload = bytearray()
    first = 0
    for number, offset in enumerate(range(0, len(content), page_bytes)):
        _, flags, _, address, remains = _PAGE.unpack_from(content, offset)
        if address != start_lsn + offset:
            break  # never written, or left of an older use
        header_bytes = _LONG_BYTES if flags & _IS_LONG else _SHORT_BYTES
        if number == 0 and flags & _CONTINUES:
            first = -(-remains // 8) * 8
        payload += content[offset + header_bytes : offset + page_bytes]
    return payload, first


def _walk(payload: bytearray, first: int, start_lsn: int, page_bytes: int) -> Iterator[tuple[int, int, int]]:
    """Yield each record: where it begins in the payload and in the log, and its length. The last may be cut."""
    head = page_bytes - _LONG_BYTES
    body = page_bytes - _SHORT_BYTES
    before: int | None = None
    offset, size = first, len(payload)
    unpack = _LINKED.unpack_from
    while offset < size:
        if offset + _LINKED.size <= size:
            length, previous = unpack(payload, offset)
        else:  # of the last one there may be no more than its length
            length, previous = int.from_bytes(payload[offset : offset + 4], "little"), before
        if length < _RECORD.size or (before is not None and previous != before):
            return
        if offset < head:
            lsn = start_lsn + _LONG_BYTES + offset
        else:
            page, rest = divmod(offset - head, body)
            lsn = start_lsn + (page + 1) * page_bytes + _SHORT_BYTES + rest
        yield offset, lsn, length
        before = lsn
        offset += -(-length // 8) * 8


def _read_mark(payload: bytearray, offset: int, lsn: int) -> Mark | None:
    length, xid, _, info, manager, _ = _RECORD.unpack_from(payload, offset)
    operation = info & _OPERATION if manager == _TRANSACTION else info & 0xF0
    if manager == _TRANSACTION and operation not in _COMMITS | _ABORTS:
        return None
    if manager == _XLOG and operation not in {_RESTORE_POINT, _END_OF_RECOVERY, *_CHECKPOINTS}:
        return None
    start = find_data(payload, offset + _RECORD.size, offset + length)
    if start is None:
        return None
    if manager == _XLOG and operation in _CHECKPOINTS:
        return _read_checkpoint(payload, start, lsn)
    if start + 8 > len(payload):
        return None
    time_us = int.from_bytes(payload[start : start + 8], "little", signed=True) + _EPOCH_US
    if manager == _XLOG and operation == _END_OF_RECOVERY:
        return Mark("checkpoint", lsn, time_us)
    if manager == _XLOG:
        name = bytes(payload[start + 8 : start + 72]).split(b"\0", 1)[0].decode(errors="replace")
        return Mark("point", lsn, time_us, 0, name)
    if operation in _OF_PREPARED:  # the session that ends it has no number of its own
        xid = _read_prepared(bytes(payload[start : offset + length]), info) or xid
    return Mark("commit" if operation in _COMMITS else "abort", lsn, time_us, xid)


def _read_prepared(data: bytes, info: int) -> int:
    """Return the number of the transaction that was prepared, from the end of one; 0 where that cannot be read.

    What was dropped with it has an entry each, longer since PostgreSQL 18: the length that comes to the end is right.
    """
    parts = int.from_bytes(data[8:12], "little") if info & _HAS_PARTS else 0
    if not parts & _HAS_PREPARED:
        return 0
    for dropped_bytes in (12, 16):
        place = 12 + (8 if parts & _HAS_DATABASE else 0)
        for part, size in ((0x002, 4), (0x004, 12), (0x100, dropped_bytes), (0x008, 16)):  # with a count before each
            if parts & part:
                place += 4 + size * int.from_bytes(data[place : place + 4], "little")
        end = place + 4
        if parts & _HAS_NAME:
            end = data.find(b"\0", end) + 1
        if end + (16 if parts & _HAS_ORIGIN else 0) == len(data):
            return int.from_bytes(data[place : place + 4], "little")
    return 0


def _read_checkpoint(payload: bytearray, start: int, lsn: int) -> Mark | None:
    place = start + _CHECKPOINT_TIME_AT
    if place + 8 > len(payload):
        return None
    seconds = int.from_bytes(payload[place : place + 8], "little", signed=True)
    return Mark("checkpoint", lsn, seconds * 1_000_000)


def find_data(payload: bytearray, place: int, end: int) -> int | None:
    """Return where the main data of a record begins, which refers to no blocks; ``None`` when it does."""
    end = min(end, len(payload))
    while place < end:
        kind = payload[place]
        if kind == _SHORT_DATA:
            return place + 2
        if kind == _LONG_DATA:
            return place + 5
        if kind == _ORIGIN:
            place += 3
        elif kind == _TOP_TRANSACTION:
            place += 5
        else:
            return None
    return None
