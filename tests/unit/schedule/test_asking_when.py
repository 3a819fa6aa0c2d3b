"""The next hour of the clock on the wall, on the days on which that is changed."""

import datetime
from zoneinfo import ZoneInfo

import pytest

from rebond.schedule.asking_when import parse_coming_moment

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("now", "hour", "coming"),
    [
        ("2026-03-29T00:30:00+01:00", "02:30", "2026-03-29T03:30:00+02:00"),  # skipped: what it would have been
        ("2026-10-25T00:30:00+02:00", "02:30", "2026-10-25T02:30:00+01:00"),  # comes twice: the second
    ],
)
def test_an_hour_that_is_skipped_or_comes_twice_is_the_later_reading(now: str, hour: str, coming: str) -> None:
    now_ms, coming_ms = (round(datetime.datetime.fromisoformat(each).timestamp() * 1000) for each in (now, coming))
    assert parse_coming_moment(hour, now_ms=now_ms, zone=PARIS) == coming_ms
