"""The keyring: every secret of the vault, wrapped to the slots that the owner trusts (section 3).

``keyring/N`` names the trusted slots twice: in the clear, each with the key-encryption key wrapped
to it, and under the seal. The owner signs it. So a slot object that somebody adds to ``keys/``
opens nothing, and a keyring that somebody else makes is no keyring.
"""

import os
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, ClassVar

import msgspec
from msgspec.structs import replace

from rebond.errors import ForeignObject, ObjectExists, ObjectMissing, RebondError, VaultDamaged, WrongKey
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId, VaultId
from rebond.secret import Reserved
from rebond.store.protocol import Store
from rebond.vault.headers import ObjectKind, with_sum
from rebond.vault.numbered_objects import NumberedObjects, find_newest_valid, list_numbered
from rebond.vault.primitives import (
    SIGNATURE_SIZE,
    WRAP_SIZE,
    Buffer,
    open_seal,
    seal,
    sealing_private_key,
    sealing_public_bytes,
    sealing_public_key,
    sign,
    signing_key,
    unwrap,
    verify_key,
    wrap,
)
from rebond.vault.records import decode, encode
from rebond.vault.signed_objects import (
    Notice,
    frame_record,
    ignore_finding,
    put_once,
    split_record,
    verify_owner_signature,
)
from rebond.vault.spare_copies import delete_both, put_spare

KEYRING_PREFIX = "keyring/"
KEYRING_INVALID = "keyring-invalid"  # the code of a finding
KEYRING_LIMIT_BYTES = 8 << 20
MAX_SLOTS = 256
_ATTEMPTS = 16
_NUMBER = struct.Struct("<Q")

_Id8 = Annotated[bytes, msgspec.Meta(min_length=8, max_length=8)]
_Id16 = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
_Bytes32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
_Public = Annotated[bytes, msgspec.Meta(min_length=1216, max_length=1216)]
_Wrap = Annotated[bytes, msgspec.Meta(min_length=WRAP_SIZE, max_length=WRAP_SIZE)]
_Epoch = Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]


class _Clear(msgspec.Struct, frozen=True, kw_only=True):
    number: Annotated[int, msgspec.Meta(ge=1)]
    slots: Annotated[tuple[tuple[_Id16, _Wrap], ...], msgspec.Meta(min_length=1, max_length=MAX_SLOTS)]


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    owner: _Bytes32
    sealing: tuple[tuple[_Epoch, _Bytes32], ...]
    catalog: Annotated[tuple[_Bytes32, ...], msgspec.Meta(min_length=1)]
    domains: tuple[tuple[_Id8, _Bytes32], ...]
    slots: tuple[tuple[_Id16, _Public], ...]
    description: _Bytes32


class KeyringSecrets(Reserved, frozen=True, kw_only=True):
    """Every secret of a vault: O, E by epoch, C oldest first, D by domain."""

    SHOWN: ClassVar[tuple[str, ...]] = ()

    owner_seed: bytes
    sealing_seeds: Mapping[int, bytes]
    catalog_roots: tuple[bytes, ...]
    domain_secrets: Mapping[DomainId, bytes]

    @property
    def owner_verify_key(self) -> bytes:
        """The public half of O."""
        return verify_key(self.owner_seed)


class OpenKeyring(Reserved, frozen=True, kw_only=True):
    """A keyring opened by one slot. ``trusted`` maps slot ids to their sealing public keys."""

    SHOWN: ClassVar[tuple[str, ...]] = ("vault_id", "number", "description_hash", "opened_by")

    vault_id: VaultId
    number: int
    secrets: KeyringSecrets
    trusted: Mapping[bytes, bytes]
    description_hash: bytes
    opened_by: bytes
    slot_seed: bytes


class SealedKeyring(Reserved, frozen=True, kw_only=True):
    """A keyring whose signature holds and which nobody opened yet. ``wraps`` maps slot ids to wrapped keys."""

    SHOWN: ClassVar[tuple[str, ...]] = ("vault_id", "number")

    vault_id: VaultId
    number: int
    wraps: Mapping[bytes, bytes]
    head: bytes
    sealed: bytes


def keyring_name(number: int) -> str:
    """Where a keyring lies: ``keyring/N``."""
    return f"{KEYRING_PREFIX}{number}"


def build_keyring(
    vault_id: VaultId, number: int, secrets: KeyringSecrets, trusted: Mapping[bytes, bytes], description_hash: bytes
) -> bytes:
    """Lay out, seal under a fresh key and sign a keyring that the ``trusted`` slots open."""
    key = os.urandom(32)
    clear = _Clear(
        number=number,
        slots=tuple(
            (slot, wrap(sealing_public_key(public), _wrap_info(number), key)) for slot, public in trusted.items()
        ),
    )
    sealed = _Sealed(
        owner=secrets.owner_seed,
        sealing=tuple(sorted(secrets.sealing_seeds.items())),
        catalog=secrets.catalog_roots,
        domains=tuple(secrets.domain_secrets.items()),
        slots=tuple(trusted.items()),
        description=description_hash,
    )
    head = frame_record(ObjectKind.KEYRING, vault_id, encode(clear))
    body = head + seal(key, "keyring", encode(sealed), head)
    return with_sum(body + sign(signing_key(secrets.owner_seed), "keyring", body))


def parse_keyring(content: Buffer, number: int, vault_id: VaultId, owner_verify_key: bytes) -> SealedKeyring:
    """Check what lies at ``keyring/NUMBER`` without opening it.

    Raises ``VaultDamaged`` for bytes that are not one, ``ForeignObject`` when the owner did not
    sign it or it was renamed, ``FormatTooNew`` for a later format.
    """
    verify_owner_signature(content, "keyring", owner_verify_key)
    framed = split_record(content, ObjectKind.KEYRING, vault_id)
    clear = decode(framed.record, _Clear)
    if clear.number != number:
        raise ForeignObject("Keyring {number} holds another keyring: it was renamed.", number=number)
    return SealedKeyring(
        vault_id=framed.vault_id,
        number=number,
        wraps=dict(clear.slots),
        head=framed.head,
        sealed=framed.rest[:-SIGNATURE_SIZE],
    )


def load_newest_keyring(
    store: Store, vault_id: VaultId, owner_verify_key: bytes, at_least: int = 0, *, notice: Notice = ignore_finding
) -> SealedKeyring:
    """Return the valid keyring with the highest number; invalid ones above it are told to ``notice``.

    Raises ``VaultDamaged`` when there is none or it is below ``at_least``.
    """
    for _ in range(_ATTEMPTS):
        # One that goes between the listing and the read was replaced: a newer one is there.
        with suppress(ObjectMissing):
            listed = list_numbered(store, KEYRING_PREFIX)
            return _newest(store, listed, vault_id, owner_verify_key, at_least, notice)
    raise _never_still()


def open_keyring(
    sealed: SealedKeyring, slot_id: bytes, slot_seed: bytes, owner_verify_key: bytes, description_hash: bytes
) -> OpenKeyring:
    """Open a keyring with the seed of one of its slots.

    Raises ``WrongKey`` when the slot is not one that the owner trusts, ``VaultDamaged`` when what
    is inside is not what it should be, ``ForeignObject`` when ``vault.json`` was swapped.
    """
    wrapped = sealed.wraps.get(slot_id)
    if wrapped is None:
        raise WrongKey("Slot {slot} is not one that the vault's owner trusts.", slot=slot_id.hex())
    key = unwrap(sealing_private_key(slot_seed), _wrap_info(sealed.number), wrapped)
    content = decode(open_seal((key,), "keyring", sealed.sealed, sealed.head), _Sealed)
    trusted = dict(content.slots)
    if trusted.keys() != sealed.wraps.keys() or trusted[slot_id] != sealing_public_bytes(slot_seed):
        raise VaultDamaged("Keyring {number} names other slots inside than outside.", number=sealed.number)
    secrets = KeyringSecrets(
        owner_seed=content.owner,
        sealing_seeds=dict(content.sealing),
        catalog_roots=content.catalog,
        domain_secrets={DomainId(domain): secret for domain, secret in content.domains},
    )
    if secrets.owner_verify_key != owner_verify_key or content.description != description_hash:
        raise ForeignObject(
            "vault.json is not the one that this keyring was made for: it was swapped.",
            hint="Put back the original vault.json from a replica or a copy of the vault.",
        )
    return OpenKeyring(
        vault_id=sealed.vault_id,
        number=sealed.number,
        secrets=secrets,
        trusted=trusted,
        description_hash=description_hash,
        opened_by=slot_id,
        slot_seed=slot_seed,
    )


def change_keyring(store: Store, current: OpenKeyring, change: Callable[[OpenKeyring], OpenKeyring]) -> OpenKeyring:
    """Put the next keyring, ``change`` of the newest under a fresh key, and return it.

    ``change`` alters ``secrets`` or ``trusted`` of what it is given, and may be called again when
    another owner was faster. Nothing is put when it changes nothing. Cut short, it leaves the
    keyring that was there.
    """
    owner = current.secrets.owner_verify_key
    for _ in range(_ATTEMPTS):
        listed = list_numbered(store, KEYRING_PREFIX)
        try:
            newest = _newest(store, listed, current.vault_id, owner, current.number, ignore_finding)
        except ObjectMissing:  # replaced since the listing
            continue
        if newest.number != current.number:
            current = open_keyring(newest, current.opened_by, current.slot_seed, owner, current.description_hash)
        changed = change(current)
        if (changed.secrets, changed.trusted) == (current.secrets, current.trusted):
            return current
        changed = replace(changed, number=listed.next_after(current.number))
        content = build_keyring(
            changed.vault_id, changed.number, changed.secrets, changed.trusted, changed.description_hash
        )
        try:
            put_once(store, keyring_name(changed.number), content)
        except ObjectExists:
            continue
        put_spare(store, keyring_name(changed.number), content)
        if max(list_numbered(store, KEYRING_PREFIX).numbers, default=0) <= changed.number:
            return changed
        # Somebody was two keyrings ahead and had deleted the one of this number: then the change is made anew.
        _withdraw_overtaken(store, changed)
    raise _never_still()


def _withdraw_overtaken(store: Store, put: OpenKeyring) -> None:
    """Delete a keyring that names a slot which a later one does not: it was removed and is to open nothing."""
    newest = load_newest_keyring(store, put.vault_id, put.secrets.owner_verify_key)
    if put.trusted.keys() - newest.wraps.keys():
        delete_both(store, keyring_name(put.number))


def _never_still() -> VaultDamaged:
    return VaultDamaged(
        "The keyring changed {attempts} times while it was read.",
        hint="See who else writes below keyring/ in the vault, then run the same command again.",
        attempts=_ATTEMPTS,
    )


def _wrap_info(number: int) -> bytes:
    return b"keyring" + _NUMBER.pack(number)


def _newest(
    store: Store, listed: NumberedObjects, vault_id: VaultId, owner: bytes, at_least: int, notice: Notice
) -> SealedKeyring:
    faults: dict[str, RebondError] = {}
    found = find_newest_valid(
        store,
        listed,
        lambda content, number: parse_keyring(content, number, vault_id, owner),
        at_least=at_least,
        limit_bytes=KEYRING_LIMIT_BYTES,
        pass_over=faults.__setitem__,
        notice=notice,
    )
    for name, reason in faults.items():
        notice(_invalid(name, reason))
    if found is not None:
        return found
    if faults:
        raise VaultDamaged(
            "The newest keyring, {name}, is damaged, and no copy of it in the vault is whole: {reason}",
            hint=_FROM_ELSEWHERE,
            name=next(iter(faults)),
            reason=next(iter(faults.values())),
        )
    if at_least:
        raise VaultDamaged(
            "The vault was rolled back: keyring {number} was seen before, and no valid one of it or later is there.",
            hint="Somebody may have put back an older copy. Ask who changed the vault; if it was you, see 'Pins' in "
            "docs/threat-model.md.",
            number=at_least,
        )
    raise VaultDamaged(
        "There is no keyring in the vault, so its content cannot be opened.",
        hint=_FROM_ELSEWHERE,
    )


_FROM_ELSEWHERE = "Restore the objects below keyring/ from a replica or a copy of the vault."


def _invalid(name: str, reason: RebondError) -> Finding:
    return Finding(
        code=KEYRING_INVALID,
        severity=Severity.DAMAGE,
        subject=name,
        template="A keyring is not valid and was passed over: {reason}",
        hint_template="Restore it from a replica, or find out who put it there.",
        values={"reason": reason},
    )
