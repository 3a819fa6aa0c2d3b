"""Slots: what a passphrase, a recovery key or a key file opens (format page, sections 2 and 3).

A slot holds the private seed of its own sealing key, sealed under what the secret gives. The
keyring is wrapped to the slots' public keys, so a slot is added or removed without knowing any
other secret. A slot names the owner's verify key under its own seal: whoever swaps the whole
vault for one of his making cannot make the old passphrase open it.
"""

import enum
import hmac
import os
import unicodedata
from typing import Annotated, ClassVar

import msgspec
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Struct

from rebond.errors import UsageError, VaultDamaged, WrongKey
from rebond.identifiers import VaultId, random_id
from rebond.secret import Reserved, Secret
from rebond.store.protocol import ObjectInfo, Store
from rebond.vault.headers import ObjectKind, with_sum
from rebond.vault.primitives import HASH_SIZE, SEAL_OVERHEAD, Buffer, derive, open_seal, seal, sealing_public_bytes
from rebond.vault.records import decode, encode
from rebond.vault.recovery_keys import KEY_SIZE, looks_like_recovery_key, read_recovery_key
from rebond.vault.signed_objects import Notice, frame_record, ignore_finding, split_record
from rebond.vault.spare_copies import read_either

SLOT_LIMIT_BYTES = 16 << 10
_SALT_SIZE = 32
_MAX_MEMORY_KIB = 256 << 10
_MAX_PASSES = 10
_MAX_LANES = 16


class SlotMethod(enum.StrEnum):
    """How a slot is opened."""

    PASSPHRASE = "passphrase"  # noqa: S105  (a name, not a secret)
    RECOVERY_KEY = "recovery key"
    KEY_FILE = "key file"


class Argon2Cost(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of Argon2id. ``memory_kib`` counts units of 1,024 bytes."""

    memory_kib: int = 64 << 10
    passes: int = 3
    lanes: int = 4

    def require_bearable(self) -> None:
        """Raise ``VaultDamaged`` for parameters that no honest vault has, before they cost anything."""
        if not (
            1 <= self.passes <= _MAX_PASSES
            and 1 <= self.lanes <= _MAX_LANES
            and 8 * self.lanes <= self.memory_kib <= _MAX_MEMORY_KIB
        ):
            raise VaultDamaged(
                "Key-derivation parameters are absurd: {memory_kib} KiB, {passes} passes, {lanes} lanes; refused.",
                hint="At most 256 MiB, 10 passes and 16 lanes are allowed. Use another slot, such as the recovery key.",
                memory_kib=self.memory_kib,
                passes=self.passes,
                lanes=self.lanes,
            )


DEFAULT_COST = Argon2Cost()


class SlotSecret(Reserved, frozen=True, kw_only=True):
    """What somebody offers to open a slot with."""

    SHOWN: ClassVar[tuple[str, ...]] = ("method",)

    method: SlotMethod
    material: Secret


def passphrase_secret(text: str) -> SlotSecret:
    """Take a passphrase, in Unicode's composed form (NFC), so that every keyboard types the same bytes.

    Raises ``UsageError`` when it is empty.
    """
    if not text:
        raise UsageError("The passphrase is empty.", hint="Give one of several words, or use a key file.")
    try:
        composed = unicodedata.normalize("NFC", text).encode()
    except UnicodeEncodeError as error:
        raise UsageError("The passphrase is not valid UTF-8 text.", hint="Type it again, or use a key file.") from error
    return SlotSecret(method=SlotMethod.PASSPHRASE, material=Secret(composed))


def new_passphrase_secret(text: str) -> SlotSecret:
    """Take a passphrase for something new. Raises ``UsageError`` for one that could not be given again later."""
    if looks_like_recovery_key(text):
        raise UsageError(
            "This passphrase has the shape of a recovery key, and would be taken for one: it would open nothing.",
            hint="Take a word more, or another sign such as a comma.",
        )
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise UsageError(
            "The passphrase has an end of a line or another control character in it, which nobody can type.",
            hint="Give one of several words, on one line.",
        )
    return passphrase_secret(text)


def recovery_key_secret(text: str) -> SlotSecret:
    """Take a printed recovery key; raises ``WrongKey`` that names the group with a typing error."""
    return SlotSecret(method=SlotMethod.RECOVERY_KEY, material=Secret(read_recovery_key(text)))


def key_file_secret(content: bytes) -> SlotSecret:
    """Take the content of a key file; raises ``WrongKey`` unless it is 32 bytes."""
    if len(content) != KEY_SIZE:
        raise WrongKey(
            "The key file holds {size} bytes; an owner's key file holds exactly 32.",
            hint="Give the file that 'rebond vault create' or 'rebond key add' wrote.",
            size=len(content),
        )
    return SlotSecret(method=SlotMethod.KEY_FILE, material=Secret(content))


def secret_from_text(text: str) -> SlotSecret:
    """Take what was typed: a recovery key when it has the shape of one, else a passphrase."""
    return recovery_key_secret(text) if looks_like_recovery_key(text) else passphrase_secret(text)


def wrong_key() -> WrongKey:
    """Make the one error for every secret that opens nothing, whatever slots there are."""
    return WrongKey(
        "This secret opens nothing in the vault.",
        hint="Check for a typing error and that this is the right vault; the recovery key of the kit opens it too.",
    )


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
    method: Annotated[str, msgspec.Meta(max_length=64)]
    label: Annotated[str, msgspec.Meta(max_length=256)] = ""
    made_ms: Annotated[int, msgspec.Meta(ge=0)] = 0
    owner: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    salt: Annotated[bytes, msgspec.Meta(min_length=16, max_length=64)]
    public: Annotated[bytes, msgspec.Meta(min_length=1216, max_length=1216)]
    argon2: Argon2Cost | None = None


class Slot(Struct, frozen=True, kw_only=True):
    """A slot as it lies in the store: everything is clear but ``sealed_seed``."""

    id: bytes
    method: str
    label: str
    made_ms: int
    owner_verify_key: bytes
    salt: bytes
    public: bytes
    cost: Argon2Cost | None
    head: bytes
    sealed_seed: bytes
    check: bytes

    @property
    def name(self) -> str:
        """Where it lies."""
        return slot_name(self.id)


def slot_name(slot_id: bytes) -> str:
    """Where a slot lies: ``keys/ID``."""
    return f"keys/{slot_id.hex()}"


def show_slot(name: str) -> str:
    """What a slot is called where people name one: the beginning of its id, as lists show it."""
    return name.rpartition("/")[2][:8]


class NewSlot(Reserved, frozen=True, kw_only=True):
    """A slot just made: its object, and the seed that it seals."""

    SHOWN: ClassVar[tuple[str, ...]] = ("id", "public")

    id: bytes
    public: bytes
    seed: bytes
    content: bytes

    @property
    def name(self) -> str:
        """Where it is to lie."""
        return slot_name(self.id)


def make_slot(
    vault_id: VaultId,
    owner_verify_key: bytes,
    secret: SlotSecret,
    *,
    now_ms: int,
    label: str = "",
    cost: Argon2Cost = DEFAULT_COST,
) -> NewSlot:
    """Make a slot that ``secret`` opens; nothing is put."""
    seed, salt, slot_id = os.urandom(32), os.urandom(_SALT_SIZE), random_id()
    used_cost = cost if secret.method is SlotMethod.PASSPHRASE else None
    record = _Record(
        id=slot_id,
        method=secret.method.value,
        label=label[:256],
        made_ms=now_ms,
        owner=owner_verify_key,
        salt=salt,
        public=sealing_public_bytes(seed),
        argon2=used_cost,
    )
    head = frame_record(ObjectKind.SLOT, vault_id, encode(record))
    key = derive_slot_key(secret, salt, used_cost)
    content = with_sum(head + seal(key, "slot", seed, head) + derive("slot check", key))
    return NewSlot(id=slot_id, public=record.public, seed=seed, content=content)


def parse_slot(content: Buffer, vault_id: VaultId | None = None) -> Slot:
    """Take a slot apart. Raises ``VaultDamaged`` or ``FormatTooNew``; its costs are judged when it is opened."""
    framed = split_record(content, ObjectKind.SLOT, vault_id)
    record = decode(framed.record, _Record)
    sealed_size = KEY_SIZE + SEAL_OVERHEAD
    if len(framed.rest) != sealed_size + HASH_SIZE:
        raise VaultDamaged("The parts of slot {slot} do not add up.", slot=record.id.hex())
    return Slot(
        id=record.id,
        method=record.method,
        label=record.label,
        made_ms=record.made_ms,
        owner_verify_key=record.owner,
        salt=record.salt,
        public=record.public,
        cost=record.argon2,
        head=framed.head,
        sealed_seed=framed.rest[:sealed_size],
        check=framed.rest[sealed_size:],
    )


def read_slot(
    store: Store,
    slot_id: bytes,
    vault_id: VaultId,
    *,
    listed: ObjectInfo | None = None,
    notice: Notice = ignore_finding,
) -> Slot:
    """Return a slot, or its copy where it is damaged or gone: then ``notice`` is told.

    ``listed`` is what a listing has just said of it. Raises ``ObjectMissing`` and what ``parse_slot`` does.
    """
    name = slot_name(slot_id)

    def parse(content: bytes) -> Slot:
        slot = parse_slot(content, vault_id)
        if slot.id != slot_id:
            raise VaultDamaged("The slot {name} holds another slot: it was renamed.", name=name)
        return slot

    return read_either(store, name, SLOT_LIMIT_BYTES, parse, listed=listed, notice=notice)


def open_slot(slot: Slot, secret: SlotSecret) -> bytes | None:
    """Return the slot's sealing seed, or ``None`` when ``secret`` is not the one that opens it.

    Raises ``VaultDamaged`` for absurd parameters, before they cost anything, and for a slot that
    the right secret does not open.
    """
    if slot.method != secret.method:
        return None
    key = derive_slot_key(secret, slot.salt, slot.cost)
    # The check commits the seal to one key: without it one ciphertext could be made for many passphrases.
    if not hmac.compare_digest(derive("slot check", key), slot.check):
        return None
    seed = open_seal((key,), "slot", slot.sealed_seed, slot.head)
    if len(seed) != KEY_SIZE or sealing_public_bytes(seed) != slot.public:
        raise VaultDamaged("The two keys in slot {slot} do not belong together.", slot=slot.id.hex())
    return seed


def derive_slot_key(secret: SlotSecret, salt: bytes, cost: Argon2Cost | None) -> bytes:
    """Return k: Argon2id of a passphrase, KDF(method, key ‖ salt) of the two random kinds."""
    if secret.method is SlotMethod.PASSPHRASE:
        if cost is None:
            raise VaultDamaged("A passphrase slot has no key-derivation parameters.")
        return stretch_passphrase(secret.material.reveal(), salt, cost)
    return derive(secret.method.value, secret.material.reveal() + salt)


def stretch_passphrase(passphrase: bytes, salt: bytes, cost: Argon2Cost) -> bytes:
    """Return 32 bytes by Argon2id; raises ``VaultDamaged`` for absurd parameters before they cost anything."""
    cost.require_bearable()
    return Argon2id(
        salt=salt, length=KEY_SIZE, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib
    ).derive(passphrase)


def spend_as_if_derived(secret: SlotSecret) -> None:
    """Take as long as one derivation does, so that the time does not tell whether there was a slot to try."""
    derive_slot_key(secret, bytes(_SALT_SIZE), DEFAULT_COST)
