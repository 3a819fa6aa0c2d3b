"""Ending a forget mark that was taken back for some of what it names (section 10).

What was not taken back goes under the mark that follows it. The name of that one follows from the mark's own, and
its content from the mark and its claim, so anybody may put it: for a process that died, and once more for one that
was asleep. Once the next mark stands, or stood, the first may go.
"""

from collections.abc import Iterable

import msgspec

from rebond.errors import ObjectExists
from rebond.identifiers import ObjectName
from rebond.vault.access import Vault
from rebond.vault.headers import ObjectKind
from rebond.vault.marks import Mark, Marks, mark_name, read_marks
from rebond.vault.member_records import build_signed
from rebond.vault.primitives import hash_of
from rebond.vault.protocol_orders import RENEWAL_ORDER, RenewalStep
from rebond.vault.protocol_rules import ClaimPurpose, MarkPurpose, find_left_in_trash
from rebond.vault.signed_objects import put_once

_ID_SIZE = 16


def next_mark_name(name: str) -> ObjectName:
    """Return where the mark lies that follows ``name``."""
    return mark_name(hash_of(name.encode())[:_ID_SIZE])


def list_taken_back(marks: Marks, *, claimed_before_ms: int | None = None) -> list[Mark]:
    """Return the forget marks that were taken back and still stand; with a time, those claimed no later than that."""
    return [
        mark
        for mark in marks.marks
        if mark.is_verified
        and mark.body.purpose == MarkPurpose.FORGET
        and (claim := marks.claim_facts.get(mark.name)) is not None
        and claim.purpose is ClaimPurpose.WITHDRAW
        and (claimed_before_ms is None or marks.claimed_ms[mark.name] <= claimed_before_ms)
    ]


def end_taken_back(vault: Vault, marks: Marks, ending: Iterable[Mark]) -> bool:
    """End marks of one listing that were taken back. ``False`` when one had to stay.

    It stays when something else lies where the next mark belongs: what was not taken back stays in the trash by it.
    """
    is_whole = True
    for mark in ending:
        left = sorted(map(str, find_left_in_trash(mark.facts, marks.claim_facts.get(mark.name))))
        for step in RENEWAL_ORDER:
            if step is RenewalStep.DELETE_MARK:
                vault.store.delete(mark.name)
            elif left and not _put_next(vault, mark, left):
                is_whole = False
                break
    return is_whole


def _put_next(vault: Vault, mark: Mark, left: list[str]) -> bool:
    """Put the mark that follows, if it is absent; ``False`` when something else lies there."""
    name = next_mark_name(mark.name)
    body = msgspec.structs.replace(mark.body, names=left)
    keeper = vault.credentials
    content = build_signed(ObjectKind.MARK, name, vault.vault_id, keeper.member, keeper.signing_key, body)
    try:
        put_once(vault.store, name, content)
    except ObjectExists:
        marks = read_marks(vault.store, vault.vault_id, vault.roster)
        found = [each for each in marks.marks if each.name == name]
        return name not in marks.unreadable and all(
            each.is_verified and set(each.body.names) == set(left) for each in found
        )
    return True
