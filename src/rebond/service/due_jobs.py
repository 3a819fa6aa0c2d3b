"""Which jobs are due now: by the calendar, by what they wait for, and by how their last runs ended."""

import logging
from dataclasses import dataclass
from pathlib import Path

import msgspec

from rebond.clock import Clock
from rebond.errors import RebondError
from rebond.schedule.calling import Calls
from rebond.schedule.deciding import find_due, find_end_of_rest, may_try, settle
from rebond.schedule.jobs import Calendar, Job
from rebond.schedule.maintenance import leave_windows
from rebond.schedule.records import JobRecord
from rebond.service.known_records import KnownRecords
from rebond.service.watches import Watches, are_calls_quiet

LOG = logging.getLogger("rebond.service")
_LONGEST_REST_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRun:
    """A run that is due: ``after`` is the record by which it is not due any more. ``firing_ms`` is UTC."""

    firing_ms: int
    after: JobRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rest:
    """A job whose run left no end behind: how often, and until when it is left alone."""

    count: int
    until: float


class DueJobs:
    """What is due of one calendar. ``unseen`` says of which jobs nobody could tell, and why."""

    def __init__(
        self,
        calendar: Calendar,
        records: KnownRecords,
        watches: Watches,
        *,
        folder: Path,
        clock: Clock,
        first_rest_seconds: float,
    ) -> None:
        self._calendar = calendar
        self._records = records
        self._watches = watches
        self._folder = folder
        self._clock = clock
        self._first_rest_seconds = first_rest_seconds
        self._rests: dict[str, _Rest] = {}
        self.unseen: dict[str, str] = {}

    def find(self, job: Job) -> DueRun | None:
        """Return the run of a job that is due, ``None`` for none. It raises nothing.

        What keeps a job from being looked at is told, and keeps no other from its run.
        """
        try:
            due = self._look(job)
        except (RebondError, OSError) as error:
            if self.unseen.get(job.name) != str(error):
                LOG.error("%s cannot be looked at: %s", job.name, error)  # noqa: TRY400 - no fault of ours
            self.unseen[job.name] = str(error)
            return None
        except Exception as error:  # a fault of ours with one job is no reason to save nothing of the others
            fault = f"{type(error).__name__}: {error}"
            if self.unseen.get(job.name) != fault:
                LOG.exception("%s cannot be looked at: %s", job.name, fault)
            self.unseen[job.name] = fault
            return None
        self.unseen.pop(job.name, None)
        return due

    def let_rest(self, job: Job) -> None:
        """Leave a job alone for a while that left no end behind, longer each time."""
        count = self._rests[job.name].count + 1 if job.name in self._rests else 0
        pause_seconds = min(self._first_rest_seconds * 2 ** min(count, 20), _LONGEST_REST_SECONDS)
        self._rests[job.name] = _Rest(count=count, until=self._clock.monotonic() + pause_seconds)

    def end_rest(self, job: Job) -> None:
        """Take a job up again, and forget how often it left no end behind."""
        self._rests.pop(job.name, None)

    def _look(self, job: Job) -> DueRun | None:
        now_ms = self._clock.now_ms()
        rest = self._rests.get(job.name)
        if rest is not None and self._clock.monotonic() < rest.until:
            return None
        signs = self._watches.look(job)
        if signs is None:
            return None
        known = self._records.read(job.name)
        record = settle(job, known, now_ms, self._calendar.zone)
        if record != known and (known is not None or job.trigger in {"", "each"}):
            self._records.write(job.name, record)
        due = find_due(job, record, now_ms, self._calendar.zone, signs)
        if due is None or (job.trigger and not may_try(record, now_ms)):
            return None
        if find_end_of_rest(record, signs, now_ms) > now_ms:
            return None
        calls = Calls.look(self._folder, job.class_name)
        if calls.found and not are_calls_quiet(calls, now_ms):
            return None
        if leave_windows(self._calendar.windows, now_ms, self._calendar.zone) > now_ms:
            return None
        after = msgspec.structs.replace(
            record,
            schedule=job.schedule,
            taken_ms=due.firing_ms,
            attempts=0,
            began_ms=now_ms,
            ended_ms=now_ms,
            failures=0,
            saved=signs.state,
        )
        return DueRun(firing_ms=due.firing_ms, after=after)
