"""A run that nobody else would start again waits, asks whether it still has to, and gives up after enough tries."""

import datetime
import pathlib
from zoneinfo import ZoneInfo

import pytest

from rebond.schedule.deciding import Signs
from rebond.schedule.holding import try_lock
from rebond.schedule.jobs import Calendar, Deed, Job
from rebond.schedule.records import JOBS, JobRecord, Records
from rebond.schedule.stack_folders import SERVE_LOCK
from rebond.schedule.trying_again import wait_to_try_again
from rebond.schedule.turns import NotNow, Surroundings, Turn, take_turn
from rebond.testing.manual_clock import ManualClock

PARIS = ZoneInfo("Europe/Paris")
DAILY = Job(deed=Deed.BACKUP, class_name="daily", schedule="0 3 * * *")
NIGHT_MS = round(datetime.datetime(2026, 2, 4, 3, tzinfo=PARIS).timestamp() * 1000)
DAY_SECONDS = 86_400.0
MINUTE_MS = 60_000


class Night:
    """A stack whose backup fails each time with one exit status, and a clock that stands at three."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.clock = ManualClock(NIGHT_MS)
        self.records = Records(folder)
        self.told: list[int] = []
        self.around = Surroundings(
            folder=folder,
            calendar=Calendar(jobs=(DAILY,), zone=PARIS),
            clock=self.clock,
            observe=lambda _job: Signs(),
            was_saved=lambda _job, _began_ms: False,
        )
        self.records.write("daily", JobRecord(schedule=DAILY.schedule, taken_ms=NIGHT_MS - MINUTE_MS))

    def run(self, status: int) -> None:
        """Take the turn and let it end so."""
        with take_turn(DAILY, self.around) as turn:
            assert isinstance(turn, Turn)
            turn.end(status)

    def waits(self, job: Job = DAILY) -> bool:
        return wait_to_try_again(job, self.around, lambda: self.told.append(self.clock.now_ms()))

    def fail_to_the_end(self) -> list[int]:
        """Fail as often as it is tried; return the minutes after three at which it began."""
        minutes = []
        while True:
            minutes.append(round((self.clock.now_ms() - NIGHT_MS) / MINUTE_MS))
            self.run(21)
            if not self.waits():
                return minutes


@pytest.fixture
def night(tmp_path: pathlib.Path) -> Night:
    return Night(tmp_path)


def test_it_is_tried_five_times_more_with_growing_pauses_and_told_before_each(night: Night) -> None:
    assert night.fail_to_the_end() == [0, 1, 3, 7, 15, 30]
    assert len(night.told) == 5
    assert max(night.clock.slept) <= 30


def test_the_next_night_has_its_own_tries(night: Night) -> None:
    night.fail_to_the_end()
    night.clock.advance(DAY_SECONDS - 30 * 60)
    assert len(night.fail_to_the_end()) == 6


@pytest.mark.parametrize("status", [0, 1, 3, 4, 20, 22, 23, 33])
def test_what_does_not_pass_by_itself_is_not_waited_for(night: Night, status: int) -> None:
    night.run(status)
    assert not night.waits()
    assert (night.told, night.clock.slept) == ([], [])


@pytest.mark.parametrize("trigger", ["change", "each", "commit"])
def test_what_others_start_again_is_left_to_them(night: Night, trigger: str) -> None:
    night.run(21)
    assert not night.waits(Job(deed=Deed.BACKUP, class_name="daily", trigger=trigger))


def test_a_service_that_runs_the_stack_tries_again_itself(night: Night) -> None:
    night.run(21)
    service = try_lock(night.folder / SERVE_LOCK, "rebond serve", night.clock)
    assert service is not None
    assert not night.waits()
    service.release()
    assert night.waits()


def test_of_several_runs_that_failed_one_waits(night: Night) -> None:
    night.run(21)
    other = try_lock(night.folder / JOBS / "daily.again", "daily", night.clock)
    assert other is not None
    assert not night.waits()
    other.release()
    assert night.waits()


def test_whoever_waits_keeps_nobody_from_running_and_hears_of_it(night: Night) -> None:
    class Meanwhile(ManualClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            night.records.write("daily", JobRecord(schedule=DAILY.schedule, taken_ms=NIGHT_MS, ended_ms=self.now_ms()))

    night.run(21)
    clock = Meanwhile(NIGHT_MS)
    around = Surroundings(
        folder=night.folder,
        calendar=night.around.calendar,
        clock=clock,
        observe=night.around.observe,
        was_saved=night.around.was_saved,
    )
    assert not wait_to_try_again(DAILY, around, lambda: None)
    assert len(clock.slept) == 1
    with take_turn(DAILY, night.around) as turn:
        assert turn is NotNow.NOT_DUE
