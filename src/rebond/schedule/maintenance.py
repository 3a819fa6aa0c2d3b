"""Hours in which no run begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LOOKED_AHEAD = 100  # windows that follow one another


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Hours on a wall clock: from ``begin`` up to ``end``, which is on the next day where it is not later.

    ``weekday`` is that of the beginning, 0 for Monday; ``None`` is every day.
    """

    weekday: int | None
    begin: time
    end: time


def read_window(text: str) -> Window:
    """Return the hours that the configuration writes as ``Tue 22:00-23:00`` or ``22:00-23:00``."""
    day, _, hours = text.rpartition(" ")
    begin, end = (time.fromisoformat(each) for each in hours.split("-"))
    return Window(weekday=DAYS.index(day) if day else None, begin=begin, end=end)


def leave_windows(windows: Sequence[Window], moment_ms: int, zone: tzinfo) -> int:
    """Return ``moment_ms``, or the end of the window in which it lies; ends that lie in another window are left too.

    Where windows leave no free moment within months, the moment itself is returned: a backup counts more.
    """
    found_ms = moment_ms
    for _ in range(_LOOKED_AHEAD):
        end_ms = max((end for each in windows if (end := _find_end(each, found_ms, zone))), default=None)
        if end_ms is None:
            return found_ms
        found_ms = end_ms
    return moment_ms


def _find_end(window: Window, moment_ms: int, zone: tzinfo) -> int | None:
    today = datetime.fromtimestamp(moment_ms / 1000, UTC).astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        if window.weekday is not None and day.weekday() != window.weekday:
            continue
        last_day = day if window.begin < window.end else day + timedelta(days=1)
        begin_ms, end_ms = _moment(day, window.begin, zone), _moment(last_day, window.end, zone)
        if begin_ms <= moment_ms < end_ms:
            return end_ms
    return None


def _moment(day: date, hour: time, zone: tzinfo) -> int:
    return round(datetime.combine(day, hour, zone).timestamp() * 1000)
