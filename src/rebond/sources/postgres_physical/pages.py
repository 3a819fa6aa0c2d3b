"""Checksums of pages, as PostgreSQL computes them: FNV-1a in 32 lanes, with whole numbers of many pages at once.

A page is a matrix of 32-bit words, 32 in a row. Words of even and of odd columns are taken apart into numbers with 64
bits for each, so that a product of 25 and 32 bits stays in its place: a few operations then serve all pages.
"""

from functools import lru_cache

_PRIME = 16777619
_ROW_BYTES = 128
_COLUMN_PAIRS = 16
_OFFSETS = (
    0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
    0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
    0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
    0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756,
)  # fmt: skip


@lru_cache(maxsize=8)
def _constants(count: int) -> tuple[int, int, int]:
    """Return, for so many pages, the mask of their even columns, and where the sums of even and odd columns start."""
    mask = int.from_bytes(b"\xff\xff\xff\xff\0\0\0\0" * (_COLUMN_PAIRS * count), "little")
    even, odd = (
        int.from_bytes(b"".join(each.to_bytes(8, "little") for each in _OFFSETS[first::2]) * count, "little")
        for first in (0, 1)
    )
    return mask, even, odd


def compute_checksums(pages: bytes | bytearray | memoryview, page_bytes: int, first_block: int) -> list[int]:
    """Return the checksum of each page; ``first_block`` is the number of the first in its relation."""
    count = len(pages) // page_bytes
    cleared = bytearray(pages[: count * page_bytes])
    for place in range(0, len(cleared), page_bytes):
        cleared[place + 8 : place + 10] = b"\0\0"  # where the checksum itself lies
    view = memoryview(cleared)
    mask, even, odd = _constants(count)
    for row in range(0, page_bytes, _ROW_BYTES):
        rows = [view[place : place + _ROW_BYTES] for place in range(row, len(cleared), page_bytes)]
        both = int.from_bytes(b"".join(rows), "little")
        even ^= both & mask
        even = (even * _PRIME & mask) ^ (even >> 17 & mask)
        odd ^= both >> 32 & mask
        odd = (odd * _PRIME & mask) ^ (odd >> 17 & mask)
    for _ in range(2):
        even = (even * _PRIME & mask) ^ (even >> 17 & mask)
        odd = (odd * _PRIME & mask) ^ (odd >> 17 & mask)
    sums = memoryview((even ^ odd).to_bytes(count * _ROW_BYTES, "little")).cast("I")
    folded = []
    for number in range(count):
        total = 0
        for each in sums[number * 32 : number * 32 + 32 : 2]:
            total ^= each
        folded.append((total ^ (first_block + number)) % 65535 + 1)
    return folded


def find_damaged(pages: bytes | bytearray | memoryview, page_bytes: int, first_block: int, start: int) -> list[int]:
    """Return the numbers, from 0 on, of pages whose checksum is wrong.

    A page that was never written has none. One that is newer than ``start`` is written anew from the log, however it
    was read: half of it may have been on its way to the disk.
    """
    damaged = []
    for number, computed in enumerate(compute_checksums(pages, page_bytes, first_block)):
        place = number * page_bytes
        if pages[place + 14 : place + 16] == b"\0\0":
            continue
        high, low = (int.from_bytes(pages[place + at : place + at + 4], "little") for at in (0, 4))
        if (high << 32 | low) >= start:
            continue
        if computed != int.from_bytes(pages[place + 8 : place + 10], "little"):
            damaged.append(number)
    return damaged
