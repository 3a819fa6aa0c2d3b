"""Commit records that are damaged or gone: a prune stops beside them until their owner gives them up."""

from pathlib import Path

import pytest
from tests.scenarios.verified_vault import World, build_world, find_unreadable

from rebond.errors import Refused, VaultDamaged
from rebond.progress import Silence
from rebond.testing.damage import flip_byte, swap_objects
from rebond.vault.holds import hold_snapshot
from rebond.vault.lost_records import find_lost, give_up
from rebond.vault.object_names import ObjectClass
from rebond.vault.pruning import prune
from rebond.vault.snapshots import SnapshotRecord


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A vault that was pruned once: so it is known which records there were."""
    world = build_world(tmp_path_factory.mktemp("pristine"))
    prune(world.vault(), Silence())
    world.clock.advance(8 * 86_400)
    return world


@pytest.fixture
def world(pristine: World, tmp_path: Path) -> World:
    return pristine.copy(tmp_path)


def lose(world: World, record: SnapshotRecord, *, is_there: bool) -> None:
    if is_there:
        flip_byte(world.store, record.name, 300)
    else:
        world.store.delete(record.name)


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_lost_record_stops_every_prune_until_it_is_given_up(world: World, which: int, is_there: bool) -> None:
    record = world.records()[which]
    lose(world, record, is_there=is_there)
    with pytest.raises(VaultDamaged) as stopped:
        prune(world.vault(), Silence())
    assert f"rebond forget {record.snapshot.hex()}" in stopped.value.hint or record.snapshot.hex() in stopped.value.hint
    assert any("rebond forget" in finding.hint for finding in world.verify().findings)

    lost = find_lost(world.vault())
    assert [(each.name, each.is_there) for each in lost] == [(record.name, is_there)]
    give_up(world.vault(), lost)

    assert find_lost(world.vault()) == []
    prune(world.vault(), Silence())
    del world.saved[record.snapshot]
    assert record.name not in world.names(ObjectClass.SNAPSHOT)
    assert find_unreadable(world) == {}
    after = world.verify(read_data_percent=100)
    assert (after.ok, after.findings) == (True, ())


def test_a_record_that_was_given_up_and_turns_up_again_is_no_snapshot(world: World) -> None:
    """A listing had come short: what it needs may be gone, so it must not be listed."""
    record = world.records()[0]
    content = world.store.read(record.name)
    world.store.delete(record.name)
    give_up(world.vault(), find_lost(world.vault()))
    prune(world.vault(), Silence())

    world.store.put_if_absent(record.name, content)

    assert record.snapshot not in {each.snapshot for each in world.records()}
    del world.saved[record.snapshot]
    prune(world.vault(), Silence())
    assert find_unreadable(world) == {}


def test_what_is_listed_or_only_misplaced_is_not_lost(world: World) -> None:
    assert find_lost(world.vault()) == []
    first, second, _ = world.records()
    swap_objects(world.store, first.name, second.name)

    assert find_lost(world.vault()) == [], "both are whole, and can be put back by their names"


def test_a_held_one_is_not_given_up(world: World) -> None:
    record = world.records()[0]
    hold_snapshot(world.vault(), record, reason="the audit", until_ms=None, who="me")
    lose(world, record, is_there=True)

    with pytest.raises(Refused, match="held"):
        give_up(world.vault(), find_lost(world.vault()))
    assert record.name in world.names(ObjectClass.SNAPSHOT)


def test_a_giving_up_that_was_cut_can_be_run_again(world: World) -> None:
    records = world.records()
    lose(world, records[0], is_there=True)
    lose(world, records[1], is_there=False)
    lost = find_lost(world.vault())
    give_up(world.vault(), lost[:1])
    give_up(world.vault(), lost)

    prune(world.vault(), Silence())
    for record in records[:2]:
        del world.saved[record.snapshot]
    assert find_unreadable(world) == {}
