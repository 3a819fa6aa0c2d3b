"""One object of each kind is damaged in each way: it is found, the right paths are named, nothing else suffers."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.scenarios.verified_vault import World, assert_names_exactly, build_world, find_unreadable, named_paths

from rebond.findings import Severity
from rebond.identifiers import SnapshotId
from rebond.operations.verify import VerifyOutcome
from rebond.testing.damage import flip_byte, rewrite_object, swap_objects, truncate_object
from rebond.vault.object_names import ObjectClass
from rebond.vault.segments import SegmentKind

Spoil = Callable[[World, str], None]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("pristine"))


@pytest.fixture
def world(pristine: World, tmp_path: Path) -> World:
    return pristine.copy(tmp_path)


def flip_first(world: World, name: str) -> None:
    flip_byte(world.store, name, 0)


def flip_middle(world: World, name: str) -> None:
    flip_byte(world.store, name, len(world.store.read(name)) // 2)


def flip_last(world: World, name: str) -> None:
    flip_byte(world.store, name, -1)


def cut_in_half(world: World, name: str) -> None:
    truncate_object(world.store, name, len(world.store.read(name)) // 2)


def cut_last_byte(world: World, name: str) -> None:
    truncate_object(world.store, name, -1)


def empty(world: World, name: str) -> None:
    rewrite_object(world.store, name, b"")


def lose(world: World, name: str) -> None:
    world.store.delete(name)


def lengthen(world: World, name: str) -> None:
    rewrite_object(world.store, name, world.store.read(name) + b"\0")


def swap_with_next(world: World, name: str) -> None:
    folder = name.split("/", maxsplit=1)[0]
    other = next(info.name for info in world.store.list_objects(folder + "/") if same_kind(info.name, name))
    swap_objects(world.store, name, other)


def same_kind(name: str, other: str) -> bool:
    return name != other and len(name) == len(other) and name.endswith(".claim") == other.endswith(".claim")


def rename(world: World, name: str) -> None:
    """Give an object another name of the same shape."""
    content = world.store.read(name)
    world.store.delete(name)
    head, _, last = name.rpartition("/")
    digit = "0" if last[-1] != "0" else "1"
    world.store.put_if_absent(f"{head}/{last[:-1]}{digit}", content)


EVERY_WAY: tuple[Spoil, ...] = (flip_first, flip_middle, flip_last, cut_in_half, cut_last_byte, empty, lengthen)
HASHED = (*EVERY_WAY, lose, swap_with_next, rename)
CASES: dict[ObjectClass, tuple[Spoil, ...]] = {
    ObjectClass.PACK: HASHED,
    ObjectClass.INDEX: HASHED,
    ObjectClass.REFERENCES: HASHED,
    ObjectClass.SNAPSHOT: (*EVERY_WAY, lose, swap_with_next, rename),
    ObjectClass.SESSION: (*EVERY_WAY, lose, swap_with_next),
    ObjectClass.MARK: (*EVERY_WAY, swap_with_next, rename),
    ObjectClass.CLAIM: (*EVERY_WAY, swap_with_next),
    ObjectClass.RUN: (*EVERY_WAY, lose, swap_with_next),
    ObjectClass.HOLD: (*EVERY_WAY, lose, swap_with_next),
    ObjectClass.STREAM_ITEM: (*EVERY_WAY, swap_with_next, rename),
    ObjectClass.ROSTER: (*EVERY_WAY, lose, rename),
    ObjectClass.KEYRING: (*EVERY_WAY, lose, rename),
    ObjectClass.SLOT: (*EVERY_WAY, lose, rename),
    ObjectClass.DESCRIPTION: (*EVERY_WAY, lose),
    ObjectClass.PAPER: (*EVERY_WAY, lose),
}
PARAMETERS = [
    pytest.param(kind, spoil, id=f"{kind.value}-{spoil.__name__}") for kind, ways in CASES.items() for spoil in ways
]


CONTENT = {ObjectClass.PACK, ObjectClass.INDEX, ObjectClass.REFERENCES, ObjectClass.SNAPSHOT}


def is_told(outcome: VerifyOutcome) -> bool:
    return any(finding.severity is not Severity.NOTE for finding in outcome.findings)


@pytest.mark.parametrize(("kind", "spoil"), PARAMETERS)
def test_damage_is_found_its_paths_are_named_no_other_file_suffers_and_the_next_backup_heals_what_it_can(
    world: World, kind: ObjectClass, spoil: Spoil
) -> None:
    names = world.names(kind)
    name = names[1] if kind in {ObjectClass.SESSION, ObjectClass.PAPER} else names[0]
    spoil(world, name)
    left = {info.name for info in world.store.list_objects()}
    unreadable = find_unreadable(world)

    outcome = world.verify(read_data_percent=100, repair=True)

    assert is_told(outcome)
    # Without its list a pack is still whole, and a record of a journal is needed by nobody: warnings.
    assert outcome.ok == (spoil is lose and kind in {ObjectClass.INDEX, ObjectClass.SESSION})
    assert_names_exactly(outcome, unreadable)
    assert left <= {info.name for info in world.store.list_objects()}  # repair deletes nothing
    if kind in CONTENT:
        _assert_a_backup_heals(world, kind, unreadable)


def _assert_a_backup_heals(world: World, kind: ObjectClass, unreadable: dict[SnapshotId, set[str]]) -> None:
    newest = world.save()
    after = find_unreadable(world)
    assert newest.snapshot not in after
    assert all(paths <= unreadable.get(snapshot, set()) for snapshot, paths in after.items())
    if kind in {ObjectClass.INDEX, ObjectClass.REFERENCES}:
        assert after == {}


@pytest.mark.parametrize("spoil", [flip_middle, lose, cut_in_half])
def test_what_the_source_still_has_comes_back_in_every_old_snapshot(world: World, spoil: Spoil) -> None:
    """A file whose content is unchanged since is healed wherever its directory can still be read."""
    spoil(world, world.names(ObjectClass.PACK)[0])
    assert find_unreadable(world)

    world.verify(read_data_percent=100, repair=True)
    world.save()

    outcome = world.verify(read_data_percent=100)
    unreadable = find_unreadable(world)
    assert_names_exactly(outcome, unreadable)
    for snapshot, paths in unreadable.items():
        lost_directories = [path for path, is_subtree in named_paths(outcome)[snapshot] if is_subtree]
        for path in paths:
            is_below = any(not top or path.startswith(top + "/") for top in lost_directories)
            assert is_below or world.tree.files.get(path) != world.saved[snapshot][path]


def test_a_healthy_vault_has_no_finding_at_all(world: World) -> None:
    outcome = world.verify(read_data_percent=100)

    assert outcome.ok
    assert outcome.findings == ()
    assert outcome.read_packs == len(world.names(ObjectClass.PACK))
    assert find_unreadable(world) == {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [SegmentKind.DATA, SegmentKind.TREE])
def test_a_flipped_byte_in_any_segment_names_what_lies_in_that_segment(world: World, kind: SegmentKind) -> None:
    for pack in world.packs():
        for row in pack.rows:
            if row.kind != kind:
                continue
            name = f"packs/{pack.pack_hash.hex()[:2]}/{pack.pack_hash.hex()}"
            content = world.store.read(name)
            flip_byte(world.store, name, row.offset + row.stored_length - 20)

            outcome = world.verify(read_data_percent=100)

            assert [damaged.name for damaged in outcome.damage] == [name]
            unreadable = find_unreadable(world)
            assert unreadable
            assert_names_exactly(outcome, unreadable)
            rewrite_object(world.store, name, content)


@pytest.mark.slow
def test_a_damaged_data_segment_is_stored_again_and_found_there_by_every_snapshot(
    pristine: World, tmp_path: Path
) -> None:
    number = 0
    for pack in pristine.packs():
        for row in [row for row in pack.rows if row.kind == SegmentKind.DATA]:
            number += 1
            world = pristine.copy(tmp_path / str(number))
            flip_byte(world.store, f"packs/{pack.pack_hash.hex()[:2]}/{pack.pack_hash.hex()}", row.offset + 1300)
            assert find_unreadable(world)

            outcome = world.verify(read_data_percent=100, repair=True)
            assert outcome.repair is not None
            assert len(outcome.repair.marked_packs) == 1
            world.save()

            for snapshot, paths in find_unreadable(world).items():
                assert all(world.tree.files.get(path) != world.saved[snapshot][path] for path in paths)
    assert number >= 6
