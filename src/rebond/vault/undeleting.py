"""Taking snapshots out of the trash, while no prune has claimed the mark that forgot them (section 10).

Whether a forgotten snapshot lives or dies is decided once, by the claim of its mark: a prune claims
it in order to delete, ``undelete`` in order to take it back, and only one of them can.
"""

from rebond.errors import Refused
from rebond.identifiers import ObjectName, random_id
from rebond.vault.access import Vault
from rebond.vault.endings import read_endings
from rebond.vault.marks import ClaimBody, Mark, MarkBody, Marks, claim_mark, put_mark, read_marks
from rebond.vault.protocol_orders import UNDELETE_ORDER, UndeleteStep
from rebond.vault.protocol_rules import ClaimPurpose, MarkPurpose
from rebond.vault.snapshots import list_snapshot_names, parse_snapshot_name


def undelete(vault: Vault, name: ObjectName) -> None:
    """Take one snapshot out of the trash. When this returns, it is listed again and no prune deletes it.

    Others that the same mark forgot stay forgotten. Raises ``Refused`` when a prune was faster, when
    the snapshot is gone, or when it was forgotten again meanwhile.
    """
    vault.credentials.require_keeper()
    run = random_id()
    taken: list[Mark] = []
    for step in UNDELETE_ORDER:
        if step is UndeleteStep.CLAIM_MARKS:
            taken = _claim_marks(vault, name, run)
        elif step is UndeleteStep.DELETE_MARKS:
            for mark in taken:
                vault.store.delete(mark.name)
        else:
            _require_listed(vault, name)


def _claim_marks(vault: Vault, name: ObjectName, run: bytes) -> list[Mark]:
    """Claim every mark that names the snapshot; raise ``Refused`` unless all of them could be."""
    marks = _read(vault)
    if name in marks.doomed():
        raise _too_late(name)
    taken = _marks_naming(marks, name)
    for mark in taken:
        if _claim_to_take_back(vault, mark.name, run):
            _forget_the_others_anew(vault, mark, {name})
        elif name in _read(vault).doomed():
            raise _too_late(name)
    return taken


def _marks_naming(marks: Marks, name: ObjectName) -> list[Mark]:
    return [
        mark
        for mark in marks.marks
        if mark.is_verified and mark.body.purpose == MarkPurpose.FORGET and name in mark.body.names
    ]


def _forget_the_others_anew(vault: Vault, mark: Mark, wanted: set[ObjectName]) -> None:
    """Put a new mark on whatever else the claimed mark names. Cut before that, they are listed again: no harm."""
    others = [other for other in mark.body.names if other not in wanted]
    if others:
        body = MarkBody(
            purpose=mark.body.purpose,
            time_ms=mark.body.time_ms,
            reason=mark.body.reason,
            names=others,
            run=mark.body.run,
        )
        put_mark(vault.store, vault.credentials, body)


def take_back_mark(vault: Vault, mark: ObjectName, run: bytes) -> bool:
    """Withdraw a whole mark: nobody deletes under it any more. ``False`` when another process claimed it."""
    if not _claim_to_take_back(vault, mark, run):
        return False
    vault.store.delete(mark)
    return True


def _claim_to_take_back(vault: Vault, mark: ObjectName, run: bytes) -> bool:
    body = ClaimBody(run=run, time_ms=vault.clock.now_ms(), purpose=ClaimPurpose.WITHDRAW.value)
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
        hint="If a replica has the snapshot, restore from there.",
        name=name,
    )
