"""Windows in which no run begins."""

import datetime
from zoneinfo import ZoneInfo

from rebond.schedule.maintenance import leave_windows, read_window

PARIS = ZoneInfo("Europe/Paris")


def left(text: str, *windows: str) -> str:
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=PARIS)
    found = leave_windows([read_window(each) for each in windows], round(moment.timestamp() * 1000), PARIS)
    return f"{datetime.datetime.fromtimestamp(found / 1000, PARIS):%Y-%m-%dT%H:%M}"


def test_a_moment_inside_moves_to_the_end_and_one_outside_stays() -> None:
    assert left("2026-02-03T22:30", "Tue 22:00-23:00") == "2026-02-03T23:00"
    assert left("2026-02-03T23:00", "Tue 22:00-23:00") == "2026-02-03T23:00"
    assert left("2026-02-04T22:30", "Tue 22:00-23:00") == "2026-02-04T22:30"


def test_a_window_across_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    assert left("2026-02-04T01:30", "Tue 22:00-02:00") == "2026-02-04T02:00"
    assert left("2026-02-03T01:30", "Tue 22:00-02:00") == "2026-02-03T01:30"


def test_windows_that_follow_one_another_are_left_together() -> None:
    assert left("2026-02-03T22:30", "Tue 22:00-23:00", "23:00-23:30", "23:15-00:00") == "2026-02-04T00:00"


def test_windows_without_any_free_moment_stop_no_backup() -> None:
    assert left("2026-02-03T10:00", "00:00-12:00", "12:00-00:00") == "2026-02-03T10:00"


def test_a_window_in_the_hour_that_is_skipped_ends_at_a_moment_that_exists() -> None:
    assert left("2026-03-29T01:30", "01:00-02:30") == "2026-03-29T03:30"
