"""Objectives against facts: what is promised of a stack, what was measured, what would mend it."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from pathlib import Path

from rebond.clock import Clock
from rebond.config.components import NOTHING_TO_SAVE, Component, Versioned
from rebond.config.model import Loaded
from rebond.findings import Finding
from rebond.history.learning import Learned
from rebond.history.runs import Run
from rebond.operations.snapshots import leave_out_ahead, time_of
from rebond.schedule.foreseeing import find_next
from rebond.schedule.jobs import Deed, make_calendar
from rebond.stack.objectives.ages import StandsAsItIs, find_ages, find_newest, find_waiting
from rebond.stack.objectives.growth import foresee_break, grow_per_day, list_sizes
from rebond.stack.objectives.log_ends import LogEnd
from rebond.stack.objectives.mending import mend_log, mend_rpo, mend_rto, warn_of_break, warn_of_no_drill
from rebond.stack.objectives.promises import Measure, Promise
from rebond.stack.objectives.scenarios import explain_missed, list_scenarios
from rebond.stack.whereabouts import words_of
from rebond.store.canary import CanaryFate
from rebond.vault.snapshots import SnapshotRecord

GAPS = 3  # between the newest snapshots: what the rhythm really is
WARN_DAYS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentStatus:
    """One component: its two promises, its newest snapshot, and what is foreseen."""

    name: str
    kind: str
    priority: str
    rto: Promise
    rpo: Promise
    newest_ms: int | None
    size_bytes: int
    bytes_per_day: float
    expected_seconds: float | None
    breaks_in_days: int | None
    phases: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassStatus:
    """One class: when it last made a snapshot, and when it makes the next."""

    name: str
    newest_ms: int | None
    next_ms: int | None
    trigger: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceStatus:
    """A place that is to hold copies, as the configuration names it."""

    name: str
    address: str
    medium: str
    site: str
    snapshots: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultFacts:
    """What was seen of the vaults. ``canary`` is ``None`` where it could not be tried.

    ``records`` are the snapshots of all of them; in a status, those of this stack in the main one, each a moment to
    which one can go back.
    """

    records: Sequence[SnapshotRecord]
    main_records: Sequence[SnapshotRecord]
    can_read: bool
    canary: CanaryFate | None
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StackStatus:
    """Everything of one stack; the vault may hold others, of which nothing is said."""

    stack: str
    now_ms: int
    zone: tzinfo
    components: tuple[ComponentStatus, ...]
    scenarios: tuple[Promise, ...]
    classes: tuple[ClassStatus, ...]
    places: tuple[PlaceStatus, ...]
    vault: VaultFacts
    last_drill: Run | None
    remarks: tuple[Finding, ...]
    logs: tuple[LogEnd, ...] = ()

    @property
    def missed(self) -> tuple[Promise, ...]:
        """The promises that do not hold."""
        pairs = [promise for each in self.components for promise in (each.rto, each.rpo)]
        return tuple(each for each in (*pairs, *self.scenarios) if each.is_missed)

    @property
    def reachable_ms(self) -> tuple[int, int] | None:
        """The oldest and the newest moment of a snapshot; ``None`` without one."""
        moments = [time_of(each) for each in self.reachable]
        return (min(moments), max(moments)) if moments else None

    @property
    def reachable(self) -> list[SnapshotRecord]:
        """The snapshots that are not dated ahead of the clock."""
        return leave_out_ahead(self.vault.records, self.now_ms)

    @property
    def is_untried(self) -> bool:
        """Whether something is promised that nobody has measured yet."""
        pairs = [promise for each in self.components for promise in (each.rto, each.rpo)]
        promised = [each for each in (*pairs, *self.scenarios) if each.promised_seconds is not None]
        return any(each.measured_seconds is None for each in promised)

    @property
    def promises_nothing(self) -> bool:
        """Whether the configuration names no objective at all."""
        return not self.scenarios and not any(
            promise.promised_seconds is not None for each in self.components for promise in (each.rto, each.rpo)
        )


def gather_status(
    loaded: Loaded,
    facts: VaultFacts,
    drills: Sequence[Run],
    learned: Learned,
    ends: Mapping[str, LogEnd],
    *,
    folder: Path,
    clock: Clock,
    stands_as_it_is: StandsAsItIs | None = None,
) -> StackStatus:
    """Set what is promised beside what is known. ``folder`` is the stack's own in the state folder.

    ``ends`` says how far the log of each component reaches that has one; ``stands_as_it_is``: see ``find_ages``.
    """
    configuration, now_ms = loaded.configuration, clock.now_ms()
    own = _choose_own(facts.records, loaded)
    ages = find_ages(loaded, own, folder, clock, stands_as_it_is=stands_as_it_is)
    waiting = find_waiting(loaded)
    remarks: list[Finding] = []
    components = []
    for name, component in configuration.component.items():
        if isinstance(component, (*NOTHING_TO_SAVE, Versioned)):
            continue
        lost = ages[name]  # of what is saved at every change: no rhythm has to be looked for
        if lost and (name not in waiting or name in ends):
            lost = _find_lost(own, name, ends.get(name), now_ms)
        status = _describe(name, component, own, learned, lost, now_ms)
        components.append(status)
        remarks += _remark(loaded, status, learned, ends.get(name))
    whole = [each for each in drills if not each.facts.get("sample") and not each.facts.get("exercise")]
    calendar = make_calendar(configuration)
    scenarios = list_scenarios(loaded, drills)
    remarks += explain_missed(loaded, scenarios, drills)
    return StackStatus(
        stack=configuration.stack.name,
        now_ms=now_ms,
        zone=calendar.zone,
        components=tuple(components),
        scenarios=scenarios,
        classes=_list_classes(loaded, own, now_ms),
        places=_list_places(loaded, facts),
        vault=replace(facts, records=_choose_own(facts.main_records, loaded)),
        last_drill=whole[-1] if whole else None,
        remarks=tuple(remarks),
        logs=tuple(ends.values()),
    )


def _choose_own(records: Sequence[SnapshotRecord], loaded: Loaded) -> list[SnapshotRecord]:
    return [each for each in records if each.catalog.stack == loaded.configuration.stack.name]


def _describe(
    name: str,
    component: Component,
    records: Sequence[SnapshotRecord],
    learned: Learned,
    lost_seconds: float | None,
    now_ms: int,
) -> ComponentStatus:
    newest = find_newest(records, now_ms).get(name)
    size = next((each.bytes for each in newest.catalog.components if each.name == name), 0) if newest else 0
    growth = grow_per_day(list_sizes(records, name, now_ms))
    breaks = (
        foresee_break(learned, name, size_bytes=size, bytes_per_day=growth, promised_seconds=component.rto)
        if component.rto is not None
        else None
    )
    return ComponentStatus(
        name=name,
        kind=component.kind,
        priority=component.priority or "",
        rto=Promise(
            subject=name,
            measure=Measure.RTO,
            promised_seconds=component.rto,
            measured_seconds=learned.newest_seconds.get(name),
        ),
        rpo=Promise(subject=name, measure=Measure.RPO, promised_seconds=component.rpo, measured_seconds=lost_seconds),
        newest_ms=time_of(newest) if newest else None,
        size_bytes=size,
        bytes_per_day=growth,
        expected_seconds=learned.expect_whole(name, size),
        breaks_in_days=breaks,
        phases={phase: each.expect(size) for phase, each in learned.phases.get(name, {}).items()},
    )


def _find_lost(records: Sequence[SnapshotRecord], name: str, end: LogEnd | None, now_ms: int) -> float:
    """Return the most work that could have been lost lately: between two of the newest snapshots, or since the last.

    Right after a backup the age of the newest one says nothing of what its rhythm keeps. With a log it is what came
    after the end of that.
    """
    logged = end.lost_seconds(now_ms) if end is not None else None
    if logged is not None:
        return logged
    whole = [each for each in records if any(one.name == name and one.is_whole for one in each.catalog.components)]
    moments = sorted(time_of(each) for each in leave_out_ahead(whole, now_ms))
    ordered = [*moments[-GAPS:], now_ms]
    return max((abs(later - earlier) for earlier, later in itertools.pairwise(ordered)), default=0) / 1000


def _remark(loaded: Loaded, status: ComponentStatus, learned: Learned, end: LogEnd | None) -> list[Finding]:
    remarks = [end.finding] if end is not None and end.finding is not None else []
    if status.rpo.is_missed or (status.rpo.promised_seconds is not None and status.newest_ms is None):
        has_log = end is not None and end.until_ms is not None and status.newest_ms is not None
        remarks.append(mend_log(end, status.rpo) if has_log and end else mend_rpo(loaded, status.name, status.rpo))
    if status.rto.promised_seconds is None:
        return remarks
    if status.rto.measured_seconds is None:
        remarks.append(warn_of_no_drill(status.name, status.rto))
    elif status.rto.is_missed:
        remarks.append(mend_rto(loaded, status.rto, learned.find_slowest(status.name, status.size_bytes)))
    elif status.breaks_in_days is not None and status.breaks_in_days <= WARN_DAYS:
        remarks.append(
            warn_of_break(status.rto, status.breaks_in_days, learned.find_slowest(status.name, status.size_bytes))
        )
    return remarks


def _list_classes(loaded: Loaded, records: Sequence[SnapshotRecord], now_ms: int) -> tuple[ClassStatus, ...]:
    calendar = make_calendar(loaded.configuration)
    found = []
    for name, class_ in loaded.configuration.classes.items():
        job = next((each for each in calendar.jobs if each.deed is Deed.BACKUP and each.class_name == name), None)
        following = find_next(calendar, job, now_ms) if job is not None else None
        of_class = [each for each in records if each.catalog.class_ == name]
        moments = [time_of(each) for each in leave_out_ahead(of_class, now_ms)]
        found.append(
            ClassStatus(
                name=name,
                newest_ms=max(moments, default=None),
                next_ms=following.begins_ms if following is not None else None,
                trigger=class_.trigger or "",
            )
        )
    return tuple(found)


def _list_places(loaded: Loaded, facts: VaultFacts) -> tuple[PlaceStatus, ...]:
    configuration = loaded.configuration
    found = []
    if configuration.vault is not None:
        vault = configuration.vault
        found.append(
            PlaceStatus(
                name="vault",
                address=facts.location,
                medium=words_of(vault.medium, loaded),
                site=words_of(vault.site, loaded),
                snapshots=len(_choose_own(facts.main_records, loaded)),
            )
        )
    for replica in configuration.replica:
        found.append(
            PlaceStatus(
                name=replica.name,
                address=words_of(replica.url, loaded),
                medium=words_of(replica.medium, loaded),
                site=words_of(replica.site, loaded),
                snapshots=None,
            )
        )
    return tuple(found)
