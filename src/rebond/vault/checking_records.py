"""Which of the numbered and named records of a vault ought to be there and are not."""

import re
from collections.abc import Iterable

from msgspec import Struct, field

from rebond.errors import ForeignObject, FormatTooNew, ObjectMissing, VaultDamaged
from rebond.findings import Finding, Severity
from rebond.vault.access import Vault
from rebond.vault.description import DESCRIPTION_NAME
from rebond.vault.keyring import KEYRING_PREFIX, load_newest_keyring
from rebond.vault.object_names import ObjectClass
from rebond.vault.papers import README_NAME
from rebond.vault.roster import ROSTER_PREFIX
from rebond.vault.slots import show_slot, slot_name

_NUMBERED = re.compile(r"(roster/|runs/|holds/[0-9a-f]{32}/)([0-9]{1,18})")


class NameCensus(Struct):
    """The few names of a listing that tell whether others are missing. Fed with every object's name."""

    numbers: dict[str, list[int]] = field(default_factory=dict)
    slots: set[str] = field(default_factory=set)
    keyrings: int = 0
    papers: set[str] = field(default_factory=set)
    has_description: bool = False

    def take(self, name: str, object_class: ObjectClass) -> None:
        """Note one name."""
        numbered = _NUMBERED.fullmatch(name)
        if numbered is not None:
            self.numbers.setdefault(numbered[1], []).append(int(numbered[2]))
        elif object_class is ObjectClass.SLOT:
            self.slots.add(name)
        elif object_class is ObjectClass.KEYRING:
            self.keyrings += 1
        elif object_class is ObjectClass.PAPER:
            self.papers.add(name)
        elif object_class is ObjectClass.DESCRIPTION:
            self.has_description = True


def check_census(vault: Vault, census: NameCensus) -> list[Finding]:
    """Return what is missing: key objects, clear files, and numbers that were skipped."""
    findings = []
    if not census.has_description:
        findings.append(_missing(DESCRIPTION_NAME))
    if vault.roster.number not in census.numbers.get(ROSTER_PREFIX, []):
        findings.append(_missing(f"{ROSTER_PREFIX}{vault.roster.number}"))
    findings += [_missing(paper.name) for paper in vault.roster.rescue if paper.name not in census.papers]
    if README_NAME not in census.papers:
        findings.append(_note_missing(README_NAME))
    for prefix, numbers in census.numbers.items():
        findings += [_missing(f"{prefix}{number}") for number in _find_gaps(numbers)]
    return [*findings, *_check_slots(vault, census)]


def _find_gaps(numbers: Iterable[int]) -> list[int]:
    present = set(numbers)
    if max(present) > 2 * len(present) + 1000:
        return []  # a planted huge number must not make an endless list; its object is judged by itself
    return [number for number in range(1, max(present)) if number not in present]


def _check_slots(vault: Vault, census: NameCensus) -> list[Finding]:
    """Compare the slots with those that the newest keyring trusts."""
    if not census.keyrings:
        return [_missing(KEYRING_PREFIX)]
    try:
        keyring = load_newest_keyring(vault.store, vault.vault_id, vault.credentials.owner_verify_key)
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
    return [*missing, *(_stray(name) for name in sorted(census.slots - trusted))]


def _missing(name: str) -> Finding:
    return Finding(
        code="object-missing",
        severity=Severity.DAMAGE,
        subject=name,
        template="{name} is missing.",
        hint_template="Put it back from a replica or a copy of the vault, and find out who deleted it.",
        values={"name": name},
    )


def _slot_missing(name: str) -> Finding:
    return Finding(
        code="object-missing",
        severity=Severity.DAMAGE,
        subject=name,
        template="{name} is missing.",
        hint_template="Restore it from a replica, or remove it with 'rebond key remove {slot}' and add it anew with "
        "'rebond key add'.",
        values={"name": name, "slot": show_slot(name)},
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
