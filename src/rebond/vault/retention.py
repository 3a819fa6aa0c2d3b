"""Which snapshots a policy keeps, and why. Pure: no store, no clock (format page, sections 7 and 10).

Every snapshot gets its reasons as findings, so ``--explain`` can say them in the reader's language.
"""

import datetime as dt
import enum
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from rebond.findings import Finding
from rebond.identifiers import MemberId, ObjectName, SnapshotId
from rebond.vault.retention_reasons import (
    explain_expiry,
    kept_as_held,
    kept_as_last,
    kept_as_last_complete,
    kept_as_newest_partial,
    kept_for_ever,
    kept_for_period,
    kept_for_tag,
    kept_within,
)
from rebond.vault.snapshots import SnapshotRecord

LATE_CLAIM_MS = 10 * 60 * 1000  # a claimed time may be this far after the store's, and after ours
LONGEST_RUN_MS = 24 * 3_600_000  # from the claimed time to the store's; later the claim proves nothing


class GroupBy(enum.StrEnum):
    """What snapshots must have in common for a policy to weigh them against each other."""

    HOST = "host"
    STACK = "stack"
    CLASS = "class"
    COMPONENT = "component"
    TAGS = "tags"


DEFAULT_GROUPS = (GroupBy.HOST, GroupBy.STACK, GroupBy.CLASS)


class Period(enum.StrEnum):
    """Lengths of calendar of which a policy keeps the newest snapshot each."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    YEARLY = "yearly"


class KeepPolicy(Struct, frozen=True, kw_only=True):
    """What to keep of each group. Numbers count the newest; ``within_ms`` reaches back from the newest.

    ``at_most_ms`` lets go of what is older whatever else would keep it, but for holds and for the
    last complete one. A policy that keeps nothing is refused by whoever plans with it.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within_ms: int | None = None
    tags: frozenset[str] = frozenset()
    keeps_all: bool = False
    at_most_ms: int | None = None

    @property
    def keeps_nothing(self) -> bool:
        """Whether no rule keeps anything."""
        numbers = (self.last, self.hourly, self.daily, self.weekly, self.monthly, self.yearly)
        return not (any(numbers) or self.within_ms or self.tags or self.keeps_all)

    def count_of(self, period: Period) -> int:
        """How many of a period are kept."""
        return {
            Period.HOURLY: self.hourly,
            Period.DAILY: self.daily,
            Period.WEEKLY: self.weekly,
            Period.MONTHLY: self.monthly,
            Period.YEARLY: self.yearly,
        }[period]


class Candidate(Struct, frozen=True, kw_only=True):
    """A snapshot as retention sees it. ``time_ms`` is the time that counts; all are since 1970, UTC.

    ``claimed_ms`` is the moment that lists show, where that is another one: the snapshot is dated ahead.

    A degraded component counts as incomplete: one that lacks files must not push out one that has them. ``lacks`` are
    components that were left out by wish.
    """

    name: ObjectName
    snapshot: SnapshotId
    member: MemberId
    host: str
    stack: str
    class_: str
    tags: frozenset[str]
    complete: frozenset[str]
    incomplete: frozenset[str]
    time_ms: int
    store_time_ms: int
    claimed_ms: int | None = None
    is_held: bool = False
    lacks: frozenset[str] = frozenset()

    @property
    def shown_ms(self) -> int:
        """The moment that lists show."""
        return self.time_ms if self.claimed_ms is None else self.claimed_ms

    @property
    def is_complete(self) -> bool:
        """Whether every component is in it whole; only such ones count."""
        return not self.incomplete


class Decision(Struct, frozen=True, kw_only=True):
    """Whether one snapshot stays, and every reason."""

    candidate: Candidate
    is_kept: bool
    group: tuple[tuple[str, str], ...]
    reasons: tuple[Finding, ...] = ()


def time_that_counts(record: SnapshotRecord) -> int:
    """The claimed time, but never later than the store time and ten minutes: nobody dates ahead."""
    return min(_claimed_ms(record), record.store_time_ms + LATE_CLAIM_MS)


def _claimed_ms(record: SnapshotRecord) -> int:
    return record.catalog.moment_ms if record.catalog.moment_ms is not None else record.catalog.time_ms


def candidate_of(record: SnapshotRecord, held: Collection[str]) -> Candidate:
    """Take from a commit record what retention looks at; ``held`` are names of records that are held."""
    catalog = record.catalog
    return Candidate(
        name=record.name,
        snapshot=record.snapshot,
        member=record.member,
        host=catalog.host,
        stack=catalog.stack,
        class_=catalog.class_,
        tags=frozenset(catalog.tags),
        complete=frozenset(c.name for c in catalog.components if c.is_whole),
        incomplete=frozenset(c.name for c in catalog.components if not c.is_whole),
        time_ms=time_that_counts(record),
        store_time_ms=record.store_time_ms,
        claimed_ms=_claimed_ms(record),
        is_held=record.name in held,
        lacks=frozenset(catalog.lacks),
    )


def find_last_complete(candidates: Iterable[Candidate]) -> dict[ObjectName, frozenset[str]]:
    """Return the snapshots that must stay whatever the policy: name → components of which they are the last.

    One is the last of a (member, stack, component) when no newer one has that component complete.
    """
    newest: dict[tuple[MemberId, str, str], Candidate] = {}
    for candidate in candidates:
        for component in candidate.complete:
            key = (candidate.member, candidate.stack, component)
            if key not in newest or order_by_age(newest[key]) < order_by_age(candidate):
                newest[key] = candidate
    found: dict[ObjectName, set[str]] = {}
    for (_, _, component), candidate in newest.items():
        found.setdefault(candidate.name, set()).add(component)
    return {name: frozenset(components) for name, components in found.items()}


def decide_retention(
    candidates: Sequence[Candidate],
    policy: KeepPolicy,
    *,
    zone: dt.tzinfo,
    group_by: Sequence[GroupBy] = DEFAULT_GROUPS,
    now_ms: int | None = None,
) -> list[Decision]:
    """Judge every candidate, newest first in each group. Calendars are those of ``zone``.

    What is dated after ``now_ms``, or long before it came, pushes nothing out: what would stay without it stays.
    """
    groups: dict[tuple[tuple[str, str], ...], list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(group_of(candidate, group_by), []).append(candidate)
    last_complete = find_last_complete(candidates)
    decisions = []
    for group in sorted(groups):
        members = sorted(groups[group], key=order_by_age, reverse=True)
        steady = find_steady(members, now_ms)
        reasons = _weigh_group(members, policy, zone)
        if len(steady) < len(members):
            reasons = _weigh_group(steady, policy, zone) | reasons
        newest_ms = (steady or members)[0].time_ms
        for candidate in members:
            kept_by = reasons.get(candidate.name, [])
            decisions.append(_conclude(candidate, group, kept_by, policy, last_complete, newest_ms))
    return decisions


def find_steady(members: Sequence[Candidate], now_ms: int | None) -> list[Candidate]:
    """Return those whose time can be believed: not after ours, and not long before the store's.

    A clock that was ahead for one run must not make all others old, and whoever has stolen a writer's key must not
    fill every day of the past with rubbish.
    """
    return [
        each
        for each in members
        if (now_ms is None or each.time_ms <= now_ms + LATE_CLAIM_MS)
        and each.store_time_ms - each.time_ms <= LONGEST_RUN_MS
    ]


def _conclude(
    candidate: Candidate,
    group: tuple[tuple[str, str], ...],
    kept_by: list[Finding],
    policy: KeepPolicy,
    last_complete: Mapping[ObjectName, frozenset[str]],
    newest_ms: int,
) -> Decision:
    """Add what overrules the policy: the longest allowed age takes away, holds and last ones bring back."""
    reasons = kept_by
    if policy.at_most_ms is not None and newest_ms - candidate.time_ms > policy.at_most_ms:
        reasons = []
    if candidate.is_held:
        reasons = [*reasons, kept_as_held(candidate.snapshot)]
    if candidate.name in last_complete:
        reasons = [*reasons, kept_as_last_complete(candidate.snapshot, last_complete[candidate.name])]
    limit = policy.at_most_ms if kept_by else None
    return Decision(
        candidate=candidate,
        is_kept=bool(reasons),
        group=group,
        reasons=tuple(reasons)
        or (explain_expiry(candidate.snapshot, is_complete=candidate.is_complete, at_most_ms=limit),),
    )


def _weigh_group(members: Sequence[Candidate], policy: KeepPolicy, zone: dt.tzinfo) -> dict[ObjectName, list[Finding]]:
    """Apply each rule to one group, newest first."""
    reasons: dict[ObjectName, list[Finding]] = {}

    def keep(candidate: Candidate, reason: Finding) -> None:
        reasons.setdefault(candidate.name, []).append(reason)

    complete = [candidate for candidate in members if candidate.is_complete]
    for place, candidate in find_newest(complete, policy.last):
        keep(candidate, kept_as_last(candidate.snapshot, place, policy.last))
    for period in Period:
        for place, (label, candidate) in enumerate(newest_of_each(complete, period, zone, policy.count_of(period)), 1):
            keep(candidate, kept_for_period(candidate.snapshot, period.value, label, place, policy.count_of(period)))
    for candidate in members:
        if policy.keeps_all:
            keep(candidate, kept_for_ever(candidate.snapshot))
        if policy.within_ms is not None and complete and complete[0].time_ms - candidate.time_ms <= policy.within_ms:
            keep(candidate, kept_within(candidate.snapshot, policy.within_ms))
        for tag in sorted(candidate.tags & policy.tags):
            keep(candidate, kept_for_tag(candidate.snapshot, tag))
    for candidate in members:
        if candidate.is_complete:
            break
        keep(candidate, kept_as_newest_partial(candidate.snapshot))
    return reasons


def find_newest(complete: Sequence[Candidate], count: int) -> Iterator[tuple[int, Candidate]]:
    """Yield the newest ``count``, each with its place, and what lies between them and counts for nothing.

    That is one that holds some of the components of a newer one only, made by hand between the usual ones: it must not
    push out one that has them all.
    """
    place, newer = 0, set[frozenset[str]]()
    for candidate in complete:
        if place == count:
            return
        place += not any(candidate.complete < each for each in newer)
        newer.add(candidate.complete)
        yield place, candidate


def newest_of_each(
    complete: Sequence[Candidate], period: Period, zone: dt.tzinfo, count: int
) -> list[tuple[str, Candidate]]:
    """Return the newest snapshot of each of the newest ``count`` periods that have any.

    One that left out components does not stand for a period that has one with all of them.
    """
    found: list[tuple[str, Candidate]] = []
    last_label = None
    for candidate in complete if count else ():
        label = label_period(candidate.time_ms, period, zone)
        if label == last_label:
            if candidate.lacks < found[-1][1].lacks:
                found[-1] = (label, candidate)
            continue
        if len(found) == count:
            break
        found.append((label, candidate))
        last_label = label
    return found


def label_period(time_ms: int, period: Period, zone: dt.tzinfo) -> str:
    """Name the hour, day, ISO week, month or year that a moment lies in.

    An hour that a clock change repeats is two hours: its label has the offset from UTC.
    """
    moment = dt.datetime.fromtimestamp(time_ms / 1000, zone)
    if period is Period.HOURLY:
        return moment.strftime("%Y-%m-%d %H:00 %z")
    if period is Period.DAILY:
        return moment.strftime("%Y-%m-%d")
    if period is Period.WEEKLY:
        year, week, _ = moment.isocalendar()
        return f"{year}-W{week:02d}"
    return moment.strftime("%Y-%m" if period is Period.MONTHLY else "%Y")


def order_by_age(candidate: Candidate) -> tuple[int, int, str]:
    """Sort by the time that counts, oldest first."""
    return (candidate.time_ms, candidate.store_time_ms, candidate.name)


def group_of(candidate: Candidate, group_by: Sequence[GroupBy]) -> tuple[tuple[str, str], ...]:
    """Return what a snapshot has in common with others of its group, as (key, value) pairs."""
    values = {
        GroupBy.HOST: candidate.host,
        GroupBy.STACK: candidate.stack,
        GroupBy.CLASS: candidate.class_,
        GroupBy.COMPONENT: ", ".join(sorted(candidate.complete | candidate.incomplete)),
        GroupBy.TAGS: ", ".join(sorted(candidate.tags)),
    }
    return tuple((key.value, values[key]) for key in GroupBy if key in group_by)
