"""A vault with a history, for tests of whatever forgets and prunes."""

import random
from pathlib import Path

from tests.unit.vault.small_segments import save_small

from rebond.operations.snapshots import SnapshotFilter, list_snapshots
from rebond.progress import Silence
from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made, read_back
from rebond.vault.access import Vault
from rebond.vault.forgetting import forget, plan_by_name, survey
from rebond.vault.prune_plan import PruneOptions
from rebond.vault.pruning import PruneOutcome, prune
from rebond.vault.snapshots import SnapshotRecord

DAY = 86_400.0


class KeptVault:
    """A vault in memory, its clock, a tree to save, and what each snapshot must give back."""

    def __init__(self, caches: Path) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.created = make_vault(self.store, self.clock)
        self.caches = caches
        self.vault = self.open(self.store)
        self.tree = MemoryTree()
        self.random = random.Random(7)
        self.contents: dict[str, dict[str, bytes]] = {}

    def open(self, store: Store, caches: str = "owner") -> Vault:
        return open_made(self.created, store, self.clock, self.caches / caches)

    def write(self, path: str, size: int = 20_000) -> None:
        self.tree.write(path, self.random.randbytes(size))

    def save(self, vault: Vault | None = None) -> SnapshotRecord:
        record = save_small(vault or self.vault, self.tree)
        self.contents[record.name] = self.tree.copy()
        self.clock.advance(DAY)
        return record

    def forget(self, *records: SnapshotRecord, vault: Vault | None = None) -> None:
        vault = vault or self.vault
        plan = plan_by_name(survey(vault), {record.name for record in records}, is_confirmed=True)
        forget(vault, plan)

    def prune(self, vault: Vault | None = None, options: PruneOptions | None = None) -> PruneOutcome:
        return prune(vault or self.vault, Silence(), options)

    def listed(self, vault: Vault | None = None) -> list[SnapshotRecord]:
        return list_snapshots(vault or self.vault)

    def in_trash(self) -> list[SnapshotRecord]:
        return list_snapshots(self.vault, SnapshotFilter(in_trash=True))

    def names(self, prefix: str = "") -> set[str]:
        return {info.name for info in self.store.list_objects(prefix)}

    def stored_bytes(self) -> int:
        return sum(info.size for info in self.store.list_objects("packs/"))

    def check_whole(self, vault: Vault | None = None) -> None:
        """Every listed snapshot gives back what was saved, byte for byte."""
        vault = vault or self.vault
        for record in self.listed(vault):
            assert read_back(vault, record) == self.contents[record.name]
