"""Sizes, spans and moments, as people write and read them."""

import contextlib
import functools
import io
import os
import re
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rebond.errors import UsageError

SIZE_UNITS = {
    "": 1,
    "b": 1,
    **{f"{letter}{end}": 1000**power for power, letter in enumerate("kmgtp", 1) for end in ("", "b")},
    **{f"{letter}i{end}": 1024**power for power, letter in enumerate("kmgtp", 1) for end in ("", "b")},
}
SPAN_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 2_592_000, "y": 31_536_000}
UNNAMED_ZONE = "local"
_LOCALTIME = "/etc/localtime"
_LONGEST_SECONDS = 1000 * SPAN_UNITS["y"]  # what is added to a moment is one that a calendar knows
_MOST_DIGITS = 15  # more are no length of time and no size, and cost more to read than they say
_YEARS = range(2, 9999)  # whose days begin and end in a year that there is, in every zone
DAY_SHAPE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")
MOMENT_SHAPE = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[ T_-](\d\d):?(\d\d)(?::?(\d\d)(\.\d+)?)?)? ?(Z|UTC|[+-]\d\d(?::?\d\d)?)?"
)


class _Telling:
    """How this process tells times. One for all its threads: a new one knows nothing of what was set in another."""

    find_zone: ClassVar[Callable[[], tzinfo | None]] = staticmethod(lambda: None)


def tell_times_in(find_zone: Callable[[], tzinfo | None]) -> None:
    """Have people read and write moments in the zone that is found, where nobody names another.

    It is looked for when the first moment is told; ``None`` is the machine's.
    """
    _Telling.find_zone = staticmethod(functools.cache(find_zone))


def parse_size(text: str) -> int:
    """Return bytes: ``10MB`` is 10,000,000, ``1GiB`` is 1,073,741,824. Raises ``UsageError``."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    if not found or found[2] not in SIZE_UNITS or len(found[1]) > _MOST_DIGITS:
        raise UsageError(
            "'{text}' is not a size.", hint="Write a number and a unit, such as 500kB, 10MB or 1GiB.", text=text
        )
    return int(float(found[1]) * SIZE_UNITS[found[2]])


def format_size(size_bytes: int) -> str:
    """Return three digits and a decimal unit: ``1.34 GB``."""
    if size_bytes < 0:
        return f"-{format_size(-size_bytes)}"
    if size_bytes < 1000:
        return f"{size_bytes} B"
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if amount < 999.5 or unit == "PB":
            digits = 2 if amount < 9.995 else 1 if amount < 99.95 else 0
            return f"{amount:.{digits}f} {unit}"
        amount /= 1000
    raise AssertionError(unit)


def parse_span(text: str) -> int:
    """Return seconds: ``30d``, ``2h``, ``1h30m``; a month is 30 days, a year 365. Raises ``UsageError``."""
    parts = re.findall(r"(\d+)\s*([a-z]+)", text.lower())
    if not parts or "".join(n + unit for n, unit in parts) != re.sub(r"\s", "", text.lower()):
        parts = []
    if not parts or any(unit not in SPAN_UNITS or len(number) > _MOST_DIGITS for number, unit in parts):
        parts = []
    seconds = sum(int(number) * SPAN_UNITS[unit] for number, unit in parts)
    if not parts or seconds > _LONGEST_SECONDS:
        raise UsageError(
            "'{text}' is not a length of time.",
            hint="Write numbers with s, m, h, d, w, mo or y, such as 30d, 2h or 1h30m.",
            text=text,
        )
    return seconds


def format_span(seconds: float) -> str:
    """Return one or two units: ``0.8 s``, ``45 s``, ``3 min 20 s``, ``2 d 4 h``. Whole numbers stay whole: ``0 s``."""
    if seconds < 10 and not isinstance(seconds, int):
        return f"{seconds:.1f} s"
    left = round(seconds)
    if not left:
        return "0 s"
    parts: list[tuple[int, str]] = []
    for name, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or parts:
            parts.append((count, name))
        if len(parts) == 2:
            break
    return " ".join(f"{count} {name}" for count, name in parts if count)


def format_rate(bytes_per_second: float) -> str:
    """Return a size for each second: ``120 MB/s``."""
    return f"{format_size(round(bytes_per_second))}/s"


def format_moment(moment_ms: int, zone: tzinfo | None = None) -> str:
    """Return the second with its zone: ``2026-02-04 14:32:07 +01:00``.

    ``zone`` None is that of ``tell_times_in``, or the machine's.
    """
    moment = datetime.fromtimestamp(moment_ms // 1000, UTC).astimezone(zone or _Telling.find_zone())
    text = moment.isoformat(" ", "seconds")
    return f"{text[:19]} {text[19:]}"


def format_iso(moment_ms: int) -> str:
    """Return the moment for machines: ``2026-02-04T13:32:07.250Z``."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_moment(text: str, *, now_ms: int, zone: tzinfo | None = None) -> int:
    """Return milliseconds since 1970 of ``2026-02-04 14:32:07[±ZZ]``, ``20260204-143207``, a day or ``-2h``.

    Without a zone of its own the text is read in ``zone``, that of ``tell_times_in``, or the machine's. Raises
    ``UsageError``, also for an hour that the zone skips or has twice: both readings are named.
    """
    if text == "now":
        return now_ms
    if text.startswith("-"):
        return now_ms - parse_span(text[1:]) * 1000
    found = MOMENT_SHAPE.fullmatch(text.strip())
    if not found:
        raise _not_a_moment(text)
    part = float(found[7] or 0)
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
        if year not in _YEARS:
            raise _too_far_away(text)
        naive = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - its zone follows
    except ValueError:
        raise _not_a_moment(text) from None
    moment = _in_own_zone(naive, found[8]) if found[8] else _in_zone(naive, text, zone)
    return round((moment.timestamp() + part) * 1000)


def parse_exact_us(text: str, *, now_ms: int, zone: tzinfo | None = None) -> int:
    """Return microseconds since 1970 of the moment that a server's log is followed to; else as ``parse_moment``.

    Of a minute or a second it is the beginning: what was done in it is not in yet. Of a day it is the end.
    """
    day = parse_day(text, zone)
    if day:
        return day[1] * 1000 - 1
    found = MOMENT_SHAPE.fullmatch(text.strip())
    fraction = found[7] if found else None
    plain = text.replace(fraction, "", 1) if fraction else text
    digits = (fraction or ".")[1:7].ljust(6, "0")
    return parse_moment(plain, now_ms=now_ms, zone=zone) * 1000 + int(digits)


def pin_moment(text: str, *, now_ms: int, zone: tzinfo | None = None) -> str:
    """Return the moment of ``parse_exact_us`` so that it reads the same later and elsewhere, to the microsecond."""
    moment_us = parse_exact_us(text, now_ms=now_ms, zone=zone)
    return f"{format_iso(moment_us // 1000)[:19]}.{moment_us % 1_000_000:06d}Z"


def parse_last_moment(text: str, *, now_ms: int, zone: tzinfo | None = None) -> int:
    """Return the last millisecond that ``text`` names: of its day, minute or second; else as ``parse_moment``."""
    day = parse_day(text, zone)
    if day:
        return day[1] - 1
    moment_ms = parse_moment(text, now_ms=now_ms, zone=zone)
    found = MOMENT_SHAPE.fullmatch(text.strip())
    if found is None or found[7]:
        return moment_ms
    return moment_ms + (999 if found[6] else 59_999)


def parse_day(text: str, zone: tzinfo | None = None) -> tuple[int, int] | None:
    """Return the first millisecond of a day and that of the next; ``None`` when ``text`` is no day."""
    found = DAY_SHAPE.fullmatch(text)
    if not found:
        return None
    year, month, day = (int(part) for part in found.groups())
    try:
        midnight = datetime(year, month, day)  # noqa: DTZ001 - made aware below
    except ValueError:
        return None
    if year not in _YEARS:
        return None
    begin, end = (_aware(day, zone).timestamp() for day in (midnight, midnight + timedelta(days=1)))
    return round(begin * 1000), round(end * 1000)


def local_zone() -> tzinfo:
    """Return the machine's zone, its changes of the clock included, also where only a file or a rule says it.

    That is called ``UNNAMED_ZONE``: a container's ``/etc/localtime`` is often a copy, and no link to a name.
    """
    rule = os.environ.get("TZ", "").removeprefix(":")
    path = rule if rule.startswith("/") else "" if rule else _LOCALTIME
    name = os.path.realpath(path).partition("/zoneinfo/")[2] if path else rule
    with contextlib.suppress(ValueError, OSError, ZoneInfoNotFoundError):
        return ZoneInfo(name)
    return _read_zone(path) if path else _read_rule(rule)


def _read_zone(path: str) -> tzinfo:
    try:
        with open(path, "rb") as file:
            return ZoneInfo.from_file(file, key=UNNAMED_ZONE)
    except (ValueError, OSError):
        return _standard_zone()


_NAME, _OFFSET = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)", r"[+-]?\d{1,3}(?::\d\d){0,2}"
_DATELESS = re.compile(f"{_NAME}{_OFFSET}{_NAME}(?:{_OFFSET})?", re.ASCII)


@functools.lru_cache(maxsize=8)
def _read_rule(rule: str) -> tzinfo:
    """Read a rule such as ``CET-1CEST,M3.5.0,M10.5.0/3``: what ends a file of a zone, here one with nothing else."""
    if _DATELESS.fullmatch(rule):
        rule += ",M3.2.0,M11.1.0"  # what POSIX leaves open, and every C library takes
    head = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    block = head + struct.pack(">lbb", 0, 0, 0) + b"UTC\0"
    try:
        return ZoneInfo.from_file(io.BytesIO(block + block + b"\n" + rule.encode() + b"\n"), key=UNNAMED_ZONE)
    except ValueError:
        return _standard_zone()


def _standard_zone() -> tzinfo:
    return timezone(timedelta(seconds=-time.timezone))


def _in_own_zone(naive: datetime, offset: str) -> datetime:
    if offset in {"Z", "UTC"}:
        return naive.replace(tzinfo=UTC)
    digits = offset[1:].replace(":", "").ljust(4, "0")
    shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return naive.replace(tzinfo=UTC) - (shift if offset[0] == "+" else -shift)


def _in_zone(naive: datetime, text: str, zone: tzinfo | None) -> datetime:
    """Read a wall-clock time; refuse one that does not exist or exists twice."""
    readings = [_aware(naive.replace(fold=fold), zone) for fold in (0, 1)]
    if readings[0].utcoffset() != readings[1].utcoffset():
        first, second = (format_moment(round(each.timestamp() * 1000), zone) for each in readings)
        raise UsageError(
            "'{text}' is not one moment: the clock was changed then, and it could be {first} or {second}.",
            hint="Add the offset that you mean, as in the two readings.",
            text=text,
            first=first,
            second=second,
        )
    return readings[0]


def _aware(naive: datetime, zone: tzinfo | None) -> datetime:
    """Give a wall-clock time its zone; ``None`` is that of ``tell_times_in``, or the machine's own."""
    zone = zone or _Telling.find_zone()
    return naive.replace(tzinfo=zone) if zone else naive.astimezone()


def _not_a_moment(text: str) -> UsageError:
    return UsageError(
        "'{text}' is not a moment.",
        hint="Write 2026-02-04, '2026-02-04 14:32:07', '2026-02-04 14:32:07+01:00', or -2h for two hours ago.",
        text=text,
    )


def _too_far_away(text: str) -> UsageError:
    return UsageError(
        "'{text}' is further away than calendars are kept here.",
        hint="Write a year from {first} to {last}.",
        text=text,
        first=_YEARS[0],
        last=_YEARS[-1],
    )
