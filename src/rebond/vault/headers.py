"""The clear header that every binary object begins with (format page, section 1)."""

import enum
import struct

from msgspec import Struct

from rebond.errors import FormatTooNew, VaultDamaged
from rebond.identifiers import DomainId, VaultId
from rebond.vault.primitives import HASH_SIZE, Buffer, hash_of

MAGIC = b"RBND"
FORMAT_VERSION = 1
SUITE = 1
HEADER_SIZE = 48
NO_DOMAIN = DomainId(bytes(8))
_LAYOUT = struct.Struct("<4sBBBB16s8s16s")


class ObjectKind(enum.IntEnum):
    """What a binary object is; the ``kind`` byte of its clear header."""

    PACK = 1
    INDEX = 2
    REFERENCES = 3
    SNAPSHOT = 4
    VOID = 5
    REPOINT = 6
    SESSION = 7
    MARK = 8
    CLAIM = 9
    RUN = 10
    HOLD = 11
    STREAM_ITEM = 12
    ROSTER = 13
    SLOT = 14
    KEYRING = 15
    MEMBER_FILE = 16
    WITHDRAWAL = 17


class ClearHeader(Struct, frozen=True, kw_only=True):
    """The 48 clear bytes at the start of an object, covered by its seals and signatures."""

    kind: ObjectKind
    vault_id: VaultId
    domain: DomainId = NO_DOMAIN

    def encode(self) -> bytes:
        """Return the 48 bytes."""
        return _LAYOUT.pack(MAGIC, FORMAT_VERSION, self.kind, SUITE, 0, self.vault_id, self.domain, bytes(16))


def decode_header(content: Buffer, expected: ObjectKind, vault_id: VaultId | None = None) -> ClearHeader:
    """Read and check the clear header of an object.

    Raises ``VaultDamaged`` when it is not one, is of another kind or belongs to another vault, and
    ``FormatTooNew`` for a later version, suite or an unknown flag.
    """
    if len(content) < HEADER_SIZE:
        raise VaultDamaged("An object is too short to have a header.")
    magic, version, kind, suite, flags, vault, domain, _ = _LAYOUT.unpack(bytes(content[:HEADER_SIZE]))
    if magic != MAGIC:
        raise VaultDamaged("An object does not begin as one of this format.")
    if version != FORMAT_VERSION or suite != SUITE or flags:
        raise FormatTooNew(
            "An object has format {version}, suite {suite}, flags {flags}, which this Rebond does not know.",
            hint="Update Rebond, then run the same command again.",
            version=version,
            suite=suite,
            flags=flags,
        )
    if kind != expected:
        raise VaultDamaged("An object is of kind {kind}, not {expected}.", kind=kind, expected=int(expected))
    if vault_id is not None and vault != vault_id:
        raise VaultDamaged("An object belongs to another vault.")
    return ClearHeader(kind=ObjectKind(kind), vault_id=VaultId(vault), domain=DomainId(domain))


def with_sum(content: bytes) -> bytes:
    """Append HASH of all that precedes, so that anyone can audit the object without a key."""
    return content + hash_of(content)


def without_sum(content: Buffer) -> memoryview:
    """Check the trailing HASH and return what precedes it; raises ``VaultDamaged``."""
    view = memoryview(content)
    if len(view) < HASH_SIZE or hash_of(view[:-HASH_SIZE]) != bytes(view[-HASH_SIZE:]):
        raise VaultDamaged("The sum at the end of an object does not match its bytes.")
    return view[:-HASH_SIZE]
