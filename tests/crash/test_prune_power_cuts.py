"""The power fails at every single write of forget, undelete and prune; what is listed is whole, work goes on."""

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.vault.small_segments import save_small

from rebond.operations.snapshots import SnapshotFilter, list_snapshots
from rebond.progress import Silence
from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.testing.faulty_store import CuttingStore, PowerCut
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made, read_back
from rebond.vault.access import Vault
from rebond.vault.creation import Created
from rebond.vault.forgetting import forget, plan_by_name, survey
from rebond.vault.holds import hold_snapshot, release_snapshot
from rebond.vault.pruning import plan_prune, prune
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.undeleting import undelete

DAY = 86_400.0
Act = Callable[["Worn", Vault], None]


@dataclasses.dataclass
class Worn:
    """A vault with five snapshots, one of them mostly dead; copied afresh for each cut."""

    clock: ManualClock
    store: MemoryStore
    created: Created
    caches: Path
    records: list[SnapshotRecord]
    contents: dict[str, dict[str, bytes]]

    def copy(self, number: int) -> "Worn":
        clock = ManualClock(self.clock.now_ms())
        store = MemoryStore(clock)
        store._objects = dict(self.store._objects)
        return dataclasses.replace(
            self, clock=clock, store=store, caches=self.caches.parent / str(number), contents=dict(self.contents)
        )

    def open(self, store: Store) -> Vault:
        return open_made(self.created, store, self.clock, self.caches)

    def listed(self) -> list[SnapshotRecord]:
        return list_snapshots(self.open(self.store))

    def check_whole(self) -> set[str]:
        listed = self.listed()
        for record in listed:
            assert read_back(self.open(self.store), record) == self.contents[record.name]
        return {record.name for record in listed}


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory) -> Worn:
    clock = ManualClock()
    store = MemoryStore(clock)
    world = Worn(clock, store, make_vault(store, clock), tmp_path_factory.mktemp("caches") / "made", [], {})
    tree, rng = MemoryTree(), random.Random(3)
    for number in range(40):
        tree.write(f"file{number:02}", rng.randbytes(3000))

    def keep() -> None:
        record = save_small(world.open(store), tree)
        world.records.append(record)
        world.contents[record.name] = tree.copy()
        clock.advance(DAY)

    keep()
    for number in range(30):
        tree.remove(f"file{number:02}")
    for _ in range(4):
        tree.write("changes", rng.randbytes(500))
        keep()
    return world


def forget_three(world: Worn, vault: Vault) -> None:
    names = {record.name for record in world.records[:3]}
    forget(vault, plan_by_name(survey(vault), names, is_confirmed=True))


def forget_and_prune(world: Worn, vault: Vault) -> None:
    forget_three(world, vault)
    prune(vault, Silence())


def forget_and_take_back(world: Worn, vault: Vault) -> None:
    forget_three(world, vault)
    undelete(vault, world.records[1].name)


def hold_and_release(world: Worn, vault: Vault) -> None:
    hold_snapshot(vault, world.records[0], reason="court", until_ms=None, who="me")
    release_snapshot(vault, world.records[0], reason="settled", who="me")


def count_writes(world: Worn, act: Act) -> int:
    copy = world.copy(-1)
    store = CuttingStore(copy.store)
    act(copy, copy.open(store))
    return store.writes


@pytest.mark.slow
@pytest.mark.parametrize("takes_effect", [False, True])
def test_a_prune_cut_at_any_write_leaves_every_listed_snapshot_whole(worn: Worn, takes_effect: bool) -> None:
    total = count_writes(worn, forget_and_prune)
    assert total >= 15  # mark, run; claim, run, records, journals, mark; probe; pack, list; mark, claim, lists, …
    for cut in range(total):
        world = worn.copy(cut)
        with pytest.raises(PowerCut):
            forget_and_prune(world, world.open(CuttingStore(world.store, cut_at=cut, after=takes_effect)))

        listed = world.check_whole()
        assert {record.name for record in world.records[3:]} <= listed
        go_on(world)


def go_on(world: Worn) -> None:
    """The next day: forget again what came back, prune, back up; in the end nothing is left over."""
    world.clock.advance(DAY)
    vault = world.open(world.store)
    names = {record.name for record in world.records[:3]} & {record.name for record in world.listed()}
    if names:
        forget(vault, plan_by_name(survey(vault), names, is_confirmed=True))
    prune(vault, Silence())
    tree = MemoryTree(
        dict(world.contents[world.records[-1].name]), dict.fromkeys(world.contents[world.records[-1].name], 1)
    )
    tree.write("afterwards", b"the work goes on")
    record = save_small(vault, tree)
    world.contents[record.name] = tree.copy()
    world.clock.advance(8 * DAY)
    prune(vault, Silence())
    prune(vault, Silence())

    assert world.check_whole() == {record.name} | {record.name for record in world.records[3:]}
    plan = plan_prune(world.open(world.store))
    assert plan.is_empty, plan


@pytest.mark.slow
@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("act", [forget_and_take_back, hold_and_release])
def test_forget_undelete_and_hold_cut_at_any_write_lose_nothing(worn: Worn, act: Act, takes_effect: bool) -> None:
    for cut in range(count_writes(worn, act)):
        world = worn.copy(cut)
        with pytest.raises(PowerCut):
            act(world, world.open(CuttingStore(world.store, cut_at=cut, after=takes_effect)))

        everything = {record.name for record in world.records}
        vault = world.open(world.store)
        trash = {record.name for record in list_snapshots(vault, SnapshotFilter(in_trash=True))}
        assert {record.name for record in world.listed()} | trash == everything
        for name in sorted(trash):
            undelete(vault, name)
        assert world.check_whole() == everything, cut
