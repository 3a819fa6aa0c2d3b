"""``backup_label``: what the server wrote about the start of a base backup. It is kept byte for byte."""

import re
from dataclasses import dataclass

from rebond.errors import CommandFailed
from rebond.sources.postgres.wal_names import parse_lsn

_START = re.compile(r"^START WAL LOCATION: ([0-9A-F]+/[0-9A-F]+) \(file ([0-9A-F]{24})\)$", re.MULTILINE)
_TIMELINE = re.compile(r"^START TIMELINE: (\d+)$", re.MULTILINE)
_FROM = re.compile(r"^BACKUP FROM: (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupLabel:
    """Where the log has to be replayed from."""

    start: int
    timeline: int
    is_from_standby: bool


def read_label(content: bytes) -> BackupLabel:
    """Read a label. Raises ``CommandFailed`` when it is none."""
    text = content.decode("utf-8", errors="replace")
    start, timeline, origin = _START.search(text), _TIMELINE.search(text), _FROM.search(text)
    if not start:
        raise CommandFailed(
            "The base backup has no backup_label that can be read, so it could never be started.",
            hint="Run the backup again.",
        )
    return BackupLabel(
        start=parse_lsn(start[1]),
        timeline=int(timeline[1]) if timeline else int(start[2][:8], 16),
        is_from_standby=bool(origin) and origin is not None and origin[1] == "standby",
    )
