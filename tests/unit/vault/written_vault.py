"""A small vault in memory and the hosts that write to it."""

import random
from pathlib import Path

from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made
from rebond.vault.access import Vault


class WrittenVault:
    """Store, clock and owner of a new vault, and a tree worth saving."""

    def __init__(self, caches: Path) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.created = make_vault(self.store, self.clock)
        self.caches = caches
        self.tree = MemoryTree()
        for number in range(9):
            self.tree.write(f"d{number % 3}/{number}", random.Random(number).randbytes(2000))

    def vault(self, host: str = "host", store: Store | None = None) -> Vault:
        """Open it as its owner; each host has caches of its own."""
        self.clock.advance(1)
        return open_made(self.created, store or self.store, self.clock, self.caches / host)

    def names(self, prefix: str) -> list[str]:
        return [info.name for info in self.store.list_objects(prefix)]
