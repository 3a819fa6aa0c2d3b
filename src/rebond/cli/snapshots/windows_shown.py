"""The moments that snapshots reach, in their documents."""

import contextlib
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

from rebond.cli.output.speech import show_path, tr
from rebond.cli.vaults.opening import VaultAtHand
from rebond.units import format_iso, format_moment

if TYPE_CHECKING:
    from rebond.identifiers import SnapshotId
    from rebond.operations.physical.stretches import Stretch
    from rebond.operations.physical.windows import ComponentWindow
    from rebond.vault.snapshots import SnapshotRecord


def describe_windows(
    vault: VaultAtHand, records: "Sequence[SnapshotRecord]"
) -> "dict[SnapshotId, list[dict[str, object]]]":
    """Return what is said of each snapshot that holds a data directory."""
    if not any(each.kind == "postgres" for record in records for each in record.catalog.components):
        return {}
    from rebond.operations.physical.windows import find_snapshot_windows

    found = find_snapshot_windows(vault.live, records)
    return {snapshot: [_describe(each) for each in windows] for snapshot, windows in found.items()}


def _describe(found: "ComponentWindow") -> dict[str, object]:
    from rebond.sources.postgres.wal_names import format_lsn

    window = found.window
    return {
        "component": found.component,
        "timeline": window.timeline if window else None,
        "since": format_iso(window.since_ms) if window else None,
        "until": format_iso(window.until_us // 1000) if window and window.until_us is not None else None,
        "since_lsn": format_lsn(window.since_lsn) if window else None,
        "until_lsn": format_lsn(window.until_lsn) if window else None,
        "gap": window.next_name if window and window.has_hole else None,
    }


def list_stretches(vault: VaultAtHand, records: "Sequence[SnapshotRecord]") -> "list[Stretch]":
    """Return between which moments each component with a log can be brought to any one, by these snapshots.

    Nothing for a key that may not read, nor of what cannot be looked at: a list of snapshots is wanted then too.
    """
    names = {each.name for record in records for each in record.catalog.components if each.kind == "postgres"}
    if not names or not vault.live.can_read():
        return []
    from rebond.errors import StoreError, VaultError
    from rebond.operations.physical.stretches import find_stretches

    found: list[Stretch] = []
    for stack in sorted({each.catalog.stack for each in records}):
        own = [each for each in records if each.catalog.stack == stack]
        for name in sorted(names):
            with contextlib.suppress(StoreError, VaultError):
                found += find_stretches(vault.live, name, own)
    return found


def describe_stretches(stretches: "Iterable[Stretch]", zone: tzinfo | None = None) -> list[str]:
    """Return one line for each stretch."""
    return [_describe_stretch(each, zone) for each in stretches]


def _describe_stretch(each: "Stretch", zone: tzinfo | None) -> str:
    values = {
        "component": show_path(each.component),
        "timeline": each.timeline,
        "since": format_moment(each.since_ms, zone),
        "until": "–" if each.until_ms is None else format_moment(each.until_ms, zone),
        "gap": each.gap,
    }
    if each.is_estimate:
        return tr(
            "{component}, timeline {timeline}: by when the log arrived, any moment from {since} to {until}.", **values
        )
    if each.gap:
        return tr(
            "{component}, timeline {timeline}: any moment from {since} to {until}; then {gap} is missing.", **values
        )
    return tr("{component}, timeline {timeline}: any moment from {since} to {until}.", **values)


def stretch_document(each: "Stretch") -> dict[str, object]:
    """Return a stretch for machines."""
    return {
        "component": each.component,
        "timeline": each.timeline,
        "since": format_iso(each.since_ms),
        "until": None if each.until_ms is None else format_iso(each.until_ms),
        "gap": each.gap or None,
        "current": each.is_current,
        "estimate": each.is_estimate,
    }
