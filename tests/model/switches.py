"""Every rule of the protocol by name, and what the world looks like without it.

A switch replaces one function or one order of ``Rules`` by what a hurried programmer would have
written. Each must then break the named invariant in the named configuration.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.model import configurations as world
from tests.model.world import Configuration, Rules
from tests.model.writer import LIST_OWN_SNAPSHOTS

from rebond.vault import protocol_orders as orders
from rebond.vault import protocol_rules as real
from rebond.vault.protocol_orders import (
    CommitStep,
    ForgetStep,
    HoldStep,
    LookStep,
    PruneStep,
    RecheckStep,
    UndeleteStep,
)
from rebond.vault.protocol_rules import ClaimFacts, ClaimPurpose, MarkFacts, MarkPurpose, RecordVerdict, SessionFacts

WHOLE = "snapshots are whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One rule taken out: ``replaced`` are fields of ``Rules``; ``breaks`` is what then goes wrong."""

    rule: str
    replaced: Mapping[str, Any]
    configuration: Configuration
    breaks: str = WHOLE

    def rules(self) -> Rules:
        """Return all the rules but this one."""
        return Rules(**self.replaced)


def every_listed_pack(listed: Collection[str], marks: Iterable[MarkFacts]) -> frozenset[str]:
    del marks
    return frozenset(listed)


def every_own_pack(own_packs: Iterable[str], usable: Collection[str]) -> frozenset[str]:
    del usable
    return frozenset(own_packs)


def every_mark(marks: Iterable[MarkFacts], used_names: Collection[object]) -> frozenset[object]:
    del used_names
    return frozenset(mark.id for mark in marks)


def any_mark(mark: MarkFacts, claims: Mapping[object, ClaimFacts], purpose: MarkPurpose) -> bool:
    del claims
    return mark.purpose is purpose


def any_claim(claim: ClaimFacts | None, process: object, purpose: ClaimPurpose) -> bool:
    del process, purpose
    return claim is not None


def marked_places_count(
    named: Collection[str], contents: Mapping[str, Collection[str]], needed: Collection[str], marked: Collection[str]
) -> frozenset[str]:
    del marked
    return real.find_deletable_packs(named, contents, needed, frozenset(named))


def own_places_count(
    named: Collection[str], contents: Mapping[str, Collection[str]], needed: Collection[str], marked: Collection[str]
) -> frozenset[str]:
    """Each pack of the own mark is judged as if the others stayed."""
    return frozenset(
        pack
        for pack in named
        if real.find_deletable_packs([pack], contents, needed, (frozenset(marked) - frozenset(named)) | {pack})
    )


def trash_is_not_needed(
    records: Iterable[str], tombstones: Collection[str], marks: Iterable[MarkFacts]
) -> frozenset[str]:
    forgotten = {name for mark in marks if mark.purpose is MarkPurpose.FORGET for name in mark.names}
    return frozenset(name for name in records if name not in tombstones and name not in forgotten)


def dead_mark_without_objects(
    mark: MarkFacts, claim: ClaimFacts | None, process: object, present: Collection[object]
) -> bool:
    return real.may_remove_mark(mark, claim, process, present) or (
        mark.purpose is MarkPurpose.DELETE and claim is not None and mark.names.isdisjoint(present)
    )


def any_claimed_mark(mark: MarkFacts, claim: ClaimFacts | None, process: object, present: Collection[object]) -> bool:
    del process, present
    return mark.purpose is MarkPurpose.DELETE and claim is not None


def nothing_is_uninformed(
    sessions: Iterable[SessionFacts], records: Collection[str], tombstones: Collection[str], mark: object
) -> tuple[SessionFacts, ...]:
    del sessions, records, tombstones, mark
    return ()


def done_or_not(session: SessionFacts, voids: Collection[str], tombstones: Collection[str]) -> bool:
    del session, voids, tombstones
    return True


def claim_that_spares_nothing(process: object, names: Iterable[str], held: Collection[str]) -> ClaimFacts:
    del names, held
    return ClaimFacts(process, ClaimPurpose.DELETE)


def claim_that_takes_everything_back(process: object, wanted: str) -> ClaimFacts:
    del wanted
    return ClaimFacts(process, ClaimPurpose.WITHDRAW)


def any_claimed_forget_mark(
    mark: MarkFacts, claim: ClaimFacts | None, process: object, present: Collection[object]
) -> bool:
    del process, present
    return mark.purpose is MarkPurpose.FORGET and claim is not None


def own_or_void(found: object, own: object, *, is_void: bool) -> RecordVerdict:
    """What is there already is taken for one's own."""
    del found, own, is_void
    return RecordVerdict.COMMITTED


def _without(order: tuple[Any, ...], *steps: str) -> tuple[Any, ...]:
    return tuple(step for step in order if step not in steps)


def _moved_before(order: tuple[Any, ...], step: str, before: str) -> tuple[Any, ...]:
    rest = [other for other in order if other != step]
    position = rest.index(before)
    return (*rest[:position], step, *rest[position:])


_LOOK, _PRUNE, _RECHECK = orders.LOOK_ORDER, orders.PRUNE_ORDER, orders.RECHECK_ORDER

SWITCHES = (
    # what a session may refer to
    Switch(
        rule="a session opens before it lists the marks",
        replaced={"look_order": (LookStep.LIST_MARKS, LookStep.OPEN, LookStep.DECLARE, LookStep.LIST_PACKS)},
        configuration=world.PRUNE,
    ),
    Switch(
        rule="marks are listed before packs",
        replaced={"look_order": (LookStep.OPEN, LookStep.LIST_PACKS, LookStep.LIST_MARKS, LookStep.DECLARE)},
        configuration=world.PRUNE,
    ),
    Switch(
        rule="what a mark names is not used",
        replaced={"find_usable_packs": every_listed_pack},
        configuration=world.PRUNE,
    ),
    Switch(
        rule="packs are listed, also for what an own snapshot needs",
        replaced={"look_order": (*_LOOK[:3], LIST_OWN_SNAPSHOTS)},
        configuration=world.TRASH,
    ),
    Switch(
        rule="only marks of which nothing was used are declared",
        replaced={"find_declarable_marks": every_mark},
        configuration=world.LATE,
    ),
    Switch(
        rule="packs of an own dead session pass the same look",
        replaced={"find_adoptable_packs": every_own_pack},
        configuration=world.RETRY,
    ),
    # how a session ends
    Switch(
        rule="the commit record is put only where nothing is",
        replaced={"commit_is_conditional": False},
        configuration=world.PRUNE,
    ),
    Switch(
        rule="a void is told from the own record",
        replaced={"judge_record": own_or_void},
        configuration=world.PRUNE,
        breaks="successes are kept",
    ),
    Switch(
        rule="a voided writer looks again from the start",
        replaced={"voided_writer_looks_again": False},
        configuration=world.RETRY,
    ),
    Switch(
        rule="done is said only when the commit stands",
        replaced={"commit_order": (CommitStep.PUT_DONE, CommitStep.PUT_RECORD)},
        configuration=world.PRUNE,
    ),
    # what a keeper does under a mark
    Switch(
        rule="nothing is deleted while an uninformed session is open",
        replaced={"find_uninformed_sessions": nothing_is_uninformed},
        configuration=world.PRUNE,
    ),
    Switch(
        rule="a mark is claimed before anything is deleted under it",
        replaced={"prune_order": _without(_PRUNE, PruneStep.CLAIM)},
        configuration=world.SPARE,
    ),
    Switch(
        rule="a mark that somebody else claimed is left alone",
        replaced={"holds_claim": any_claim, "may_take_up": any_mark},
        configuration=world.SPARE,
    ),
    Switch(
        rule="claims are kept for ever",
        replaced={"claims_are_kept": False},
        configuration=world.SPARE,
    ),
    Switch(
        rule="a session is voided only under a claim",
        replaced={"prune_order": _moved_before(_PRUNE, PruneStep.CLOSE_SESSIONS, PruneStep.CLAIM)},
        configuration=world.PRUNE,
        breaks="steps",
    ),
    Switch(
        rule="what is needed is worked out after the sessions are closed",
        replaced={"prune_order": _moved_before(_PRUNE, PruneStep.RECHECK, PruneStep.CLOSE_SESSIONS)},
        configuration=world.PRUNE,
    ),
    Switch(
        rule="a keeper's mark is deleted last",
        replaced={"prune_order": _moved_before(_PRUNE, PruneStep.DELETE_MARK, PruneStep.DELETE)},
        configuration=world.PRUNE,
    ),
    Switch(
        rule="a mark is not removed by others while something that it names is there",
        replaced={"may_remove_mark": any_claimed_mark},
        configuration=world.SWEEP,
    ),
    Switch(
        rule="the mark of a dead keeper stays even when nothing that it names is there",
        replaced={"may_remove_mark": dead_mark_without_objects},
        configuration=world.REPEAT,
    ),
    Switch(
        rule="a place in a marked pack is no place",
        replaced={"find_deletable_packs": marked_places_count},
        configuration=world.REPACK,
    ),
    Switch(
        rule="a place in the own mark is no place",
        replaced={"find_deletable_packs": own_places_count},
        configuration=world.REPACK,
    ),
    Switch(
        rule="a keeper lists marks before packs",
        replaced={"recheck_order": _moved_before(_RECHECK, RecheckStep.LIST_PACKS, RecheckStep.LIST_MARKS)},
        configuration=world.REPACK,
    ),
    Switch(
        rule="index lists are put before anything is deleted",
        replaced={"prune_order": _moved_before(_PRUNE, PruneStep.DELETE, PruneStep.PUT_LISTS)},
        configuration=world.LISTS,
        breaks="the index is complete",
    ),
    Switch(
        rule="journals of open sessions are kept",
        replaced={"may_delete_journal": done_or_not},
        configuration=world.JOURNALS,
    ),
    # the trash
    Switch(
        rule="what lies in the trash is needed",
        replaced={"find_needing_records": trash_is_not_needed},
        configuration=world.TRASH,
    ),
    Switch(
        rule="a forget mark is claimed before its records are deleted",
        replaced={"forget_order": _without(orders.FORGET_ORDER, ForgetStep.CLAIM)},
        configuration=world.FORGET,
        breaks="taken back is kept",
    ),
    Switch(
        rule="whoever takes a snapshot back claims its marks first",
        replaced={"undelete_order": _without(orders.UNDELETE_ORDER, UndeleteStep.CLAIM_MARKS)},
        configuration=world.FORGET,
        breaks="taken back is kept",
    ),
    Switch(
        rule="whoever takes a snapshot back looks at last whether it is there",
        replaced={"undelete_order": _without(orders.UNDELETE_ORDER, UndeleteStep.LOOK)},
        configuration=world.FORGET,
        breaks="taken back is kept",
    ),
    Switch(
        rule="a snapshot that may be in deletion is not taken back",
        replaced={"find_doomed_records": lambda marks, claims: frozenset()},
        configuration=world.FORGET,
        breaks="taken back is kept",
    ),
    Switch(
        rule="holds are read before a forget mark is claimed",
        replaced={"forget_order": _without(orders.FORGET_ORDER, ForgetStep.READ_HOLDS)},
        configuration=world.HOLD,
        breaks="holds hold",
    ),
    Switch(
        rule="holds are read when the forget mark stands",
        replaced={"forget_order": _moved_before(orders.FORGET_ORDER, ForgetStep.READ_HOLDS, ForgetStep.TAKE_MARK)},
        configuration=world.HOLD,
        breaks="holds hold",
    ),
    Switch(
        rule="what goes is decided by the claim, not after it",
        replaced={"forget_order": _moved_before(orders.FORGET_ORDER, ForgetStep.CLAIM, ForgetStep.READ_HOLDS)},
        configuration=world.HOLD,
        breaks="what is held comes back",
    ),
    Switch(
        rule="a claim for deletion says what it spares",
        replaced={"claim_for_deletion": claim_that_spares_nothing},
        configuration=world.HOLD,
        breaks="the trash is emptied",
    ),
    Switch(
        rule="a mark under which somebody may be deleting is left to him, also when it spares what is taken back",
        replaced={"may_remove_mark": any_claimed_forget_mark},
        configuration=world.SHARED,
        breaks="holds hold",
    ),
    Switch(
        rule="a claim to withdraw says what it takes back",
        replaced={"claim_for_return": claim_that_takes_everything_back},
        configuration=world.BOTH,
        breaks="forgotten stays forgotten",
    ),
    Switch(
        rule="what was not taken back is marked anew before its mark goes",
        replaced={"renewal_order": tuple(reversed(orders.RENEWAL_ORDER))},
        configuration=world.BOTH,
        breaks="forgotten stays forgotten",
    ),
    Switch(
        rule="the mark that follows another has one id, whoever puts it",
        replaced={"next_mark_has_one_id": False},
        configuration=world.BOTH,
        breaks="taken back is kept",
    ),
    Switch(
        rule="a hold is put before the marks are listed",
        replaced={"hold_order": (HoldStep.LOOK, HoldStep.PUT_HOLD)},
        configuration=world.HOLD,
        breaks="holds hold",
    ),
    Switch(
        rule="a tombstone keeps the name of a record whose writer never said done",
        replaced={"needs_tombstone": lambda session: False},
        configuration=world.SLEEPER,
    ),
    # what the run records are for
    Switch(
        rule="a prune stops when a record that it knows has vanished",
        replaced={"find_vanished_records": lambda known, listed, forgotten: frozenset()},
        configuration=world.SHORT,
    ),
    Switch(
        rule="a run record names what is being forgotten before it goes",
        replaced={"forget_order": _without(orders.FORGET_ORDER, ForgetStep.NAME_IN_RUN)},
        configuration=world.RUNS,
        breaks="steps",
    ),
    Switch(
        rule="what is being forgotten is read after the snapshots",
        replaced={"recheck_order": _moved_before(_RECHECK, RecheckStep.READ_FORGOTTEN, RecheckStep.LIST_SNAPSHOTS)},
        configuration=world.RUNS,
        breaks="steps",
    ),
    Switch(
        rule="what the run records know is read before the snapshots",
        replaced={"recheck_order": (*_without(_RECHECK, RecheckStep.READ_KNOWN), RecheckStep.READ_KNOWN)},
        configuration=world.RUNS,
        breaks="steps",
    ),
)
