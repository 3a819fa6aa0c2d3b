"""Whether a job is due: from what was done of it, the calendar and the time. Reads and writes nothing."""

from dataclasses import dataclass
from datetime import tzinfo

import msgspec
from cronsim import CronSimError

from rebond.schedule.cron_times import find_last_firing, find_next_firing
from rebond.schedule.jobs import Job
from rebond.schedule.records import JobRecord

ATTEMPTS = 2  # a run that nobody saw end is begun once more
RETRYABLE_STATUSES = frozenset({10, 21, 31})  # the vault's disk, its store or the source may be there later
RETRIES = 5
_BELIEVED_AHEAD_MS = 43_200_000  # a clock that was corrected by less does not repeat a run
_FIRST_PAUSE_MS = 60_000
_LONGEST_PAUSE_MS = 900_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What a job that waits for something looks at.

    ``state`` names what is to be saved, or the start of the machine; ``is_called`` whether a commit has called;
    ``before`` is the record of the backup that a check follows. ``rest_ms`` is how long at least lies between the end
    of a run and the next: what programs write to all day is not saved without a pause.
    """

    state: str = ""
    rest_ms: int = 0
    is_called: bool = False
    before: JobRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A run that is to begin now: ``firing_ms`` is the moment of the calendar that it takes.

    ``attempt`` is more than 1 when it was begun before and nobody saw its end.
    """

    firing_ms: int
    attempt: int = 1


def settle(job: Job, record: JobRecord | None, now_ms: int, zone: tzinfo) -> JobRecord:
    """Return the record as ``find_due`` wants it.

    A new job counts from now on; so does a changed schedule, unless the old one has missed a run. What was taken by a
    clock that was ahead by more than one run, or by more than half a day, is not believed. What no calendar can hold
    was spoilt, and counts as none.
    """
    if record is None or not _is_possible(record, zone):
        return JobRecord(schedule=job.schedule, taken_ms=now_ms)
    if not job.schedule:
        return record
    last_ms = find_last_firing(job.schedule, now_ms, zone) or 0
    if record.schedule != job.schedule:
        missed_ms = find_next_firing(record.schedule, record.taken_ms, zone) if record.schedule else None
        has_missed = missed_ms is not None and missed_ms <= now_ms
        return msgspec.structs.replace(record, schedule=job.schedule, taken_ms=last_ms - 1 if has_missed else now_ms)
    next_ms = find_next_firing(job.schedule, now_ms, zone)
    if next_ms is not None and record.taken_ms > min(next_ms, now_ms + _BELIEVED_AHEAD_MS):
        return msgspec.structs.replace(record, taken_ms=last_ms)
    return record


def _is_possible(record: JobRecord, zone: tzinfo) -> bool:
    """Whether a calendar knows the moment that was taken, and reads the schedule it was taken of."""
    try:
        if record.schedule:
            find_next_firing(record.schedule, record.taken_ms, zone)
    except (CronSimError, ValueError, OverflowError, OSError):
        return False
    return True


def find_due(job: Job, record: JobRecord, now_ms: int, zone: tzinfo, signs: Signs) -> Due | None:
    """Return the run that is to begin; however many were missed, it is one. ``None`` when nothing is due."""
    firing_ms = _find_firing(job, record, now_ms, zone, signs)
    if record.is_pending and (firing_ms is None or not job.schedule):
        if record.attempts < ATTEMPTS or not job.schedule:
            return Due(firing_ms=record.taken_ms, attempt=record.attempts + 1)
        return None
    if firing_ms is None:
        return None
    return Due(firing_ms=firing_ms)


def _find_firing(job: Job, record: JobRecord, now_ms: int, zone: tzinfo, signs: Signs) -> int | None:
    match job.trigger:
        case "commit":
            is_another = bool(signs.state) and signs.state != record.saved  # of which no hook told
            return now_ms if signs.is_called or is_another else None
        case "change" | "start":
            return now_ms if signs.state != record.saved else None
        case "each":
            before = signs.before
            if before is None or not before.has_ended_well:
                return None
            # What a clock far ahead has taken is not believed here either.
            is_new = before.ended_ms > record.taken_ms or now_ms < record.taken_ms != before.ended_ms
            return before.ended_ms if is_new else None
    last_ms = find_last_firing(job.schedule, now_ms, zone)
    if last_ms is not None and last_ms > record.taken_ms:
        return last_ms
    return record.taken_ms if find_next_try(record) is not None and may_try(record, now_ms) else None


def find_end_of_rest(record: JobRecord, signs: Signs, now_ms: int) -> int:
    """Return when a run may begin again after the last one; now, where it may."""
    end_ms = record.ended_ms + signs.rest_ms
    is_resting = record.ended_ms <= now_ms < end_ms  # a clock set back waits no longer
    return end_ms if is_resting else now_ms


def find_next_try(record: JobRecord) -> int | None:
    """Return when what failed for a reason that may pass is tried again, in milliseconds since 1970.

    ``None`` where the last run ended otherwise, or its moment was tried often enough.
    """
    if record.status not in RETRYABLE_STATUSES or not record.ended_ms or not 0 < record.failures <= RETRIES:
        return None
    return record.ended_ms + _pause_after(record)


def may_try(record: JobRecord, now_ms: int) -> bool:
    """Say whether a job that failed may be tried again: the pauses grow from a minute to a quarter of an hour."""
    if record.failures == 0:
        return True
    return not record.ended_ms <= now_ms < record.ended_ms + _pause_after(record)  # a clock set back waits no longer


def _pause_after(record: JobRecord) -> int:
    return min(_FIRST_PAUSE_MS << min(max(record.failures - 1, 0), 10), _LONGEST_PAUSE_MS)
