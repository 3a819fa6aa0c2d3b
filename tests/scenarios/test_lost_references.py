"""What a snapshot needs was written down beside it, and that is lost: nothing else is, and there is a way out."""

from pathlib import Path

import pytest
from tests.scenarios.verified_vault import World, build_world, find_unreadable

from rebond.errors import VaultDamaged
from rebond.progress import Silence
from rebond.testing.damage import flip_byte
from rebond.vault.forgetting import forget, plan_by_name, survey
from rebond.vault.object_names import ObjectClass
from rebond.vault.pruning import prune


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("pristine"))


@pytest.mark.parametrize("is_there", [True, False])
def test_lost_references_keep_only_prune_away_until_their_snapshot_is_forgotten(
    pristine: World, tmp_path: Path, is_there: bool
) -> None:
    world = pristine.copy(tmp_path)
    record = world.records()[-1]
    lost = record.catalog.references_name
    if is_there:
        flip_byte(world.store, lost, 60)
    else:
        world.store.delete(lost)

    found = world.verify(read_data_percent=100, repair=True)
    told = next(finding for finding in found.findings if finding.code == "references-damaged")
    assert told.subject == lost
    assert "forget this snapshot" in told.hint_template
    assert not found.ok
    assert find_unreadable(world) == {}, "a restore needs the index, not the references"
    with pytest.raises(VaultDamaged):
        prune(world.vault(), Silence())

    world.save()
    vault = world.vault()
    forget(vault, plan_by_name(survey(vault), {record.name}, is_confirmed=True))
    del world.saved[record.snapshot]
    for _ in range(3):
        world.clock.advance(8 * 86_400)
        prune(world.vault(), Silence())

    assert lost not in world.names(ObjectClass.REFERENCES)
    assert find_unreadable(world) == {}
    after = world.verify(read_data_percent=100)
    assert after.ok
    assert not after.is_doubtful
