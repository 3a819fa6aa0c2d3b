"""The moments that a cron schedule names in a time zone.

What has a fixed hour happens once on a day on which the clock is changed: an hour that is skipped is made up for right
after it, one that comes twice counts the first time. What happens every so many minutes or hours goes on evenly.

The library is asked forwards only, from a midnight: backwards it finds other moments where a clock is changed by half
an hour, and a moment that only one direction finds would be a run too many, or too few.
"""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import takewhile

from cronsim import CronSim

_MINUTE_MS = 60_000
_LOOKED_BACK_DAYS = (0, 1, 8, 63, 800, 3000, 12_000)  # a schedule of leap days may pause for eight years


def iterate_firings(cron: str, after_ms: int, zone: tzinfo) -> Iterator[int]:
    """Yield the moments after ``after_ms``, the earliest first, in milliseconds since 1970."""
    for moment_ms in _iterate_from(cron, _find_midnight(after_ms, 0, zone)):
        if moment_ms > after_ms:
            yield moment_ms


def list_firings(cron: str, after_ms: int, until_ms: int, zone: tzinfo) -> list[int]:
    """Return the moments after ``after_ms`` and not after ``until_ms``."""
    return list(takewhile(lambda moment_ms: moment_ms <= until_ms, iterate_firings(cron, after_ms, zone)))


def find_next_firing(cron: str, after_ms: int, zone: tzinfo) -> int | None:
    """Return the first moment after ``after_ms``; ``None`` when there is none within fifty years."""
    return _find_next(cron, after_ms // _MINUTE_MS, zone)


def find_last_firing(cron: str, now_ms: int, zone: tzinfo) -> int | None:
    """Return the last moment that is not after ``now_ms``; ``None`` when there was none within thirty years."""
    return _find_last(cron, now_ms // _MINUTE_MS, zone)


@lru_cache(maxsize=512)
def _find_next(cron: str, after_minute: int, zone: tzinfo) -> int | None:
    return next(iterate_firings(cron, after_minute * _MINUTE_MS, zone), None)


@lru_cache(maxsize=512)
def _find_last(cron: str, now_minute: int, zone: tzinfo) -> int | None:
    now_ms = now_minute * _MINUTE_MS
    for days in _LOOKED_BACK_DAYS:
        moments = _iterate_from(cron, _find_midnight(now_ms, days, zone))
        last = deque(takewhile(lambda moment_ms: moment_ms <= now_ms, moments), maxlen=1)
        if last:
            return last[0]
    return None


def _iterate_from(cron: str, midnight: datetime) -> Iterator[int]:
    # The library yields what is later than its start.
    for moment in CronSim(cron, midnight - timedelta(seconds=1)):
        yield round(moment.timestamp()) * 1000


def _find_midnight(moment_ms: int, days_before: int, zone: tzinfo) -> datetime:
    day = datetime.fromtimestamp(moment_ms // 1000, UTC).astimezone(zone).date() - timedelta(days=days_before)
    return datetime(day.year, day.month, day.day, tzinfo=zone)
