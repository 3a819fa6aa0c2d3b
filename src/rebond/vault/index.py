"""Index lists: where segments lie, and which chunks they hold (section 5).

The effective index is the union of all lists. It is a hint: a place is true when its pack is
listed and the bytes there have the row's hash.
"""

import struct
from collections.abc import Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from rebond.errors import VaultDamaged
from rebond.identifiers import DomainId, MemberId, ObjectName, VaultId
from rebond.store.protocol import Store
from rebond.vault.headers import HEADER_SIZE, ClearHeader, ObjectKind, decode_header
from rebond.vault.packs import SegmentRow, hash_in_name
from rebond.vault.primitives import SIGNATURE_SIZE, Buffer, hash_of, open_seal, seal, sign, verify_signature
from rebond.vault.records import decode, encode

LIST_LIMIT = 16 << 20  # bytes of one list
_LENGTH = struct.Struct("<I")
_PREFIX = HEADER_SIZE + _LENGTH.size
_MEMBER_SIZE = 8


class IndexedPack(msgspec.Struct, frozen=True, array_like=True):
    """One pack and the segments in it. Table offsets count from the start of the list's tables."""

    pack_hash: bytes
    size: int
    rows: list[SegmentRow]


class IndexCatalog(msgspec.Struct, frozen=True):
    """What the catalog part of a list says. ``replaces`` names lists that this one contains."""

    packs: list[IndexedPack]
    replaces: list[str] = []


class IndexList(Struct, frozen=True):
    """A list as it was read: its catalog, who made it, and the sealed chunk tables."""

    name: ObjectName
    member: MemberId
    catalog: IndexCatalog
    tables: memoryview

    def table(self, row: SegmentRow) -> memoryview:
        """Return the sealed chunk table of a row; raises ``VaultDamaged`` when it lies outside."""
        end = row.table_offset + row.table_length
        if end > len(self.tables):
            raise VaultDamaged("The index list {name} ends before one of its tables.", name=self.name)
        return self.tables[row.table_offset : end]


def index_name(domain: DomainId, content: Buffer) -> ObjectName:
    """Where an index list lies: ``index/D/HASH``."""
    return ObjectName(f"index/{domain.hex()}/{hash_of(content).hex()}")


def build_index_list(
    packs: Sequence[tuple[bytes, int, Sequence[SegmentRow], Sequence[Buffer]]],
    *,
    vault_id: VaultId,
    domain: DomainId,
    catalog_key: bytes,
    member: MemberId,
    signing_key: Ed25519PrivateKey,
    replaces: Sequence[str] = (),
) -> bytes:
    """Build one list from (pack hash, size, rows with their member, tables) of each pack."""
    position = 0
    tables: list[Buffer] = []
    indexed = []
    for pack_hash, size, rows, pack_tables in packs:
        placed = []
        for row, table in zip(rows, pack_tables, strict=True):
            placed.append(
                msgspec.structs.replace(
                    row, table_offset=position, table_length=len(table), member=row.member or member
                )
            )
            position += len(table)
            tables.append(table)
        indexed.append(IndexedPack(pack_hash, size, placed))
    header = ClearHeader(kind=ObjectKind.INDEX, vault_id=vault_id, domain=domain).encode()
    sealed = seal(catalog_key, "index", encode(IndexCatalog(indexed, list(replaces))), header)
    signed = header + sealed + member
    part = sealed + member + sign(signing_key, "index", signed)
    return b"".join((header, _LENGTH.pack(len(part)), part, *tables))


def catalog_size(content_start: Buffer) -> int:
    """Bytes of header, length and catalog part, told by the first 52 bytes of a list."""
    return _PREFIX + int(_LENGTH.unpack(bytes(content_start[HEADER_SIZE:_PREFIX]))[0])


def parse_index_list(
    name: ObjectName, content: Buffer, vault_id: VaultId, catalog_keys: tuple[bytes, ...]
) -> tuple[IndexList, bytes, bytes]:
    """Open a list (or only its start, up to ``catalog_size``): (list, signed bytes, signature).

    Raises ``VaultDamaged`` or ``WrongKey``. Whoever trusts the list checks the signature with the
    roster's key of ``list.member``.
    """
    view = memoryview(content)
    decode_header(view, ObjectKind.INDEX, vault_id)
    if len(view) < _PREFIX or len(view) < catalog_size(view):
        raise VaultDamaged("The index list {name} is cut short.", name=name)
    end = catalog_size(view)
    part = view[_PREFIX:end]
    if len(part) < _MEMBER_SIZE + SIGNATURE_SIZE:
        raise VaultDamaged("The index list {name} is cut short.", name=name)
    sealed, member, signature = (
        part[: -_MEMBER_SIZE - SIGNATURE_SIZE],
        bytes(part[-_MEMBER_SIZE - SIGNATURE_SIZE : -SIGNATURE_SIZE]),
        bytes(part[-SIGNATURE_SIZE:]),
    )
    header = bytes(view[:HEADER_SIZE])
    catalog = decode(open_seal(catalog_keys, "index", sealed, header), IndexCatalog)
    return IndexList(name, MemberId(member), catalog, view[end:]), header + bytes(sealed) + member, signature


def verify_index_list(public: bytes, signed: bytes, signature: bytes) -> None:
    """Check the maker's signature of a list; raises ``ForeignObject``."""
    verify_signature(public, "index", signed, signature)


def read_index_object(store: Store, name: ObjectName) -> bytes:
    """Read a whole list and check that its bytes have the hash in its name; raises ``VaultDamaged``."""
    content = store.read(name)
    if hash_of(content) != hash_in_name(name):
        raise VaultDamaged(
            "The index list {name} is not what was written.",
            hint="Run 'rebond verify --repair' to rebuild it from the packs.",
            name=name,
        )
    return content
