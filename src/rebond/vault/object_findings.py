"""What is said of single objects: damaged, foreign, of a newer format, unknown."""

import msgspec

from rebond.errors import ForeignObject, FormatTooNew, RebondError, VaultDamaged
from rebond.findings import Finding, Severity
from rebond.identifiers import ObjectName
from rebond.units import format_moment
from rebond.vault.headers import ObjectKind
from rebond.vault.member_records import parse_signed
from rebond.vault.object_names import ObjectClass, classify_name
from rebond.vault.primitives import verify_signature
from rebond.vault.roster import Roster
from rebond.vault.sessions import SESSIONS_PREFIX
from rebond.vault.slots import show_slot
from rebond.vault.snapshots import parse_snapshot, parse_snapshot_name
from rebond.vault.stream_items import SIGNED_KIND, STREAMS_PREFIX, parse_stream_item
from rebond.wording import Phrase

WITHDRAWAL_STRAY = "withdrawal-stray"  # the code of a finding

_FROM_A_COPY = Phrase("Put it back from a replica or a copy of the vault: a repair cannot make it anew.")
_BY_A_REPAIR = Phrase("Run 'rebond verify --read-data --repair' with the owner's key, then make a new backup.")
_FROM_ITS_OTHER_COPY = Phrase(
    "'rebond verify --repair' with the owner's key puts it back from its other copy in the vault. If both are damaged, "
    "put it back from a replica or a copy of the vault."
)
_REMEDIES = {
    ObjectClass.DESCRIPTION: _FROM_ITS_OTHER_COPY,
    ObjectClass.ROSTER: _FROM_ITS_OTHER_COPY,
    ObjectClass.KEYRING: _FROM_ITS_OTHER_COPY,
    ObjectClass.SPARE: _FROM_ITS_OTHER_COPY,
    ObjectClass.PACK: _BY_A_REPAIR,
    ObjectClass.INDEX: _BY_A_REPAIR,
    ObjectClass.REFERENCES: Phrase("The snapshot can still be restored. Make a new backup, then forget this snapshot."),
    ObjectClass.SNAPSHOT: Phrase(
        "Put it back from a replica or a copy of the vault. If there is none, make a new backup, and give this one up "
        "by 'rebond forget {snapshot}'; no prune works before."
    ),
    ObjectClass.MARK: Phrase(
        "Put it back from a replica or a copy of the vault. If there is none, and no prune runs, remove it by hand, "
        "then run 'rebond verify --read-data --repair': what it had forgotten is listed again."
    ),
    ObjectClass.CLAIM: Phrase(
        "Put it back from a replica or a copy of the vault. If there is none, and no prune runs, remove it by hand "
        "after {mark}, where that is: what that had forgotten is listed again."
    ),
    ObjectClass.SESSION: Phrase(
        "Nothing that was saved is lost by it, and it goes with its snapshot. Put it back from a copy of the vault, or "
        "remove it by hand once its backup has ended a day ago."
    ),
    ObjectClass.HOLD: Phrase(
        "Put it back from a replica or a copy of the vault. If there is none, say anew what you mean by "
        "'rebond hold {snapshot} --reason WHY' or 'rebond unhold {snapshot}', then remove it by hand."
    ),
    ObjectClass.STREAM_ITEM: Phrase(
        "Put it back from a replica or a copy of the vault. If there is none, make a new base backup where it is of a "
        "write-ahead log, then remove it by hand: what it held is lost."
    ),
    ObjectClass.SLOT: Phrase(
        "'rebond verify --repair' with the owner's key puts it back from its other copy in the vault. If both are "
        "damaged, run 'rebond key remove {slot}' and then 'rebond key add'."
    ),
}


def damage_of(name: str, error: RebondError) -> Finding:
    """Say that the bytes of an object are not what was written, and what brings it back: a repair only some."""
    remedy = _REMEDIES.get(classify_name(name), _FROM_A_COPY)
    return Finding(
        code="object-damaged",
        severity=Severity.DAMAGE,
        subject=name,
        template="{name} is damaged: {reason}",
        hint_template=remedy,
        values={
            "name": name,
            "reason": error,
            "slot": show_slot(name),
            "mark": name.removesuffix(".claim"),
            "snapshot": name.split("/")[1 if name.startswith("holds/") else -1].split(".", maxsplit=1)[0],
        },
    )


def too_new(name: str, error: RebondError) -> Finding:
    """Say that an object was made by a newer Rebond: it is kept and not judged."""
    return Finding(
        code="format-too-new",
        severity=Severity.WARNING,
        subject=name,
        template="{name} was made by a newer Rebond and was not checked: {reason}",
        hint_template="Update Rebond, then run the same command again.",
        values={"name": name, "reason": error},
    )


def foreign(name: str, error: RebondError, roster: Roster | None = None, content: bytes = b"") -> Finding:
    """Say that a record is not one of the vault's members'.

    What a revoked member signed is a warning: it was to be expected. Everything else is damage.
    """
    is_expected = roster is not None and _is_of_revoked_member(name, roster, content)
    return Finding(
        code="foreign-object",
        severity=Severity.WARNING if is_expected else Severity.DAMAGE,
        subject=name,
        template="{name} is foreign: {reason}",
        hint_template="Nothing of it is used and nothing deletes it. Find out who put it there.",
        values={"name": name, "reason": error},
    )


def _is_of_revoked_member(name: str, roster: Roster, content: bytes) -> bool:
    """Whether a commit record, journal or stream item is really signed by a member whose time is over."""
    try:
        member_id, kind, signed, signature = _signed_parts(name, roster, content)
        member = roster.find_member(member_id)
        if member is None:
            return False
        verify_signature(member.verify_key, kind, signed, signature)
    except (VaultDamaged, ForeignObject, FormatTooNew):
        return False
    domains = [roster.find_domain(domain) for domain in member.domains]
    return member.revoked_at_ms is not None or any(domain is None or not domain.is_open for domain in domains)


def _signed_parts(name: str, roster: Roster, content: bytes) -> tuple[bytes, str, bytes, bytes]:
    """Return (member, kind, signed bytes, signature) of what a writer signed; raises ``VaultDamaged``."""
    parsed = parse_snapshot_name(name)
    if parsed is not None:
        raw = parse_snapshot(content, parsed, roster.vault_id)
        return raw.member, "snapshot", raw.signed, raw.signature
    if name.startswith(STREAMS_PREFIX):
        item = parse_stream_item(content, ObjectName(name), roster.vault_id)
        return item.member, SIGNED_KIND, item.signed, item.signature
    if not name.startswith(SESSIONS_PREFIX):
        raise VaultDamaged("{name} is neither a snapshot nor a journal nor a stream item.", name=name)
    record = parse_signed(ObjectKind.SESSION, ObjectName(name), roster.vault_id, content, msgspec.Raw)
    return record.member, "session", record.signed, record.signature


def withdrawal_stray(name: str) -> Finding:
    """Say that a withdrawal takes nothing back, though the member whose snapshot it is signed it."""
    return Finding(
        code=WITHDRAWAL_STRAY,
        severity=Severity.DAMAGE,
        subject=name,
        template="{name} was withdrawn with its writer's key, which nothing called for or too late: it still stands.",
        hint_template="Verify this snapshot. If its writer's key may be stolen, revoke it with "
        "'rebond key revoke LABEL'.",
        values={"name": name},
    )


def withdrawn(snapshot: str, time_ms: int) -> Finding:
    """Say that a snapshot is off the lists by the word of its writer's key: an intruder may have it too."""
    return Finding(
        code="snapshot-withdrawn",
        severity=Severity.WARNING,
        subject=snapshot,
        template="The snapshot {id} of {moment} was taken back with its writer's key, as it may be within a day where "
        "the store does not create conditionally. It is not listed; nothing of it was deleted.",
        hint_template="If a clean-up ran beside that backup, make another. If not, the key may be stolen: revoke it. "
        "'rebond restore {id}' brings back what is there and names what is not.",
        values={"id": snapshot[:12], "moment": format_moment(time_ms)},
    )


def unknown(name: str) -> Finding:
    """Say that an object has a name that this Rebond never gives."""
    return Finding(
        code="unknown-object",
        severity=Severity.WARNING,
        subject=name,
        template="{name} is not an object that this Rebond knows. It is kept.",
        hint_template="A newer Rebond made it, it was renamed, or it is not ours. Find out before you delete it.",
        values={"name": name},
    )


def other_note(name: str) -> Finding:
    """Say that the clear note is not ours; only a release can know its own."""
    return Finding(
        code="note-differs",
        severity=Severity.NOTE,
        subject=name,
        template="{name} is not the note that this release of Rebond writes. It has no signature.",
        hint_template="Another release may have written it. Do not follow it without the hashes of the recovery kit.",
        values={"name": name},
    )
