"""Who forgets, takes back, holds and prunes at once: what one was told stays true, whatever the others do or die of."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from rebond.errors import Refused, StoreFull
from rebond.findings import Finding
from rebond.identifiers import ObjectName, random_id
from rebond.operations.snapshots import SnapshotFilter, list_snapshots
from rebond.progress import Silence
from rebond.store.forwarding import ForwardingStore
from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.testing.faulty_store import CuttingStore, FaultyStore, PowerCut
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made, read_back, save
from rebond.vault.access import Vault
from rebond.vault.forgetting import ForgetPlan, forget, plan_by_name, survey
from rebond.vault.holds import hold_snapshot, release_snapshot
from rebond.vault.mark_renewal import next_mark_name
from rebond.vault.marks import ClaimBody, claim_mark, read_marks
from rebond.vault.prune_plan import BUSY_MS, PruneOptions
from rebond.vault.pruning import plan_prune, prune
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.trash_emptying import empty_trash
from rebond.vault.undeleting import undelete

DAY = 86_400.0


class Told(ForwardingStore):
    """A store that does something once, just after (or before) the first put that ``matches``."""

    def __init__(
        self, inner: Store, matches: Callable[[str], bool], then: Callable[[], object], *, before: bool = False
    ) -> None:
        super().__init__(inner)
        self._matches = matches
        self._then = then
        self._before = before
        self.was_met = False

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        is_met = not self.was_met and self._matches(name)
        self.was_met |= is_met
        if is_met and self._before:
            self._then()
        self.inner.put_if_absent(name, content)
        if is_met and not self._before:
            self._then()


def is_claim(name: str) -> bool:
    return name.startswith("trash/") and name.endswith(".claim")


class World:
    """A vault with four daily snapshots, two days later."""

    def __init__(self, caches: Path) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.vault = open_made(make_vault(self.store, self.clock), self.store, self.clock, caches)
        tree = MemoryTree()
        self.records: list[SnapshotRecord] = []
        self.contents: dict[str, dict[str, bytes]] = {}
        for day in range(4):
            tree.write(f"file{day}", f"content {day}".encode() * 50)
            record = save(self.vault, tree).record
            self.records.append(record)
            self.contents[record.name] = tree.copy()
            self.clock.advance(DAY)
        self.clock.advance(2 * DAY)

    def on(self, store: Store, told: list[Finding] | None = None) -> Vault:
        report = self.vault.report if told is None else told.append
        return msgspec.structs.replace(self.vault, store=store, report=report)

    def plan(self, *numbers: int) -> ForgetPlan:
        names = {self.records[number].name for number in numbers}
        return plan_by_name(survey(self.vault), names, is_confirmed=True)

    def forget(self, *numbers: int) -> ObjectName:
        mark = forget(self.vault, self.plan(*numbers)).mark
        assert mark is not None
        return mark

    def hold(self, number: int) -> None:
        hold_snapshot(self.vault, self.records[number], reason="court", until_ms=None, who="me")

    def prune_for_weeks(self) -> list[Finding]:
        told: list[Finding] = []
        for _ in range(3):
            self.clock.advance(8 * DAY)
            prune(self.on(self.store, told), Silence())
        return told

    def listed(self) -> set[int]:
        names = {record.name for record in list_snapshots(self.vault)}
        for record in self.records:
            if record.name in names:
                assert read_back(self.vault, record) == self.contents[record.name]
        return {number for number, record in enumerate(self.records) if record.name in names}

    def in_trash(self) -> set[int]:
        names = {record.name for record in list_snapshots(self.vault, SnapshotFilter(in_trash=True))}
        return {number for number, record in enumerate(self.records) if record.name in names}

    def marks(self) -> set[str]:
        return {info.name for info in self.store.list_objects("trash/") if not is_claim(info.name)}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_a_prune_that_dies_had_spared_is_listed_from_its_claim_on(world: World) -> None:
    """The hold was confirmed before somebody forgot by an older plan: the claim says that the snapshot stays."""
    plan = world.plan(0, 1)
    world.hold(0)
    forget(world.vault, plan)
    counting = CuttingStore(world.store)
    told = Told(counting, is_claim, lambda: setattr(counting, "is_off", True))

    with pytest.raises(PowerCut):
        empty_trash(world.on(told), random_id())

    assert world.listed() == {0, 2, 3}, "before any other prune has run"
    assert world.in_trash() == {1}
    release_snapshot(world.vault, world.records[0], reason="settled", who="me")
    assert not world.prune_for_weeks()
    assert world.listed() == {0, 2, 3}, "what was spared is not in the trash again when its hold is lifted"
    assert world.in_trash() == set()


def test_two_who_take_back_two_snapshots_of_one_mark_keep_both(world: World) -> None:
    mark = world.forget(0, 1, 2)
    then = Told(world.store, is_claim, lambda: undelete(world.vault, world.records[1].name))

    undelete(world.on(then), world.records[0].name)

    assert then.was_met
    assert world.listed() == {0, 1, 3}
    assert world.in_trash() == {2}
    assert mark not in world.marks()
    world.prune_for_weeks()
    assert world.listed() == {0, 1, 3}
    assert world.in_trash() == set()
    assert world.marks() == set()


@pytest.mark.parametrize("takes_effect", [False, True])
def test_who_dies_while_he_takes_one_back_leaves_the_others_forgotten(world: World, takes_effect: bool) -> None:
    world.forget(0, 1)
    start = dict(world.store._objects)
    counting = CuttingStore(world.store)
    undelete(world.on(counting), world.records[0].name)
    assert counting.writes == 3  # claim, the mark that follows, the mark that goes
    for cut in range(counting.writes):
        world.store._objects = dict(start)
        with pytest.raises(PowerCut):
            undelete(world.on(CuttingStore(world.store, cut_at=cut, after=takes_effect)), world.records[0].name)

        is_back = cut > 0 or takes_effect
        assert world.listed() == ({0, 2, 3} if is_back else {2, 3}), cut
        assert world.in_trash() == ({1} if is_back else {0, 1}), cut
        world.clock.advance(DAY)
        assert plan_prune(world.vault).records == prune(world.vault, Silence()).records
        world.prune_for_weeks()
        assert world.listed() == ({0, 2, 3} if is_back else {2, 3}), cut
        assert world.in_trash() == set()
        assert world.marks() == set()


@pytest.mark.parametrize("sleeps", ["after he claimed", "before he puts the next mark"])
def test_who_sleeps_while_he_takes_one_back_forgets_nothing_anew_weeks_later(world: World, sleeps: str) -> None:
    """Meanwhile somebody has taken back the other, and a prune has ended all marks; then the sleeper puts his."""
    mark = world.forget(0, 1)

    def meanwhile() -> None:
        world.clock.advance(DAY)
        undelete(world.vault, world.records[1].name)
        assert world.listed() == {0, 1, 2, 3}
        world.prune_for_weeks()

    late = sleeps != "after he claimed"
    matches = next_mark_name(mark).__eq__ if late else is_claim
    undelete(world.on(Told(world.store, matches, meanwhile, before=late)), world.records[0].name)

    world.prune_for_weeks()
    assert world.listed() == {0, 1, 2, 3}
    assert world.marks() == set()


def test_taking_back_leaves_the_mark_of_a_prune_that_spared_the_snapshot(world: World) -> None:
    """Others that the mark names may be in deletion under it: without it a hold on one of them would be confirmed."""
    plan = world.plan(0, 1)
    world.hold(0)
    mark = forget(world.vault, plan).mark
    again = forget(world.vault, plan).mark
    assert mark is not None
    assert again is not None
    body = ClaimBody(run=random_id(), time_ms=0, spares=[str(world.records[0].name)])
    claim_mark(world.store, world.vault.credentials, mark, body)

    undelete(world.vault, world.records[0].name)

    assert world.listed() == {0, 2, 3}
    assert mark in world.marks()
    with pytest.raises(Refused, match="begun to delete"):
        world.hold(1)


def test_a_hold_that_comes_too_late_is_told_so_and_keeps_the_snapshot_readable(world: World) -> None:
    mark = world.forget(0)
    claim_mark(world.store, world.vault.credentials, mark, ClaimBody(run=random_id(), time_ms=0))  # and dies
    with pytest.raises(Refused, match="begun to delete"):
        world.hold(0)

    told = world.prune_for_weeks()

    assert {each.code for each in told} == {"trash-kept"}
    assert world.in_trash() == {0}
    assert read_back(world.vault, world.records[0]) == world.contents[world.records[0].name]
    claims = [info.name for info in world.store.list_objects("trash/") if is_claim(info.name)]
    assert claims == [mark + ".claim"], "a prune that can delete nothing leaves no claim"
    release_snapshot(world.vault, world.records[0], reason="read", who="me")
    world.prune_for_weeks()
    assert world.in_trash() == set()


def test_what_lies_where_the_next_mark_belongs_keeps_the_first(world: World) -> None:
    mark = world.forget(0, 1)
    world.store.put_if_absent(next_mark_name(mark), b"somebody else's")

    undelete(world.vault, world.records[0].name)

    assert world.listed() == {0, 2, 3}
    assert world.in_trash() == {1}
    assert read_marks(world.store, world.vault.vault_id, world.vault.roster).unreadable == (next_mark_name(mark),)
    with pytest.raises(Refused, match="not back"):
        undelete(world.vault, world.records[1].name)
    world.store.delete(next_mark_name(mark))
    undelete(world.vault, world.records[1].name)
    assert world.listed() == {0, 1, 2, 3}


def test_a_refusal_that_a_prune_overtook_is_not_told_as_if_nothing_had_happened(world: World) -> None:
    first, second = world.plan(0), world.plan(1, 2, 3)
    forget(world.vault, first)
    empty_trash(world.vault, random_id())
    told: list[Finding] = []
    claimed = Told(world.store, is_claim, lambda: claim_for_deletion_of_all(world), before=True)

    with pytest.raises(Refused, match="Nothing complete would be left"):
        forget(world.on(claimed, told), second)

    assert [each.code for each in told] == ["forget-not-taken-back"]
    world.prune_for_weeks()
    assert world.listed() == {3}


def claim_for_deletion_of_all(world: World) -> None:
    """A prune claims whatever it finds, spares the last complete one, and dies."""
    counting = CuttingStore(world.store)
    dying = Told(counting, lambda name: name.startswith("runs/"), lambda: setattr(counting, "is_off", True))
    with pytest.raises(PowerCut):
        empty_trash(world.on(dying), random_id())


def test_what_a_prune_that_died_had_claimed_is_said_to_be_left_to_it_for_an_hour(world: World) -> None:
    world.forget(0, 1)
    counting = CuttingStore(world.store)
    told = Told(counting, is_claim, lambda: setattr(counting, "is_off", True))
    with pytest.raises(PowerCut):
        prune(world.on(told), Silence())
    died_ms = world.clock.now_ms()
    world.clock.advance(60)

    soon = prune(world.vault, Silence())
    assert (soon.records, soon.left.records, soon.left.packs) == ((), 2, 0)
    assert soon.left.until_ms == died_ms + BUSY_MS

    world.clock.advance(BUSY_MS / 1000)
    later = prune(world.vault, Silence())
    assert (len(later.records), later.left.until_ms) == (2, 0)
    assert prune(world.vault, Silence()).left.until_ms == 0


def test_packs_that_a_prune_that_died_had_claimed_are_said_to_be_left_to_it(world: World) -> None:
    world.forget(0, 1, 2)
    counting = CuttingStore(world.store)
    dies = Told(counting, is_claim, lambda: setattr(counting, "is_off", True))
    empty_trash(world.vault, random_id())
    with pytest.raises(PowerCut):
        prune(world.on(dies), Silence(), PruneOptions(repacks=True))

    left = prune(world.vault, Silence()).left
    assert left.records == 0
    assert left.packs > 0


def test_without_room_a_prune_claims_nothing_that_it_could_not_end(world: World) -> None:
    """A claim is for an hour: the prune after one that found no room would free nothing, and be good."""
    world.forget(0, 1)
    for room_bytes in (0, 500, 20_000):
        with pytest.raises(StoreFull, match="needs 32768 bytes of room"):
            prune(world.on(FaultyStore(world.store, room_bytes=room_bytes)), Silence())

    assert len(prune(world.vault, Silence()).records) == 2
