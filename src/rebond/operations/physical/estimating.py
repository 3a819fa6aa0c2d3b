"""What can be said of reachable moments without the key that reads: which files of the log are there, since when."""

from collections.abc import Sequence

from rebond.operations.physical.stretches import Stretch, find_tail_end
from rebond.operations.snapshots import time_of
from rebond.operations.wal.coverage import Coverage, TimelineCoverage, survey_wal
from rebond.sources.postgres.wal_names import parse_stream, segment_name
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord


def find_system_id(records: Sequence[SnapshotRecord], component: str) -> int:
    """Return whose log the newest snapshot of a component needs; 0 where it needs none, or those of several."""
    for record in sorted(records, key=time_of, reverse=True):
        if any(each.name == component and each.is_whole for each in record.catalog.components):
            parsed = {parse_stream(stream) for stream, _, _ in record.catalog.needs}
            systems = {each[0] for each in parsed if each is not None}
            return systems.pop() if len(systems) == 1 else 0
    return 0


def estimate_stretch(vault: Vault, component: str, records: Sequence[SnapshotRecord], system_id: int) -> Stretch | None:
    """Return the stretch that production is likely to be on, by names and times alone; ``None`` when nothing is known.

    Its times are those of the snapshots and those at which the store took the log: a moment that was saved is not
    later than that. Histories cannot be read, so the newest timeline is taken to follow from the one before.
    Raises ``StoreError`` and ``VaultDamaged``.
    """
    begins = find_bases_in_log(records, component, system_id)
    coverage = survey_wal(vault, system_id)
    if not begins or not coverage.timelines:
        return None
    moment_ms, timeline, number = begins[-1]
    newest = max(coverage.timelines)
    found = coverage.timelines[newest]
    place = _find_place(found, number) if newest == timeline else 0
    if place is None:
        return None
    _, last = found.ranges[place]
    until_ms, end = found.ends_ms[place], (last + 1) * coverage.segment_bytes
    has_later = place + 1 < len(found.ranges)
    if not has_later:
        until_ms, end = _add_tail(vault, coverage, newest, last + 1, until_ms, end)
    is_same = [each for each in begins if newest != timeline or _find_place(found, each[2]) == place]
    return Stretch(
        component=component,
        timeline=newest,
        since_ms=min(each[0] for each in is_same),
        until_ms=max(until_ms, moment_ms),
        since_lsn=0,
        end_lsn=end,
        gap=segment_name(newest, last + 1, coverage.segment_bytes) if has_later else "",
        is_current=True,
        is_estimate=True,
    )


def find_bases_in_log(records: Sequence[SnapshotRecord], component: str, system_id: int) -> list[tuple[int, int, int]]:
    """Return the moment, the timeline and the last segment that each whole snapshot needs, the oldest first."""
    found = []
    for record in sorted(records, key=time_of):
        if not any(each.name == component and each.is_whole for each in record.catalog.components):
            continue
        for stream, _, last in record.catalog.needs:
            parsed = parse_stream(stream)
            if parsed is not None and parsed[0] == system_id and parsed[1] is not None:
                found.append((time_of(record), parsed[1], last))
    return found


def _find_place(found: TimelineCoverage, number: int) -> int | None:
    places = (place for place, (first, last) in enumerate(found.ranges) if first <= number <= last)
    return next(places, None)


def _add_tail(vault: Vault, coverage: Coverage, timeline: int, number: int, until_ms: int, end: int) -> tuple[int, int]:
    """Return what an unfinished segment adds: when its last piece came, and where that ends."""
    name = segment_name(timeline, number, coverage.segment_bytes)
    length, modified_ms = find_tail_end(vault, coverage.system_id, name)
    return (max(until_ms, modified_ms), end + length) if length else (until_ms, end)
