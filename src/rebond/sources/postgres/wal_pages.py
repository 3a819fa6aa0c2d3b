"""The first page of a segment says which cluster, timeline and position it is of: enough to refuse a foreign one."""

import struct
from dataclasses import dataclass

from rebond.errors import SourceUnfit
from rebond.sources.postgres.wal_names import SEGMENT_SIZES, format_lsn, parse_segment_name, timeline_of

# magic u16, flags u16, timeline u32, position u64, bytes that remain u32, padding, system id u64, segment and page u32
_LONG_HEADER = struct.Struct("HHIQI4xQII")
HEAD_BYTES = _LONG_HEADER.size
_IS_LONG = 0x0002
_FIRST_MAGIC = 0xD106  # PostgreSQL 13
_LAST_MAGIC = 0xD1FF


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPage:
    """What the header of a segment's first page says."""

    magic: int
    timeline: int
    lsn: int
    system_id: int
    segment_bytes: int


def read_first_page(name: str, head: bytes | memoryview) -> FirstPage:
    """Take the header of a segment apart. Raises ``SourceUnfit`` when it is none."""
    if len(head) < HEAD_BYTES:
        raise SourceUnfit(
            "{name} is too short for a segment of a write-ahead log.",
            hint="Its disk may have been full. Nothing was saved of it.",
            name=name,
        )
    magic, flags, timeline, lsn, _, system_id, segment_bytes, _ = _LONG_HEADER.unpack(head[:HEAD_BYTES])
    if not (_FIRST_MAGIC <= magic <= _LAST_MAGIC and flags & _IS_LONG and segment_bytes in SEGMENT_SIZES):
        raise SourceUnfit(
            "{name} is no segment of a PostgreSQL write-ahead log: its first page begins with {magic}.",
            hint="Nothing was saved of it. Look at the disk of the server: what should be there is overwritten.",
            name=name,
            magic=f"{magic:04X}",
        )
    return FirstPage(magic=magic, timeline=timeline, lsn=lsn, system_id=system_id, segment_bytes=segment_bytes)


def check_segment(name: str, size: int, page: FirstPage) -> None:
    """Compare a segment with its name and size. Raises ``SourceUnfit``.

    The first segment of a timeline begins with what was copied of the one before, whose number its first page has.
    """
    if size != page.segment_bytes:
        raise SourceUnfit(
            "{name} has {size} bytes, and a segment of this cluster has {whole}.",
            hint="It is not whole. Nothing was saved of it; look at the disk of the server.",
            name=name,
            size=size,
            whole=page.segment_bytes,
        )
    _, number = parse_segment_name(name, page.segment_bytes)
    if page.lsn != number * page.segment_bytes or not 0 < page.timeline <= timeline_of(name):
        raise SourceUnfit(
            "{name} holds another segment: its first page is of position {lsn} on timeline {timeline}.",
            hint="It was renamed or overwritten. Nothing was saved of it.",
            name=name,
            lsn=format_lsn(page.lsn),
            timeline=page.timeline,
        )


# system id u64, versions 2 × u32, state u32, padding, time i64, checkpoint u64, its redo u64, its timeline u32
_CONTROL = struct.Struct("QIIi4xqQQI")


def read_control(content: bytes) -> tuple[int, int]:
    """Return system id and timeline out of ``global/pg_control``. Raises ``SourceUnfit`` when it is too short."""
    if len(content) < _CONTROL.size:
        raise SourceUnfit("This is no pg_control: it is too short.", hint="Name a data directory of PostgreSQL.")
    found = _CONTROL.unpack(content[: _CONTROL.size])
    return found[0], found[-1]
