"""The moment that a server is to be brought back to, as people write it."""

import enum
import re
from datetime import UTC, datetime, tzinfo

from msgspec import Struct

from rebond.errors import UsageError
from rebond.sources.postgres.wal_names import format_lsn, parse_lsn
from rebond.units import format_moment, parse_exact_us

_XID = re.compile(r"\d{1,10}")
_MOST_NAME_BYTES = 63


class TargetKind(enum.StrEnum):
    """How a moment is named."""

    TIME = "time"
    LSN = "lsn"
    XID = "xid"
    NAME = "name"
    LATEST = "latest"
    SET = "set"  # that of the snapshot itself


class Target(Struct, frozen=True, kw_only=True):
    """A moment. ``number`` is microseconds since 1970, a position, or the number of a transaction; else ``name``."""

    kind: TargetKind
    number: int = 0
    name: str = ""

    def describe(self, zone: tzinfo | None = None) -> str:
        """Return it for people; a time with its zone."""
        match self.kind:
            case TargetKind.TIME:
                fraction = self.number % 1_000_000
                text = format_moment(self.number // 1000, zone)
                return f"{text[:19]}.{fraction:06d}{text[19:]}" if fraction else text
            case TargetKind.LSN:
                return f"lsn:{format_lsn(self.number)}"
            case TargetKind.XID:
                return f"xid:{self.number}"
            case TargetKind.NAME:
                return f"name:{self.name}"
            case _:
                return "latest" if self.kind is TargetKind.LATEST else "its own moment"


SET = Target(kind=TargetKind.SET)
LATEST = Target(kind=TargetKind.LATEST)


def is_position(text: str) -> bool:
    """Say whether a moment is named in a way that only a log knows."""
    return text == "latest" or text.startswith(("lsn:", "xid:", "name:"))


def parse_target(text: str, *, now_ms: int, zone: tzinfo | None = None) -> Target:
    """Return what ``text`` means: a time, ``-2h``, ``lsn:…``, ``xid:…``, ``name:…`` or ``latest``.

    Raises ``UsageError``, also for an hour that the zone skips or has twice: both readings are named.
    """
    word, mark, rest = text.partition(":")
    if text == "latest":
        return LATEST
    if mark and word == "lsn":
        return Target(kind=TargetKind.LSN, number=parse_lsn(rest))
    if mark and word == "xid":
        if not _XID.fullmatch(rest):
            raise UsageError("'{text}' is no transaction.", hint="Write xid: and its number.", text=text)
        return Target(kind=TargetKind.XID, number=int(rest))
    if mark and word == "name":
        if not 0 < len(rest.encode()) <= _MOST_NAME_BYTES:
            raise UsageError(
                "'{text}' is no restore point.",
                hint="Write name: and what pg_create_restore_point was given.",
                text=text,
            )
        return Target(kind=TargetKind.NAME, name=rest)
    return Target(kind=TargetKind.TIME, number=parse_exact_us(text, now_ms=now_ms, zone=zone))


def write_time(time_us: int) -> str:
    """Return a time as PostgreSQL reads it in its settings, always with its offset."""
    moment = datetime.fromtimestamp(time_us // 1_000_000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{time_us % 1_000_000:06d}+00:00"
