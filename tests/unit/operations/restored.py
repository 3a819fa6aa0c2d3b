"""Snapshots with many small segments, restored into real directories."""

import os
import random
from collections.abc import Sequence
from pathlib import Path

from tests.unit.vault.small_segments import TINY

from rebond.entries import Tree
from rebond.findings import Finding
from rebond.operations.backup import BackupOutcome, BackupRequest, ComponentToSave, back_up
from rebond.operations.restore import RestoreOutcome, restore
from rebond.operations.restore_planning import RestoreRequest
from rebond.operations.selection import Selection
from rebond.progress import Observer
from rebond.sources.files.excluding import Rules
from rebond.sources.files.overwriting import Overwrite
from rebond.sources.files.scanning import FileTree
from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import Notebook, make_vault, open_made
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord


class RestoredVault:
    """A vault in memory, and what is put into it and back."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.created = make_vault(self.store, self.clock)
        self.findings: list[Finding] = []

    def vault(self, store: Store | None = None, host: str = "host") -> Vault:
        self.clock.advance(60)
        return open_made(
            self.created, store or self.store, self.clock, self.scratch / "caches" / host, report=self.findings.append
        )

    def save(self, tree: Tree, name: str = "site", **words: object) -> SnapshotRecord:
        return self.save_all({name: tree}, **words).record

    def save_all(self, trees: dict[str, Tree], **words: object) -> BackupOutcome:
        components = tuple(
            ComponentToSave(name=name, root=b"/" + name.encode(), open_tree=lambda _, tree=tree: tree)  # type: ignore[misc]
            for name, tree in trees.items()
        )
        request = BackupRequest(components=components, stack="test", host="here", level=TINY, **words)  # type: ignore[arg-type]
        return back_up(self.vault(), request, Notebook())

    def save_files(self, root: Path, name: str = "site") -> SnapshotRecord:
        path = os.fsencode(root)
        return self.save(FileTree(path, Rules(), one_file_system=False, report=self.findings.append), name)

    def restore(
        self,
        record: SnapshotRecord,
        *,
        store: Store | None = None,
        to: str = "target",
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        observer: Observer | None = None,
        overwrite: Overwrite | None = None,
        strip: int = 0,
        **words: object,
    ) -> RestoreOutcome:
        request = RestoreRequest(
            target=os.fsencode(self.scratch / to),
            selection=Selection.from_flags(include, exclude),
            overwrite=overwrite,
            strip=strip,
            **words,  # type: ignore[arg-type]
        )
        return restore(self.vault(store), record, request, observer or Notebook())

    def found(self, to: str = "target") -> dict[str, bytes]:
        """Every file below the target, by its path."""
        top = self.scratch / to
        return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def a_tree(files: int = 40, size: int = 3000, seed: int = 1) -> MemoryTree:
    tree = MemoryTree()
    for number in range(files):
        tree.write(f"d{number % 5}/{number:03d}", random.Random(seed * 1000 + number).randbytes(size))
    return tree


def below(name: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{name}/{path}": content for path, content in files.items()}
