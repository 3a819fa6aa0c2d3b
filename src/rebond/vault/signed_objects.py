"""How the clear records of the owner are framed, put and read (slots, keyring, roster).

All three begin alike: ``clear header (48) ‖ length u32 ‖ record (MessagePack)``, called the *head*.
Whatever comes from a store is hostile until its sum and signature are checked, so sizes are
judged before anything is read or decoded.
"""

import struct
from collections.abc import Callable

from msgspec import Struct

from rebond.errors import ObjectExists, VaultDamaged
from rebond.findings import Finding
from rebond.identifiers import VaultId
from rebond.store.protocol import ObjectInfo, Store
from rebond.vault.headers import HEADER_SIZE, ClearHeader, ObjectKind, decode_header, without_sum
from rebond.vault.primitives import SIGNATURE_SIZE, Buffer, verify_signature

Notice = Callable[[Finding], None]

_LENGTH = struct.Struct("<I")
HEAD_OVERHEAD = HEADER_SIZE + _LENGTH.size


def ignore_finding(finding: Finding) -> None:
    """Take no notice: for callers that have nobody to tell."""


class FramedRecord(Struct, frozen=True):
    """An object taken apart: ``head`` is header, length and record; ``rest`` follows, without the sum."""

    vault_id: VaultId
    head: bytes
    record: bytes
    rest: bytes


def frame_record(kind: ObjectKind, vault_id: VaultId, record: bytes) -> bytes:
    """Return the head of an object: clear header, length of the record, record."""
    return ClearHeader(kind=kind, vault_id=vault_id).encode() + _LENGTH.pack(len(record)) + record


def split_record(content: Buffer, kind: ObjectKind, vault_id: VaultId | None = None) -> FramedRecord:
    """Check the sum and the header and take the object apart.

    Raises ``VaultDamaged`` for anything malformed or of another vault, ``FormatTooNew`` for a
    later version (the sum has the same place in all of them, so a flipped bit is not mistaken for one).
    """
    body = without_sum(content)
    header = decode_header(body, kind, vault_id)
    if len(body) < HEAD_OVERHEAD:
        raise VaultDamaged("An object is too short to hold a record.")
    (length,) = _LENGTH.unpack(body[HEADER_SIZE:HEAD_OVERHEAD])
    end = HEAD_OVERHEAD + length
    if end > len(body):
        raise VaultDamaged("A record is said to be {length} bytes long and is cut short.", length=length)
    return FramedRecord(header.vault_id, bytes(body[:end]), bytes(body[HEAD_OVERHEAD:end]), bytes(body[end:]))


def verify_owner_signature(content: Buffer, kind: str, owner_verify_key: bytes) -> None:
    """Check sum and signature of an object that ends with ``signature ‖ sum``, whatever its version.

    Every version keeps that end, so that nobody but the owner can say "this vault is too new for
    you". Raises ``VaultDamaged`` or ``ForeignObject``.
    """
    body = without_sum(content)
    if len(body) < HEAD_OVERHEAD + SIGNATURE_SIZE:
        raise VaultDamaged("A {kind} is too short to be signed.", kind=kind)
    verify_signature(owner_verify_key, kind, body[:-SIGNATURE_SIZE], bytes(body[-SIGNATURE_SIZE:]))


def read_capped(store: Store, name: str, limit_bytes: int, *, listed: ObjectInfo | None = None) -> bytes:
    """Return a small object whole. ``listed`` is what a listing has just said of it, and spares a question.

    Raises ``ObjectMissing``, and ``VaultDamaged`` when it is larger than such an object can be.
    """
    size = store.stat(name).size if listed is None else listed.size
    if size > limit_bytes:
        raise VaultDamaged(
            "{name} is {size} bytes long; at most {limit} are allowed, so it was not read.",
            name=name,
            size=size,
            limit=limit_bytes,
        )
    return store.read(name)


def put_once(store: Store, name: str, content: bytes) -> None:
    """Put an object that must not be there yet; a repeated put of the same bytes succeeds.

    Raises ``ObjectExists`` when other bytes have that name.
    """
    try:
        store.put_if_absent(name, content)
    except ObjectExists:
        # A retried put may meet its own first attempt.
        if store.stat(name).size != len(content) or store.read(name) != content:
            raise
