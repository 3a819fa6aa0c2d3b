"""What a log is made of: an event, its weight, and how it becomes one line."""

import enum
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

import msgspec

from rebond.logs.masking import mask

LINE_LIMIT = 16_384  # characters of one event; what is longer is cut, and says so


class Weight(enum.IntEnum):
    """How much an event matters; the numbers are those of syslog."""

    ERROR = 3
    WARNING = 4
    INFO = 6
    DEBUG = 7


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened in a run. ``time_ms`` is milliseconds since 1970; ``run`` may be empty."""

    time_ms: int
    weight: Weight
    message: str
    run: str = ""
    fields: Mapping[str, str] = {}


def write_message(event: Event) -> str:
    """Return what happened as one line without any secret."""
    text = mask(event.message)
    if len(text) > LINE_LIMIT:
        text = f"{text[:LINE_LIMIT]}… ({len(text)} characters)"
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def write_line(event: Event, process: int, zone: tzinfo | None = None) -> str:
    """Return the line of a log file: moment with its zone, process, run, weight, what happened."""
    moment = datetime.fromtimestamp(event.time_ms / 1000, UTC).astimezone(zone)
    stamp = moment.isoformat(timespec="milliseconds")
    return f"{stamp} rebond[{process}] {event.run or '-'} {event.weight.name} {write_message(event)}\n"


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
