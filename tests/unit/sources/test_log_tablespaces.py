"""Tablespaces in a log that is laid beside a data directory: made inside, wherever their record lies."""

import random
import struct

import pytest

from rebond.sources.postgres_physical.log_tablespaces import (
    LogSegment,
    TablespaceChange,
    keep_tablespaces_inside,
    list_made,
)
from rebond.sources.postgres_physical.sums import sum_crc32c

PAGE, PAGES = 8192, 3
SIZE = PAGE * PAGES
FIRST = 7 * SIZE
HEAD = struct.Struct("<IIQBB2xI")


def make_record(manager: int, info: int, data: bytes) -> bytes:
    body = (b"\xff" + bytes([len(data)]) if len(data) < 256 else b"\xfe" + struct.pack("<I", len(data))) + data
    head = HEAD.pack(HEAD.size + len(body), 3, 5, info, manager, 0)
    return head[:20] + sum_crc32c(body + head[:20]).to_bytes(4, "little") + body


def create(number: int, path: bytes) -> bytes:
    return make_record(5, 0x00, struct.pack("<I", number) + path + b"\0")


def write_log(records: list[bytes], count: int) -> tuple[list[LogSegment], list[int]]:
    """Lay records into segments with their pages; return where each begins too."""
    places: list[int] = []
    stream = bytearray()
    starts: list[int] = []
    for each in records:
        starts.append(len(stream))
        stream += each + bytes(-len(each) % 8)
    content = bytearray()
    at = 0
    ends = [start + len(each) for start, each in zip(starts, records, strict=True)]
    for number in range(count * PAGES):
        is_long = number % PAGES == 0
        inside = next((end - at for start, end in zip(starts, ends, strict=True) if start < at < end), 0)
        flags = (1 if inside else 0) | (2 if is_long else 0)
        head = struct.pack("<HHIQI4x", 0xD110, flags, 1, FIRST + len(content), inside)
        head += struct.pack("<QII", 99, SIZE, PAGE) if is_long else b""
        room = PAGE - len(head)
        places += [
            FIRST + len(content) + len(head) + start - at
            for start in starts
            if at <= start < min(at + room, len(stream))
        ]
        content += head + bytes(stream[at : at + room]).ljust(room, b"\0")
        at += room
    return [
        LogSegment(f"{number}", FIRST + number * SIZE, bytes(content[number * SIZE : (number + 1) * SIZE]))
        for number in range(count)
    ], places


@pytest.mark.parametrize("before", [0, PAGE - 40, PAGE - 40 + PAGE - 24, SIZE - 40 - 2 * 24])
@pytest.mark.parametrize("path", [b"/x", b"/srv/a rather long place\n\xc3\xa9", b"/" + b"l" * 400])
def test_a_record_names_no_place_wherever_it_lies_and_all_else_stays(before: int, path: bytes) -> None:
    for shift in range(0, 72 + len(path), 8):
        if before and shift > before - 32:
            break
        filling = before - shift
        first = [make_record(9, 0, b"\5\0\0" + random.Random(before).randbytes(97)) for _ in range(filling // 128)]
        rest = filling - 128 * len(first)
        first += [make_record(10, 0, bytes(rest - 26 - 8))] if rest >= 34 else []
        last = [make_record(5, 0x10, struct.pack("<I", 4)), create(5, b""), make_record(9, 0, bytes(200))]
        given, places = write_log([*first, create(7, path), *last], 3)
        found: list[TablespaceChange] = []
        kept = [content for _, content in keep_tablespaces_inside(iter(given), found)]
        # Behind the end of a path there is nothing that counts: only its first byte is changed, and the sum.
        changed = [at for old, new in zip(given, kept, strict=True) for at in range(SIZE) if old.content[at] != new[at]]
        assert 2 <= len(changed) <= 5, shift
        assert [len(each) for each in kept] == [SIZE] * 3
        again: list[TablespaceChange] = []
        segments = [LogSegment(old.name, old.start, new) for old, new in zip(given, kept, strict=True)]
        assert [each for _, each in keep_tablespaces_inside(iter(segments), again)] == kept
        at = places[len(first)]
        assert found[0] == TablespaceChange(at, 7, path.decode(errors="surrogateescape"))
        assert again[0] == TablespaceChange(at, 7, "")
        assert [(each.number, each.place) for each in found[1:]] == [(4, ""), (5, "")]
        assert [each.number for each in again] == [7, 4, 5]  # the sums are right, or they would not be read


def test_nothing_is_changed_where_no_tablespace_is_made_or_its_sum_is_wrong() -> None:
    spoilt = bytearray(create(7, b"/srv/space"))
    spoilt[-3] ^= 1
    for records in ([make_record(9, 0, b"\0\5\0\0" * 50)] * 40, [bytes(spoilt)]):
        given, _ = write_log(records, 2)
        found: list[TablespaceChange] = []
        assert [each for _, each in keep_tablespaces_inside(given, found)] == [each.content for each in given]
        assert found == []


def test_what_is_made_by_a_moment_is_what_was_not_dropped_by_then() -> None:
    made = [TablespaceChange(10, 1, "/a"), TablespaceChange(20, 2, "/b"), TablespaceChange(30, 1, "")]
    assert list_made(made, 15) == {1: "/a"}
    assert list_made(made, 29) == {1: "/a", 2: "/b"}
    assert list_made(made, 30) == {2: "/b"}
