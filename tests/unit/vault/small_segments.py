"""Backups with segments of 16 KiB, so that a small tree has many of them and tests stay quick."""

import msgspec

from rebond.operations.backup import BackupRequest, ComponentToSave, back_up
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import Notebook
from rebond.vault.access import Vault
from rebond.vault.frames import LEVELS
from rebond.vault.snapshots import SnapshotRecord

TINY = msgspec.structs.replace(LEVELS["fast"], target_bytes=16 << 10)


def save_small(vault: Vault, tree: MemoryTree, *, stack: str = "test") -> SnapshotRecord:
    """Back a tree up as one component."""
    component = ComponentToSave(name="site", root=b"/site", open_tree=lambda _: tree)
    return back_up(
        vault, BackupRequest(components=(component,), stack=stack, host="here", level=TINY), Notebook()
    ).record
