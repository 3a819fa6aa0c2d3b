"""Damage marks: what was found bad is named, so that writers treat it as absent (§11).

Nobody deletes under such a mark. It goes when what it names is gone or whole again.
"""

from collections.abc import Iterable

from rebond.identifiers import random_id
from rebond.vault.access import Vault
from rebond.vault.checking_places import open_lists
from rebond.vault.marks import ClaimBody, Mark, MarkBody, claim_mark, read_marks
from rebond.vault.pack_table import PackTable
from rebond.vault.packs import hash_in_name, pack_name
from rebond.vault.protocol_rules import ClaimPurpose, MarkPurpose, may_remove_mark
from rebond.vault.repair_plan import RepairPlan
from rebond.vault.segment_sets import SegmentSet


def draw_damage_mark(vault: Vault, plan: RepairPlan, damaged: Iterable[bytes]) -> MarkBody | None:
    """Return a mark for what no mark names yet: ``damaged`` packs, and segments that were bad as they were put."""
    known = [mark.body for mark in plan.marks.marks if mark.body.purpose == MarkPurpose.DAMAGE.value]
    names = sorted({str(pack_name(pack)) for pack in damaged} - {name for body in known for name in body.names})
    marked = {(bytes(session), number) for body in known for session, number in body.segments}
    segments = [segment for segment in plan.bad_segments if segment not in marked]
    if not names and not segments:
        return None
    return MarkBody(
        purpose=MarkPurpose.DAMAGE.value,
        time_ms=vault.clock.now_ms(),
        reason="found damaged by verify",
        names=names,
        segments=segments,
    )


def find_ended_marks(vault: Vault, plan: RepairPlan) -> list[Mark]:
    """Return the damage marks all of whose packs are gone or whole again, and whose segments lie nowhere.

    A pack that is still there and bad keeps its mark, even when all that it held lies elsewhere: else
    a writer could refer to it again, and a prune could count it as a second place (decision 0021).
    """
    marks = [mark for mark in plan.marks.marks if mark.body.purpose == MarkPurpose.DAMAGE.value and mark.is_verified]
    damaged = set(plan.damaged_packs)
    candidates = [mark for mark in marks if all(_is_over(plan.packs, damaged, plan, name) for name in mark.body.names)]
    named = SegmentSet()
    for mark in candidates:
        for session, number in mark.body.segments:
            named.add(session, number)
    held = _find_held(vault, plan.packs, named) if named else SegmentSet()
    return [mark for mark in candidates if not any(held.has(session, number) for session, number in mark.body.segments)]


def _is_over(packs: PackTable, damaged: set[bytes], plan: RepairPlan, name: str) -> bool:
    found = hash_in_name(name)
    if found is None or found in damaged:
        return False
    return packs.find(found) is None or found in plan.sound_packs


def _find_held(vault: Vault, packs: PackTable, wanted: SegmentSet) -> SegmentSet:
    """Return which of ``wanted`` some list says lie in a pack that is there."""
    held = SegmentSet()
    for _, opened in open_lists(vault):
        for pack in opened.catalog.packs:
            if packs.find(pack.pack_hash) is not None:
                for row in pack.rows:
                    if wanted.has(row.session, row.number):
                        held.add(row.session, row.number)
    return held


def lift_marks(vault: Vault, marks: Iterable[Mark]) -> tuple[str, ...]:
    """Take marks back: claim each in order to withdraw it, then delete it. One that a cut repair withdrew goes too."""
    removed = []
    run = random_id()
    for mark in marks:
        claim = ClaimBody(run=run, time_ms=vault.clock.now_ms(), purpose=ClaimPurpose.WITHDRAW.value)
        if claim_mark(vault.store, vault.credentials, mark.name, claim) or _is_withdrawn(vault, mark, run):
            vault.store.delete(mark.name)
            removed.append(str(mark.name))
    return tuple(removed)


def _is_withdrawn(vault: Vault, mark: Mark, run: bytes) -> bool:
    claims = read_marks(vault.store, vault.vault_id, vault.roster).claim_facts
    return may_remove_mark(mark.facts, claims.get(mark.name), run, ())
