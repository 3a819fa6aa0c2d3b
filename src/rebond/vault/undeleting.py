"""Taking snapshots out of the trash, while no prune has claimed the mark that forgot them (section 10).

Whether a forgotten snapshot lives or dies is decided once, by the claim of its mark: a prune claims
it in order to delete, ``undelete`` in order to take it back, and only one of them can.
"""

from rebond.errors import Refused
from rebond.identifiers import ObjectName, random_id
from rebond.vault.access import Vault
from rebond.vault.endings import read_endings
from rebond.vault.mark_renewal import end_taken_back, list_taken_back
from rebond.vault.marks import ClaimBody, Mark, Marks, claim_mark, read_marks
from rebond.vault.protocol_orders import UNDELETE_ORDER, UndeleteStep
from rebond.vault.protocol_rules import ClaimFacts, ClaimPurpose, claim_for_return, find_left_in_trash
from rebond.vault.snapshots import list_snapshot_names, parse_snapshot_name

_ROUNDS = 100  # each ends a mark; others would have to forget the snapshot all the time


def undelete(vault: Vault, name: ObjectName) -> None:
    """Take one snapshot out of the trash. When this returns, it is listed again and no prune deletes it.

    Others that the same mark forgot stay forgotten. Raises ``Refused`` when a prune was faster, when
    the snapshot is gone, or when it was forgotten again meanwhile.
    """
    vault.credentials.require_keeper()
    run = random_id()
    for step in UNDELETE_ORDER:
        if step is UndeleteStep.CLAIM_MARKS:
            _claim_marks(vault, name, run)
        elif step is UndeleteStep.RENEW_MARKS:
            marks = _read(vault)
            end_taken_back(vault, marks, [mark for mark in list_taken_back(marks) if name in mark.body.names])
        else:
            _require_listed(vault, name)


def _claim_marks(vault: Vault, name: ObjectName, run: bytes) -> None:
    """Claim every mark that keeps the snapshot in the trash; raise ``Refused`` when one is claimed for deletion."""
    wanted = claim_for_return(run, name)
    for _ in range(_ROUNDS):
        marks = _read(vault)
        if name in marks.doomed():
            raise _too_late(name)
        keeping = _marks_keeping(marks, name)
        for mark in keeping:
            if mark.name not in marks.claim_facts:
                _claim_to_take_back(vault, mark.name, run, wanted)
        # Somebody else took back another snapshot of these: what they left goes under the next marks.
        ended = end_taken_back(vault, marks, [mark for mark in list_taken_back(marks) if mark in keeping])
        if not keeping or not ended:
            return


def _marks_keeping(marks: Marks, name: ObjectName) -> list[Mark]:
    return [
        mark
        for mark in marks.marks
        if mark.is_verified and name in find_left_in_trash(mark.facts, marks.claim_facts.get(mark.name))
    ]


def take_back_mark(vault: Vault, mark: ObjectName, run: bytes) -> bool:
    """Withdraw a whole mark: nobody deletes under it any more. ``False`` when another process claimed it."""
    if not _claim_to_take_back(vault, mark, run, ClaimFacts(run, ClaimPurpose.WITHDRAW)):
        return False
    vault.store.delete(mark)
    return True


def _claim_to_take_back(vault: Vault, mark: ObjectName, run: bytes, facts: ClaimFacts) -> bool:
    spares = sorted(map(str, facts.spares))
    body = ClaimBody(run=run, time_ms=vault.clock.now_ms(), purpose=facts.purpose.value, spares=spares)
    return claim_mark(vault.store, vault.credentials, mark, body)


def _read(vault: Vault) -> Marks:
    return read_marks(vault.store, vault.vault_id, vault.roster)


def _require_listed(vault: Vault, name: ObjectName) -> None:
    """Look at last: marks first, then the record. Raises ``Refused`` unless it is listed."""
    forgotten = _read(vault).forgotten()
    parsed = parse_snapshot_name(name)
    member = parsed.member if parsed is not None else None
    is_there = any(
        found.name == name and not read_endings(vault, found.beside).has_tombstone
        for found in list_snapshot_names(vault.store, member)
    )
    if name in forgotten or not is_there:
        raise Refused(
            "The snapshot {name} is not back: it is gone, or somebody forgot it again.",
            hint="'rebond snapshots --trash' shows what can be taken back.",
            name=name,
        )


def _too_late(name: str) -> Refused:
    return Refused(
        "It is too late to take back {name}: a prune is deleting it.",
        hint="If that prune was cut short, 'rebond hold ID --reason WHY' keeps the snapshot in the trash, where the "
        "rescue program of the vault reads it. If a replica has it, restore from there.",
        name=name,
    )
