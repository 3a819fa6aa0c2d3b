"""The moments of a schedule, also on days on which the clock is changed."""

import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from rebond.schedule.cron_times import find_last_firing, find_next_firing, list_firings

PARIS = ZoneInfo("Europe/Paris")
ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
SCHEDULES = ("30 2 * * *", "0 3 * * *", "0 2 * * sun", "*/30 1-3 * * *", "15 */4 * * *", "0 0 L * *", "30 1,2,3 * * *")
DAY_MS = 86_400_000


def moment(text: str, zone: str = "Europe/Paris") -> int:
    return round(datetime.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def shown(moments: list[int]) -> list[str]:
    return [f"{datetime.datetime.fromtimestamp(each / 1000, PARIS):%d %H:%M%z}" for each in moments]


def test_a_daily_run_in_the_hour_that_is_skipped_comes_right_after_it() -> None:
    found = list_firings("30 2 * * *", moment("2026-03-28T12:00"), moment("2026-03-31T00:00"), PARIS)
    assert shown(found) == ["29 03:00+0200", "30 02:30+0200"]


def test_a_daily_run_in_the_hour_that_comes_twice_comes_once() -> None:
    found = list_firings("30 2 * * *", moment("2026-10-24T12:00"), moment("2026-10-27T00:00"), PARIS)
    assert shown(found) == ["25 02:30+0200", "26 02:30+0100"]


def test_what_runs_every_half_hour_goes_on_evenly_through_the_hour_that_comes_twice() -> None:
    found = list_firings("*/30 * * * *", moment("2026-10-25T01:00"), moment("2026-10-25T04:00"), PARIS)
    assert {later - earlier for earlier, later in pairwise(found)} == {1_800_000}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_looking_back_finds_what_looking_ahead_found(schedule: str, zone: str) -> None:
    for day in ("2026-03-06", "2026-03-28", "2026-04-03", "2026-10-02", "2026-10-24", "2026-10-31"):
        start = moment(f"{day}T00:00", zone)
        found = list_firings(schedule, start, start + 3 * DAY_MS, ZoneInfo(zone))
        for earlier, later in pairwise(found):
            assert find_last_firing(schedule, later - 1, ZoneInfo(zone)) == earlier
            assert find_last_firing(schedule, later, ZoneInfo(zone)) == later
            assert find_next_firing(schedule, earlier, ZoneInfo(zone)) == later
