"""Where a position, a transaction or a restore point lies: on the newest timeline that has it, and where else.

Timelines that left one another give the same numbers and names anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from msgspec import structs

from rebond.errors import UsageError, VaultDamaged, WalGap
from rebond.findings import Finding, Severity
from rebond.operations.physical.archived_log import ArchivedLog, Leg, SegmentId
from rebond.operations.physical.bases import Base
from rebond.operations.physical.reaching import Left, OtherPlace, Reach, Window, find_window, reach_mark
from rebond.operations.physical.targets import Target, TargetKind
from rebond.operations.physical.timelines import find_current
from rebond.sources.postgres.wal_names import format_lsn
from rebond.sources.postgres_physical.wal_records import Mark
from rebond.units import format_moment

MARKED = frozenset({TargetKind.LSN, TargetKind.XID, TargetKind.NAME})
_ENDS = ("commit", "abort")
_MOST_SHOWN = 6  # of the restore points that share a name, the newest


@dataclass(frozen=True, slots=True)
class Place:
    """One place that a target may mean. ``mark`` is what the log says there; a position needs nothing there."""

    base: Base
    window: Window
    mark: Mark

    @property
    def timeline(self) -> int:
        """The timeline on which it lies, which a later one may have left behind it."""
        return next(leg.timeline for leg in self.window.legs if leg.end is None or self.mark.lsn < leg.end)


def reach_place(
    log: ArchivedLog, bases: Sequence[Base], target: Target, *, is_named: bool = False, zone: tzinfo | None = None
) -> Reach | None:
    """Say how a target is reached from some of the bases, the newest first; ``None`` where the log has it nowhere.

    The newest timeline that has it is taken; of the bases that which leaves least to be replayed. ``is_named`` says
    that somebody named the base. Raises ``VaultDamaged``, ``StoreError``, ``WalGap`` for a number that only a
    timeline has which was left, unless the base was named, and ``UsageError`` for a name that was given again.
    """
    places = find_places(log, bases, target)
    if not places:
        return None
    newest = find_current(log, bases)
    legs = log.list_legs(newest)
    places.sort(key=lambda each: not _is_on(each, legs))  # what production left comes last, whatever its number
    was_left = not _is_on(places[0], legs)
    alike = places if was_left else [each for each in places if _is_on(each, legs)]
    if target.kind is TargetKind.NAME and len(alike) > 1:
        raise _refuse_several(target, alike, zone, may_name_position=not was_left)
    if was_left and target.kind is not TargetKind.NAME and not is_named:
        raise _refuse_left(log, bases, target, places[0], newest)
    others = tuple(
        OtherPlace(timeline=each.timeline, lsn=each.mark.lsn, time_us=each.mark.time_us or None) for each in places[1:]
    )
    taken = _take_nearest(log, bases, places[0])
    found = reach_mark(log, taken.base, target, taken.window, taken.mark, others)
    if target.kind is TargetKind.NAME and _is_met_earlier(log, taken):
        found = structs.replace(found, setting="recovery_target_lsn", value=format_lsn(taken.mark.lsn))
    return structs.replace(found, left=Left(timeline=places[0].timeline, newest=newest)) if was_left else found


def _is_met_earlier(log: ArchivedLog, place: Place) -> bool:
    """Whether the name was given while the base was saved, too: a server would stop there, where it is not whole."""
    facts = place.base.facts
    segments = place.window.segments
    during = [number for number, each in enumerate(segments) if each.number * log.segment_bytes < facts.stop]
    marks = (mark for number in during for mark in log.list_marks(segments, number))
    return any(
        each.kind == "point" and each.name == place.mark.name and facts.start <= each.lsn < facts.stop for each in marks
    )


def _is_on(place: Place, legs: Sequence[Leg]) -> bool:
    """Whether a place lies on the way along some legs, and not behind where one was left."""
    return any(each.timeline == place.timeline and (each.end is None or place.mark.lsn < each.end) for each in legs)


def _refuse_left(log: ArchivedLog, bases: Sequence[Base], target: Target, place: Place, newest: int) -> WalGap:
    """Return the error for numbers that the newest timeline gives anew: its own may not have arrived yet."""
    reached = max((each.until_lsn for _, each in _list_windows(log, bases, newest)), default=bases[0].facts.stop)
    return WalGap(
        "{target} is on timeline {timeline} only, which was left; the log of the newest, {newest}, is in the vault up "
        "to {reached}, and may come to it yet.",
        hint="Name the snapshot, to take that of timeline {timeline}, or a time; or wait until the log has arrived.",
        target=target.describe(),
        timeline=place.timeline,
        newest=newest,
        reached=format_lsn(reached),
    )


def _refuse_several(
    target: Target, places: Sequence[Place], zone: tzinfo | None, *, may_name_position: bool
) -> UsageError:
    """Return the error for a name of which nobody can tell whose moment is meant."""
    marks = sorted((each.mark for each in places), key=lambda each: (each.time_us, each.lsn))
    shown = [f"{_show_time(each.time_us, zone)} ({format_lsn(each.lsn)})" for each in marks[-_MOST_SHOWN:]]
    if len(marks) > _MOST_SHOWN:
        shown.insert(0, "…")
    return UsageError(
        "{target} was given to {count} restore points: {moments}.",
        hint="Name the one that is meant by its position, such as --at lsn:{lsn}; its time, --at '{time}', means what "
        "was committed by then."
        if may_name_position
        else "Name the one that is meant by its time: --at '{time}'.",
        target=target.describe(zone),
        count=len(marks),
        moments=", ".join(shown),
        lsn=format_lsn(marks[-1].lsn),
        time=_show_time(marks[-1].time_us, zone),
    )


def _show_time(time_us: int, zone: tzinfo | None) -> str:
    return Target(kind=TargetKind.TIME, number=time_us).describe(zone)


def find_places(log: ArchivedLog, bases: Sequence[Base], target: Target) -> list[Place]:
    """Return every place that a target may mean, the newest timeline first. Raises ``VaultDamaged``, ``StoreError``.

    A name may have been given again, so all of the log is looked through for it; of what has a number, each way has one
    at most.
    """
    places: list[Place] = []
    looked_at: set[SegmentId] = set()
    for timeline in sorted({*log.list_timelines(), *(each.facts.timeline for each in bases)}, reverse=True):
        for base, window in _list_windows(log, bases, timeline):
            if target.kind is not TargetKind.NAME and any(
                _leads_to(window, each, log.segment_bytes) for each in places
            ):
                break
            marks = _find_marks(log, window, target, looked_at)
            found = [Place(base, window, each) for each in marks]
            places += [each for each in found if not any(_is_same(each, known) for known in places)]
            if found and target.kind is not TargetKind.NAME:
                break
    return places


def say_other_places(reach: Reach, zone: tzinfo | None = None) -> Finding | None:
    """Return what is to be said of a target that lies on several timelines, or only where production is no more.

    So is an end of the log behind which there is more.
    """
    if reach.target.kind is TargetKind.LATEST and reach.window is not None and reach.window.has_hole:
        return _say_early_end(reach.base.component, reach.window, zone)
    if reach.unled:
        return _say_newer_timeline(reach.base.component, reach.unled)
    if reach.left is not None:
        return Finding(
            code="moment-on-left-timeline",
            severity=Severity.NOTE,
            subject=reach.base.component,
            template="{target} lies on timeline {timeline}, which was left; the newest, {newest}, does not have it in "
            "the vault.",
            hint_template="If another is meant, name its time: --at 'YYYY-MM-DD HH:MM:SS'.",
            values={
                "target": reach.target.describe(zone),
                "timeline": reach.left.timeline,
                "newest": reach.left.newest,
            },
        )
    if not reach.others or reach.window is None:
        return None
    return Finding(
        code="moment-on-several-timelines",
        severity=Severity.NOTE,
        subject=reach.base.component,
        template="{target} is on several timelines. That of timeline {timeline} was taken; there are also: {others}.",
        hint_template="If another is meant, name its time: --at 'YYYY-MM-DD HH:MM:SS'.",
        values={
            "target": reach.target.describe(zone),
            "timeline": reach.window.timeline,
            "others": ", ".join(_show(each, zone) for each in reach.others),
        },
    )


def _say_early_end(component: str, window: Window, zone: tzinfo | None) -> Finding:
    return Finding(
        code="moment-before-a-hole",
        severity=Severity.WARNING,
        subject=component,
        template="The newest moment within reach is not the newest of the log: {name} is missing in the vault, and "
        "later files are there. Within reach: {window}.",
        hint_template="'rebond wal status' says whether a server still has it; once it is pushed, 'latest' reaches on.",
        values={"name": window.next_name, "window": window.describe(zone)},
    )


def _say_newer_timeline(component: str, timeline: int) -> Finding:
    return Finding(
        code="newer-timeline-left-out",
        severity=Severity.WARNING,
        subject=component,
        template="Timeline {timeline} is newer than what comes back of {component}, and this data directory does not "
        "lead to it: what was written there is left out.",
        hint_template="Without a snapshot, 'rebond restore --at latest {component}' takes one that leads there, where "
        "there is one.\n  → Where its server still runs, make a base of it: rebond backup {component}",
        values={"component": component, "timeline": timeline},
    )


def _show(other: OtherPlace, zone: tzinfo | None) -> str:
    told = f"{other.timeline}: {format_lsn(other.lsn)}"
    return told if other.time_us is None else f"{told}, {format_moment(other.time_us // 1000, zone)}"


def _list_windows(log: ArchivedLog, bases: Sequence[Base], timeline: int) -> Iterator[tuple[Base, Window]]:
    """Yield what the bases reach on the way to a timeline, the oldest first: one for each stretch without a hole."""
    ends = set()
    for base in reversed(bases):
        try:
            window = find_window(log, base, timeline)
        except WalGap:  # it does not lead there, or its log is not whole
            continue
        if window.next_name not in ends:
            ends.add(window.next_name)
            yield base, window


def _leads_to(window: Window, place: Place, segment_bytes: int) -> bool:
    """Whether the way of a window goes through a place: it is met there too, and nothing before it."""
    segment = SegmentId(place.timeline, place.mark.lsn // segment_bytes)
    return place.window.since_lsn <= window.since_lsn <= place.mark.lsn and segment in window.segments


def _is_same(one: Place, other: Place) -> bool:
    """Whether two places are one: a timeline begins with a copy of the segment in which it left the one before."""
    return (one.mark, one.timeline) == (other.mark, other.timeline)


def _find_marks(log: ArchivedLog, window: Window, target: Target, looked_at: set[SegmentId]) -> list[Mark]:
    """Return what a target means on one way; segments that others went through to their end are left out.

    Of a number it is the first place, of a name every one up to where the log is damaged: nobody is brought further.
    """
    if target.kind is TargetKind.LSN:
        is_within = window.since_lsn <= target.number <= window.until_lsn
        return [Mark("position", target.number, 0)] if is_within else []
    found: list[Mark] = []
    for place, segment in enumerate(window.segments):
        if segment in looked_at:
            continue
        try:
            marks = log.list_marks(window.segments, place)
        except (VaultDamaged, WalGap):
            if found:
                return found
            raise
        found += [each for each in marks if each.lsn >= window.since_lsn and _is_meant(each, target)]
        if found and target.kind is not TargetKind.NAME:
            return found[:1]
        # What begins in the last one may end on another way.
        if segment != window.segments[-1] and segment.number * log.segment_bytes >= window.since_lsn:
            looked_at.add(segment)
    return found


def _is_meant(mark: Mark, target: Target) -> bool:
    if target.kind is TargetKind.XID:
        return mark.kind in _ENDS and mark.xid == target.number
    return mark.kind == "point" and mark.name == target.name


def _take_nearest(log: ArchivedLog, bases: Sequence[Base], place: Place) -> Place:
    """Return the same place from the newest base before it."""
    for base in bases:
        if base.facts.stop > place.mark.lsn:
            continue
        try:
            window = find_window(log, base, place.window.timeline)
        except WalGap:
            continue
        if window.since_lsn <= place.mark.lsn <= window.until_lsn:
            return Place(base, window, place.mark)
    return place
