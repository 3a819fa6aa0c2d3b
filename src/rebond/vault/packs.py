"""Packs: what a store holds of segments, with their chunk tables and a tail (section 4)."""

import struct
from typing import Annotated, cast

import msgspec
from msgspec import Struct

from rebond.errors import VaultDamaged
from rebond.identifiers import DomainId, ObjectName, SessionId, VaultId
from rebond.vault.headers import HEADER_SIZE, ClearHeader, ObjectKind, decode_header
from rebond.vault.primitives import HASH_SIZE, Buffer, hash_of, open_seal, seal
from rebond.vault.records import decode, encode
from rebond.vault.segments import SEGMENT_HEADER_SIZE, decode_segment_header

PACK_LIMIT = 32 << 20  # bytes, unless one segment alone is larger
MIXED_LIMIT = 4 << 20  # a pack smaller than this may mix kinds
TRAILER = b"RBPK"
SEGMENTS_PER_SESSION = 1 << 24
_LENGTH = struct.Struct("<I")


class SegmentRow(msgspec.Struct, frozen=True, array_like=True):
    """Where one segment lies and what it is. Offsets and lengths are bytes.

    ``table_offset`` counts from the start of the pack in a tail, and from the start of the tables
    in an index list. ``member`` made the segment; it is empty in a tail.
    """

    session: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
    number: Annotated[int, msgspec.Meta(ge=0, lt=SEGMENTS_PER_SESSION)]
    kind: Annotated[int, msgspec.Meta(ge=0, le=255)]
    offset: Annotated[int, msgspec.Meta(ge=0, lt=1 << 48)]
    stored_length: Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
    raw_length: Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
    stored_hash: Annotated[bytes, msgspec.Meta(min_length=HASH_SIZE, max_length=HASH_SIZE)]
    table_offset: Annotated[int, msgspec.Meta(ge=0, lt=1 << 48)]
    table_length: Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
    chunk_count: Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
    member: Annotated[bytes, msgspec.Meta(max_length=8)] = b""


class FilledPack(Struct, frozen=True):
    """A pack ready to be put, with what an index list says of it."""

    name: ObjectName
    pack_hash: bytes
    content: bytes
    rows: tuple[SegmentRow, ...]
    tables: tuple[bytes, ...]


class PackedSegment(Struct, frozen=True):
    """A sealed segment on its way into a pack, with its sealed chunk table."""

    session: SessionId
    number: int
    kind: int
    stored: bytes
    stored_hash: bytes
    raw_length: int
    table: bytes
    chunk_count: int


def pack_name(pack_hash: bytes) -> ObjectName:
    """Where a pack lies: ``packs/AA/HASH``."""
    text = pack_hash.hex()
    return ObjectName(f"packs/{text[:2]}/{text}")


def hash_in_name(name: str) -> bytes | None:
    """The HASH that ends an object's name, or ``None`` when the name has none.

    A pack must lie in the folder that its hash says, and hexadecimal is lower-case: each object
    has one name.
    """
    text = name.rsplit("/", 1)[-1]
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return None
    if len(value) != HASH_SIZE or value.hex() != text or (name.startswith("packs/") and name != pack_name(value)):
        return None
    return value


def table_binding(vault_id: VaultId, domain: DomainId, session: bytes, number: int) -> bytes:
    """The bytes that a chunk table is bound to: vault, domain and the segment's name (decision 0002)."""
    return vault_id + domain + session + number.to_bytes(4, "little")


def seal_table(table_key: bytes, binding: bytes, ids: bytes) -> bytes:
    """Seal the chunk ids of a segment, bound to its name."""
    return seal(table_key, "table", ids, binding)


def open_table(table_key: bytes, table: Buffer, binding: bytes, count: int) -> bytes:
    """Open a chunk table: ``count`` ids of 32 bytes, concatenated; raises ``VaultDamaged``."""
    ids = open_seal([table_key], "table", table, binding)
    if len(ids) != count * HASH_SIZE:
        raise VaultDamaged("A chunk table holds {found} bytes, not {count} ids.", found=len(ids), count=count)
    return ids


class PackBuilder:
    """Gathers segments of one domain until they fill a pack."""

    def __init__(self, vault_id: VaultId, domain: DomainId) -> None:
        self._header = ClearHeader(kind=ObjectKind.PACK, vault_id=vault_id, domain=domain).encode()
        self._segments: list[PackedSegment] = []
        self.size = HEADER_SIZE

    def __len__(self) -> int:
        return len(self._segments)

    def add(self, segment: PackedSegment) -> None:
        """Take one more segment."""
        self._segments.append(segment)
        self.size += len(segment.stored) + len(segment.table) + 160

    def take_over(self, other: "PackBuilder") -> None:
        """Take the segments of another builder of the same domain."""
        for segment in other.empty():
            self.add(segment)

    def empty(self) -> list[PackedSegment]:
        """Give up the segments gathered so far and return them."""
        segments, self._segments, self.size = self._segments, [], HEADER_SIZE
        return segments

    def fill(self, catalog_key: bytes) -> FilledPack:
        """Lay the pack out, seal its tail and start afresh."""
        position = HEADER_SIZE
        offsets = []
        for segment in self._segments:
            offsets.append(position)
            position += len(segment.stored)
        rows = []
        for segment, offset in zip(self._segments, offsets, strict=True):
            rows.append(
                SegmentRow(
                    segment.session,
                    segment.number,
                    segment.kind,
                    offset,
                    len(segment.stored),
                    segment.raw_length,
                    segment.stored_hash,
                    position,
                    len(segment.table),
                    segment.chunk_count,
                )
            )
            position += len(segment.table)
        tables = tuple(s.table for s in self._segments)
        tail = seal(catalog_key, "tail", encode([row_without_member(r) for r in rows]), self._header)
        end = b"".join((*tables, tail, _LENGTH.pack(len(tail)), TRAILER))
        segments = self.empty()
        content = bytearray(HEADER_SIZE + sum(row.stored_length for row in rows) + len(end))
        content[:HEADER_SIZE], content[-len(end) :] = self._header, end
        for row in reversed(rows):
            # Each is given back as soon as it is copied: all of them beside the pack would be as much memory again.
            content[row.offset : row.offset + row.stored_length] = segments.pop().stored
        pack_hash = hash_of(content)
        # From here on nobody changes it; a copy would be as much memory once more.
        return FilledPack(pack_name(pack_hash), pack_hash, cast(bytes, content), tuple(rows), tables)


def row_without_member(row: SegmentRow) -> tuple[object, ...]:
    """A tail's row: the ten fields of section 4, in order."""
    return (
        row.session,
        row.number,
        row.kind,
        row.offset,
        row.stored_length,
        row.raw_length,
        row.stored_hash,
        row.table_offset,
        row.table_length,
        row.chunk_count,
    )


def read_tail(content_end: Buffer, header: bytes, catalog_keys: tuple[bytes, ...]) -> list[SegmentRow]:
    """Open the tail out of the last bytes of a pack.

    ``content_end`` must hold the whole tail with its trailer; ``header`` is the pack's clear header.
    Raises ``VaultDamaged`` when there is none, ``WrongKey`` when it is another domain's.
    """
    sealed = memoryview(content_end)[-tail_size(content_end) : -8]
    rows = decode(open_seal(catalog_keys, "tail", sealed, header), list[SegmentRow])
    return rows


def tail_size(content_end: Buffer) -> int:
    """Bytes of tail, its length and the trailer, told by the last 8 bytes; raises ``VaultDamaged``."""
    view = memoryview(content_end)
    if len(view) < 8 or bytes(view[-4:]) != TRAILER:
        raise VaultDamaged("A pack does not end as one.")
    return int(_LENGTH.unpack(view[-8:-4])[0]) + 8


def scan_segments(content: Buffer, vault_id: VaultId) -> list[tuple[int, int]]:
    """Find the segments of a pack whose tail is lost, without a key: (offset, stored length) pairs."""
    decode_header(content, ObjectKind.PACK, vault_id)
    view = memoryview(content)
    found = []
    position = HEADER_SIZE
    while position + SEGMENT_HEADER_SIZE <= len(view) and bytes(view[position : position + 4]) == b"RBSG":
        header = decode_segment_header(view[position:])
        if position + header.stored_length > len(view):
            break
        found.append((position, header.stored_length))
        position += header.stored_length
    return found
