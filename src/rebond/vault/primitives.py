"""The cryptography of the format page, section 1, and nothing else.

One audited library (``cryptography``) and BLAKE3; every function here is a line or a formula of
``docs/vault-format.md``. Keys, ids and hashes are 32 bytes unless said otherwise.
"""

import hashlib
import os
from collections.abc import Sequence

from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from rebond.errors import ForeignObject, VaultDamaged, WrongKey

Buffer = bytes | bytearray | memoryview

HASH_SIZE = 32
KEY_TAG_SIZE = 4
SALT_SIZE = 32
AEAD_TAG_SIZE = 16
SEAL_OVERHEAD = KEY_TAG_SIZE + SALT_SIZE + AEAD_TAG_SIZE
WRAP_SIZE = 1168
SEALING_PUBLIC_SIZE = 1216
SIGNATURE_SIZE = 64
ZERO_NONCE = bytes(12)  # every key is used once

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_MLKEM_PUBLIC_SIZE = 1184


def hash_of(content: Buffer) -> bytes:
    """HASH(x): BLAKE3, 32 bytes."""
    return blake3(content).digest()


def keyed_id(key: bytes, content: Buffer) -> bytes:
    """ID(k, x): BLAKE3 keyed with ``key``, 32 bytes."""
    return blake3(content, key=key).digest()


def derive(label: str, secret: Buffer) -> bytes:
    """KDF(label, secret): BLAKE3 key derivation with context ``rebond v1 LABEL``, 32 bytes."""
    return blake3(secret, derive_key_context="rebond v1 " + label).digest()


def key_tag(key: bytes) -> bytes:
    """The first 4 bytes of KDF("key tag", key): tells which key opens a record."""
    return derive("key tag", key)[:KEY_TAG_SIZE]


def seal(key: bytes, what: str, content: Buffer, clear: bytes = b"") -> bytes:
    """SEAL(k, what, x): key tag, salt, and ``content`` sealed; ``clear`` is bound to it."""
    salt = os.urandom(SALT_SIZE)
    one_time = derive("sealed record", key + salt)
    sealed = ChaCha20Poly1305(one_time).encrypt(ZERO_NONCE, content, what.encode() + clear)
    return key_tag(key) + salt + sealed


def open_seal(keys: Sequence[bytes], what: str, sealed: Buffer, clear: bytes = b"") -> bytes:
    """Open a SEAL with whichever of ``keys`` its tag names.

    Raises ``WrongKey`` when none of them is meant, ``VaultDamaged`` when it does not open.
    """
    content = bytes(sealed)
    if len(content) < SEAL_OVERHEAD:
        raise VaultDamaged("A sealed {what} record is too short.", what=what)
    tag, salt = content[:KEY_TAG_SIZE], content[KEY_TAG_SIZE : KEY_TAG_SIZE + SALT_SIZE]
    candidates = [key for key in keys if key_tag(key) == tag]
    if not candidates:
        raise WrongKey("No key at hand opens this {what} record.", what=what)
    for key in candidates:
        try:
            return ChaCha20Poly1305(derive("sealed record", key + salt)).decrypt(
                ZERO_NONCE, content[KEY_TAG_SIZE + SALT_SIZE :], what.encode() + clear
            )
        except InvalidTag:
            continue
    raise VaultDamaged("A sealed {what} record does not open: its bytes were changed.", what=what)


def sealing_private_key(seed: bytes) -> MLKEM768X25519PrivateKey:
    """Expand a 32-byte sealing seed by SHAKE256: ML-KEM-768 seed (64 bytes), X25519 key (32)."""
    expanded = hashlib.shake_256(seed).digest(96)
    return MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
        X25519PrivateKey.from_private_bytes(expanded[64:]),
    )


def sealing_public_bytes(seed: bytes) -> bytes:
    """The 1,216 public bytes of a sealing seed: ML-KEM-768 key (1,184), X25519 key (32)."""
    expanded = hashlib.shake_256(seed).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64]).public_key().public_bytes_raw()
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:]).public_key().public_bytes_raw()
    return mlkem + x25519


def sealing_public_key(public: bytes) -> MLKEM768X25519PublicKey:
    """Load the 1,216 public bytes of a sealing key."""
    if len(public) != SEALING_PUBLIC_SIZE:
        raise VaultDamaged("A sealing key is {size} bytes long, not 1216.", size=len(public))
    try:
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_SIZE]),
            X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC_SIZE:]),
        )
    except ValueError as error:
        raise VaultDamaged("A sealing key is not one: {reason}", reason=str(error)) from error


def wrap(public_key: MLKEM768X25519PublicKey, info: bytes, key: bytes) -> bytes:
    """WRAP(pk, info, k): HPKE base mode of a 32-byte key, 1,168 bytes."""
    return _SUITE.encrypt(key, public_key, info)


def unwrap(private_key: MLKEM768X25519PrivateKey, info: bytes, wrapped: Buffer) -> bytes:
    """Open a WRAP. Raises ``WrongKey`` when it was made for another key or was changed."""
    try:
        return _SUITE.decrypt(bytes(wrapped), private_key, info)
    except (InvalidTag, ValueError) as error:
        raise WrongKey("A wrapped key does not open with this private key.") from error


def encrypt_once(key: bytes, content: Buffer, bound: Buffer) -> bytes:
    """ChaCha20-Poly1305 under a key that is used this once, nonce zero."""
    return ChaCha20Poly1305(key).encrypt(ZERO_NONCE, content, bound)


def decrypt_once(key: bytes, sealed: Buffer, bound: Buffer) -> bytes:
    """Open what ``encrypt_once`` made; raises ``VaultDamaged``."""
    try:
        return ChaCha20Poly1305(key).decrypt(ZERO_NONCE, sealed, bound)
    except InvalidTag as error:
        raise VaultDamaged("Sealed bytes do not open: they were changed or swapped.") from error


def sign(key: Ed25519PrivateKey, kind: str, content: Buffer) -> bytes:
    """SIGN(m, x): Ed25519 over ``rebond v1 KIND`` and HASH(x), 64 bytes."""
    return key.sign(b"rebond v1 " + kind.encode() + hash_of(content))


def verify_signature(public: bytes, kind: str, content: Buffer, signature: bytes) -> None:
    """Check a SIGN with a member's 32 public bytes; raises ``ForeignObject``."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(
            bytes(signature), b"rebond v1 " + kind.encode() + hash_of(content)
        )
    except (InvalidSignature, ValueError) as error:
        raise ForeignObject("The signature of a {kind} does not verify.", kind=kind) from error


def signing_key(seed: bytes) -> Ed25519PrivateKey:
    """Load an Ed25519 key from its 32 private bytes."""
    return Ed25519PrivateKey.from_private_bytes(seed)


def verify_key(seed: bytes) -> bytes:
    """The 32 public bytes that belong to an Ed25519 seed."""
    return signing_key(seed).public_key().public_bytes_raw()
