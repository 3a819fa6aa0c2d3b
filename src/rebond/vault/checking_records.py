"""Which of the numbered and named records of a vault ought to be there and are not."""

import re
from collections.abc import Iterable

from msgspec import Struct, field

from rebond.errors import ForeignObject, FormatTooNew, ObjectMissing, VaultDamaged
from rebond.findings import Finding, Severity
from rebond.vault.access import Vault
from rebond.vault.description import DESCRIPTION_NAME
from rebond.vault.keyring import KEYRING_INVALID, KEYRING_PREFIX, SealedKeyring, load_newest_keyring
from rebond.vault.object_names import ObjectClass
from rebond.vault.papers import README_NAME
from rebond.vault.roster import ROSTER_PREFIX
from rebond.vault.slots import show_slot, slot_name
from rebond.vault.spare_copies import name_of_original, spare_name
from rebond.vault.spare_mending import find_vain_copies

_VITAL = (ObjectClass.DESCRIPTION, ObjectClass.ROSTER, ObjectClass.KEYRING, ObjectClass.SLOT)
_NUMBERED = re.compile(r"(roster/|runs/|holds/[0-9a-f]{32}/)([0-9]{1,18})")


class NameCensus(Struct):
    """The few names of a listing that tell whether others are missing. Fed with every object's name."""

    numbers: dict[str, list[int]] = field(default_factory=dict)
    slots: set[str] = field(default_factory=set)
    keyrings: int = 0
    papers: set[str] = field(default_factory=set)
    vital: set[str] = field(default_factory=set)
    copies: set[str] = field(default_factory=set)  # by the names of what they are copies of

    def take(self, name: str, object_class: ObjectClass) -> None:
        """Note one name."""
        if object_class in _VITAL:
            self.vital.add(name)
        numbered = _NUMBERED.fullmatch(name)
        if numbered is not None:
            self.numbers.setdefault(numbered[1], []).append(int(numbered[2]))
        elif object_class is ObjectClass.SLOT:
            self.slots.add(name)
        elif object_class is ObjectClass.KEYRING:
            self.keyrings += 1
        elif object_class is ObjectClass.PAPER:
            self.papers.add(name)
        elif object_class is ObjectClass.SPARE:
            self.copies.add(name_of_original(name))


def check_census(vault: Vault, census: NameCensus) -> list[Finding]:
    """Return what is missing: key objects, clear files, and numbers that were skipped."""
    return [finding for finding in _compare_census(vault, census) if not _has_changed(vault, finding)]


def _has_changed(vault: Vault, finding: Finding) -> bool:
    """Say whether somebody put or deleted it since the listing, as an owner does who adds or removes a key."""
    if finding.code == "object-missing":
        return finding.subject != KEYRING_PREFIX and _is_there(vault, finding.subject)
    if finding.code == "copy-missing":
        return _is_there(vault, spare_name(finding.subject)) or not _is_there(vault, finding.subject)
    if finding.code == "copy-in-vain":
        return _is_there(vault, name_of_original(finding.subject)) or not _is_there(vault, finding.subject)
    return False


def _is_there(vault: Vault, name: str) -> bool:
    try:
        vault.store.stat(name)
    except ObjectMissing:
        return False
    return True


def _compare_census(vault: Vault, census: NameCensus) -> list[Finding]:
    findings = []
    if DESCRIPTION_NAME not in census.vital:
        findings.append(_vital_missing(DESCRIPTION_NAME))
    if vault.roster.number not in census.numbers.get(ROSTER_PREFIX, []):
        findings.append(_vital_missing(f"{ROSTER_PREFIX}{vault.roster.number}"))
    findings += [_missing(paper.name) for paper in vault.roster.rescue if paper.name not in census.papers]
    if README_NAME not in census.papers:
        findings.append(_note_missing(README_NAME))
    for prefix, numbers in census.numbers.items():
        gaps = [f"{prefix}{number}" for number in _find_gaps(numbers)]
        findings += map(_vital_missing if prefix == ROSTER_PREFIX else _missing, gaps)
    return [*findings, *_check_slots(vault, census)]


def _find_gaps(numbers: Iterable[int]) -> list[int]:
    present = set(numbers)
    if max(present) > 2 * len(present) + 1000:
        return []  # a planted huge number must not make an endless list; its object is judged by itself
    return [number for number in range(1, max(present)) if number not in present]


def _check_slots(vault: Vault, census: NameCensus) -> list[Finding]:
    """Compare the slots with those that the newest keyring trusts."""
    if not census.keyrings and not any(name.startswith(KEYRING_PREFIX) for name in census.copies):
        return [_missing(KEYRING_PREFIX)]
    noted: list[Finding] = []
    try:
        keyring = load_newest_keyring(
            vault.store, vault.vault_id, vault.credentials.owner_verify_key, notice=noted.append
        )
    except (VaultDamaged, ForeignObject, FormatTooNew, ObjectMissing) as error:
        return [
            Finding(
                code="keyring-lost",
                severity=Severity.DAMAGE,
                subject=KEYRING_PREFIX,
                template="No keyring can be used: {reason}",
                hint_template="Put the newest one back from a replica or a copy of the vault, before a key is lost.",
                values={"reason": error},
            )
        ]
    trusted = {str(slot_name(slot)) for slot in keyring.wraps}
    missing = [_slot_missing(name) for name in sorted(trusted - census.slots)]
    if f"{KEYRING_PREFIX}{keyring.number}" not in census.vital:
        missing.append(_vital_missing(f"{KEYRING_PREFIX}{keyring.number}"))
    # A newer one that is damaged may trust them: nobody is to remove a slot because of an older one.
    is_sure = all(each.code != KEYRING_INVALID for each in noted)
    strays = [_stray(name) for name in sorted(census.slots - trusted)] if is_sure else []
    return [*missing, *strays, *_check_copies(census, trusted, keyring)]


def _check_copies(census: NameCensus, trusted: set[str], keyring: SealedKeyring) -> list[Finding]:
    """Say which vital object has no second copy, and which copy has nothing that it stands for."""
    alone = sorted(name for name in census.vital - census.copies if name in trusted or not name.startswith("keys/"))
    vain = find_vain_copies(frozenset(census.copies), frozenset(census.vital), keyring)
    return [*map(_copy_missing, alone), *map(_copy_in_vain, vain)]


def _missing(name: str) -> Finding:
    return Finding(
        code="object-missing",
        severity=Severity.DAMAGE,
        subject=name,
        template="{name} is missing.",
        hint_template="Put it back from a replica or a copy of the vault, and find out who deleted it.",
        values={"name": name},
    )


def _vital_missing(name: str) -> Finding:
    return Finding(
        code="object-missing",
        severity=Severity.DAMAGE,
        subject=name,
        template="{name} is missing.",
        hint_template="'rebond verify --repair' puts it back from {copy}, if that is there; otherwise put it back from "
        "a replica or a copy of the vault. Find out who deleted it.",
        values={"name": name, "copy": spare_name(name)},
    )


def _copy_missing(name: str) -> Finding:
    return Finding(
        code="copy-missing",
        severity=Severity.WARNING,
        subject=name,
        template="{name} has no second copy in the vault: one damaged byte of it could cost the whole vault.",
        hint_template="'rebond verify --repair' with the owner's key makes one.",
        values={"name": name},
    )


def _copy_in_vain(name: str) -> Finding:
    return Finding(
        code="copy-in-vain",
        severity=Severity.WARNING,
        subject=spare_name(name),
        template="{copy} is the copy of {name}, which was deleted: a key that was removed may open it.",
        hint_template="'rebond verify --repair' with the owner's key deletes it.",
        values={"name": name, "copy": spare_name(name)},
    )


def _slot_missing(name: str) -> Finding:
    return Finding(
        code="object-missing",
        severity=Severity.DAMAGE,
        subject=name,
        template="{name} is missing.",
        hint_template="'rebond verify --repair' puts it back from {copy}, if that is there. Otherwise restore it from "
        "a replica, or remove it with 'rebond key remove {slot}' and add it anew with 'rebond key add'.",
        values={"name": name, "slot": show_slot(name), "copy": spare_name(name)},
    )


def _stray(name: str) -> Finding:
    return Finding(
        code="slot-stray",
        severity=Severity.WARNING,
        subject=name,
        template="{name} is a slot that the owner does not trust. It opens nothing.",
        hint_template="It is left by a command that was cut short, or somebody put it there. "
        "'rebond key remove {slot}' deletes it.",
        values={"name": name, "slot": show_slot(name)},
    )


def _note_missing(name: str) -> Finding:
    return Finding(
        code="note-missing",
        severity=Severity.NOTE,
        subject=name,
        template="{name}, which tells a stranger what this place is, is missing.",
        values={"name": name},
    )
