"""Where a position, a transaction or a restore point lies: on the newest timeline that has it, and where else.

Timelines that left one another give the same numbers and names anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from msgspec import structs

from rebond.errors import WalGap
from rebond.findings import Finding, Severity
from rebond.operations.physical.archived_log import ArchivedLog, Leg, SegmentId
from rebond.operations.physical.bases import Base
from rebond.operations.physical.reaching import Left, OtherPlace, Reach, Window, find_window, reach_mark
from rebond.operations.physical.targets import Target, TargetKind
from rebond.operations.physical.timelines import choose_timeline
from rebond.sources.postgres.wal_names import format_lsn
from rebond.sources.postgres_physical.wal_records import Mark
from rebond.units import format_moment

MARKED = frozenset({TargetKind.LSN, TargetKind.XID, TargetKind.NAME})
_ENDS = ("commit", "abort")


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


def reach_place(log: ArchivedLog, bases: Sequence[Base], target: Target, *, is_named: bool = False) -> Reach | None:
    """Say how a target is reached from some of the bases, the newest first; ``None`` where the log has it nowhere.

    The newest timeline that has it is taken; of the bases that which leaves least to be replayed. ``is_named`` says
    that somebody named the base. Raises ``VaultDamaged``, ``StoreError``, and ``WalGap`` for a number that only a
    timeline has which was left, unless the base was named.
    """
    places = find_places(log, bases, target)
    if not places:
        return None
    newest = choose_timeline(log, bases[0])
    legs = log.list_legs(newest)
    places.sort(key=lambda each: not _is_on(each, legs))  # what production left comes last, whatever its number
    was_left = not _is_on(places[0], legs)
    if was_left and target.kind is not TargetKind.NAME and not is_named:
        raise _refuse_left(log, bases[0], target, places[0], newest)
    others = tuple(
        OtherPlace(timeline=each.timeline, lsn=each.mark.lsn, time_us=each.mark.time_us or None) for each in places[1:]
    )
    taken = _take_nearest(log, bases, places[0])
    found = reach_mark(log, taken.base, target, taken.window, taken.mark, others)
    return structs.replace(found, left=Left(timeline=places[0].timeline, newest=newest)) if was_left else found


def _is_on(place: Place, legs: Sequence[Leg]) -> bool:
    """Whether a place lies on the way along some legs, and not behind where one was left."""
    return any(each.timeline == place.timeline and (each.end is None or place.mark.lsn < each.end) for each in legs)


def _refuse_left(log: ArchivedLog, base: Base, target: Target, place: Place, newest: int) -> WalGap:
    """Return the error for numbers that the newest timeline gives anew: its own may not have arrived yet."""
    try:
        reached = find_window(log, base, newest).until_lsn
    except WalGap:
        reached = base.facts.stop
    return WalGap(
        "{target} is on timeline {timeline} only, which was left; the log of the newest, {newest}, is in the vault up "
        "to {reached}, and may come to it yet.",
        hint="Name the snapshot, to take that of timeline {timeline}, or a time; or wait until the log has arrived.",
        target=target.describe(),
        timeline=place.timeline,
        newest=newest,
        reached=format_lsn(reached),
    )


def find_places(log: ArchivedLog, bases: Sequence[Base], target: Target) -> list[Place]:
    """Return every place that a target may mean, the newest timeline first. Raises ``VaultDamaged``, ``StoreError``."""
    places: list[Place] = []
    looked_at: set[SegmentId] = set()
    for timeline in sorted({*log.list_timelines(), *(each.facts.timeline for each in bases)}, reverse=True):
        for base, window in _list_windows(log, bases, timeline):
            if any(_leads_to(window, each, log.segment_bytes) for each in places):
                break
            mark = _find_mark(log, window, target, looked_at)
            if mark is not None:
                found = Place(base, window, mark)
                if not any(_is_same(found, each) for each in places):
                    places.append(found)
                break
    return places


def say_other_places(reach: Reach, zone: tzinfo | None = None) -> Finding | None:
    """Return what is to be said where a target lies on several timelines, or only where production is no more."""
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


def _find_mark(log: ArchivedLog, window: Window, target: Target, looked_at: set[SegmentId]) -> Mark | None:
    """Return what a target means on one way; segments that others went through without finding it are left out."""
    if target.kind is TargetKind.LSN:
        is_within = window.since_lsn <= target.number <= window.until_lsn
        return Mark("position", target.number, 0) if is_within else None
    for place, segment in enumerate(window.segments):
        if segment in looked_at:
            continue
        for mark in log.list_marks(window.segments, place):
            if mark.lsn >= window.since_lsn and _is_meant(mark, target):
                return mark
        # What begins in the last one may end on another way.
        if segment != window.segments[-1] and segment.number * log.segment_bytes >= window.since_lsn:
            looked_at.add(segment)
    return None


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
