"""The moments that a cron schedule names in a time zone.

What has a fixed hour happens once on a day on which the clock is changed: an hour that is skipped is made up for right
after it, one that comes twice counts the first time. What happens every so many minutes or hours goes on evenly.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from itertools import takewhile

from cronsim import CronSim


def iterate_firings(cron: str, after_ms: int, zone: tzinfo) -> Iterator[int]:
    """Yield the moments after ``after_ms``, the earliest first, in milliseconds since 1970."""
    yield from _moments(cron, after_ms // 1000, zone, reverse=False)


def list_firings(cron: str, after_ms: int, until_ms: int, zone: tzinfo) -> list[int]:
    """Return the moments after ``after_ms`` and not after ``until_ms``."""
    return list(takewhile(lambda moment_ms: moment_ms <= until_ms, iterate_firings(cron, after_ms, zone)))


def find_next_firing(cron: str, after_ms: int, zone: tzinfo) -> int | None:
    """Return the first moment after ``after_ms``; ``None`` when there is none within fifty years."""
    return next(iterate_firings(cron, after_ms, zone), None)


def find_last_firing(cron: str, now_ms: int, zone: tzinfo) -> int | None:
    """Return the last moment that is not after ``now_ms``; ``None`` when there was none within fifty years."""
    return next(_moments(cron, now_ms // 1000 + 1, zone, reverse=True), None)


def _moments(cron: str, start_seconds: int, zone: tzinfo, *, reverse: bool) -> Iterator[int]:
    start = datetime.fromtimestamp(start_seconds, UTC).astimezone(zone)
    for moment in CronSim(cron, start, reverse=reverse):
        moment_seconds = round(moment.timestamp())
        if (moment_seconds < start_seconds) if reverse else (moment_seconds > start_seconds):
            yield moment_seconds * 1000
