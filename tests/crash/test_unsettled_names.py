"""A process dies between the name of an object and its flush; another one builds on that object; the power fails."""

import random
from pathlib import Path

import pytest

from rebond.operations.snapshots import list_snapshots
from rebond.store.local import LocalStore
from rebond.testing.faulty_store import PowerCut
from rebond.testing.forgetful_disk import ForgetfulDisk
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made, read_back, save
from rebond.vault.access import Vault


class DyingDisk(ForgetfulDisk):
    """The process that writes dies when it is to flush a directory below ``dies_below``, the first time."""

    dies_below = ""

    def sync_directory(self, path: str) -> None:
        if self.dies_below and path.startswith(f"{self.root}/vault/{self.dies_below}/"):
            self.is_off = True
        super().sync_directory(path)


class Machine:
    """A vault on such a disk, and the caches of this host, which outlive what happens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "machine").mkdir()
        self.disk = DyingDisk(folder / "machine")
        self.clock = ManualClock()
        self.created = make_vault(self.open_store(), self.clock)

    def open_store(self) -> LocalStore:
        return LocalStore.create(f"{self.disk.root}/vault", disk=self.disk, clock=self.clock)

    def open(self) -> Vault:
        return open_made(self.created, self.open_store(), self.clock, self.folder / "caches")

    def die_below(self, prefix: str, tree: MemoryTree) -> None:
        """Back up, and die between a name below ``prefix`` and its flush."""
        vault = self.open()
        self.disk.dies_below = prefix
        with pytest.raises(PowerCut):
            save(vault, tree)
        self.disk.dies_below = ""
        self.disk.revive()

    def after_a_power_cut(self) -> Vault:
        self.disk.leave_behind(self.folder / "left", keeps_names=False)
        store = LocalStore(self.folder / "left" / "vault", clock=self.clock)
        return open_made(self.created, store, self.clock, self.folder / "other caches")


def a_tree() -> MemoryTree:
    tree = MemoryTree()
    tree.write("media/large.bin", random.Random(1).randbytes(300_000))
    return tree


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_pack_that_is_taken_over_is_there_after_a_power_cut(machine: Machine) -> None:
    tree = a_tree()
    machine.die_below("packs", tree)
    done = save(machine.open(), tree)
    assert done.stored_bytes < 100_000, "the pack of the dead run was not taken over, so nothing is tested"

    left = machine.after_a_power_cut()
    (record,) = list_snapshots(left)
    assert read_back(left, record) == tree.files
