"""Names and numbers of PostgreSQL's write-ahead log: positions, segments, timelines, and where they lie in a vault."""

import re
from dataclasses import dataclass

from rebond.errors import UsageError

SEGMENT_SIZES = tuple(1 << power for power in range(20, 31))  # what initdb --wal-segsize takes, in bytes
_SEGMENT = re.compile(r"[0-9A-F]{24}")
_PARTIAL = re.compile(r"([0-9A-F]{24})\.partial")
_HISTORY = re.compile(r"([0-9A-F]{8})\.history")
_LABEL = re.compile(r"[0-9A-F]{24}\.[0-9A-F]{8}\.backup")
_LSN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")
_FOUR_GB = 1 << 32


@dataclass(frozen=True, slots=True)
class Switch:
    """One line of a history: the timeline that ended, and the position at which the next one left it."""

    timeline: int
    lsn: int


def is_segment(name: str) -> bool:
    """Say whether a file is a whole segment, by its name."""
    return _SEGMENT.fullmatch(name) is not None


def is_partial(name: str) -> bool:
    """Say whether a file is the last, unfinished segment of a timeline, by its name."""
    return _PARTIAL.fullmatch(name) is not None


def is_history(name: str) -> bool:
    """Say whether a file says where a timeline comes from, by its name."""
    return _HISTORY.fullmatch(name) is not None


def is_archived(name: str) -> bool:
    """Say whether PostgreSQL archives files of such a name."""
    return any(shape.fullmatch(name) for shape in (_SEGMENT, _PARTIAL, _HISTORY, _LABEL))


def timeline_of(name: str) -> int:
    """Return the timeline in the name of a file that is archived."""
    return int(name[:8], 16)


def parse_lsn(text: str) -> int:
    """Return a position from PostgreSQL's way of writing it. Raises ``UsageError``."""
    found = _LSN.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            "'{text}' is no position in a write-ahead log.",
            hint="PostgreSQL writes them as 0/3000028.",
            text=text,
        )
    return (int(found[1], 16) << 32) | int(found[2], 16)


def format_lsn(lsn: int) -> str:
    """Write a position as PostgreSQL does."""
    return f"{lsn >> 32:X}/{lsn & (_FOUR_GB - 1):X}"


def segment_name(timeline: int, number: int, segment_bytes: int) -> str:
    """Return the name of the file with segment ``number``: its first byte is at ``number * segment_bytes``."""
    per_file = _FOUR_GB // segment_bytes
    return f"{timeline:08X}{number // per_file:08X}{number % per_file:08X}"


def parse_segment_name(name: str, segment_bytes: int) -> tuple[int, int]:
    """Return timeline and number of a segment, also of a partial one. Raises ``UsageError`` for another name."""
    per_file = _FOUR_GB // segment_bytes
    name = name.removesuffix(".partial")
    if not is_segment(name) or int(name[16:], 16) >= per_file:
        raise UsageError(
            "{name} is no segment of a write-ahead log in pieces of {size} bytes.",
            hint="Check the name, and the server's wal_segment_size.",
            name=name,
            size=segment_bytes,
        )
    return int(name[:8], 16), int(name[8:16], 16) * per_file + int(name[16:], 16)


def history_name(timeline: int) -> str:
    """Return the name of the file that says where a timeline comes from. The first one has none."""
    return f"{timeline:08X}.history"


def stream_of_cluster(system_id: int) -> str:
    """The stream of a vault with what a cluster archived besides whole segments: histories, labels, unfinished ones."""
    return f"wal/{system_id}"


def stream_of_segments(system_id: int, timeline: int) -> str:
    """The stream of a vault with the segments of one timeline of a cluster."""
    return f"wal/{system_id}/{timeline:08X}"


def parse_stream(stream: str) -> tuple[int, int | None] | None:
    """Return system id and timeline of a stream, ``None`` for that of a cluster itself; ``None`` for other streams."""
    kind, _, rest = stream.partition("/")
    system_id, _, timeline = rest.partition("/")
    if kind != "wal" or not system_id.isdecimal() or (timeline and not re.fullmatch("[0-9A-F]{8}", timeline)):
        return None
    return int(system_id), int(timeline, 16) if timeline else None


def cut_history(content: bytes, timeline: int) -> bytes | None:
    """Return the history of a timeline out of that of a later one; ``None`` where that did not come from it.

    PostgreSQL copies the file of the timeline that it leaves, byte for byte, and adds an empty line and its own.
    """
    lines = content.splitlines(keepends=True)
    for place, line in enumerate(lines):
        words = line.split(b"#", 1)[0].split()
        if words and words[0].isdigit() and int(words[0]) == timeline:
            before = b"".join(lines[:place])
            return before[:-1] if before.endswith(b"\n\n") else None  # else no server wrote it
    return None


def cut_histories(content: bytes, first: int) -> dict[int, bytes]:
    """Return the histories of the timelines from ``first`` on that a later one came from, out of that of the later."""
    named = [each.timeline for each in parse_history(content) if each.timeline >= max(first, 2)]
    cuts = {timeline: cut_history(content, timeline) for timeline in named}
    return {timeline: cut for timeline, cut in cuts.items() if cut}


def parse_history(content: bytes) -> tuple[Switch, ...]:
    """Return the timelines that a history names, the oldest first. Raises ``UsageError`` for anything else."""
    switches: list[Switch] = []
    for line in content.decode("utf-8", "replace").splitlines():
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if len(words) < 2 or not words[0].isdecimal() or (switches and int(words[0]) <= switches[-1].timeline):
            raise UsageError("This is no history of a timeline: {line}", line=line[:80])
        switches.append(Switch(int(words[0]), parse_lsn(words[1])))
    return tuple(switches)
