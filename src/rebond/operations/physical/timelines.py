"""Which timeline a moment lies on: that which the server wrote at the time, whatever became of it later."""

from collections.abc import Sequence

from rebond.operations.physical.archived_log import ArchivedLog, SegmentId, find_legs
from rebond.operations.physical.bases import Base
from rebond.operations.physical.targets import Target, TargetKind


def find_current(log: ArchivedLog, bases: Sequence[Base]) -> int:
    """Return the timeline that production is on. ``bases`` are the newest first; perhaps none of them leads there.

    Who went back to before the newest base, and worked on, is on a timeline that left the log before that base, and
    began after it was saved. One that began earlier was left, if the base was saved on another.
    """
    led = choose_timeline(log, bases[0])
    for timeline in reversed(log.list_timelines()):
        if timeline <= led:
            break
        earlier = log.list_legs(timeline)[:-1]
        born_us = _find_birth(log, timeline, (earlier[-1].end or 0) if earlier else 0)
        if born_us is not None and born_us > bases[0].facts.stop_time_ms * 1000:
            return timeline
    return led


def choose_timeline(log: ArchivedLog, base: Base, target: Target | None = None) -> int:
    """Return the newest timeline that the base's own leads to: mostly the one that production is on.

    A restored server archives nothing, so it is never one of a restore. With a time as ``target`` it is the one that
    was written then: who went back too far, and worked on, has left another behind, on which later moments still lie.
    """
    facts = base.facts
    newest = facts.timeline
    for timeline in reversed(log.list_timelines()):
        if timeline < facts.timeline:
            break
        if find_legs(log, facts.timeline, facts.stop, timeline) is not None:
            newest = timeline
            break
    if target is None or target.kind is not TargetKind.TIME:
        return newest
    found = find_timeline_at(log, newest, target.number)
    return found if find_legs(log, facts.timeline, facts.stop, found) is not None else facts.timeline


def find_timeline_at(log: ArchivedLog, newest: int, time_us: int) -> int:
    """Return which of the timelines that led to the newest one was written at a time. Raises ``WalGap``."""
    chosen = timeline = newest
    while len(legs := log.list_legs(timeline)) > 1:
        earlier, end_lsn = legs[-2].timeline, legs[-2].end or 0
        born_us = _find_birth(log, timeline, end_lsn)
        if born_us is not None and born_us <= time_us:
            break
        if _goes_on(log, earlier, end_lsn):  # else the later one has all that it had
            chosen = earlier
        timeline = earlier
    return chosen


def _goes_on(log: ArchivedLog, timeline: int, end_lsn: int) -> bool:
    """Whether there is something of a timeline behind the position at which another one left it."""
    last = SegmentId(timeline, end_lsn // log.segment_bytes)
    if log.has(SegmentId(timeline, last.number + 1)):
        return True
    found = log.find_last_record([last], 0) if log.has(last) else None
    return found is not None and found >= end_lsn


def _find_birth(log: ArchivedLog, timeline: int, begin_lsn: int) -> int | None:
    """Return the first time that a timeline tells of itself; ``None`` where nothing of it is there.

    Of a time in whole seconds it is the end: what the earlier server committed in that second is not left behind.
    """
    number = begin_lsn // log.segment_bytes
    while log.has(SegmentId(timeline, number)):
        here = [SegmentId(timeline, number)]
        if log.has(SegmentId(timeline, number + 1)):
            here.append(SegmentId(timeline, number + 1))
        times = [each.latest_us for each in log.list_marks(here, 0) if each.lsn >= begin_lsn]
        if times:
            return min(times)
        number += 1
    return None
