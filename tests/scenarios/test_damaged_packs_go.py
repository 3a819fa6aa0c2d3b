"""Packs that do not say any more what they hold: how they are told, when they go, and what never goes with them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.scenarios.verified_vault import World, assert_names_exactly, build_world, find_unreadable

from rebond.findings import Finding, Severity
from rebond.identifiers import SessionId, SnapshotId, random_id
from rebond.progress import Silence
from rebond.testing.damage import flip_byte, rewrite_object, truncate_object
from rebond.vault.access import Vault
from rebond.vault.forgetting import forget, plan_by_name, survey
from rebond.vault.index_census import take_census
from rebond.vault.list_putting import put_lists
from rebond.vault.marks import MarkBody, put_mark, read_marks
from rebond.vault.object_names import ObjectClass
from rebond.vault.packs import SegmentRow, pack_name
from rebond.vault.primitives import hash_of
from rebond.vault.pruning import PruneOutcome, plan_prune, prune
from rebond.vault.sessions import SessionJournal
from rebond.vault.unlisted_packs import SelfDescribedPack

STRAY = bytes(range(32))
Spoil = Callable[[World, str], None]


def cut_the_end(world: World, name: str) -> None:
    truncate_object(world.store, name, -100)


def cut_in_the_middle(world: World, name: str) -> None:
    truncate_object(world.store, name, len(world.store.read(name)) // 2)


def empty(world: World, name: str) -> None:
    rewrite_object(world.store, name, b"")


def flip_the_last_bytes(world: World, name: str) -> None:
    flip_byte(world.store, name, -3)


def flip_the_tail(world: World, name: str) -> None:
    flip_byte(world.store, name, -60)


SPOILS = [cut_the_end, cut_in_the_middle, empty, flip_the_last_bytes, flip_the_tail]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("pristine"))


@pytest.fixture
def world(pristine: World, tmp_path: Path) -> World:
    return pristine.copy(tmp_path)


def largest(world: World) -> SelfDescribedPack:
    return max(world.packs(), key=lambda pack: pack.size)


def listening(world: World) -> tuple[Vault, list[Finding]]:
    """Open the vault for a run whose findings are heard."""
    heard: list[Finding] = []
    return replace(world.vault(), report=heard.append), heard


def prune_it(world: World) -> PruneOutcome:
    world.clock.advance(60)
    return prune(world.vault(), Silence())


def forget_all_but_the_newest(world: World) -> None:
    world.clock.advance(3 * 86_400)
    newest = world.records()[-1]
    vault = world.vault()
    old = {record.name for record in world.records() if record.snapshot != newest.snapshot}
    forget(vault, plan_by_name(survey(vault), old, is_confirmed=True))
    for snapshot in set(world.saved) - {newest.snapshot}:
        del world.saved[snapshot]


def put_stray(world: World, content: bytes) -> str:
    name = pack_name(STRAY)
    world.store.put_if_absent(name, content)
    return name


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_pack_without_its_end_is_told_mended_and_gone_in_the_end(world: World, spoil: Spoil) -> None:
    name = pack_name(largest(world).pack_hash)
    spoil(world, name)

    found = world.verify()
    assert not found.ok
    assert name in {damaged.name for damaged in found.damage}
    assert_names_exactly(found, find_unreadable(world))
    world.verify(repair=True)
    newest = world.save().snapshot
    assert newest not in find_unreadable(world), "what was lost is stored again"
    forget_all_but_the_newest(world)
    prune_it(world)

    assert name not in world.names(ObjectClass.PACK)
    assert find_unreadable(world) == {}
    world.verify(repair=True)  # lifts the mark
    after = world.verify(read_data_percent=100)
    assert (after.ok, after.findings) == (True, ())


@pytest.mark.parametrize("content", [b"", b"RBND", b"an upload that was cut" * 100])
def test_a_stray_pack_that_says_nothing_is_marked_by_a_repair_and_goes_with_the_next_prune(
    world: World, content: bytes
) -> None:
    name = put_stray(world, content)
    found = world.verify()
    assert [each.code for each in found.findings] == ["pack-damaged"]
    assert "0 of 0" not in found.findings[0].message

    vault, heard = listening(world)
    assert plan_prune(vault).left_packs == 1
    assert [(each.code, each.severity) for each in heard] == [("pack-unknown", Severity.DAMAGE)]
    prune_it(world)
    assert name in world.names(ObjectClass.PACK), "nobody has looked at it"

    assert world.verify(repair=True).repair is not None
    told = world.verify()
    assert (told.ok, [each.code for each in told.findings]) == (True, ["pack-replaced"])
    vault, heard = listening(world)
    assert plan_prune(vault).left_packs == 0
    outcome = prune_it(world)

    assert (heard, outcome.deleted) == ([], (name,))
    world.verify(repair=True)
    assert world.verify(read_data_percent=100).findings == ()
    assert find_unreadable(world) == {}


def test_a_part_of_a_pack_goes_while_the_whole_one_stays(world: World) -> None:
    pack = largest(world)
    whole = world.store.read(pack_name(pack.pack_hash))
    name = put_stray(world, whole[: len(whole) * 2 // 3])
    world.verify(repair=True)

    assert prune_it(world).deleted == (name,)
    assert world.verify(read_data_percent=100).ok
    assert find_unreadable(world) == {}


def test_a_pack_whose_header_rotted_is_damaged_and_neither_foreign_nor_of_a_newer_rebond(world: World) -> None:
    pack = largest(world)
    for name in world.names(ObjectClass.INDEX):
        world.store.delete(name)
    for offset in (4, 10):  # format version, vault id
        flip_byte(world.store, pack_name(pack.pack_hash), offset, mask=0x02)

    found = world.verify(repair=True)

    assert {each.code for each in found.findings if each.subject == pack_name(pack.pack_hash)} == {"pack-damaged"}
    assert find_unreadable(world) == {}
    assert pack_name(pack.pack_hash) in prune_it(world).deleted
    assert find_unreadable(world) == {}


def test_a_damaged_pack_that_an_open_backup_may_have_put_is_left_until_that_is_over(world: World) -> None:
    vault = world.vault()
    journal = SessionJournal(
        world.store, vault.credentials, SnapshotId(random_id()), SessionId(random_id()), world.clock
    )
    journal.open("here", "backup")
    world.clock.advance(1)
    name = put_stray(world, b"a put that goes on")
    world.verify(repair=True)
    # It declares every mark that stands, as a backup does that has used nothing of them.
    journal.declare_marks(read_marks(world.store, vault.vault_id, vault.roster).mark_names)
    plan = plan_prune(world.vault())
    assert STRAY not in {pack.pack_hash for pack in plan.packs}
    prune_it(world)
    assert name in world.names(ObjectClass.PACK)

    journal.finish()
    assert prune_it(world).deleted == (name,)


def test_a_damaged_pack_that_was_there_before_every_open_backup_need_not_wait(world: World) -> None:
    name = put_stray(world, b"")
    world.verify(repair=True)
    world.clock.advance(60)
    vault = world.vault()
    journal = SessionJournal(
        world.store, vault.credentials, SnapshotId(random_id()), SessionId(random_id()), world.clock
    )
    journal.open("here", "backup")
    journal.declare_marks(read_marks(world.store, vault.vault_id, vault.roster).mark_names)

    plan = plan_prune(world.vault())

    assert [pack_name(pack.pack_hash) for pack in plan.packs] == [name]


def mark_by_hand(world: World, name: str) -> None:
    """Put a damage mark as a repair would that copied nothing."""
    body = MarkBody(purpose="damage", time_ms=world.clock.now_ms(), names=[name])
    put_mark(world.store, world.created.credentials, body)


def test_what_lists_leave_out_of_a_damaged_pack_does_not_go_with_it(world: World) -> None:
    """Whoever has a writer's key says that the pack is empty, and that another one holds what it needs."""
    pack, *_, other = sorted(world.packs(), key=lambda pack: -pack.size)
    _replace_lists(world, pack, [], pack)
    _put_list(world, other, [*other.rows, *pack.rows])
    flip_the_tail(world, pack_name(pack.pack_hash))
    mark_by_hand(world, pack_name(pack.pack_hash))

    assert STRAY not in {each.pack_hash for each in plan_prune(world.vault()).packs}
    vault, heard = listening(world)
    prune(vault, Silence())

    assert pack_name(pack.pack_hash) in world.names(ObjectClass.PACK)
    assert "pack-kept-needed" in {each.code for each in heard}


def test_a_pack_in_no_damage_mark_stays_though_nothing_in_it_seems_needed(world: World) -> None:
    pack = largest(world)
    name = pack_name(pack.pack_hash)
    spare = world.store.read(name)
    world.verify(repair=True)
    stray = put_stray(world, spare[: len(spare) * 2 // 3])

    prune_it(world)

    assert stray in world.names(ObjectClass.PACK)


def _replace_lists(world: World, pack: SelfDescribedPack, rows: list[SegmentRow], of: SelfDescribedPack) -> None:
    """List every pack by its own tail but one: of that a list says ``rows``."""
    for name in world.names(ObjectClass.INDEX):
        world.store.delete(name)
    for each in world.packs():
        _put_list(world, each, rows if each.pack_hash == pack.pack_hash else each.rows)


def _put_list(world: World, pack: SelfDescribedPack, rows: list[SegmentRow]) -> None:
    put_lists(world.vault(), pack.domain, [(pack.pack_hash, pack.size, rows, [b"" for _ in rows])])


# -- index lists --------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [20, 200, -5])
def test_a_damaged_list_that_a_repair_replaced_goes_with_the_next_prune(world: World, offset: int) -> None:
    name = world.names(ObjectClass.INDEX)[0]
    flip_byte(world.store, name, offset)
    world.verify(repair=True)
    assert [each.code for each in world.verify().findings] == ["list-replaced"]

    vault, heard = listening(world)
    prune(vault, Silence())

    assert heard == []
    assert name not in world.names(ObjectClass.INDEX)
    clean = world.verify(read_data_percent=100)
    assert (clean.ok, clean.findings) == (True, ())
    assert find_unreadable(world) == {}


def test_a_damaged_list_that_nothing_replaces_is_told_and_stays(world: World) -> None:
    name = world.names(ObjectClass.INDEX)[0]
    flip_byte(world.store, name, 200)

    vault, heard = listening(world)
    prune(vault, Silence())

    assert [(each.subject, each.severity) for each in heard] == [(name, Severity.DAMAGE)]
    assert name in world.names(ObjectClass.INDEX)
    assert find_unreadable(world) == {}


def test_a_list_that_was_replaced_and_put_back_from_a_copy_stays(world: World) -> None:
    name = world.names(ObjectClass.INDEX)[0]
    good = world.store.read(name)
    flip_byte(world.store, name, 200)
    world.verify(repair=True)
    rewrite_object(world.store, name, good)

    prune_it(world)

    assert name in world.names(ObjectClass.INDEX)
    assert hash_of(good).hex() in name
    assert take_census(world.vault()).spoilt_lists == ()
    assert world.verify(read_data_percent=100).findings == ()
