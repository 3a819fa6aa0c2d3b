"""A week of a service that is killed again and again: each due run leaves its effect once."""

import contextlib
import datetime
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import pytest
from tests.bounded import reap
from tests.crash import served_week
from tests.crash.served_week import CONFIGURATION, FileClock, effects_of, load, state_of

from rebond.schedule.cron_times import list_firings
from rebond.schedule.jobs import make_calendar
from rebond.schedule.records import Records

PARIS = ZoneInfo("Europe/Paris")
DAY_MS = 86_400_000
KILLS = 20
PATIENCE_SECONDS = 60


class Week:
    """The service as a process, the clock, and what the calendar says."""

    def __init__(self, folder: pathlib.Path, start: datetime.datetime) -> None:
        self.folder = folder
        (folder / "rebond.toml").write_text(CONFIGURATION)
        self.clock = FileClock(folder)
        self.start_ms = round(start.timestamp() * 1000)
        self.clock.set(self.start_ms)
        self.calendar = make_calendar(load(folder).configuration)
        self.records = Records(state_of(folder))
        self.service: subprocess.Popen[bytes] | None = None

    def firings(self, days: float) -> list[tuple[int, str]]:
        """Return every moment of the calendar, in order."""
        until_ms = round(self.start_ms + days * DAY_MS)
        return sorted(
            (firing_ms, job.name)
            for job in self.calendar.jobs
            for firing_ms in list_firings(job.schedule, self.start_ms, until_ms, PARIS)
        )

    def serve(self) -> None:
        """Start the service, and wait until it looks at its calendar."""
        (self.folder / "ready").unlink(missing_ok=True)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.service = subprocess.Popen(
            [sys.executable, served_week.__file__, "serve", self.folder], env=environment, stderr=subprocess.PIPE
        )
        wait_until((self.folder / "ready").exists)

    def kill(self, *, with_runs: bool) -> None:
        """End the service as a power cut does; ``with_runs`` also what it started."""
        assert self.service is not None
        runs = [int(each) for each in children_of(self.service.pid)] if with_runs else []
        reap(self.service)
        for pid in runs:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def has_done(self, moment: tuple[int, str]) -> bool:
        """Say whether a run has ended that took this moment."""
        record = self.records.read(moment[1])
        return record is not None and record.taken_ms >= moment[0] and record.ended_ms > 0


def children_of(pid: int) -> list[str]:
    """Return the processes that a process started."""
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def wait_until(claim: Callable[[], bool]) -> None:
    """Wait for something that has to come."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not claim():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.005)


@pytest.fixture
def week(tmp_path: pathlib.Path) -> Iterator[Week]:
    # On the last Sunday of October an hour comes twice.
    made = Week(tmp_path, datetime.datetime(2026, 10, 21, 12, tzinfo=PARIS))
    yield made
    if made.service is not None and made.service.poll() is None:
        made.kill(with_runs=True)


@pytest.mark.slow
def test_a_service_killed_twenty_times_in_a_week_loses_and_doubles_nothing(week: Week) -> None:
    chance = random.Random(20261021)
    week.serve()
    firings = week.firings(7)
    assert len(firings) >= 30
    killed_at = set(chance.sample(range(len(firings)), KILLS))
    for number, moment in enumerate(firings):
        week.clock.set(moment[0] + 1000)
        if number in killed_at:
            time.sleep(chance.uniform(0, 0.4))
            week.kill(with_runs=number % 2 == 0)
            week.serve()
        wait_until(lambda moment=moment: week.has_done(moment))  # type: ignore[misc]
    effects = Counter((job, firing_ms) for job, firing_ms, _ in effects_of(week.folder))
    assert effects == Counter({(job, firing_ms): 1 for firing_ms, job in firings})
    assert len(list_days(effects, "daily")) == 7, "one a day, also when an hour came twice"


def list_days(effects: Counter[tuple[str, int]], name: str) -> set[datetime.date]:
    """Return the days on which a job left its effect."""
    moments = (firing_ms / 1000 for job, firing_ms in effects if job == name)
    return {datetime.datetime.fromtimestamp(each, PARIS).date() for each in moments}


@pytest.mark.slow
def test_what_was_missed_while_nothing_served_is_made_up_for_once(week: Week) -> None:
    week.serve()
    first = week.firings(1)
    for moment in first:
        week.clock.set(moment[0] + 1000)
        wait_until(lambda moment=moment: week.has_done(moment))  # type: ignore[misc]
    week.kill(with_runs=False)
    before = len(effects_of(week.folder))

    week.clock.set(week.start_ms + 4 * DAY_MS)
    week.serve()
    last = {name: firing_ms for firing_ms, name in week.firings(4)}
    wait_until(lambda: all(week.has_done((firing_ms, name)) for name, firing_ms in last.items()))
    time.sleep(0.3)

    made_up = effects_of(week.folder)[before:]
    assert sorted((job, firing_ms) for job, firing_ms, _ in made_up) == sorted(last.items())
