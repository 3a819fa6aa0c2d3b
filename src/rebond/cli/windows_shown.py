"""The moments that snapshots reach, in their documents."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rebond.cli.opening import VaultAtHand
from rebond.units import format_iso

if TYPE_CHECKING:
    from rebond.identifiers import SnapshotId
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
