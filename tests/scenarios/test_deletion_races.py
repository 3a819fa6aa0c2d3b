"""Single races of the deletion protocol, each laid out by hand: a rule that is broken loses a snapshot here."""

import pathlib
from collections.abc import Sequence

import pytest
from tests.torture.interleaving import DAY_SECONDS, Actor, Contested, backup, count_calls, interleave, pruning

from rebond.progress import Silence
from rebond.store.protocol import Store
from rebond.testing.faulty_store import CuttingStore, FaultyStore, PowerCut, unreachable
from rebond.testing.vaults import save
from rebond.vault.pruning import prune


class CutAtFirstList(CuttingStore):
    """The power fails when packs were put and no list names them yet."""

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        if name.startswith("index/"):
            self.is_off = True
        super().put_if_absent(name, content)


@pytest.fixture(scope="module")
def with_a_mark_left(tmp_path_factory: pytest.TempPathFactory) -> Contested:
    """A vault with a dead session, and a mark that waited for it a day ago and that nobody claimed.

    The mark names the pack of ``old``, and a pack of the dead session that no list names: the host remembers it.
    """
    world = Contested.make(tmp_path_factory.mktemp("contested"))
    world.tree.write("left over", b"".join(number.to_bytes(4, "big") for number in range(20_000)))
    with pytest.raises(PowerCut):
        save(world.open(CutAtFirstList(world.store)), world.tree)
    assert list(world.caches.rglob("unlisted/*")), "nothing was left over, so nothing is tested"
    world.clock.advance(8 * DAY_SECONDS)
    world.prune(world.store)
    world.clock.advance(DAY_SECONDS)
    assert sum(not info.name.endswith(".claim") for info in world.store.list_objects("trash/")) == 1
    return world


def find_call(calls: Sequence[tuple[str, str]], verb: str, prefix: str, suffix: str = "") -> int:
    """Return the number of the first such call."""
    return next(
        n for n, (v, name) in enumerate(calls) if v == verb and name.startswith(prefix) and name.endswith(suffix)
    )


def test_what_is_deleted_while_a_backup_looks_around_is_not_referred_to(
    with_a_mark_left: Contested, tmp_path: pathlib.Path
) -> None:
    keeper = find_call(count_calls(with_a_mark_left, tmp_path / "a", pruning), "delete", "packs/")
    writer = find_call(count_calls(with_a_mark_left, tmp_path / "b", backup), "list", "index/")

    for stop in range(writer + 2):
        actors = interleave(with_a_mark_left, tmp_path / "c", (pruning, keeper), (backup, stop))

        assert [actor.error for actor in actors] == [None, None], stop


def test_a_keeper_that_fails_takes_no_mark_from_under_another(
    with_a_mark_left: Contested, tmp_path: pathlib.Path
) -> None:
    calls = count_calls(with_a_mark_left, tmp_path / "a", pruning)
    world = with_a_mark_left.copy(tmp_path / "b")
    faulty = FaultyStore(world.store)
    one = Actor(lambda store: prune_apart(world, store, "one"), faulty)
    one.run_until(find_call(calls, "put", "trash/", ".claim"))
    two = Actor(lambda store: prune_apart(world, store, "two"), world.store)
    two.run_until(find_call(calls, "delete", "packs/"))
    faulty.fail_when = lambda verb, name: unreachable() if (verb, name) == ("list", "packs/") else None
    one.end()
    writer = Actor(lambda store: backup(world, store), world.store)
    writer.run_until(find_call(count_calls(with_a_mark_left, tmp_path / "c", backup), "put", "packs/"))

    two.end()
    writer.end()

    world.check()
    assert (two.error, writer.error) == (None, None)


def prune_apart(world: Contested, store: Store, caches: str) -> None:
    """Prune on a host of its own."""
    prune(world.open(store, caches), Silence())
