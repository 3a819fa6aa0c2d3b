"""Open a vault with what somebody has: passphrase, recovery key, key file, or a member's file.

Everything read here comes from a place that may be hostile. The order is: ``vault.json`` names the
owner and is signed by him; the keyring must be signed by that owner and names the slots; only
those are tried; the slot must name the same owner under its seal; the keyring must have been made
for this ``vault.json``; the roster must be signed by the owner; none may be older than what this
machine saw before. Nothing is written in the vault.
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from rebond.errors import (
    ConfigError,
    ForeignObject,
    FormatTooNew,
    ObjectMissing,
    RoleTooSmall,
    VaultDamaged,
    VaultError,
)
from rebond.findings import Finding, Severity
from rebond.secret import Reserved
from rebond.store.protocol import ObjectInfo, Store
from rebond.vault.credentials import Credentials, Role
from rebond.vault.description import VaultDescription, read_description
from rebond.vault.keyring import KEYRING_INVALID, OpenKeyring, SealedKeyring, load_newest_keyring, open_keyring
from rebond.vault.member_files import MemberFileSecret, looks_like_member_file, read_member_file
from rebond.vault.members import owner_credentials
from rebond.vault.pins import Pin, Pins
from rebond.vault.primitives import sealing_public_bytes
from rebond.vault.roster import Roster, load_newest_roster
from rebond.vault.signed_objects import Notice, ignore_finding
from rebond.vault.slots import (
    Slot,
    SlotMethod,
    SlotSecret,
    key_file_secret,
    open_slot,
    passphrase_secret,
    read_slot,
    show_slot,
    slot_name,
    spend_as_if_derived,
    wrong_key,
)

VaultSecret = SlotSecret | MemberFileSecret


class OpenedVault(Reserved, frozen=True, kw_only=True):
    """A vault and what the opener may do in it. ``keyring`` is the owner's alone; so are the key verbs."""

    SHOWN: ClassVar[tuple[str, ...]] = ("description", "credentials")

    description: VaultDescription
    credentials: Credentials
    roster: Roster
    keyring: OpenKeyring | None = None

    def require_keyring(self) -> OpenKeyring:
        """Return the keyring; raises ``RoleTooSmall`` for all but the owner."""
        if self.keyring is None:
            raise RoleTooSmall(
                "A {role} key cannot manage keys.",
                hint="Run the command again with the owner's passphrase, recovery key or key file.",
                role=self.credentials.role.value,
            )
        return self.keyring


def secret_from_file(content: bytes, passphrase: str | None = None) -> VaultSecret:
    """Take the content of ``REBOND_KEY_FILE``: an owner's key file or a member's, told apart by its first bytes."""
    if looks_like_member_file(content):
        return MemberFileSecret(content=content, passphrase=passphrase_secret(passphrase) if passphrase else None)
    return key_file_secret(content)


def open_vault(
    store: Store,
    secret: VaultSecret,
    *,
    pins: Pins | None = None,
    notice: Notice = ignore_finding,
    remembers: bool = True,
) -> OpenedVault:
    """Open the vault at ``store``; what is odd but does not stop the work goes to ``notice``.

    Without ``remembers`` the pins are asked and not written: ``remember_vault`` does that once the vault is used.
    Raises ``VaultMissing``, ``WrongKey`` (one message, whatever slots there are), ``RoleTooSmall``
    for a revoked member, ``FormatTooNew``, ``ForeignObject`` for a vault that somebody replaced,
    ``VaultDamaged`` for damage and for a vault that was rolled back.
    """
    description = read_description(store, notice=notice)
    owner = description.owner_verify_key
    pin = Pin(owner_verify_key=owner) if pins is None else pins.require_owner(description.vault_id, owner)
    if isinstance(secret, SlotSecret):
        opened = _open_as_owner(store, secret, description, pin, notice)
    else:
        opened = _open_as_member(store, secret, description, pin, notice)
    if pins is not None and remembers:
        remember_vault(pins, opened, notice)
    return opened


def _open_as_owner(
    store: Store, secret: SlotSecret, description: VaultDescription, pin: Pin, notice: Notice
) -> OpenedVault:
    owner = description.owner_verify_key
    noted: list[str] = []

    def hear(finding: Finding) -> None:
        noted.append(finding.code)
        notice(finding)

    sealed = load_newest_keyring(store, description.vault_id, owner, pin.keyring, notice=hear)
    listed = {info.name: info for info in store.list_objects("keys/")}
    if KEYRING_INVALID not in noted:  # a newer one that is damaged may trust them
        _report_strays(listed, sealed, notice)
    slot_id, slot_seed = _find_slot(store, secret, sealed, owner, notice, listed)
    keyring = open_keyring(sealed, slot_id, slot_seed, owner, description.hash)
    roster = _load_roster(store, description, pin.roster, notice)
    seed = keyring.secrets.sealing_seeds.get(roster.epoch)
    if seed is None or sealing_public_bytes(seed) != roster.sealing_public:
        raise VaultDamaged(
            "Roster {roster} names a sealing key that keyring {keyring} does not hold.",
            hint="A keyring or roster is missing: restore both from a replica or a copy of the vault.",
            roster=roster.number,
            keyring=keyring.number,
        )
    credentials = owner_credentials(keyring.secrets, roster)
    return OpenedVault(description=description, credentials=credentials, roster=roster, keyring=keyring)


def _open_as_member(
    store: Store, secret: MemberFileSecret, description: VaultDescription, pin: Pin, notice: Notice
) -> OpenedVault:
    credentials = read_member_file(secret.content, secret.passphrase).credentials
    if (credentials.vault_id, credentials.owner_verify_key) != (description.vault_id, description.owner_verify_key):
        raise ForeignObject(
            "The key file belongs to another vault than the one at {location}.",
            hint="Check the address. If it is right, somebody replaced the vault: do not use it.",
            location=store.location,
        )
    roster = _load_roster(store, description, max(pin.roster, credentials.roster_seen), notice)
    member = roster.find_member(credentials.member)
    if member is None or member.verify_key != credentials.signing_key.public_key().public_bytes_raw():
        raise ForeignObject("The vault's roster does not know this key file.", hint=_ASK_OWNER)
    if member.revoked_at_ms is not None:
        raise RoleTooSmall("The key of {label} was revoked.", hint=_ASK_OWNER, label=member.label)
    if credentials.role is Role.WRITER and any(
        (domain := roster.find_domain(own)) is None or not domain.is_open for own in credentials.domain_secrets
    ):
        raise RoleTooSmall("A domain of {label} was closed.", hint=_ASK_OWNER, label=member.label)
    return OpenedVault(description=description, credentials=credentials, roster=roster)


_ASK_OWNER = "Ask the vault's owner for a new key file: rebond key issue writer NEW-LABEL --output FILE"


def _load_roster(store: Store, description: VaultDescription, at_least: int, notice: Notice) -> Roster:
    roster = load_newest_roster(store, description.owner_verify_key, at_least, notice=notice)
    if roster.vault_id != description.vault_id:
        raise ForeignObject("The roster belongs to another vault of the same owner.")
    return roster


def _find_slot(
    store: Store,
    secret: SlotSecret,
    sealed: SealedKeyring,
    owner: bytes,
    notice: Notice,
    listed: Mapping[str, ObjectInfo],
) -> tuple[bytes, bytes]:
    """Return id and seed of the trusted slot that ``secret`` opens."""
    faults: list[VaultError] = []
    is_tried = False
    for slot in _read_slots(store, sealed, notice, faults, listed):
        try:
            if slot.method == secret.method and slot.owner_verify_key == owner:
                is_tried = True
                seed = open_slot(slot, secret)
                if seed is not None:
                    return slot.id, seed
        except VaultDamaged as error:
            faults.append(error)
            notice(_slot_damaged(slot.name, error))
    if secret.method is SlotMethod.PASSPHRASE and not is_tried:
        spend_as_if_derived(secret)
    # "Wrong secret" cannot be said of a slot that could not be tried.
    raise _explain_fault(faults[0]) if faults else wrong_key()


def _read_slots(
    store: Store,
    sealed: SealedKeyring,
    notice: Notice,
    faults: list[VaultError],
    listed: Mapping[str, ObjectInfo],
) -> Iterable[Slot]:
    for slot_id in sealed.wraps:
        name = slot_name(slot_id)
        try:
            slot = read_slot(store, slot_id, sealed.vault_id, listed=listed.get(name), notice=notice)
        except ObjectMissing:
            notice(_slot_missing(name))
        except (VaultDamaged, FormatTooNew) as error:
            faults.append(error)
            notice(_slot_damaged(name, error))
        else:
            yield slot


def _report_strays(listed: Iterable[str], sealed: SealedKeyring, notice: Notice) -> None:
    trusted = {slot_name(slot) for slot in sealed.wraps}
    for name in listed:
        if name not in trusted:
            notice(
                Finding(
                    code="slot-stray",
                    severity=Severity.WARNING,
                    subject=name,
                    template="A slot that the owner does not trust lies in the vault. It opens nothing.",
                    hint_template="It is left by a command that was cut short, or somebody put it there. "
                    "'rebond key remove {slot}' deletes it.",
                    values={"slot": show_slot(name)},
                )
            )


def _explain_fault(fault: VaultError) -> VaultError:
    """Return why no slot could be tried, with the way out: what is wrong with an object knows of none."""
    if not isinstance(fault, VaultDamaged) or fault.hint:
        return fault
    return VaultDamaged(
        "A slot cannot be used: {reason}",
        hint="Open the vault with another secret, then remove this slot and add it anew.",
        reason=fault,
    )


def _slot_damaged(name: str, reason: VaultError) -> Finding:
    return Finding(
        code="slot-damaged",
        severity=Severity.DAMAGE,
        subject=name,
        template="A slot cannot be used: {reason}",
        hint_template="Open the vault with another secret, then remove this slot ('rebond key remove {slot}') and add "
        "it anew ('rebond key add').",
        values={"reason": reason, "slot": show_slot(name)},
    )


def _slot_missing(name: str) -> Finding:
    return Finding(
        code="slot-missing",
        severity=Severity.DAMAGE,
        subject=name,
        template="A slot that the keyring names is not in the vault.",
        hint_template="Restore it from a replica, or remove it with 'rebond key remove {slot}' and add it anew with "
        "'rebond key add'.",
        values={"slot": show_slot(name)},
    )


def remember_vault(pins: Pins, opened: OpenedVault, notice: Notice = ignore_finding) -> None:
    """Write down whose the vault is, and the newest of it that was seen; where that fails, ``notice`` hears it."""
    keyring = opened.keyring.number if opened.keyring else 0
    description = opened.description
    try:
        pins.remember(description.vault_id, description.owner_verify_key, roster=opened.roster.number, keyring=keyring)
    except ConfigError as error:
        # A restore must not fail because this machine's state directory is full or read-only.
        notice(
            Finding(
                code="pins-not-kept",
                severity=Severity.WARNING,
                subject=str(error.values.get("path", "")),
                template=error.template,
                hint_template=error.hint_template,
                values=error.values,
            )
        )
