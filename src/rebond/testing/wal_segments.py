"""Segments of a log as a server would write them: the header of the first page is true, the rest is noise."""

import random
import struct

from rebond.sources.postgres.wal_names import segment_name

SEGMENT_BYTES = 1 << 20
SYSTEM_ID = 7_300_000_000_000_000_001
_MAGIC_15 = 0xD110
_PAGE_BYTES = 8192


def make_segment(
    timeline: int,
    number: int,
    *,
    system_id: int = SYSTEM_ID,
    segment_bytes: int = SEGMENT_BYTES,
    seed: int = 0,
    page_timeline: int | None = None,
) -> bytes:
    """Return a segment. Another ``seed`` makes another content of the same header."""
    head = struct.pack(
        "HHIQI4xQII",
        _MAGIC_15,
        2,
        timeline if page_timeline is None else page_timeline,
        number * segment_bytes,
        0,
        system_id,
        segment_bytes,
        _PAGE_BYTES,
    )
    noise = random.Random(f"{timeline}/{number}/{seed}").randbytes(4096)
    return (head + noise).ljust(segment_bytes, b"\0")


def name_segment(timeline: int, number: int) -> str:
    """Return the name of a segment of ``SEGMENT_BYTES``."""
    return segment_name(timeline, number, SEGMENT_BYTES)
