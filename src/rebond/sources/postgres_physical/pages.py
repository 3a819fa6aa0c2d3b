"""Checksums of pages, as PostgreSQL computes them: FNV-1a in 32 lanes, with whole numbers of many pages at once.

A page is a matrix of 32-bit words, 32 in a row. Words of even and of odd columns are taken apart into numbers with 64
bits for each, so that a product of 25 and 32 bits stays in its place: a few operations then serve all pages.
"""

from collections.abc import Sequence
from functools import lru_cache

_PRIME = 16777619
_ROW_BYTES = 128
_COLUMNS = 32
_COLUMN_PAIRS = _COLUMNS // 2
_OFFSETS = (
    0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
    0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
    0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
    0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756,
)  # fmt: skip


@lru_cache(maxsize=8)
def _constants(count: int) -> tuple[int, int, int, int]:
    """Return, for so many pages, the masks of their even and odd columns, and where the sums of both start."""
    low = int.from_bytes(b"\xff\xff\xff\xff\0\0\0\0" * (_COLUMN_PAIRS * count), "little")
    high = low << 32
    start = int.from_bytes(b"".join(each.to_bytes(4, "little") for each in _OFFSETS) * count, "little")
    return low, high, start & low, start & high


def compute_checksums(pages: bytes | bytearray | memoryview, page_bytes: int, blocks: Sequence[int]) -> list[int]:
    """Return the checksum of each page; ``blocks`` are their numbers in the relation.

    Many pages at once cost half of what they cost a few at a time.
    """
    count = len(blocks)
    cleared = bytearray(pages[: count * page_bytes])
    for place in range(8, len(cleared), page_bytes):
        cleared[place : place + 2] = b"\0\0"  # where the checksum itself lies
    view, size = memoryview(cleared), len(cleared)
    low, high, even, odd = _constants(count)
    for row in range(0, page_bytes, _ROW_BYTES):
        rows = [view[place : place + _ROW_BYTES] for place in range(row, size, page_bytes)]
        both = int.from_bytes(b"".join(rows), "little")
        even ^= both & low
        even = (even * _PRIME ^ even >> 17) & low
        odd ^= both & high
        odd = (odd * _PRIME ^ odd >> 17) & high
    for _ in range(2):
        even = (even * _PRIME ^ even >> 17) & low
        odd = (odd * _PRIME ^ odd >> 17) & high
    folded = even | odd
    for bits in (512, 256, 128, 64, 32):  # all columns into the first
        folded ^= folded >> bits
    totals = memoryview(folded.to_bytes(count * _ROW_BYTES, "little")).cast("I")[::_COLUMNS]
    return [(total ^ block) % 65535 + 1 for total, block in zip(totals, blocks, strict=True)]


def find_damaged(
    pages: bytes | bytearray | memoryview, page_bytes: int, blocks: Sequence[int], start: int
) -> list[int]:
    """Return the numbers, from 0 on, of pages whose checksum is wrong; ``blocks`` are their numbers in the relation.

    A page that was never written has none. One that is newer than ``start`` is written anew from the log, however it
    was read: half of it may have been on its way to the disk.
    """
    damaged = []
    for number, computed in enumerate(compute_checksums(pages, page_bytes, blocks)):
        place = number * page_bytes
        if pages[place + 14 : place + 16] == b"\0\0":
            continue
        high, low = (int.from_bytes(pages[place + at : place + at + 4], "little") for at in (0, 4))
        if (high << 32 | low) >= start:
            continue
        if computed != int.from_bytes(pages[place + 8 : place + 10], "little"):
            damaged.append(number)
    return damaged
