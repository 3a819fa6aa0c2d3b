"""Two prunes, two backups and a forget at once, each stopped in the middle of the others: nothing listed is lost.

The model explores every interleaving of the rules; here the real code runs some hundreds of them, with
keepers that void every open session at once, however alive it is.
"""

import random
from pathlib import Path

import pytest
from tests.scenarios.gated_store import Actor, GatedStore
from tests.unit.vault.small_segments import save_small

from rebond.errors import Refused, SessionVoided
from rebond.identifiers import ObjectName
from rebond.operations.snapshots import list_snapshots
from rebond.progress import Silence
from rebond.store.memory import MemoryStore
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made, read_back
from rebond.vault import prune_marks
from rebond.vault.access import Vault
from rebond.vault.creation import Created
from rebond.vault.forgetting import forget, plan_by_name, survey
from rebond.vault.marks import read_marks
from rebond.vault.pruning import prune
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.undeleting import undelete

DAY = 86_400.0
WORLDS = 48


class World:
    """A vault with a snapshot in the trash whose content the next backup would like to refer to."""

    def __init__(self, caches: Path, clock: ManualClock, store: MemoryStore, created: Created) -> None:
        self.caches = caches
        self.clock = clock
        self.store = store
        self.created = created
        self.contents: dict[str, dict[str, bytes]] = {}
        self.voided = 0

    def open(self, name: str, stop_at: int | None) -> tuple[GatedStore, Vault]:
        gated = GatedStore(self.store, stop_at)
        return gated, open_made(self.created, gated, self.clock, self.caches / name)

    def writer(self, name: str, tree: MemoryTree, stop_at: int | None) -> Actor:
        store, vault = self.open(name, stop_at)

        def act() -> None:
            try:
                record = save_small(vault, tree, stack=name)
            except SessionVoided:
                self.voided += 1
                return
            self.contents[record.name] = tree.copy()

        return Actor(store, act)

    def keeper(self, name: str, stop_at: int | None) -> Actor:
        store, vault = self.open(name, stop_at)
        return Actor(store, lambda: prune(vault, Silence()))

    def undeleter(self, stop_at: int | None) -> Actor:
        store, vault = self.open("undeleter", stop_at)

        def act() -> None:
            for name in sorted(read_marks(vault.store, vault.vault_id, vault.roster).forgotten()):
                try:
                    undelete(vault, ObjectName(name))
                except Refused:
                    continue

        return Actor(store, act)

    def listed(self) -> list[SnapshotRecord]:
        return list_snapshots(self.open("reader", None)[1])

    def check_whole(self) -> None:
        for record in self.listed():
            assert read_back(self.open("reader", None)[1], record) == self.contents[record.name]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, MemoryTree]:
    """Three snapshots; the extra files of the second lie in a pack of their own, and the tree has them no more."""
    clock = ManualClock()
    store = MemoryStore(clock)
    world = World(tmp_path_factory.mktemp("gates"), clock, store, make_vault(store, clock))
    rng = random.Random(5)
    tree = MemoryTree()
    extra = {f"extra{number}": rng.randbytes(4000) for number in range(8)}

    def keep(name: str) -> None:
        record = save_small(world.open(name, None)[1], tree, stack="W1")
        world.contents[record.name] = tree.copy()
        clock.advance(DAY)

    for number in range(8):
        tree.write(f"base{number}", rng.randbytes(4000))
    keep("first")
    for path, content in extra.items():
        tree.write(path, content)
    keep("second")
    for path in extra:
        tree.remove(path)
    keep("third")
    return world, tree


def copy_world(made: tuple[World, MemoryTree], number: int) -> tuple[World, MemoryTree]:
    first, tree = made
    clock = ManualClock(first.clock.now_ms())
    store = MemoryStore(clock)
    store._objects = dict(first.store._objects)
    world = World(first.caches / str(number), clock, store, first.created)
    world.contents = dict(first.contents)
    return world, MemoryTree(dict(tree.files), dict(tree.versions))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(WORLDS))
def test_whatever_stops_wherever_every_listed_snapshot_is_whole(
    made: tuple[World, MemoryTree], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune_marks, "may_void_session", lambda *_, **__: True)
    rng = random.Random(number)
    world, tree = copy_world(made, number)
    second = sorted(world.listed(), key=lambda record: record.catalog.time_ms)[1]
    vault = world.open("forgetter", None)[1]
    forget(vault, plan_by_name(survey(vault), {second.name}, is_confirmed=True))
    wanting = MemoryTree(dict(world.contents[second.name]), dict.fromkeys(world.contents[second.name], 1))
    wanting.write("own", rng.randbytes(3000))
    actors = [
        world.writer("W1", tree, rng.randrange(20)),
        world.writer("W2", wanting, rng.randrange(5, 25)),
        world.keeper("K1", rng.randrange(120)),
        world.keeper("K2", rng.randrange(120)),
    ]
    if number % 3 == 0:
        actors.append(world.undeleter(rng.randrange(10)))
    rng.shuffle(actors)
    for actor in actors:
        actor.start()
    rng.shuffle(actors)
    for actor in actors:
        actor.finish()

    world.check_whole()
    world.clock.advance(DAY)
    prune(world.open("after", None)[1], Silence())
    world.check_whole()
    assert len(world.listed()) >= 4 - world.voided
