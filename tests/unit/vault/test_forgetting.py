"""The trash: forgetting, taking back, holding, emptying; on real vaults in memory."""

import datetime as dt
from pathlib import Path

import msgspec
import pytest

from rebond.errors import RebondError, Refused, StoreFull, UsageError, VaultDamaged
from rebond.findings import Finding, Severity
from rebond.identifiers import ObjectName, random_id
from rebond.operations.snapshots import SnapshotFilter, list_snapshots
from rebond.progress import Silence
from rebond.store.memory import MemoryStore
from rebond.testing.faulty_store import FaultyStore, unreachable
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made, read_back, save
from rebond.vault.access import Vault
from rebond.vault.forgetting import ForgetPlan, forget, plan_by_name, plan_by_policy, survey
from rebond.vault.holds import hold_snapshot, release_snapshot
from rebond.vault.marks import ClaimBody, claim_mark, read_marks
from rebond.vault.protocol_rules import ClaimPurpose
from rebond.vault.pruning import prune
from rebond.vault.retention import KeepPolicy
from rebond.vault.runs import read_runs
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.trash_emptying import empty_trash, find_removable
from rebond.vault.undeleting import undelete

DAY = 86_400.0


class World:
    """A vault with three daily snapshots, two days later."""

    def __init__(self, caches: Path) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        created = make_vault(self.store, self.clock)
        self.vault: Vault = open_made(created, self.store, self.clock, caches)
        self.tree = MemoryTree()
        self.records: list[SnapshotRecord] = []
        for day in range(3):
            self.tree.write(f"file{day}", f"content {day}".encode() * 50)
            self.records.append(save(self.vault, self.tree).record)
            self.clock.advance(DAY)
        self.clock.advance(2 * DAY)

    def listed(self) -> set[str]:
        return {record.name for record in list_snapshots(self.vault)}

    def in_trash(self) -> set[str]:
        return {record.name for record in list_snapshots(self.vault, SnapshotFilter(in_trash=True))}

    def plan(self, *numbers: int) -> ForgetPlan:
        names = {self.records[number].name for number in numbers}
        return plan_by_name(survey(self.vault), names, is_confirmed=True)

    def forget(self, *numbers: int) -> ObjectName:
        mark = forget(self.vault, self.plan(*numbers)).mark
        assert mark is not None
        return mark


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_is_forgotten_lies_in_the_trash_and_can_still_be_read(world: World) -> None:
    world.forget(0)

    assert world.in_trash() == {world.records[0].name}
    assert world.listed() == {world.records[1].name, world.records[2].name}
    assert read_back(world.vault, world.records[0])["file0"].startswith(b"content 0")


@pytest.mark.parametrize("fault", [StoreFull("No room.", hint="Free some."), unreachable()], ids=lambda e: e.code)
def test_what_lies_in_the_trash_is_told_so_though_the_run_cannot_be_recorded(world: World, fault: RebondError) -> None:
    """On a full disk the mark may just fit and the record not: a failure would be told that is none."""
    told: list[Finding] = []
    full = FaultyStore(world.store, fail_when=lambda verb, name: fault if name.startswith("runs/") else None)
    plan = world.plan(0)

    outcome = forget(msgspec.structs.replace(world.vault, store=full, report=told.append), plan)

    assert outcome.forgotten == plan.chosen
    assert world.in_trash() == {world.records[0].name}
    assert [(each.code, each.severity) for each in told] == [("forget-not-counted", Severity.NOTE)]


def test_undelete_brings_one_back_and_leaves_the_others(world: World) -> None:
    world.forget(0, 1)

    undelete(world.vault, world.records[0].name)

    assert world.listed() == {world.records[0].name, world.records[2].name}
    assert world.in_trash() == {world.records[1].name}


def test_undelete_withdraws_every_mark_on_the_snapshot(world: World) -> None:
    plan = world.plan(0)
    forget(world.vault, plan)
    forget(world.vault, plan)

    undelete(world.vault, world.records[0].name)

    assert world.records[0].name in world.listed()
    assert empty_trash(world.vault, random_id()).deleted == ()


def test_undelete_is_refused_once_a_prune_has_claimed_the_mark(world: World) -> None:
    mark = world.forget(0)
    claim_mark(world.store, world.vault.credentials, mark, ClaimBody(run=random_id(), time_ms=0))

    with pytest.raises(Refused, match="too late"):
        undelete(world.vault, world.records[0].name)
    assert world.in_trash() == {world.records[0].name}


def test_a_mark_that_was_taken_back_counts_for_nothing_even_while_it_stands(world: World) -> None:
    mark = world.forget(0)
    claim = ClaimBody(run=random_id(), time_ms=0, purpose=ClaimPurpose.WITHDRAW.value)
    claim_mark(world.store, world.vault.credentials, mark, claim)

    assert world.records[0].name in world.listed()
    assert find_removable(world.vault, read_marks(world.store, world.vault.vault_id, world.vault.roster)) == frozenset()
    assert empty_trash(world.vault, random_id()).deleted == ()


def test_emptying_the_trash_names_the_records_in_a_run_before_they_go(world: World) -> None:
    mark = world.forget(0)

    emptied = empty_trash(world.vault, random_id())

    assert emptied.deleted == (world.records[0].name,)
    assert world.in_trash() == set()
    assert mark not in {info.name for info in world.store.list_objects()}
    assert mark + ".claim" in {info.name for info in world.store.list_objects("trash/")}
    runs = list(read_runs(world.vault))
    assert world.records[0].name in runs[0].forgotten_names
    assert runs[1].record.trashed == 1


def test_a_record_of_a_finished_session_leaves_no_tombstone_and_no_journal(world: World) -> None:
    world.forget(0)
    empty_trash(world.vault, random_id())

    gone = world.records[0].name.removeprefix("snapshots/")
    assert not [info.name for info in world.store.list_objects() if gone in info.name]


def test_a_record_whose_writer_never_said_done_leaves_a_tombstone(world: World) -> None:
    name = world.records[0].name
    journal = name.replace("snapshots/", "sessions/")
    last = max(info.name for info in world.store.list_objects(journal))
    world.store.delete(last)
    content = world.store.read(name)
    world.forget(0)
    empty_trash(world.vault, random_id())

    world.store.put_if_absent(name, content)  # the writer wakes up and repeats its put

    assert name not in world.listed()
    assert list(world.store.list_objects(journal)) == []


def test_what_a_prune_left_half_done_is_finished_by_the_next_one(world: World) -> None:
    mark = world.forget(0)
    claim_mark(world.store, world.vault.credentials, mark, ClaimBody(run=random_id(), time_ms=0))

    assert empty_trash(world.vault, random_id()).deleted == ()  # its process may be at work
    world.clock.advance(2 * 3600)
    assert empty_trash(world.vault, random_id()).deleted == (world.records[0].name,)
    assert empty_trash(world.vault, random_id()).deleted == ()
    assert mark in {info.name for info in world.store.list_objects("trash/")}  # a dead keeper's mark stays


def test_a_hold_protects_from_the_trash_and_from_emptying(world: World) -> None:
    plan = world.plan(0)
    hold_snapshot(world.vault, world.records[0], reason="court", until_ms=None, who="me")
    with pytest.raises(Refused, match="held"):
        world.plan(0)
    forget(world.vault, plan)  # planned before the hold was set

    emptied = empty_trash(world.vault, random_id())

    assert emptied.spared == (world.records[0].name,)
    assert world.records[0].name in world.listed()


def test_what_is_held_beside_the_claim_of_a_dead_prune_is_kept_by_every_later_one(world: World) -> None:
    plan = world.plan(0)
    hold_snapshot(world.vault, world.records[0], reason="court", until_ms=None, who="me")
    mark = forget(world.vault, plan).mark
    assert mark is not None
    claim_mark(world.store, world.vault.credentials, mark, ClaimBody(run=random_id(), time_ms=0))  # and dies
    told: list[Finding] = []
    keeper = msgspec.structs.replace(world.vault, report=told.append)
    for _ in range(3):
        world.clock.advance(30 * DAY)
        done = prune(keeper, Silence())
        assert done.records == ()
        assert read_back(world.vault, world.records[0])["file0"].startswith(b"content 0")

    assert world.in_trash() == {world.records[0].name}, "its claimer may sleep: nobody else lifts that mark"
    assert {each.code for each in told} == {"trash-kept"}


def test_a_hold_on_what_was_forgotten_is_refused(world: World) -> None:
    world.forget(0)

    with pytest.raises(Refused, match="forgotten"):
        hold_snapshot(world.vault, world.records[0], reason="court", until_ms=None, who="me")


def test_a_hold_ends_at_its_date_or_when_it_is_released(world: World) -> None:
    until = world.clock.now_ms() + 86_400_000
    hold_snapshot(world.vault, world.records[0], reason="audit", until_ms=until, who="me")
    hold_snapshot(world.vault, world.records[1], reason="court", until_ms=None, who="me")
    world.clock.advance(2 * DAY)
    release_snapshot(world.vault, world.records[1], reason="settled", who="me")

    assert not any(candidate.is_held for candidate in survey(world.vault).candidates)


def test_a_hold_that_cannot_be_trusted_holds(world: World) -> None:
    name = f"holds/{world.records[0].snapshot.hex()}/1"
    world.store.put_if_absent(name, b"nonsense")

    held = {candidate.name for candidate in survey(world.vault).candidates if candidate.is_held}

    assert held == {world.records[0].name}


def test_a_release_that_cannot_count_is_not_said_to_be_one(world: World) -> None:
    """Whoever may only write puts the last number that there is: no word can come after it."""
    last = f"holds/{world.records[0].snapshot.hex()}/{10**18 - 1}"
    world.store.put_if_absent(last, b"nonsense")

    with pytest.raises(VaultDamaged) as refused:
        release_snapshot(world.vault, world.records[0], reason="", who="me")
    assert last in refused.value.message
    world.store.delete(last)
    release_snapshot(world.vault, world.records[0], reason="", who="me")
    assert not any(candidate.is_held for candidate in survey(world.vault).candidates)


def test_the_last_complete_one_is_never_forgotten_by_name(world: World) -> None:
    with pytest.raises(Refused, match="Nothing complete would be left"):
        world.plan(0, 1, 2)


def test_two_plans_that_together_would_take_everything_do_not(world: World) -> None:
    first, second = world.plan(0, 1), world.plan(2)
    forget(world.vault, first)

    with pytest.raises(Refused, match="Nothing complete would be left"):
        forget(world.vault, second)
    assert world.listed() == {world.records[2].name}


def test_a_policy_sends_the_expired_to_the_trash(world: World) -> None:
    plan = plan_by_policy(survey(world.vault), KeepPolicy(last=1), zone=dt.UTC, is_confirmed=False)

    forget(world.vault, plan)

    assert world.listed() == {world.records[2].name}
    assert {decision.candidate.name for decision in plan.decisions if decision.is_kept} == {world.records[2].name}


def test_an_unattended_run_leaves_the_young_and_stays_below_the_usual_number(world: World) -> None:
    for day in range(30):
        world.tree.write("daily", str(day).encode())
        save(world.vault, world.tree)
        world.clock.advance(0.8 * DAY if day == 29 else DAY)

    plan = plan_by_policy(survey(world.vault), KeepPolicy(tags=frozenset({"none"})), zone=dt.UTC, is_confirmed=False)

    assert len(plan.chosen) == 10
    assert {finding.code for finding in plan.left} == {"left-over-limit"}
    assert max(c.time_ms for c in plan.chosen) < min(
        d.candidate.time_ms for d in plan.decisions if d.candidate not in plan.chosen
    )
    confirmed = plan_by_policy(survey(world.vault), KeepPolicy(last=1), zone=dt.UTC, is_confirmed=True)
    assert len(confirmed.chosen) == 32


def test_one_run_with_a_clock_that_was_ahead_makes_no_other_snapshot_old(world: World) -> None:
    """A local vault has no other clock than that of its machine: there the store's time is ahead, too."""
    world.clock.jump(4 * 365 * DAY)
    ahead = save(world.vault, world.tree).record.name
    world.clock.jump(-4 * 365 * DAY)
    names = set()
    for day in range(5):
        world.clock.advance(DAY)
        world.tree.write("daily", str(day).encode())
        names.add(save(world.vault, world.tree).record.name)
    world.clock.advance(2 * DAY)

    plan = plan_by_policy(
        survey(world.vault), KeepPolicy(within_ms=int(7 * DAY * 1000)), zone=dt.UTC, is_confirmed=True
    )
    forget(world.vault, plan)

    assert world.listed() >= {*names, ahead}


def test_a_policy_that_keeps_nothing_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="keeps nothing"):
        plan_by_policy(survey(world.vault), KeepPolicy(), zone=dt.UTC, is_confirmed=True)


def test_taking_back_what_is_not_there_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="not back"):
        undelete(world.vault, ObjectName("snapshots/" + "00" * 8 + "/" + "00" * 16 + "." + "00" * 16))
