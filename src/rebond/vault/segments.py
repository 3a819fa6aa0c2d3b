"""Segments: frames sealed to the vault's public key, each under a key of its own (section 4).

Nothing binds a segment to its place, so a keeper can move it byte for byte between packs.
"""

import enum
import os
import struct

from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey
from msgspec import Struct

from rebond.errors import FormatTooNew, VaultDamaged
from rebond.identifiers import DomainId, SessionId, VaultId
from rebond.vault.primitives import (
    AEAD_TAG_SIZE,
    HASH_SIZE,
    WRAP_SIZE,
    Buffer,
    decrypt_once,
    derive,
    encrypt_once,
    hash_of,
    unwrap,
    wrap,
)

MAGIC = b"RBSG"
VERSION = 1
SUITE = 1
_LAYOUT = struct.Struct("<4sBBBBI16s8s16sII")
SEGMENT_HEADER_SIZE = _LAYOUT.size  # 60
SEGMENT_OVERHEAD = SEGMENT_HEADER_SIZE + WRAP_SIZE + AEAD_TAG_SIZE
PRIVATE_PART_NUMBER = 2**32 - 1


class SegmentKind(enum.IntEnum):
    """What a segment holds."""

    DATA = 1
    TREE = 2
    STREAM_ITEM = 3
    PRIVATE_PART = 9


class SegmentHeader(Struct, frozen=True, kw_only=True):
    """The 60 clear bytes of a segment. (``session``, ``number``) is its name."""

    kind: SegmentKind
    epoch: int
    vault_id: VaultId
    domain: DomainId
    session: SessionId
    number: int
    ciphertext_length: int

    def encode(self) -> bytes:
        """Return the 60 bytes."""
        return _LAYOUT.pack(
            MAGIC,
            VERSION,
            self.kind,
            SUITE,
            0,
            self.epoch,
            self.vault_id,
            self.domain,
            self.session,
            self.number,
            self.ciphertext_length,
        )

    @property
    def stored_length(self) -> int:
        """Bytes of the whole segment: header, wrap, ciphertext."""
        return SEGMENT_HEADER_SIZE + WRAP_SIZE + self.ciphertext_length


def decode_segment_header(content: Buffer) -> SegmentHeader:
    """Read the header at the start of ``content``; raises ``VaultDamaged`` or ``FormatTooNew``."""
    if len(content) < SEGMENT_HEADER_SIZE:
        raise VaultDamaged("A segment is too short to have a header.")
    magic, version, kind, suite, flags, epoch, vault, domain, session, number, length = _LAYOUT.unpack(
        bytes(content[:SEGMENT_HEADER_SIZE])
    )
    if magic != MAGIC:
        raise VaultDamaged("A segment does not begin as one.")
    if version != VERSION or suite != SUITE or flags:
        raise FormatTooNew(
            "A segment has version {version}, suite {suite}, flags {flags}, which this Rebond does not know.",
            hint="Update Rebond, then run the same command again.",
            version=version,
            suite=suite,
            flags=flags,
        )
    try:
        segment_kind = SegmentKind(kind)
    except ValueError:
        raise FormatTooNew(
            "A segment is of kind {kind}, which this Rebond does not know.",
            hint="Update Rebond, then run the same command again.",
            kind=kind,
        ) from None
    return SegmentHeader(
        kind=segment_kind,
        epoch=epoch,
        vault_id=VaultId(vault),
        domain=DomainId(domain),
        session=SessionId(session),
        number=number,
        ciphertext_length=length,
    )


class SealedSegment(Struct, frozen=True):
    """A segment as it is stored, with the key that opens it while it is still at hand."""

    header: SegmentHeader
    header_bytes: bytes
    stored: bytes
    data_key: bytes

    def open_again(self) -> bytes:
        """Open the stored bytes with the key at hand and return the frame: the check before a put."""
        return decrypt_once(
            self.data_key, memoryview(self.stored)[SEGMENT_HEADER_SIZE + WRAP_SIZE :], self.header_bytes
        )


def seal_segment(
    public_key: MLKEM768X25519PublicKey,
    frame: bytes,
    *,
    kind: SegmentKind,
    epoch: int,
    vault_id: VaultId,
    domain: DomainId,
    session: SessionId,
    number: int,
) -> SealedSegment:
    """Seal ``frame`` to the vault's public key under a fresh key."""
    header = SegmentHeader(
        kind=kind,
        epoch=epoch,
        vault_id=vault_id,
        domain=domain,
        session=session,
        number=number,
        ciphertext_length=len(frame) + AEAD_TAG_SIZE,
    )
    encoded = header.encode()
    # The frame's hash is mixed in, so that even a broken random source never repeats a key
    # with two different frames.
    data_key = derive("segment key", os.urandom(32) + hash_of(frame))
    ciphertext = encrypt_once(data_key, frame, encoded)
    del frame  # often nobody else holds it, and three of its size at once are too many
    stored = b"".join((encoded, wrap(public_key, b"segment" + encoded, data_key), ciphertext))
    return SealedSegment(header, encoded, stored, data_key)


def open_segment(stored: Buffer, private_key: MLKEM768X25519PrivateKey) -> bytes:
    """Open a stored segment and return its frame.

    Raises ``WrongKey`` when the private key is not its own, ``VaultDamaged`` when bytes changed.
    """
    header = decode_segment_header(stored)
    if len(stored) != header.stored_length:
        raise VaultDamaged("A segment is {found} bytes long, not {size}.", found=len(stored), size=header.stored_length)
    view = memoryview(stored)
    encoded = bytes(view[:SEGMENT_HEADER_SIZE])
    wrapped = view[SEGMENT_HEADER_SIZE : SEGMENT_HEADER_SIZE + WRAP_SIZE]
    data_key = unwrap(private_key, b"segment" + encoded, wrapped)
    return decrypt_once(data_key, view[SEGMENT_HEADER_SIZE + WRAP_SIZE :], encoded)


def segment_matches(stored: Buffer, expected_hash: bytes) -> bool:
    """Say whether stored bytes are those that an index row or tail names."""
    return len(expected_hash) == HASH_SIZE and hash_of(stored) == expected_hash
