"""Whether a job is due: what was taken, what was missed, what was cut off, and clocks that jump."""

import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from rebond.schedule.deciding import Due, Signs, find_due, may_try, settle
from rebond.schedule.jobs import Deed, Job
from rebond.schedule.records import JobRecord

PARIS = ZoneInfo("Europe/Paris")
DAILY = Job(deed=Deed.BACKUP, class_name="daily", schedule="0 3 * * *")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def at(text: str) -> int:
    return round(datetime.datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp() * 1000)


def done(text: str, **changes: object) -> JobRecord:
    taken_ms = at(text)
    record = JobRecord(
        schedule=DAILY.schedule, taken_ms=taken_ms, began_ms=taken_ms, ended_ms=taken_ms + HOUR_MS, saved="", failures=0
    )
    return msgspec.structs.replace(record, **changes)


def decide(record: JobRecord | None, now: str, job: Job = DAILY, signs: Signs | None = None) -> Due | None:
    now_ms = at(now)
    return find_due(job, settle(job, record, now_ms, PARIS), now_ms, PARIS, signs or Signs())


def test_a_new_class_waits_for_its_first_moment() -> None:
    assert decide(None, "2026-02-04T10:00") is None


def test_a_moment_is_taken_once() -> None:
    assert decide(done("2026-02-03T03:00"), "2026-02-04T02:59") is None
    assert decide(done("2026-02-03T03:00"), "2026-02-04T03:00") == Due(firing_ms=at("2026-02-04T03:00"))
    assert decide(done("2026-02-04T03:00"), "2026-02-04T03:00") is None


def test_however_many_were_missed_one_run_makes_up_for_them() -> None:
    assert decide(done("2026-02-04T03:00"), "2026-03-20T12:00") == Due(firing_ms=at("2026-03-20T03:00"))
    assert decide(done("2026-03-20T03:00"), "2026-03-20T12:00") is None


def test_a_run_that_nobody_saw_end_is_begun_once_more_and_not_again() -> None:
    cut = done("2026-02-04T03:00", attempts=1, ended_ms=0)
    assert decide(cut, "2026-02-04T03:05") == Due(firing_ms=at("2026-02-04T03:00"), attempt=2)
    again = done("2026-02-04T03:00", attempts=2, ended_ms=0)
    assert decide(again, "2026-02-04T03:05") is None
    assert decide(again, "2026-02-05T03:00") == Due(firing_ms=at("2026-02-05T03:00"))


def test_a_clock_set_back_over_a_run_does_not_repeat_it() -> None:
    assert decide(done("2026-02-04T03:00"), "2026-02-04T02:30") is None
    assert decide(done("2026-02-04T03:00"), "2026-02-04T03:00") is None
    assert decide(done("2026-02-04T03:00"), "2026-02-05T03:00") is not None


@pytest.mark.parametrize("ahead", ["2026-02-06T03:00", "2031-01-01T03:00"])
def test_what_a_clock_far_ahead_has_taken_is_not_believed(ahead: str) -> None:
    record = settle(DAILY, done(ahead), at("2026-02-04T10:00"), PARIS)
    assert find_due(DAILY, record, at("2026-02-04T10:00"), PARIS, Signs()) is None
    assert find_due(DAILY, record, at("2026-02-05T03:00"), PARIS, Signs()) == Due(firing_ms=at("2026-02-05T03:00"))


def test_another_schedule_counts_from_now_on_unless_the_old_one_was_missed() -> None:
    job = Job(deed=Deed.BACKUP, class_name="daily", schedule="0 9 * * *")
    assert decide(done("2026-02-04T03:00"), "2026-02-04T10:00", job) is None
    settled = settle(job, done("2026-02-04T03:00"), at("2026-02-04T10:00"), PARIS)
    assert find_due(job, settled, at("2026-02-05T03:00"), PARIS, Signs()) is None
    assert find_due(job, settled, at("2026-02-05T09:00"), PARIS, Signs()) is not None
    assert decide(done("2026-02-02T03:00"), "2026-02-04T10:00", job) == Due(firing_ms=at("2026-02-04T09:00"))


def test_what_a_store_that_did_not_answer_cost_is_tried_again_with_growing_pauses() -> None:
    failed = done("2026-02-04T03:00", ended_ms=at("2026-02-04T03:01"), status=21, failures=1)
    assert decide(failed, "2026-02-04T03:01") is None
    assert decide(failed, "2026-02-04T03:02") == Due(firing_ms=at("2026-02-04T03:00"))
    third = msgspec.structs.replace(failed, failures=3)
    assert decide(third, "2026-02-04T03:04") is None
    assert decide(third, "2026-02-04T03:05") is not None
    assert decide(msgspec.structs.replace(failed, failures=6), "2026-02-04T12:00") is None
    assert decide(msgspec.structs.replace(failed, status=33), "2026-02-04T12:00") is None


def test_a_change_is_due_until_it_was_saved() -> None:
    job = Job(deed=Deed.BACKUP, class_name="secrets", trigger="change")
    assert decide(None, "2026-02-04T10:00", job, Signs(state="a")) is not None
    assert decide(JobRecord(saved="a", ended_ms=1), "2026-02-04T10:00", job, Signs(state="a")) is None
    assert decide(JobRecord(saved="a", ended_ms=1), "2026-02-04T10:00", job, Signs(state="b")) is not None
    cut = JobRecord(saved="a", aimed="b", attempts=1, began_ms=1)
    assert decide(cut, "2026-02-04T10:00", job, Signs(state="b")) is not None


def test_a_month_that_a_clock_weeks_ahead_has_taken_has_its_own_run() -> None:
    monthly = Job(deed=Deed.BACKUP, class_name="monthly", schedule="0 3 1 * *")
    record = done("2026-03-01T03:00", schedule=monthly.schedule)

    assert decide(record, "2026-02-05T10:00", monthly) is None
    assert decide(record, "2026-03-01T03:00", monthly) is None, "without a look before, nobody can know"
    settled = settle(monthly, record, at("2026-02-05T10:00"), PARIS)
    assert decide(settled, "2026-03-01T03:00", monthly) == Due(firing_ms=at("2026-03-01T03:00"))


def test_a_check_of_a_backup_that_a_clock_far_ahead_made_stops_no_later_one() -> None:
    job = Job(deed=Deed.VERIFY, class_name="daily", trigger="each")
    ahead, real = done("2036-02-04T03:00"), done("2026-02-05T03:00")
    taken = JobRecord(taken_ms=ahead.ended_ms, ended_ms=ahead.ended_ms)

    assert decide(taken, "2026-02-05T02:00", job, Signs(before=ahead)) is None
    assert decide(taken, "2026-02-05T05:00", job, Signs(before=real)) == Due(firing_ms=real.ended_ms)


def test_a_check_follows_each_good_backup_once() -> None:
    job = Job(deed=Deed.VERIFY, class_name="daily", trigger="each")
    known = JobRecord(taken_ms=at("2026-02-04T03:00"), ended_ms=1)
    assert decide(known, "2026-02-04T10:00", job, Signs(before=done("2026-02-04T03:00"))) is not None
    assert decide(known, "2026-02-04T10:00", job, Signs(before=done("2026-02-04T03:00", status=30))) is None
    taken = JobRecord(taken_ms=at("2026-02-04T04:00"), ended_ms=1)
    assert decide(taken, "2026-02-04T10:00", job, Signs(before=done("2026-02-04T03:00"))) is None


def test_pauses_between_tries_end_when_the_clock_is_set_back() -> None:
    failed = JobRecord(ended_ms=at("2026-02-04T03:00"), failures=4)
    assert not may_try(failed, at("2026-02-04T03:05"))
    assert may_try(failed, at("2026-02-04T03:08"))
    assert may_try(failed, at("2025-01-01T00:00"))


def test_a_commit_of_which_no_hook_told_is_found_too() -> None:
    job = Job(deed=Deed.BACKUP, class_name="code", trigger="commit")
    assert decide(None, "2026-02-04T10:00", job, Signs()) is None, "there is no repository"
    assert decide(None, "2026-02-04T10:00", job, Signs(state="a")) is not None
    assert decide(JobRecord(saved="a", ended_ms=1), "2026-02-04T10:00", job, Signs(state="a")) is None
    assert decide(JobRecord(saved="a", ended_ms=1), "2026-02-04T10:00", job, Signs(state="b")) is not None
    assert (
        decide(JobRecord(saved="a", ended_ms=1), "2026-02-04T10:00", job, Signs(state="a", is_called=True)) is not None
    )


def live(moments: list[str], record: JobRecord | None) -> list[tuple[str, str]]:
    """Look at each moment of a clock, run what is due, and return when what was taken."""
    runs = []
    for text in moments:
        now_ms = at(text)
        record = settle(DAILY, record, now_ms, PARIS)
        due = find_due(DAILY, record, now_ms, PARIS, Signs())
        if due is not None:
            taken = datetime.datetime.fromtimestamp(due.firing_ms / 1000, PARIS)
            runs.append((text, f"{taken:%Y-%m-%d}"))
            record = msgspec.structs.replace(record, taken_ms=due.firing_ms, ended_ms=now_ms)
    return runs


def test_a_clock_that_jumps_back_and_forth_costs_no_night_and_doubles_none() -> None:
    first = done("2026-02-03T03:00")
    back_and_forth = [
        "2026-02-04T03:00",
        "2026-02-04T01:00",
        "2026-02-04T03:00",
        "2026-02-04T05:00",
        "2026-02-05T03:00",
    ]
    assert live(back_and_forth, first) == [("2026-02-04T03:00", "2026-02-04"), ("2026-02-05T03:00", "2026-02-05")]
    # Three days ahead for an hour: one run makes up for what seems missed, and each real night has its own.
    ahead = ["2026-02-04T02:00", "2026-02-07T02:00", "2026-02-04T02:30", "2026-02-04T03:00", "2026-02-05T03:00"]
    assert live(ahead, first) == [
        ("2026-02-07T02:00", "2026-02-06"),
        ("2026-02-04T03:00", "2026-02-04"),
        ("2026-02-05T03:00", "2026-02-05"),
    ]
    # An hour ahead over the moment: the run came early, and does not come again.
    early = ["2026-02-04T02:30", "2026-02-04T03:30", "2026-02-04T02:31", "2026-02-04T03:00", "2026-02-05T03:00"]
    assert live(early, first) == [("2026-02-04T03:30", "2026-02-04"), ("2026-02-05T03:00", "2026-02-05")]
    long_ago = ["2020-01-01T12:00", "2020-01-02T03:00", "2026-02-04T03:00", "2026-02-04T03:01"]
    assert live(long_ago, first) == [("2020-01-02T03:00", "2020-01-02"), ("2026-02-04T03:00", "2026-02-04")]


@pytest.mark.parametrize(
    "record",
    [JobRecord(schedule="0 0 32 * *", taken_ms=1), JobRecord(schedule="1 3 * * *", taken_ms=10**17)],
)
def test_a_record_that_no_calendar_can_hold_counts_as_none(record: JobRecord) -> None:
    now_ms = 1_795_000_000_000
    assert settle(DAILY, record, now_ms, PARIS) == JobRecord(schedule=DAILY.schedule, taken_ms=now_ms)
