"""Stream items: one sealed piece of a write-ahead log or a ledger each, laid out and taken apart (section 7.5).

``clear header ‖ length u32 ‖ SEAL(K(d), "stream", record) ‖ one segment ‖ member 8 ‖ signature 64 ‖ sum 32``.
The record is for whoever has the catalog key (writers of the domain, keepers, the reader), the segment for the
reader alone. The signature covers the name of the object too.
"""

import re
import struct

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from rebond.errors import VaultDamaged
from rebond.identifiers import DomainId, MemberId, ObjectName, VaultId
from rebond.vault.credentials import CatalogKeys
from rebond.vault.frames import open_frame
from rebond.vault.headers import HEADER_SIZE, ClearHeader, ObjectKind, decode_header, with_sum, without_sum
from rebond.vault.primitives import (
    SEAL_OVERHEAD,
    SIGNATURE_SIZE,
    Buffer,
    keyed_id,
    open_seal,
    seal,
    sign,
)
from rebond.vault.records import decode, encode
from rebond.vault.segments import SEGMENT_HEADER_SIZE, SegmentKind, decode_segment_header, open_segment

STREAMS_PREFIX = "streams/"
SIGNED_KIND = "stream item"
NAME_LIMIT_BYTES = 1000  # of a stream or an item, UTF-8
HEAD_LIMIT_BYTES = 8192  # clear header, length and record of any item are shorter than this
_LENGTH = struct.Struct("<I")
_CLEAR_SIZE = HEADER_SIZE + _LENGTH.size
_MEMBER_SIZE = 8
_TAIL_SIZE = _MEMBER_SIZE + SIGNATURE_SIZE
_HIDDEN_SIZE = 16
_NAME = re.compile(r"streams/([0-9a-f]{16})/([0-9a-f]{32})/([0-9a-f]{32})")


class StreamRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an item says of itself. ``time_ms`` is its writer's clock, milliseconds since 1970, UTC.

    ``content_id`` is ``ID(data id key, raw)``; ``for_ever`` forbids every clean-up to take it.
    """

    stream: str
    item: str
    sequence: int
    time_ms: int
    raw_length: int
    content_id: bytes
    for_ever: bool = False


class RawStreamItem(msgspec.Struct, frozen=True):
    """An item taken apart without a key; its sum is checked, its signature not yet."""

    header: ClearHeader
    member: MemberId
    clear: bytes
    sealed_record: bytes
    segment: bytes
    signed: bytes
    signature: bytes


def stream_prefix(keys: CatalogKeys, stream: str) -> str:
    """The folder of a stream: its name is hidden from whoever has no catalog key."""
    return f"{STREAMS_PREFIX}{keys.domain.hex()}/{_hide(keys, stream)}/"


def stream_item_name(keys: CatalogKeys, stream: str, item: str) -> ObjectName:
    """Where an item lies: ``streams/D/STREAM/ITEM``."""
    return ObjectName(stream_prefix(keys, stream) + _hide(keys, item))


def domain_of_name(name: str) -> DomainId | None:
    """Return the domain in an item's name; ``None`` when it is not one of an item."""
    found = _NAME.fullmatch(name)
    return DomainId(bytes.fromhex(found[1])) if found else None


def _hide(keys: CatalogKeys, name: str) -> str:
    return keyed_id(keys.name_key, name.encode())[:_HIDDEN_SIZE].hex()


def build_stream_item(
    record: StreamRecord,
    segment: bytes,
    *,
    vault_id: VaultId,
    keys: CatalogKeys,
    member: MemberId,
    signing_key: Ed25519PrivateKey,
) -> tuple[ObjectName, bytes]:
    """Lay out, seal and sign an item whose ``segment`` was sealed before; return its name and bytes."""
    plain = encode(record)
    header = ClearHeader(kind=ObjectKind.STREAM_ITEM, vault_id=vault_id, domain=keys.domain)
    clear = header.encode() + _LENGTH.pack(len(plain) + SEAL_OVERHEAD)
    name = stream_item_name(keys, record.stream, record.item)
    body = clear + seal(keys.current, "stream", plain, clear) + segment + member
    return name, with_sum(body + sign(signing_key, SIGNED_KIND, body + name.encode()))


def parse_stream_item(content: Buffer, name: ObjectName, vault_id: VaultId) -> RawStreamItem:
    """Take an item apart; raises ``VaultDamaged`` or ``FormatTooNew``. The signature is not checked yet."""
    body = without_sum(content)
    header = decode_header(body, ObjectKind.STREAM_ITEM, vault_id)
    if header.domain != domain_of_name(name):
        raise VaultDamaged("The stream item {name} is of another domain than its name says.", name=name)
    if len(body) < _CLEAR_SIZE + _TAIL_SIZE:
        raise VaultDamaged("The stream item {name} is too short.", name=name)
    (length,) = _LENGTH.unpack(body[HEADER_SIZE:_CLEAR_SIZE])
    end = len(body) - _TAIL_SIZE
    start = _CLEAR_SIZE + length
    if length > HEAD_LIMIT_BYTES or start + SEGMENT_HEADER_SIZE > end:
        raise VaultDamaged("The parts of the stream item {name} do not add up.", name=name)
    found = decode_segment_header(body[start:end])
    if (found.kind, found.number, found.vault_id, found.domain) != (
        SegmentKind.STREAM_ITEM,
        0,
        vault_id,
        header.domain,
    ) or found.stored_length != end - start:
        raise VaultDamaged("The content of the stream item {name} is not that of a stream item.", name=name)
    return RawStreamItem(
        header,
        MemberId(bytes(body[end : end + _MEMBER_SIZE])),
        bytes(body[:_CLEAR_SIZE]),
        bytes(body[_CLEAR_SIZE:start]),
        bytes(body[start:end]),
        bytes(body[: end + _MEMBER_SIZE]) + name.encode(),
        bytes(body[end + _MEMBER_SIZE :]),
    )


def open_record(sealed: Buffer, clear: bytes, name: ObjectName, keys: CatalogKeys) -> StreamRecord:
    """Open the record of an item; raises ``WrongKey``, or ``VaultDamaged`` when it is another item's."""
    record = decode(open_seal(keys.keys, "stream", sealed, clear), StreamRecord)
    if stream_item_name(keys, record.stream, record.item) != name:
        raise VaultDamaged("The stream item {name} holds another item: it was renamed.", name=name)
    return record


def split_head(head: Buffer, name: ObjectName, vault_id: VaultId) -> tuple[bytes, bytes]:
    """Return the clear bytes and the sealed record at the start of an item; raises ``VaultDamaged``.

    ``head`` may be cut anywhere behind them: for listings, which do not read whole items.
    """
    header = decode_header(head, ObjectKind.STREAM_ITEM, vault_id)
    if header.domain != domain_of_name(name):
        raise VaultDamaged("The stream item {name} is of another domain than its name says.", name=name)
    if len(head) < _CLEAR_SIZE:
        raise VaultDamaged("The stream item {name} is too short.", name=name)
    (length,) = _LENGTH.unpack(bytes(head[HEADER_SIZE:_CLEAR_SIZE]))
    if length > len(head) - _CLEAR_SIZE:
        raise VaultDamaged("The stream item {name} is too short.", name=name)
    return bytes(head[:_CLEAR_SIZE]), bytes(head[_CLEAR_SIZE : _CLEAR_SIZE + length])


def open_content(
    raw: RawStreamItem, record: StreamRecord, private_key: MLKEM768X25519PrivateKey, data_id_key: bytes
) -> bytes:
    """Open what an item holds; raises ``VaultDamaged`` unless it is what its record says."""
    content = open_frame(open_segment(raw.segment, private_key))
    if len(content) != record.raw_length or keyed_id(data_id_key, content) != record.content_id:
        raise VaultDamaged("The content of a stream item is not what its record says.")
    return content
