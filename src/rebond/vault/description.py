"""``vault.json``: the one clear object that makes a place a vault (format page, section 3).

It is JSON for people and signed byte for byte: everything up to the comma before ``"signature"``
is what the owner signed, so no reader has to re-create the exact text.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct, field

from rebond.errors import ForeignObject, FormatTooNew, ObjectMissing, VaultDamaged, VaultMissing
from rebond.identifiers import VaultId
from rebond.store.protocol import Store
from rebond.vault.headers import FORMAT_VERSION
from rebond.vault.primitives import hash_of, sign, verify_signature
from rebond.vault.signed_objects import Notice, ignore_finding
from rebond.vault.spare_copies import read_either

DESCRIPTION_NAME = "vault.json"
DESCRIPTION_LIMIT_BYTES = 64 << 10
_END = re.compile(rb',\n  "signature": "([0-9a-f]{128})"\n}\n')
_END_SIZE = 150


class VaultDescription(Struct, frozen=True, kw_only=True):
    """What ``vault.json`` says. ``store`` is what the place proved at creation; ``hash`` is HASH of its bytes."""

    vault_id: VaultId
    owner_verify_key: bytes
    made_ms: int
    hash: bytes
    store: Mapping[str, Any] = field(default_factory=dict)

    @property
    def owner_fingerprint(self) -> str:
        """SHA-256 of the owner's verify key, 64 hexadecimal digits, to be compared with the recovery kit."""
        return hashlib.sha256(self.owner_verify_key).hexdigest()


def build_description(
    vault_id: VaultId, owner_key: Ed25519PrivateKey, made_ms: int, store_facts: Mapping[str, Any]
) -> bytes:
    """Lay out and sign ``vault.json``."""
    content = {
        "rebond": "This is a Rebond vault. README.txt says how to restore from it.",
        "format": FORMAT_VERSION,
        "vault_id": vault_id.hex(),
        "owner_verify_key": owner_key.public_key().public_bytes_raw().hex(),
        "made_ms": made_ms,
        "store": dict(store_facts),
    }
    signed = json.dumps(content, indent=2, ensure_ascii=True).removesuffix("\n}").encode()
    signature = sign(owner_key, "vault", signed).hex()
    return signed + f',\n  "signature": "{signature}"\n}}\n'.encode()


def parse_description(content: bytes) -> VaultDescription:
    """Check and decode ``vault.json``.

    Raises ``FormatTooNew`` for a later format, ``VaultDamaged`` for anything malformed and
    ``ForeignObject`` when it is not signed by the key that it names.
    """
    fields = _load_json(content)
    version = fields.get("format")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise FormatTooNew(
            "The vault has format {version}; this Rebond knows format 1.",
            hint="Update Rebond, then run the same command again. Nothing was written.",
            version=version,
        )
    end = _END.fullmatch(content[-_END_SIZE:])
    vault_id, owner = _read_hex(fields, "vault_id", 16), _read_hex(fields, "owner_verify_key", 32)
    made_ms, store_facts = fields.get("made_ms"), fields.get("store")
    if (
        type(version) is not int
        or version != FORMAT_VERSION
        or end is None
        or type(made_ms) is not int
        or not isinstance(store_facts, dict)
    ):
        raise VaultDamaged("vault.json is not one: a field is missing or has the wrong form.", hint=_HINT)
    try:
        verify_signature(owner, "vault", content[:-_END_SIZE], bytes.fromhex(end[1].decode()))
    except ForeignObject as error:
        raise ForeignObject("vault.json was changed since its owner signed it.", hint=_HINT) from error
    return VaultDescription(
        vault_id=VaultId(vault_id), owner_verify_key=owner, made_ms=made_ms, hash=hash_of(content), store=store_facts
    )


def read_description(store: Store, *, notice: Notice = ignore_finding) -> VaultDescription:
    """Return what the vault says of itself, or what the copy says: then ``notice`` is told.

    Raises ``VaultMissing`` and what ``parse_description`` does.
    """
    try:
        return read_either(store, DESCRIPTION_NAME, DESCRIPTION_LIMIT_BYTES, parse_description, notice=notice)
    except ObjectMissing as error:
        raise VaultMissing(
            "There is no vault at {location}.",
            hint="Check the address: 'rebond vault list URL' with the bucket alone shows the vaults in it. "
            "'rebond vault create' makes one, also after a cut."
            if "://" in store.location
            else "Check the address, and that its disk is mounted. 'rebond vault create' makes one, also after a cut.",
            location=store.location,
        ) from error


_HINT = "Put back the original vault.json from a replica or a copy of the vault."


def _load_json(content: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(content.decode(), object_pairs_hook=_refuse_duplicates)
    except (ValueError, RecursionError) as error:
        raise VaultDamaged("vault.json cannot be read: {reason}", hint=_HINT, reason=str(error)) from error
    if not isinstance(fields, dict):
        raise VaultDamaged("vault.json is not a JSON object.", hint=_HINT)
    return fields


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name appears twice")
    return fields


def _read_hex(fields: Mapping[str, Any], name: str, size: int) -> bytes:
    value = fields.get(name)
    if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", value):
        raise VaultDamaged("vault.json has no valid {name}.", hint=_HINT, name=name)
    return bytes.fromhex(value)
