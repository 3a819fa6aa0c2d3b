"""Moments to come, as people write them."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

from rebond.errors import UsageError
from rebond.units import parse_last_moment, parse_span

_HOUR = re.compile(r"\s*([01]?\d|2[0-3]):([0-5]\d)\s*")


def parse_coming_moment(text: str, *, now_ms: int, zone: tzinfo) -> int:
    """Return the last millisecond of a day or moment, what lies so far ahead (``2h``), or the next ``18:00``.

    Raises ``UsageError`` for what is neither, and for what is over.
    """
    if hour := _HOUR.fullmatch(text):
        return _find_next_hour(int(hour[1]), int(hour[2]), now_ms, zone)
    try:
        moment_ms = now_ms + parse_span(text.removeprefix("+")) * 1000
    except UsageError:
        moment_ms = parse_last_moment(text, now_ms=now_ms, zone=zone)
    if moment_ms <= now_ms:
        raise UsageError("{text} is over.", hint="Name a moment that is still to come.", text=text)
    return moment_ms


def _find_next_hour(hour: int, minute: int, now_ms: int, zone: tzinfo) -> int:
    """Return when the clock on the wall shows this hour next; of two readings the later, to be sure."""
    today = datetime.fromtimestamp(now_ms // 1000, UTC).astimezone(zone).date()
    coming = (
        # Of an hour that is skipped the first reading is the later one.
        max(datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
        for day in (today + timedelta(days=ahead) for ahead in range(3))
    )
    return next(moment_ms for each in coming if (moment_ms := round(each * 1000)) > now_ms)
