"""The stretches of time in which any moment of a component can be reached: timeline by timeline, hole by hole."""

from collections.abc import Iterable

from msgspec import Struct

from rebond.errors import VaultDamaged, WalGap
from rebond.operations.physical.archived_log import ArchivedLog, SegmentId
from rebond.operations.physical.bases import Base, find_base, keep_newest_cluster
from rebond.operations.physical.reaching import Window, find_window
from rebond.operations.physical.timelines import find_current
from rebond.operations.wal.tails import stream_of_tail
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.stream_catalogue import list_stream, read_record

_LOOKED_AT = 8  # segments: an idle server writes few


class Stretch(Struct, frozen=True, kw_only=True):
    """From ``since_ms`` to ``until_ms`` any moment can be reached; ``until_ms`` is ``None`` where the log says none.

    ``gap`` is the first file that is missing where later ones are there, else empty. ``end_lsn`` is how far the log is
    there, ``last_xid`` the highest transaction that ended in its last segments. The stretch that production is on
    ``is_current``. ``is_estimate`` says that the times are those at which the
    store took the log, since nobody here may read it.
    """

    component: str
    timeline: int
    since_ms: int
    until_ms: int | None
    since_lsn: int
    end_lsn: int
    last_xid: int = 0
    gap: str = ""
    is_current: bool = False
    is_estimate: bool = False


def find_stretches(vault: Vault, component: str, records: Iterable[SnapshotRecord]) -> list[Stretch]:
    """Return them, the oldest timeline first, within one the oldest first; for the owner's key.

    Bases that hold their own log reach nothing but themselves and are left out, and so is a record that is damaged.
    Raises ``StoreError`` and ``VaultDamaged``.
    """
    bases = _list_bases(vault, component, records)
    if not bases:
        return []
    log = ArchivedLog(vault, bases[0].facts.system_id, bases[0].facts.server.segment_bytes)
    current = find_current(log, bases)
    found: dict[tuple[int, str], Window] = {}
    for base in bases:
        for timeline in {*log.list_timelines(), base.facts.timeline}:
            try:
                window = find_window(log, base, timeline)
            except WalGap:
                continue
            key = (timeline, window.next_name)
            if key not in found or window.since_ms < found[key].since_ms:
                found[key] = window
    newest = max((each.until_lsn for each in found.values() if each.timeline == current), default=0)
    stretches = [
        Stretch(
            component=component,
            timeline=each.timeline,
            since_ms=each.since_ms,
            until_ms=None if each.until_us is None else max(each.until_us // 1000, each.since_ms),
            since_lsn=each.since_lsn,
            end_lsn=_find_end(vault, log, each),
            last_xid=_find_last_xid(log, each),
            gap=each.next_name if each.has_hole else "",
            is_current=each.timeline == current and each.until_lsn == newest,
        )
        for each in found.values()
    ]
    return sorted(stretches, key=lambda each: (each.timeline, each.since_ms))


def find_tail_end(vault: Vault, system_id: int, name: str) -> tuple[int, int]:
    """Return how many bytes of an unfinished segment are there, and when the last of them came; 0 for none.

    Works with every key. Raises ``StoreError`` and ``VaultDamaged``.
    """
    end, modified_ms = 0, 0
    for listed in list_stream(vault, stream_of_tail(system_id, name)):
        for info in listed.items.values():
            _, _, last = read_record(vault, info).item.partition("-")
            end, modified_ms = max(end, int(last, 16)), max(modified_ms, info.modified_ms)
    return end, modified_ms


def _list_bases(vault: Vault, component: str, records: Iterable[SnapshotRecord]) -> list[Base]:
    """Return the bases of the newest cluster that want the vault's log, the newest first."""
    bases = []
    for record in records:
        if not any(each.name == component and each.kind == "postgres" for each in record.catalog.components):
            continue
        try:
            base = find_base(vault, record, component)
        except VaultDamaged:  # 'verify' tells of it; the others reach what they reach
            continue
        if base is not None and not base.facts.includes_wal:
            bases.append(base)
    bases.sort(key=lambda each: (each.facts.stop_time_ms, each.facts.stop), reverse=True)
    return keep_newest_cluster(bases) if bases else []


def _find_end(vault: Vault, log: ArchivedLog, window: Window) -> int:
    """Return the position behind the last byte of the log of a window."""
    last = window.segments[-1]
    found = log.coverage.timelines.get(last.timeline)
    if found is not None and found.has(last.number):
        return (last.number + 1) * log.segment_bytes
    length, _ = find_tail_end(vault, log.system_id, log.name_of(last))
    return last.number * log.segment_bytes + (length or log.segment_bytes)


def _find_last_xid(log: ArchivedLog, window: Window) -> int:
    """Return the highest transaction in the last segment in which one ended; 0 where none did lately."""
    first = window.segments[0]
    earlier = [SegmentId(first.timeline, number) for number in range(max(0, first.number - _LOOKED_AT), first.number)]
    looked_at = [*(each for each in earlier if log.has(each)), *window.segments][-_LOOKED_AT:]
    for place in reversed(range(len(looked_at))):  # right behind a new base nothing may have ended yet
        found = [each.xid for each in log.list_marks(looked_at, place) if each.kind in {"commit", "abort"}]
        if found:
            return max(found)
    return 0
