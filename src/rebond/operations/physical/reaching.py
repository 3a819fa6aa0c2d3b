"""Which moments a saved data directory can be brought to, and what of the log that takes.

All of it is decided before anything is written.
"""

from collections.abc import Sequence
from datetime import tzinfo

from msgspec import Struct, structs

from rebond.errors import WalGap
from rebond.operations.physical.archived_log import ArchivedLog, Leg, SegmentId, find_legs, missing_segment
from rebond.operations.physical.bases import Base
from rebond.operations.physical.targets import Target, TargetKind, write_time
from rebond.operations.physical.timelines import choose_timeline
from rebond.sources.postgres.wal_names import format_lsn
from rebond.sources.postgres_physical.wal_records import Mark
from rebond.units import format_moment


class Window(Struct, frozen=True, kw_only=True):
    """What can be reached on the way to one timeline: from the end of the base to the last thing that is known.

    ``segments`` are all that follow one another without a hole. ``next_name`` is what comes after them, and
    ``has_hole`` says that later ones are there. ``until_us`` is the last moment in them; ``None`` when they say none.
    ``end_record`` is where the last record begins: before ``until_lsn``, where the base is the end of the log.
    """

    timeline: int
    legs: tuple[Leg, ...]
    segments: tuple[SegmentId, ...]
    since_ms: int
    since_lsn: int
    until_lsn: int
    until_us: int | None
    next_name: str
    has_hole: bool
    end_record: int

    def describe(self, zone: tzinfo | None = None) -> str:
        """Return it for people."""
        until = format_moment(self.until_us // 1000, zone) if self.until_us is not None else format_lsn(self.until_lsn)
        return f"{format_moment(self.since_ms, zone)} … {until}"


class OtherPlace(Struct, frozen=True, kw_only=True):
    """Where on another timeline a target is as well. ``time_us`` is ``None`` where the log tells no time there."""

    timeline: int
    lsn: int
    time_us: int | None


class Left(Struct, frozen=True, kw_only=True):
    """That a target lies on a timeline that was left, and which is the newest."""

    timeline: int
    newest: int


class Reach(Struct, frozen=True, kw_only=True):
    """A moment that can be reached: what is replayed, and how the server is told to stop.

    ``setting`` and ``value`` are the one recovery target; ``last_lsn`` is where the last record that is replayed
    begins, ``last_us`` when the last transaction was committed, as far as the log says so. ``others`` are what else the
    target may mean. ``unled`` is the timeline that production is on where the base does not lead to it, else 0.
    """

    base: Base
    window: Window | None
    segments: tuple[SegmentId, ...]
    setting: str
    value: str
    is_inclusive: bool
    last_lsn: int
    last_us: int | None
    target: Target
    others: tuple[OtherPlace, ...] = ()
    left: Left | None = None
    unled: int = 0


def find_window(log: ArchivedLog, base: Base, timeline: int) -> Window:
    """Return what can be reached from a base. Raises ``WalGap`` when not even its own end can."""
    facts = base.facts
    legs = find_legs(log, facts.timeline, facts.stop, timeline)
    if legs is None:
        raise WalGap(
            "Timeline {timeline} left the log before this data directory was saved, so it does not lead there.",
            hint="Choose an older snapshot, or a moment on timeline {own}.",
            timeline=timeline,
            own=facts.timeline,
        )
    if facts.start_timeline != facts.timeline:
        legs = find_legs(log, facts.start_timeline, facts.start, timeline) or legs
    present: list[SegmentId] = []
    for segment in log.walk(legs, facts.start):
        if not log.has(segment):
            break
        present.append(segment)
    next_name = log.name_of(segment)
    least = _last_number(facts.stop, log.segment_bytes)
    if not present or present[-1].number < least:
        raise missing_segment(next_name)
    until_lsn, until_us = _find_end(log, present, least)
    later = [each for each in log.coverage.timelines.values() if each.timeline == segment.timeline]
    return Window(
        timeline=timeline,
        legs=tuple(legs),
        segments=tuple(present),
        since_ms=facts.stop_time_ms,
        since_lsn=facts.stop,
        until_lsn=max(until_lsn, facts.stop),
        until_us=until_us,
        next_name=next_name,
        has_hole=any(each.last > segment.number for each in later),
        end_record=until_lsn,
    )


def _find_end(log: ArchivedLog, segments: Sequence[SegmentId], least: int) -> tuple[int, int | None]:
    """Return where the last record begins that is whole, and the last moment that the log tells.

    A segment mostly ends in the middle of a record: a server that was told to come as far as there would never.
    """
    last_lsn: int | None = None
    for place in reversed(range(len(segments))):
        if segments[place].number < least and last_lsn is not None:
            break
        if last_lsn is None:
            last_lsn = log.find_last_record(segments, place)
        marks = log.list_marks(segments, place)
        if last_lsn is not None and marks:
            return last_lsn, max(each.time_us for each in marks)
    return last_lsn or 0, None


def reach(log: ArchivedLog, base: Base, target: Target, current: int, *, zone: tzinfo | None = None) -> Reach:
    """Find a time in the log, or its end. Raises ``WalGap`` when it cannot be reached, and says which moments can.

    ``current`` is the timeline that production is on.
    """
    window = find_window(log, base, choose_timeline(log, base, target))
    match target.kind:
        case TargetKind.LATEST:
            found = _reach_end(log, base, target, window, window.until_us)
            return structs.replace(found, unled=0 if window.timeline == current else current)
        case TargetKind.TIME:
            return _reach_time(log, base, target, window, current, zone)
        case TargetKind.SET:
            point = base.facts.restore_point
            if point is None:
                return _make(log, base, target, window, base.facts.stop, "recovery_target", "immediate", None)
            named = Target(kind=TargetKind.NAME, name=point.name)
            return _make(log, base, named, window, point.lsn, "recovery_target_name", point.name, point.time_ms * 1000)
        case _:  # what has a place in the log was looked for, by ``places``
            raise _refuse(target, window, zone)


def find_time(log: ArchivedLog | None, found: Reach) -> int | None:
    """Return when the last transaction was committed that is replayed, in microseconds; ``None`` where none tells."""
    if found.last_us is not None or log is None:
        return found.last_us
    for place in reversed(range(len(found.segments))):
        marks = log.list_marks(found.segments, place)
        if times := [each.time_us for each in marks if each.kind == "commit" and each.lsn <= found.last_lsn]:
            return max(times)
    return None


def reach_alone(base: Base) -> Reach:
    """Return the moment of a snapshot that holds its own log."""
    return Reach(
        base=base,
        window=None,
        segments=(),
        setting="recovery_target",
        value="immediate",
        is_inclusive=True,
        last_lsn=base.facts.stop,
        last_us=None,
        target=Target(kind=TargetKind.SET),
    )


def _reach_end(log: ArchivedLog, base: Base, target: Target, window: Window, last_us: int | None) -> Reach:
    """Replay everything. A server that meets no record at or behind the position that it was given ends in an error."""
    return _make(log, base, target, window, window.end_record, "recovery_target_lsn", None, last_us)


def _reach_time(
    log: ArchivedLog, base: Base, target: Target, window: Window, current: int, zone: tzinfo | None
) -> Reach:
    """Find the first commit after a time: there the server stops. Where none came, all before it is replayed."""
    was_left = window.timeline != current  # then nothing more of it will come
    is_later = window.until_us is None or target.number > window.until_us
    if target.number < window.since_ms * 1000 or (is_later and not was_left):
        raise _refuse(target, window, zone)
    first = _find_first_after(log, window, target.number)
    if first is None:
        return _reach_end(log, base, target, window, target.number)
    return _make(log, base, target, window, first.lsn, "recovery_target_time", "", target.number)


def _find_first_after(log: ArchivedLog, window: Window, time_us: int) -> Mark | None:
    """Return the first commit or abort after a time, by halving: the log is as good as sorted by time."""
    segments = [each for each in window.segments if (each.number + 1) * log.segment_bytes > window.since_lsn]
    low, high = 0, len(segments)
    while low < high:  # the first segment whose last transaction is later
        middle = (low + high) // 2
        if (_last_us(log, segments, middle) or 0) > time_us:
            high = middle
        else:
            low = middle + 1
    for place in range(low, len(segments)):
        for mark in log.list_marks(segments, place):
            if mark.kind in {"commit", "abort"} and mark.time_us > time_us and mark.lsn >= window.since_lsn:
                return mark
    return None


def _last_us(log: ArchivedLog, segments: Sequence[SegmentId], place: int) -> int | None:
    """Return the time of the last transaction in a segment, or in the nearest one before that has any."""
    for each in range(place, -1, -1):
        times = [mark.time_us for mark in log.list_marks(segments, each) if mark.kind in {"commit", "abort"}]
        if times:
            return max(times)
    return None


def reach_mark(
    log: ArchivedLog, base: Base, target: Target, window: Window, mark: Mark, others: tuple[OtherPlace, ...]
) -> Reach:
    """Say how a position, a transaction or a restore point is reached that was found in a window."""
    if target.kind is TargetKind.LSN:
        found = _make(log, base, target, window, mark.lsn, "recovery_target_lsn", format_lsn(mark.lsn), None)
    elif target.kind is TargetKind.XID:
        found = _make(log, base, target, window, mark.lsn, "recovery_target_xid", str(mark.xid), mark.time_us)
    else:
        found = _make(log, base, target, window, mark.lsn, "recovery_target_name", mark.name, mark.time_us)
    return structs.replace(found, others=others)


def _make(
    log: ArchivedLog,
    base: Base,
    target: Target,
    window: Window,
    lsn: int,
    setting: str,
    value: str | None,
    last_us: int | None,
) -> Reach:
    """Take the segments up to a position, and one more where it is there: a record may end in it."""
    number = max(lsn, base.facts.stop) // log.segment_bytes + 1
    if setting == "recovery_target_time":
        value = write_time(target.number)
    return Reach(
        base=base,
        window=window,
        segments=tuple(each for each in window.segments if each.number <= number),
        setting=setting,
        value=format_lsn(lsn) if value is None else value,
        is_inclusive=True,
        last_lsn=lsn,
        last_us=last_us,
        target=target,
    )


def _refuse(target: Target, window: Window, zone: tzinfo | None) -> WalGap:
    values = {"target": target.describe(zone), "window": window.describe(zone), "timeline": window.timeline}
    if window.has_hole:
        return WalGap(
            "{target} cannot be reached: {name} is missing in the vault. Within reach: {window} on timeline "
            "{timeline}.",
            hint="Name a moment in that window, or an older snapshot; 'rebond wal status' lists every gap.",
            name=window.next_name,
            **values,
        )
    return WalGap(
        "{target} cannot be reached from this snapshot. Within reach: {window} on timeline {timeline}; next would "
        "be {name}.",
        hint="Name a moment in that window, 'latest' for its end, or an older snapshot.",
        name=window.next_name,
        **values,
    )


def _last_number(end: int, segment_bytes: int) -> int:
    return max(0, end - 1) // segment_bytes
