"""Does a base lead to the log that a server writes now? A log without a base restores nothing, however whole it is."""

from collections.abc import Sequence

from rebond.operations.physical.estimating import find_bases_in_log
from rebond.operations.physical.stretches import find_stretches
from rebond.operations.wal.coverage import Coverage
from rebond.sources.postgres.wal_names import parse_segment_name
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord


def has_base(
    vault: Vault, component: str, records: Sequence[SnapshotRecord], coverage: Coverage, timeline: int
) -> bool | None:
    """Say whether the end of a timeline can be reached from some base; ``None`` where this key cannot tell.

    ``coverage`` may count what is on its way as there: a base leads on as soon as that has come. A restored server that
    is taken into use has none: what it wrote before it archived again is nowhere. Raises ``StoreError`` and
    ``VaultDamaged``.
    """
    found = coverage.timelines.get(timeline)
    if found is None:
        return None  # it took the timeline just now: nothing of it came yet
    begins = find_bases_in_log(records, component, coverage.system_id)
    first, last = found.ranges[-1]
    if any(begun == timeline and first <= number <= last for _, begun, number in begins):
        return True
    if not begins:
        return False
    if not vault.can_read():
        return None  # where the timeline left the one before stands in its history
    stretches = find_stretches(vault, component, records)
    return any(each.timeline == timeline and _goes_on(coverage, each.gap) for each in stretches)


def _goes_on(coverage: Coverage, gap: str) -> bool:
    """Whether a stretch comes to the end: nothing is missing behind it, or it is on its way."""
    if not gap:
        return True
    timeline, number = parse_segment_name(gap, coverage.segment_bytes)
    found = coverage.timelines.get(timeline)
    return found is not None and found.has(number)
