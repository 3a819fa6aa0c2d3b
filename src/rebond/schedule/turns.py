"""One unattended run: whether it is its turn, and what is written down before and after.

Whoever starts it (``rebond serve``, a timer, cron, a hook) asks here, so that all of them together run a job once. What
is written before the run and never after it means that the run was cut off; it is then begun once more.
"""

import contextlib
import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from rebond.clock import Clock
from rebond.schedule.beside import SECRETS_LOCK
from rebond.schedule.calling import Calls
from rebond.schedule.deciding import Due, Signs, find_due, find_end_of_rest, settle
from rebond.schedule.holding import RUN_LOCK, Lock, try_lock, wait_for_lock
from rebond.schedule.jobs import Calendar, Deed, Job
from rebond.schedule.maintenance import leave_windows
from rebond.schedule.pausing import read_pause
from rebond.schedule.records import GOOD_STATUSES, JOBS, JobRecord, Records

_LONGEST_SLEEP_SECONDS = 30.0  # a clock that is set meanwhile is noticed after so long
_LOOK_EVERY_SECONDS = 0.2


class NotNow(enum.StrEnum):
    """Why a run does not begin."""

    PAUSED = "paused"
    NOT_DUE = "not due"
    QUEUED = "another waits already"
    DONE = "done before it was cut off"
    MADE_GOOD = "made good by another run"


class Observing(Protocol):
    """What tells the signs of a job."""

    def __call__(self, job: Job) -> Signs:
        """Return what the job looks at, as it is now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a turn needs to know. ``was_saved`` says whether a backup that began then is in the vault after all."""

    folder: Path
    calendar: Calendar
    clock: Clock
    observe: Observing
    was_saved: Callable[[Job, int], bool]


class Turn:
    """A run that has begun. It is ended once, by ``end`` or ``give_back``."""

    def __init__(self, job: Job, record: JobRecord, signs: Signs, calls: Calls, around: Surroundings) -> None:
        self.job = job
        self.record = record
        self._signs = signs
        self._calls = calls
        self._around = around

    def end(self, status: int, *, is_lacking: bool = False) -> None:
        """Write down how the run ended, and whether its snapshot lacks what may answer later. Raises ``OSError``."""
        is_good = status in GOOD_STATUSES
        ended = msgspec.structs.replace(
            self.record,
            attempts=0,
            ended_ms=max(self._around.clock.now_ms(), 1),
            status=status,
            failures=0 if is_good else self.record.failures + 1,
            saved=self._signs.state if is_good else self.record.saved,
            is_lacking=not is_good and (is_lacking or self.record.is_lacking),
        )
        Records(self._around.folder).write(self.job.name, ended)
        if is_good:
            self._calls.answer()

    def give_back(self) -> None:
        """Write down that the run was stopped on purpose: it stays due, as if it had not begun. Raises ``OSError``."""
        record = msgspec.structs.replace(self.record, attempts=self.record.attempts - 1)
        Records(self._around.folder).write(self.job.name, record if record.attempts else self._before())

    def _before(self) -> JobRecord:
        """Return a record by which the job is due again."""
        return msgspec.structs.replace(self.record, attempts=0, taken_ms=self.record.taken_ms - 1, ended_ms=0)


@contextlib.contextmanager
def take_turn(job: Job, around: Surroundings) -> Iterator[Turn | NotNow]:
    """Wait until the run may begin, and write down that it does; or say why it does not.

    Waits behind other runs of the job and of the stack, where it saves secrets alone behind others that save those;
    for the end of a maintenance window and of the pause between two runs. Raises ``OSError`` where the stack's folder
    cannot be written.
    """
    jobs = around.folder / JOBS
    queue = try_lock(jobs / f"{job.name}.queue", job.name, around.clock)
    if queue is None:
        yield NotNow.QUEUED
        return
    with contextlib.ExitStack() as held:
        held.callback(queue.release)
        held.enter_context(wait_for_lock(jobs / f"{job.name}.lock", job.name, around.clock))
        queue.release()
        begun = _wait_for_turn(job, around)
        if isinstance(begun, NotNow):
            yield begun
            return
        turn, lock = begun
        if lock is not None:
            held.callback(lock.release)
        yield turn


def _wait_for_turn(job: Job, around: Surroundings) -> tuple[Turn, Lock | None] | NotNow:
    clock, calendar, records = around.clock, around.calendar, Records(around.folder)
    while True:
        now_ms = clock.now_ms()
        if read_pause(around.folder, now_ms):
            return NotNow.PAUSED
        signs, calls = around.observe(job), Calls.look(around.folder, job.class_name)
        known = records.read(job.name)
        record = settle(job, known or JobRecord(schedule=job.schedule), now_ms, calendar.zone)
        due = find_due(job, record, now_ms, calendar.zone, signs)
        if due is None:
            return NotNow.NOT_DUE
        rested_ms = find_end_of_rest(record, signs, now_ms)
        free_ms = max(rested_ms, leave_windows(calendar.windows, now_ms, calendar.zone))
        if free_ms > now_ms:
            clock.sleep(min((free_ms - now_ms) / 1000, _LONGEST_SLEEP_SECONDS))
            continue
        lock = None
        if job.deed is Deed.BACKUP:
            path = around.folder / (SECRETS_LOCK if job.is_beside else RUN_LOCK)
            lock = try_lock(path, f"rebond {' '.join(job.arguments)}", clock)
            if lock is None:
                clock.sleep(_LOOK_EVERY_SECONDS)
                continue
        turn = _begin(job, record, due, signs, calls, around)
        if isinstance(turn, NotNow):
            if lock is not None:
                lock.release()
            return turn
        return turn, lock


def _begin(job: Job, record: JobRecord, due: Due, signs: Signs, calls: Calls, around: Surroundings) -> Turn | NotNow:
    if due.attempt > 1 and job.deed is Deed.BACKUP and around.was_saved(job, record.began_ms):
        Turn(job, record, Signs(state=record.aimed), calls.before(record.began_ms), around).end(0)
        return NotNow.DONE
    is_another = bool(job.schedule) and due.firing_ms != record.taken_ms  # last night's tries are not this night's
    begun = msgspec.structs.replace(
        record,
        schedule=job.schedule,
        taken_ms=due.firing_ms,
        failures=0 if is_another else record.failures,
        is_lacking=not is_another and record.is_lacking,
        attempts=due.attempt,
        began_ms=around.clock.now_ms(),
        ended_ms=0,
        aimed=signs.state,
    )
    Records(around.folder).write(job.name, begun)
    return Turn(job, begun, signs, calls, around)


def note_saved(job: Job, folder: Path, clock: Clock, state: str) -> None:
    """Write down what a run by hand saved, so that nobody takes it for a change that still waits.

    A run of the job that goes on, or was cut, writes that itself. Raises ``OSError``.
    """
    lock = try_lock(folder / JOBS / f"{job.name}.lock", job.name, clock)
    if lock is None:
        return
    try:
        records = Records(folder)
        record = records.read(job.name) or JobRecord(schedule=job.schedule)
        if not record.is_pending:
            records.write(job.name, msgspec.structs.replace(record, saved=state))
    finally:
        lock.release()
