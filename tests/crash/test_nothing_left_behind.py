"""The power fails at every write of whatever keeps a vault; days later, after ordinary prunes, nothing is left of it.

What may stay for ever is listed here, each with its reason: everything else has to be ended by some later run.
"""

import dataclasses
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.vault.small_segments import save_small

from rebond.errors import Refused
from rebond.operations.snapshots import SnapshotFilter, list_snapshots
from rebond.operations.verify import verify
from rebond.progress import Silence
from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.testing.faulty_store import CuttingStore, PowerCut
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made, read_back
from rebond.vault.access import Vault
from rebond.vault.creation import Created
from rebond.vault.forgetting import ForgetPlan, forget, plan_by_name, survey
from rebond.vault.headers import ObjectKind
from rebond.vault.holds import hold_snapshot, release_snapshot
from rebond.vault.marks import MarkBody, put_mark, read_marks
from rebond.vault.protocol_rules import ClaimPurpose, MarkPurpose
from rebond.vault.pruning import plan_prune, prune
from rebond.vault.snapshots import SnapshotRecord, commit_kind, parse_snapshot_name
from rebond.vault.undeleting import undelete

DAY = 86_400.0
FOR_EVER = {
    r"vault\.json|README\.txt|VAULT-FORMAT\.md|rescue/.+|keys/.+|keyring/.+|roster/.+|spare/.+": "the vault itself",
    r"trash/[0-9a-f]{32}\.claim": "a claim is decided once, for ever (section 10)",
    r"runs/[0-9]+": "run records are kept",
    r"holds/.+": "who held what, and who lifted it",
    r"snapshots/.+\.withdrawn(\.[0-9a-f]{32})?": "a tombstone keeps a name taken",
}


@dataclasses.dataclass
class Kept:
    """A vault with four snapshots that share content; copied afresh for each cut."""

    clock: ManualClock
    store: MemoryStore
    created: Created
    caches: Path
    records: list[SnapshotRecord]
    contents: dict[str, dict[str, bytes]]

    def copy(self) -> "Kept":
        clock = ManualClock(self.clock.now_ms())
        store = MemoryStore(clock)
        store._objects = dict(self.store._objects)
        return dataclasses.replace(self, clock=clock, store=store)

    def open(self, store: Store) -> Vault:
        return open_made(self.created, store, self.clock, self.caches)

    def forget(self, vault: Vault, *numbers: int) -> None:
        forget(vault, self.plan(vault, *numbers))

    def plan(self, vault: Vault, *numbers: int) -> ForgetPlan:
        names = {self.records[number].name for number in numbers}
        return plan_by_name(survey(vault), names, is_confirmed=True)

    def hold(self, vault: Vault, number: int) -> None:
        hold_snapshot(vault, self.records[number], reason="court", until_ms=None, who="me")

    def listed(self, wanted: SnapshotFilter | None = None) -> set[int]:
        names = {record.name for record in list_snapshots(self.open(self.store), wanted)}
        return {number for number, record in enumerate(self.records) if record.name in names}

    def names(self) -> set[str]:
        return {info.name for info in self.store.list_objects()}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    clock = ManualClock()
    store = MemoryStore(clock)
    world = Kept(clock, store, make_vault(store, clock), tmp_path_factory.mktemp("caches"), [], {})
    tree, rng = MemoryTree(), random.Random(5)
    for number in range(20):
        tree.write(f"file{number:02}", rng.randbytes(3000))
    for day in range(4):
        for number in range(5 * day):
            tree.remove(f"file{number:02}") if number >= 5 * (day - 1) else None
        tree.write("changes", rng.randbytes(500))
        record = save_small(world.open(store), tree)
        world.records.append(record)
        world.contents[record.name] = tree.copy()
        clock.advance(DAY)
    clock.advance(9 * DAY)
    return world


@dataclasses.dataclass(frozen=True)
class Deed:
    """What is cut: ``first`` is what was done before in peace; ``may_list`` what may be listed weeks later."""

    does: Callable[[Kept, Vault], object]
    may_list: tuple[set[int], ...]
    first: Callable[[Kept, Vault], object] = lambda world, vault: None
    is_refused: bool = False


def forget_what_was_held_meanwhile(world: Kept, vault: Vault) -> None:
    plan = world.plan(vault, 0, 1)
    world.hold(vault, 0)
    forget(vault, plan)


def forget_by_two_plans(world: Kept, vault: Vault) -> None:
    """Together they would leave nothing complete, so the second takes its mark back."""
    first, second = world.plan(vault, 0, 1, 2), world.plan(vault, 3)
    forget(vault, first)
    forget(vault, second)


def mark_damage_that_is_over(world: Kept, vault: Vault) -> None:
    """The pack that was found bad is gone, so the next repair lifts its mark."""
    body = MarkBody(purpose=MarkPurpose.DAMAGE.value, time_ms=0, names=["packs/aa/" + "aa" * 32])
    put_mark(vault.store, vault.credentials, body)


def back_up(world: Kept, vault: Vault) -> None:
    content = dict(world.contents[world.records[-1].name])
    tree = MemoryTree(content, dict.fromkeys(content, 1))
    tree.write("new", b"of today")
    save_small(vault, tree)


DEEDS = {
    "forget": Deed(lambda world, vault: world.forget(vault, 0, 1), ({0, 1, 2, 3}, {2, 3})),
    "forget, and take the mark back": Deed(forget_by_two_plans, ({0, 1, 2, 3}, {3}), is_refused=True),
    "hold": Deed(lambda world, vault: world.hold(vault, 0), ({0, 1, 2, 3},)),
    "hold what was forgotten": Deed(
        lambda world, vault: world.hold(vault, 0),
        ({1, 2, 3}, {0, 1, 2, 3}),
        lambda world, vault: world.forget(vault, 0),
        is_refused=True,
    ),
    "lift a hold": Deed(
        lambda world, vault: release_snapshot(vault, world.records[0], reason="", who="me"),
        ({0, 1, 2, 3},),
        lambda world, vault: world.hold(vault, 0),
    ),
    "take back one of two": Deed(
        lambda world, vault: undelete(vault, world.records[0].name),
        ({2, 3}, {0, 2, 3}),
        lambda world, vault: world.forget(vault, 0, 1),
    ),
    "take back one that two marks name": Deed(
        lambda world, vault: undelete(vault, world.records[0].name),
        ({2, 3}, {0, 2, 3}),
        lambda world, vault: [forget(vault, plan) for plan in [world.plan(vault, 0, 1)] * 2],
    ),
    "back up": Deed(back_up, ({0, 1, 2, 3},), lambda world, vault: go_on_for_weeks(world)),
    "prune": Deed(
        lambda world, vault: prune(vault, Silence()),
        ({2, 3},),
        lambda world, vault: world.forget(vault, 0, 1),
    ),
    "prune beside a hold": Deed(
        lambda world, vault: prune(vault, Silence()), ({0, 2, 3},), forget_what_was_held_meanwhile
    ),
    "take damage marks back": Deed(
        lambda world, vault: verify(vault, repair=True, walks_trees=False), ({0, 1, 2, 3},), mark_damage_that_is_over
    ),
}


def carry_out(world: Kept, deed: Deed, store: Store) -> None:
    if deed.is_refused:
        with pytest.raises(Refused):
            deed.does(world, world.open(store))
    else:
        deed.does(world, world.open(store))


def go_on_for_weeks(world: Kept) -> None:
    for _ in range(3):
        world.clock.advance(9 * DAY)
        verify(world.open(world.store), repair=True, walks_trees=False)
        prune(world.open(world.store), Silence())


@pytest.mark.slow
@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_whatever_is_cut_is_ended_by_later_runs(kept: Kept, deed: Deed, takes_effect: bool) -> None:
    start = kept.copy()
    deed.first(start, start.open(start.store))
    whole = start.copy()
    counting = CuttingStore(whole.store)
    carry_out(whole, deed, counting)
    assert counting.writes

    for cut in range(counting.writes):
        world = start.copy()
        with pytest.raises(PowerCut):
            carry_out(world, deed, CuttingStore(world.store, cut_at=cut, after=takes_effect))
        go_on_for_weeks(world)

        check_nothing_is_left(world, f"cut at write {cut} of {counting.writes}")
        assert world.listed() in deed.may_list, cut


def check_nothing_is_left(world: Kept, when: str) -> None:
    vault = world.open(world.store)
    assert world.listed(SnapshotFilter(in_trash=True)) == set(), when
    for number in world.listed():
        record = world.records[number]
        assert read_back(vault, record) == world.contents[record.name], when
    assert plan_prune(vault).is_empty, when
    before = world.names()
    prune(vault, Silence())
    assert {name for name in before ^ world.names() if not name.startswith("runs/")} == set(), when
    unexplained = {name for name in before if not any(re.fullmatch(known, name) for known in FOR_EVER)}
    assert unexplained == find_living(world) | find_voids(world) | find_marks_of_the_dead(world), when


def find_living(world: Kept) -> set[str]:
    """What listed snapshots consist of; a plan that is empty says that they need every pack, list and reference."""
    listed = {record.name for record in list_snapshots(world.open(world.store))}
    last_words = {max(name for name in world.names() if name.startswith(sessions_of(record))) for record in listed}
    content = {name for name in world.names() if name.startswith(("packs/", "index/", "references/"))}
    return {*map(str, listed), *last_words, *content}


def sessions_of(record: str) -> str:
    return record.replace("snapshots/", "sessions/", 1) + "/"


def find_voids(world: Kept) -> set[str]:
    """The name of a session that a prune ended stays taken: its writer may only be asleep."""
    vault = world.open(world.store)
    records = [name for name in world.names() if name.startswith("snapshots/") and parse_snapshot_name(name)]
    return {name for name in records if commit_kind(vault.store.read(name)) is ObjectKind.VOID}


def find_marks_of_the_dead(world: Kept) -> set[str]:
    """Who claimed a mark to delete and died may only be asleep: his mark stays (decision 0020)."""
    vault = world.open(world.store)
    marks = read_marks(vault.store, vault.vault_id, vault.roster)
    return {name for name, claim in marks.claim_facts.items() if claim.purpose is ClaimPurpose.DELETE}
