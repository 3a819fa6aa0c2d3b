"""Which moments each snapshot reaches: from the end of its base to the last thing that its log tells."""

from collections.abc import Iterable

from msgspec import Struct

from rebond.errors import StoreError, VaultError, WalGap
from rebond.identifiers import SnapshotId
from rebond.operations.physical.archived_log import ArchivedLog
from rebond.operations.physical.bases import list_physical
from rebond.operations.physical.reaching import Window, find_window
from rebond.operations.physical.timelines import choose_timeline
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord


class ComponentWindow(Struct, frozen=True, kw_only=True):
    """What can be reached of one component; ``window`` is ``None`` where not even the end of its base can be."""

    component: str
    window: Window | None


def find_snapshot_windows(vault: Vault, records: Iterable[SnapshotRecord]) -> dict[SnapshotId, list[ComponentWindow]]:
    """Return the windows of the snapshots that hold data directories with a log in the vault; for the owner's key.

    What cannot be looked at is left out: a list of snapshots is wanted also when their log is damaged.
    """
    if not vault.can_read():
        return {}
    logs: dict[int, ArchivedLog] = {}
    found: dict[SnapshotId, list[ComponentWindow]] = {}
    for record in records:
        try:
            for base in list_physical(vault, record):
                if base.facts.includes_wal:
                    continue
                system_id = base.facts.system_id
                if system_id not in logs:
                    logs[system_id] = ArchivedLog(vault, system_id, base.facts.server.segment_bytes)
                log = logs[system_id]
                try:
                    window = find_window(log, base, choose_timeline(log, base))
                except WalGap:
                    window = None
                found.setdefault(record.snapshot, []).append(ComponentWindow(component=base.component, window=window))
        except (VaultError, StoreError):
            continue
    return found
