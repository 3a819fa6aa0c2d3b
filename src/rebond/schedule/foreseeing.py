"""What is going to run, and when. Pure."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from rebond.schedule.cron_times import iterate_firings
from rebond.schedule.jobs import Calendar, Job
from rebond.schedule.maintenance import leave_windows


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Foreseen:
    """A run to come: when the calendar says, and when it begins, which a maintenance window may put off."""

    begins_ms: int
    firing_ms: int
    job_name: str


def foresee(calendar: Calendar, after_ms: int) -> Iterator[Foreseen]:
    """Yield the runs after a moment in the order in which they begin. Those of triggers cannot be foreseen."""
    return heapq.merge(*(_foresee_job(calendar, job, after_ms) for job in calendar.jobs if job.schedule))


def find_next(calendar: Calendar, job: Job, after_ms: int) -> Foreseen | None:
    """Return the next run of a job; ``None`` when it waits for something."""
    return next(_foresee_job(calendar, job, after_ms), None) if job.schedule else None


def _foresee_job(calendar: Calendar, job: Job, after_ms: int) -> Iterator[Foreseen]:
    for firing_ms in iterate_firings(job.schedule, after_ms, calendar.zone):
        begins_ms = leave_windows(calendar.windows, firing_ms, calendar.zone)
        yield Foreseen(begins_ms=begins_ms, firing_ms=firing_ms, job_name=job.name)
