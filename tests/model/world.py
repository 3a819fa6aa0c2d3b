"""The small world of the model: a store, and processes that do one store operation at a time.

A step is one operation on the store together with the local work that follows it. A process that
never moves again has stalled or crashed, so both are explored at every step without a step of their
own; what starts again after a crash is another process. Nothing here knows of time.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rebond.vault import protocol_orders as orders
from rebond.vault import protocol_rules as real
from rebond.vault.protocol_rules import ClaimFacts, MarkFacts, SessionFacts

Names = frozenset[str]
NONE: Names = frozenset()


class Store(NamedTuple):
    """What is in the vault. ``commits`` are (record name, segment that it needs)."""

    packs: Names = NONE
    commits: frozenset[tuple[str, str]] = frozenset()
    voids: Names = NONE
    tombstones: Names = NONE
    marks: frozenset[MarkFacts] = frozenset()
    claims: frozenset[tuple[Hashable, ClaimFacts]] = frozenset()
    sessions: frozenset[SessionFacts] = frozenset()
    holds: Names = NONE
    known: Names = NONE  # records that the run records know
    forgotten: Names = NONE  # records that the run records say are being forgotten
    lists: frozenset[tuple[str, Names]] = frozenset()  # index lists: name, packs that it names
    deleted: Names = NONE  # commit records that were deleted: only the invariants look at it

    def record_names(self) -> Names:
        """Return the names below snapshots/ that are taken."""
        return frozenset(name for name, _ in self.commits) | self.voids

    def claim_of(self, mark: object) -> ClaimFacts | None:
        """Return who claimed a mark."""
        return next((claim for name, claim in self.claims if name == mark), None)

    def find_session(self, name: str) -> SessionFacts | None:
        """Return a session's journal, if it is there."""
        return next((session for session in self.sessions if session.name == name), None)


EMPTY = Store()


class Local(NamedTuple):
    """What one process knows. ``at`` is the next thing that it does."""

    at: str
    step: int = 0
    attempt: int = 0
    marks: frozenset[MarkFacts] = frozenset()
    packs: Names = NONE
    pick: str = ""  # the segment that a writer's snapshot refers to
    mark: str = ""  # the mark that a keeper works under
    names: Names = NONE  # what that mark names
    fresh: Names = NONE  # the packs that a rewritten index list will name
    todo: tuple[str, ...] = ()
    known: Names = NONE
    forgotten: Names = NONE
    records: frozenset[tuple[str, str]] = frozenset()
    doomed: Names = NONE
    held: Names = NONE  # what an executor read of the holds
    verdict: str = ""  # how the process ended, where somebody was told


class State(NamedTuple):
    """The whole world at one moment."""

    store: Store
    locals: tuple[Local, ...]


class Step(NamedTuple):
    """One thing that may happen next. ``wrong`` names an invariant that the step itself breaks."""

    what: str
    store: Store
    local: Local
    wrong: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """Who may move: ``kind`` selects the program, ``name`` its ids. Twins start in the order of their names."""

    kind: str
    name: str
    attempts: int = 1
    record: str = "X"  # the snapshot that it holds or takes back
    twin: int | None = None  # position of an identical process that must have started before (symmetry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Every rule of the protocol, as the real code has it. A switch replaces one of them."""

    look_order: tuple[str, ...] = orders.LOOK_ORDER
    commit_order: tuple[str, ...] = orders.COMMIT_ORDER
    prune_order: tuple[str, ...] = orders.PRUNE_ORDER
    recheck_order: tuple[str, ...] = orders.RECHECK_ORDER
    forget_order: tuple[str, ...] = orders.FORGET_ORDER
    hold_order: tuple[str, ...] = orders.HOLD_ORDER
    undelete_order: tuple[str, ...] = orders.UNDELETE_ORDER
    renewal_order: tuple[str, ...] = orders.RENEWAL_ORDER
    find_usable_packs: Callable[..., Any] = real.find_usable_packs
    find_adoptable_packs: Callable[..., Any] = real.find_adoptable_packs
    find_declarable_marks: Callable[..., Any] = real.find_declarable_marks
    judge_record: Callable[..., Any] = real.judge_record
    stands_committed: Callable[..., Any] = real.stands_committed
    find_doomed_records: Callable[..., Any] = real.find_doomed_records
    find_needing_records: Callable[..., Any] = real.find_needing_records
    find_uninformed_sessions: Callable[..., Any] = real.find_uninformed_sessions
    may_take_up: Callable[..., Any] = real.may_take_up
    holds_claim: Callable[..., Any] = real.holds_claim
    find_deletable_packs: Callable[..., Any] = real.find_deletable_packs
    find_vanished_records: Callable[..., Any] = real.find_vanished_records
    may_delete_record: Callable[..., Any] = real.may_delete_record
    claim_for_deletion: Callable[..., Any] = real.claim_for_deletion
    claim_for_return: Callable[..., Any] = real.claim_for_return
    needs_tombstone: Callable[..., Any] = real.needs_tombstone
    may_delete_journal: Callable[..., Any] = real.may_delete_journal
    may_remove_mark: Callable[..., Any] = real.may_remove_mark
    commit_is_conditional: bool = True  # what the store does with a put at a taken name
    claims_are_kept: bool = True
    voided_writer_looks_again: bool = True
    next_mark_has_one_id: bool = True  # whoever puts it, and however often


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A world to explore: what is there at first, who moves, and which faults and features there are."""

    name: str
    processes: tuple[Process, ...]
    store: Store = EMPTY
    contents: dict[str, Names] = field(default_factory=lambda: {"A": frozenset({"a"}), "R": frozenset({"a"})})
    duplicates: bool = False  # a segment may lie in two packs, so a recheck lists marks and packs
    repeated_puts: bool = False  # a put may have its effect and be repeated
    restarts: bool = False  # a writer may crash and its next run begin, the old session left open
    late_looks: bool = False  # long sessions list the marks again
    withdrawals: bool = False  # a keeper may take its mark back
    new_marks: bool = True  # keepers put marks of their own; else they only take up what is there
    run_records: bool = False  # keepers compare the snapshots with what the run records know
    short_listings: bool = False  # a listing of snapshots may miss one
    stale_index: tuple[str, ...] = ()  # packs that a writer's local index still knows
    index_lists: bool = False  # prunes rewrite index lists
    unwanted: Names = NONE  # records in the trash that nobody takes back or holds
    judges_endings: bool = False  # each state is asked what later prunes make of it, everybody else dead

    def segments_of(self, pack: str) -> Names:
        """Return the segments in a pack; a writer's own pack ``+X`` holds the segment ``x``."""
        return self.contents.get(pack) or frozenset({pack.lower()})

    def contents_of(self, packs: Names) -> dict[str, Names]:
        """Return the segments in each of ``packs``."""
        return {pack: self.segments_of(pack) for pack in packs}


Program = Callable[[Configuration, Rules, Process, Store, Local], Iterator[Step]]


def put_mark(store: Store, mark: MarkFacts) -> Store:
    """Put a mark if it is absent."""
    return store._replace(marks=store.marks | {mark})


def remove_mark(store: Store, mark_id: object) -> Store:
    """Delete a mark."""
    return store._replace(marks=frozenset(mark for mark in store.marks if mark.id != mark_id))


def put_session(store: Store, session: SessionFacts) -> Store:
    """Let a session's journal say something new."""
    others = frozenset(found for found in store.sessions if found.name != session.name)
    return store._replace(sessions=others | {session})


def declare(store: Store, name: str, marks: frozenset[object]) -> Store:
    """Put a journal record that declares marks."""
    session = store.find_session(name) or SessionFacts(name)
    return put_session(store, session._replace(declared=session.declared | marks))
