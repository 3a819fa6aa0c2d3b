"""What repair writes, what it never does, and how marks come and go."""

from pathlib import Path

import pytest
from tests.scenarios.verified_vault import World, assert_names_exactly, build_world, find_unreadable, named_paths

from rebond.errors import StoreFull
from rebond.identifiers import SessionId, random_id
from rebond.operations import verify_steps
from rebond.operations.verify import VerifyOutcome
from rebond.progress import Silence
from rebond.testing.damage import flip_byte, rewrite_object, swap_objects
from rebond.testing.faulty_store import CuttingStore, FaultyStore, PowerCut
from rebond.vault.checking_places import open_lists
from rebond.vault.damage_reach import NO_OBJECT
from rebond.vault.forgetting import forget, plan_by_name, survey
from rebond.vault.index import build_index_list, index_name
from rebond.vault.marks import Mark, read_marks
from rebond.vault.object_names import ObjectClass
from rebond.vault.packs import PackBuilder, PackedSegment, seal_table, table_binding
from rebond.vault.primitives import hash_of, sealing_public_key
from rebond.vault.pruning import prune
from rebond.vault.segments import SegmentKind, seal_segment
from rebond.vault.unlisted_packs import SelfDescribedPack


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("pristine"))


@pytest.fixture
def world(pristine: World, tmp_path: Path) -> World:
    return pristine.copy(tmp_path)


def repair(world: World) -> VerifyOutcome:
    outcome = world.verify(read_data_percent=100, repair=True)
    assert outcome.repair is not None
    return outcome


def damage_marks(world: World) -> list[Mark]:
    marks = read_marks(world.store, world.created.vault_id, world.created.roster).marks
    return [mark for mark in marks if mark.body.purpose == "damage"]


def contents(world: World) -> dict[str, bytes]:
    return {info.name: world.store.read(info.name) for info in world.store.list_objects()}


def name_of(pack: SelfDescribedPack) -> str:
    return f"packs/{pack.pack_hash.hex()[:2]}/{pack.pack_hash.hex()}"


def largest(world: World) -> SelfDescribedPack:
    return max(world.packs(), key=lambda pack: pack.size)


def flip_data(world: World, pack: SelfDescribedPack) -> None:
    """Spoil the last data segment: all that lies in it is unchanged in the source."""
    row = [row for row in pack.rows if row.kind == SegmentKind.DATA][-1]
    flip_byte(world.store, name_of(pack), row.offset + 1300)


def test_repair_of_a_healthy_vault_writes_nothing(world: World) -> None:
    before = contents(world)

    outcome = repair(world)

    assert outcome.repair is not None
    assert not outcome.repair.changed_anything
    assert contents(world) == before


def test_repair_twice_adds_nothing_the_second_time(world: World) -> None:
    flip_data(world, largest(world))
    world.store.delete(world.names(ObjectClass.INDEX)[0])
    assert repair(world).repair.changed_anything  # type: ignore[union-attr]
    before = contents(world)

    assert not repair(world).repair.changed_anything  # type: ignore[union-attr]
    assert contents(world) == before


def test_a_pack_whose_list_and_tail_are_both_lost_is_found_by_its_segments(world: World) -> None:
    pack = largest(world)
    for name in world.names(ObjectClass.INDEX):
        world.store.delete(name)
    flip_byte(world.store, name_of(pack), -30)

    outcome = repair(world)

    assert named_paths(outcome) == {}  # all of it can be decoded
    assert outcome.repair is not None
    assert outcome.repair.copied_segments == len(pack.rows)
    assert find_unreadable(world) == {}


def test_when_list_and_pack_are_both_lost_the_paths_are_still_named(world: World) -> None:
    pack = largest(world)
    for name in world.names(ObjectClass.INDEX):
        world.store.delete(name)
    world.store.delete(name_of(pack))

    outcome = repair(world)

    assert "packs-lost" in {finding.code for finding in outcome.findings}
    assert_names_exactly(outcome, find_unreadable(world))


def test_two_packs_that_were_swapped_give_back_everything(world: World) -> None:
    first, second = world.names(ObjectClass.PACK)[:2]
    swap_objects(world.store, first, second)

    outcome = repair(world)

    assert not outcome.ok
    assert find_unreadable(world) == {}
    assert world.verify(read_data_percent=100).ok


def test_a_pack_that_nothing_names_any_more_is_not_told_as_all_packs() -> None:
    told = verify_steps._content_healed(NO_OBJECT)
    assert NO_OBJECT not in told.message


def test_writers_look_past_a_marked_pack_and_the_mark_stays_while_the_pack_does(world: World) -> None:
    pack = largest(world)
    flip_data(world, pack)
    repair(world)
    (mark,) = damage_marks(world)
    assert mark.body.names == [name_of(pack)]
    assert mark.is_verified

    world.save()
    outcome = repair(world)

    assert outcome.ok
    assert [finding.code for finding in outcome.findings] == ["pack-replaced"]
    # Were it gone, the next backup could refer to the bad segment again.
    assert damage_marks(world) == [mark]


def test_the_mark_goes_when_the_pack_is_whole_again(world: World) -> None:
    pack = largest(world)
    good = world.store.read(name_of(pack))
    flip_data(world, pack)
    repair(world)
    rewrite_object(world.store, name_of(pack), good)  # put back from a copy

    outcome = world.verify(repair=True)

    assert outcome.ok
    assert outcome.repair is not None
    assert len(outcome.repair.lifted_marks) == 1
    assert damage_marks(world) == []
    assert world.verify(read_data_percent=100).findings == ()


def test_the_mark_goes_when_the_pack_is_gone(world: World) -> None:
    pack = largest(world)
    flip_data(world, pack)
    repair(world)
    world.save()
    world.store.delete(name_of(pack))

    lifted = repair(world).repair

    assert lifted is not None
    assert len(lifted.lifted_marks) == 1
    assert damage_marks(world) == []


def test_after_old_snapshots_are_forgotten_a_prune_removes_the_damaged_pack_and_the_vault_is_clean(
    world: World,
) -> None:
    pack = largest(world)
    flip_data(world, pack)
    repair(world)
    newest = world.save()
    world.clock.advance(30 * 86_400)
    vault = world.vault()
    old = {record.name for record in world.records() if record.snapshot != newest.snapshot}
    forget(vault, plan_by_name(survey(vault), old, is_confirmed=True))
    for snapshot in list(world.saved):
        if snapshot != newest.snapshot:
            del world.saved[snapshot]
    for _ in range(3):
        world.clock.advance(8 * 86_400)
        prune(world.vault(), Silence())

    assert name_of(pack) not in world.names(ObjectClass.PACK)
    assert find_unreadable(world) == {}
    repair(world)
    outcome = world.verify(read_data_percent=100)
    assert outcome.ok
    assert damage_marks(world) == []
    assert not outcome.is_doubtful


def test_one_of_two_copies_that_is_bad_reaches_nothing(world: World) -> None:
    """A keeper copied a segment into another pack; then the first copy rots."""
    pack = largest(world)
    _copy_last_segment(world, pack)
    flip_data(world, pack)

    outcome = world.verify(read_data_percent=100)

    assert [damaged.name for damaged in outcome.damage] == [name_of(pack)]
    assert named_paths(outcome) == {}
    assert find_unreadable(world) == {}


def _copy_last_segment(world: World, pack: SelfDescribedPack) -> None:

    row = [row for row in pack.rows if row.kind == SegmentKind.DATA][-1]
    table = pack.tables[pack.rows.index(row)]
    stored = world.store.read(name_of(pack), start=row.offset, length=row.stored_length)
    credentials = world.created.credentials
    key = credentials.catalog(pack.domain).current
    builder = PackBuilder(world.created.vault_id, pack.domain)
    builder.add(
        PackedSegment(
            SessionId(row.session),
            row.number,
            row.kind,
            stored,
            row.stored_hash,
            row.raw_length,
            table,
            row.chunk_count,
        )
    )
    filled = builder.fill(key)
    world.store.put_if_absent(filled.name, filled.content)
    content = build_index_list(
        [(filled.pack_hash, len(filled.content), filled.rows, filled.tables)],
        vault_id=world.created.vault_id,
        domain=pack.domain,
        catalog_key=key,
        member=credentials.member,
        signing_key=credentials.signing_key,
    )
    world.store.put_if_absent(index_name(pack.domain, content), content)


def test_a_segment_that_never_decoded_is_marked_by_name_and_stored_again(world: World) -> None:
    """Its bytes are what was put: a bad machine or a bad writer made it."""
    pack = largest(world)
    row = next(row for row in pack.rows if row.kind == SegmentKind.DATA)
    _replace_by_rubbish(world, pack, row.number, row.session)

    outcome = repair(world)

    assert outcome.repair is not None
    assert outcome.repair.marked_segments == 1
    assert find_unreadable(world)
    assert_names_exactly(outcome, find_unreadable(world))
    world.save()
    for snapshot, paths in find_unreadable(world).items():
        assert all(world.tree.files.get(path) != world.saved[snapshot][path] for path in paths)
    # What still refers to it is known; the mark stays as long as a list names the segment.
    assert len(damage_marks(world)) == 1


def _replace_by_rubbish(world: World, pack: SelfDescribedPack, number: int, session: bytes) -> None:
    """Build the pack anew, with one segment that opens and does not decode, and a list that names it."""

    credentials, vault_id = world.created.credentials, world.created.vault_id
    key = credentials.catalog(pack.domain).current
    builder = PackBuilder(vault_id, pack.domain)
    content = world.store.read(name_of(pack))
    for row, table in zip(pack.rows, pack.tables, strict=True):
        stored = content[row.offset : row.offset + row.stored_length]
        if (row.session, row.number) == (session, number):
            stored = seal_segment(
                sealing_public_key(world.created.roster.sealing_public),
                b"no frame at all",
                kind=SegmentKind(row.kind),
                epoch=1,
                vault_id=vault_id,
                domain=pack.domain,
                session=SessionId(row.session),
                number=row.number,
            ).stored
        builder.add(
            PackedSegment(
                SessionId(row.session),
                row.number,
                row.kind,
                stored,
                hash_of(stored),
                row.raw_length,
                table,
                row.chunk_count,
            )
        )
    filled = builder.fill(key)
    world.store.delete(name_of(pack))
    for name in world.names(ObjectClass.INDEX):
        if pack.pack_hash in _packs_of(world, name):
            world.store.delete(name)
    world.store.put_if_absent(filled.name, filled.content)
    made = build_index_list(
        [(filled.pack_hash, len(filled.content), filled.rows, filled.tables)],
        vault_id=vault_id,
        domain=pack.domain,
        catalog_key=key,
        member=credentials.member,
        signing_key=credentials.signing_key,
    )
    world.store.put_if_absent(index_name(pack.domain, made), made)


def _packs_of(world: World, name: str) -> set[bytes]:

    return {
        pack.pack_hash
        for _, opened in open_lists(world.vault())
        if opened.name == name
        for pack in opened.catalog.packs
    }


def test_a_table_that_names_chunks_which_are_not_there_is_found_and_its_segment_marked(world: World) -> None:
    """A poisoned list would make other writers of the domain leave out what they should store."""
    pack = largest(world)
    position = next(i for i, row in enumerate(pack.rows) if row.kind == SegmentKind.DATA)
    row = pack.rows[position]
    keys = world.created.credentials.domain_keys(pack.domain)
    binding = table_binding(world.created.vault_id, pack.domain, row.session, row.number)
    pack.tables[position] = seal_table(keys.table_key, binding, random_id(32) * row.chunk_count)
    _put_list(world, pack)

    outcome = repair(world)

    assert not outcome.ok
    assert outcome.repair is not None
    assert outcome.repair.marked_segments == 1
    assert (row.session, row.number) in {(bytes(s), n) for mark in damage_marks(world) for s, n in mark.body.segments}
    assert find_unreadable(world) == {}


def _put_list(world: World, pack: SelfDescribedPack) -> None:

    credentials = world.created.credentials
    made = build_index_list(
        [(pack.pack_hash, pack.size, pack.rows, pack.tables)],
        vault_id=world.created.vault_id,
        domain=pack.domain,
        catalog_key=credentials.catalog(pack.domain).current,
        member=credentials.member,
        signing_key=credentials.signing_key,
    )
    world.store.put_if_absent(index_name(pack.domain, made), made)


@pytest.mark.slow
@pytest.mark.parametrize("takes_effect", [False, True])
def test_a_repair_cut_at_any_write_makes_nothing_worse_and_the_next_one_finishes(
    pristine: World, tmp_path: Path, takes_effect: bool
) -> None:
    damaged = pristine.copy(tmp_path / "damaged")
    flip_data(damaged, largest(damaged))
    damaged.store.delete(damaged.names(ObjectClass.INDEX)[1])
    before = find_unreadable(damaged)
    for cut in range(100):
        world = damaged.copy(tmp_path / f"{takes_effect}-{cut}")
        store = CuttingStore(world.store, cut_at=cut, after=takes_effect)
        try:
            world.verify(vault=world.vault(store=store), read_data_percent=100, repair=True)
        except PowerCut:
            pass
        else:
            break
        assert find_unreadable(world) == before
        again = world.verify(read_data_percent=100, repair=True)
        assert_names_exactly(again, before)
        assert len(damage_marks(world)) == 1
        world.save()
        after = find_unreadable(world)
        assert all(
            world.tree.files.get(path) != world.saved[each][path] for each, paths in after.items() for path in paths
        )
    assert cut >= 6  # journal, marks, pack, list, mark, done


def test_a_full_store_leaves_what_was_added_and_no_mark(world: World) -> None:

    flip_data(world, largest(world))
    before = find_unreadable(world)
    store = FaultyStore(world.store, room_bytes=5000)

    with pytest.raises(StoreFull):
        world.verify(vault=world.vault(store=store), read_data_percent=100, repair=True)

    assert damage_marks(world) == []  # else the next backup would store the good half again, too
    assert find_unreadable(world) == before
