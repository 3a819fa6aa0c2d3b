"""A check while others write and prune: whatever moves under it is no damage."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.scenarios.verified_vault import World, build_world, find_unreadable

from rebond.progress import Silence
from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import ObjectInfo
from rebond.vault.forgetting import forget, plan_by_name, survey
from rebond.vault.object_names import ObjectClass
from rebond.vault.pruning import prune


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Most of the first pack is needed by old snapshots only: a prune that forgets them copies the rest."""
    world = build_world(tmp_path_factory.mktemp("pristine"))
    for path in ("media/large", "media/one", "code/b.py"):
        world.tree.remove(path)
    world.save()
    return world


class Interrupting(ForwardingStore):
    """Lets somebody else act right before the request number ``at``."""

    def __init__(self, world: World, at: int, act: Callable[[], None]) -> None:
        super().__init__(world.store)
        self._at = at
        self._act = act
        self._count = 0
        self.acted = False

    def _tick(self) -> None:
        self._count += 1
        if self._count == self._at:
            self.acted = True
            self._act()

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        self._tick()
        return self.inner.read(name, start=start, length=length)

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        self._tick()
        return self.inner.list_objects(prefix)


def back_up(world: World) -> None:
    world.tree.write("more", bytes(world.clock.now_ms() % 251 for _ in range(9000)))
    world.save()


def forget_and_prune(world: World) -> None:
    """Forget all but the newest snapshot; what it needs of old packs moves to a new one."""
    vault = world.vault()
    for record in world.records()[:-1]:
        forget(vault, plan_by_name(survey(vault), {record.name}, is_confirmed=True))
        del world.saved[record.snapshot]
    for _ in range(2):
        world.clock.advance(8 * 86_400)
        prune(world.vault(), Silence())


@pytest.mark.slow
@pytest.mark.parametrize("act", [back_up, forget_and_prune])
def test_a_backup_or_a_prune_at_any_moment_of_a_check_looks_like_no_damage(
    pristine: World, tmp_path: Path, act: Callable[[World], None]
) -> None:
    for at in itertools.count(1, 5):
        world = pristine.copy(tmp_path / str(at))
        store = Interrupting(world, at, lambda world=world: act(world))  # type: ignore[misc]

        before = set(world.names(ObjectClass.PACK))

        outcome = world.verify(vault=world.vault(store=store), read_data_percent=100)

        after = set(world.names(ObjectClass.PACK))
        assert bool(before - after) == (store.acted and act is forget_and_prune)
        assert outcome.ok, [finding.message for finding in outcome.findings]
        assert outcome.damage == ()
        if not store.acted:
            break
    assert at > 60


@pytest.mark.slow
@pytest.mark.parametrize("act", [back_up, forget_and_prune])
def test_a_repair_beside_a_backup_or_a_prune_loses_nothing(
    pristine: World, tmp_path: Path, act: Callable[[World], None]
) -> None:
    for at in itertools.count(1, 17):
        world = pristine.copy(tmp_path / str(at))
        world.store.delete(world.names(ObjectClass.INDEX)[0])
        store = Interrupting(world, at, lambda world=world: act(world))  # type: ignore[misc]

        world.verify(vault=world.vault(store=store), repair=True)

        assert find_unreadable(world) == {}
        world.save()
        assert find_unreadable(world) == {}
        if not store.acted:
            break


def test_after_forget_and_prune_nothing_is_said_to_be_missing(pristine: World, tmp_path: Path) -> None:
    world = pristine.copy(tmp_path)
    for _ in range(3):
        back_up(world)
    forget_and_prune(world)

    outcome = world.verify(read_data_percent=100)

    assert outcome.findings == ()
    assert find_unreadable(world) == {}


def test_a_record_that_vanished_after_a_prune_is_missed_even_without_its_journal(
    pristine: World, tmp_path: Path
) -> None:
    world = pristine.copy(tmp_path)
    world.clock.advance(8 * 86_400)
    prune(world.vault(), Silence())
    newest = world.records()[-1]
    world.store.delete(newest.name)
    for name in world.names(ObjectClass.SESSION):
        if newest.session.hex() in name:
            world.store.delete(name)

    outcome = world.verify()

    assert not outcome.ok
    assert newest.name in {damaged.name for damaged in outcome.damage}
