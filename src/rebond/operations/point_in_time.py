"""Bringing a saved PostgreSQL server back to a moment: choose, look ahead, lay down."""

from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path

from msgspec import Struct

from rebond.errors import UnknownName, WalGap
from rebond.operations.physical.archived_log import ArchivedLog, find_legs
from rebond.operations.physical.bases import Base, find_base, keep_newest_cluster, list_bases, require_one_stack
from rebond.operations.physical.laying import LaidDirectory, lay_directory
from rebond.operations.physical.places import MARKED, reach_place, say_other_places
from rebond.operations.physical.reaching import Reach, Window, find_window, reach, reach_alone
from rebond.operations.physical.targets import Target, TargetKind
from rebond.operations.physical.timelines import find_current, find_timeline_at
from rebond.operations.snapshots import list_snapshots
from rebond.progress import Observer
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord

__all__ = ["Target", "find_reach", "find_way", "find_windows", "open_log", "recover_data_directory"]


class PlannedServer(Struct, frozen=True, kw_only=True):
    """One data directory: how its moment is reached, and the log for that."""

    reach: Reach
    log: ArchivedLog | None


def open_log(vault: Vault, base: Base) -> ArchivedLog:
    """Look at what the vault has of the log of a base. Raises ``StoreError`` and ``VaultDamaged``."""
    return ArchivedLog(vault, base.facts.system_id, base.facts.server.segment_bytes)


def find_way(
    vault: Vault, component: str, target: Target, *, stack: str = "", zone: tzinfo | None = None
) -> PlannedServer:
    """Return how a moment is reached, from the newest base that leads there.

    Raises ``UnknownName`` where there is no base at all, ``WalGap`` where the moment cannot be reached from any,
    ``UsageError`` for a name of which nobody can tell whose moment is meant.
    """
    records = [each for each in list_snapshots(vault) if not stack or each.catalog.stack == stack]
    require_one_stack(records, component)
    bases = list_bases(vault, records, component)
    if not bases:
        raise UnknownName(
            "No snapshot holds a data directory of the component {component}.",
            hint="'rebond snapshots' lists them; a component has one with method = \"physical\".",
            component=component,
        )
    bases = keep_newest_cluster(bases)
    log = open_log(vault, bases[0])
    found = reach_place(log, bases, target, zone=zone) if target.kind in MARKED else None
    if found is not None:
        return PlannedServer(reach=found, log=log)
    current = find_current(log, bases)
    base = _choose_base(log, bases, target, current, zone)
    return PlannedServer(reach=find_reach(base, log, target, current, zone=zone), log=log)


def _choose_base(log: ArchivedLog, bases: Sequence[Base], target: Target, current: int, zone: tzinfo | None) -> Base:
    """Return the newest base from which a moment may be reached. Raises ``WalGap`` where none is."""
    timeline = find_timeline_at(log, current, target.number) if target.kind is TargetKind.TIME else current
    if not any(find_legs(log, each.facts.timeline, each.facts.stop, timeline) for each in bases):
        if target.kind is TargetKind.TIME:
            raise WalGap(
                "{target} lies on timeline {timeline}, to which no data directory leads that was saved.",
                hint="Name the snapshot, to take what another timeline had then. Where its server still runs, make a "
                "base of it: rebond backup {component}",
                target=target.describe(zone),
                timeline=timeline,
                component=bases[0].component,
            )
        return bases[0]  # as far as there is a way; what lies beyond is told
    fitting = [each for each in bases if _may_reach(log, each, target, timeline)]
    if not fitting:
        oldest = bases[-1]
        raise WalGap(
            "{target} is earlier than every data directory that was saved; the oldest was whole at {since}.",
            hint="Name a later moment, or take an older copy of the vault.",
            target=target.describe(zone),
            since=Target(kind=TargetKind.TIME, number=oldest.facts.stop_time_ms * 1000).describe(zone),
        )
    return fitting[-1] if target.kind in {TargetKind.XID, TargetKind.NAME} else fitting[0]


def _may_reach(log: ArchivedLog, base: Base, target: Target, timeline: int) -> bool:
    facts = base.facts
    if find_legs(log, facts.timeline, facts.stop, timeline) is None:
        return False
    if target.kind is TargetKind.TIME:
        return facts.stop_time_ms * 1000 <= target.number
    if target.kind is TargetKind.LSN:
        return facts.stop <= target.number
    return True


def find_reach(
    base: Base, log: ArchivedLog, target: Target, current: int | None = None, *, zone: tzinfo | None = None
) -> Reach:
    """Say how a moment is reached from a base. Raises ``WalGap`` when it cannot be, ``UsageError`` as ``find_way``.

    ``current`` is the timeline that production is on; ``None`` is as far as this base tells.
    """
    if base.facts.includes_wal and target.kind is TargetKind.SET:
        return reach_alone(base)
    if not log.coverage.timelines:
        raise WalGap(
            "The vault has no log of this server, so only the moment of the snapshot itself can be reached.",
            hint='Restore it without --at. For any second set wal = "receive" or "archive-command".',
        )
    found = reach_place(log, [base], target, is_named=True, zone=zone) if target.kind in MARKED else None
    return found or reach(log, base, target, current or find_current(log, [base]), zone=zone)


def plan_data_directory(
    vault: Vault,
    record: SnapshotRecord | None,
    component: str,
    target: Target,
    *,
    stack: str = "",
    zone: tzinfo | None = None,
) -> PlannedServer:
    """Return how a moment is reached from the base in ``record``; without one, from the newest that leads there.

    Raises ``UnknownName``, ``WalGap`` and ``UsageError`` as ``find_way`` does.
    """
    if record is None:
        return find_way(vault, component, target, stack=stack, zone=zone)
    found = find_base(vault, record, component)
    if found is None:
        raise UnknownName(
            "This snapshot holds no data directory of the component {component}.",
            hint="'rebond snapshots' lists what each holds.",
            component=component,
        )
    log = open_log(vault, found)
    return PlannedServer(reach=find_reach(found, log, target, zone=zone), log=log)


def recover_data_directory(
    vault: Vault,
    record: SnapshotRecord | None,
    component: str,
    target_directory: Path,
    target: Target,
    observer: Observer,
    *,
    stack: str = "",
    zone: tzinfo | None = None,
    action: str = "promote",
    keeps_owner: bool = True,
) -> LaidDirectory:
    """Lay a data directory down that ends at a moment. Without ``record`` the newest that reaches it is taken."""
    planned = plan_data_directory(vault, record, component, target, stack=stack, zone=zone)
    if (finding := say_other_places(planned.reach, zone)) is not None:
        observer.noticed(finding)
    return lay_directory(
        vault, planned.reach, planned.log, target_directory, observer, action=action, keeps_owner=keeps_owner
    )


def find_windows(vault: Vault, component: str, records: Sequence[SnapshotRecord]) -> list[Window]:
    """Return what can be reached on each timeline: from the oldest base that leads there without a hole."""
    bases = list_bases(vault, records, component)
    if not bases:
        return []
    bases = keep_newest_cluster(bases)
    log = open_log(vault, bases[0])
    windows: dict[int, Window] = {}
    for base in bases:  # the newest first: an older one takes its place where it reaches as far
        for timeline in {*log.list_timelines(), base.facts.timeline}:
            try:
                window = find_window(log, base, timeline)
            except WalGap:
                continue
            known = windows.get(timeline)
            if known is None or (window.until_lsn >= known.until_lsn and window.since_ms < known.since_ms):
                windows[timeline] = window
    return [windows[timeline] for timeline in sorted(windows)]
