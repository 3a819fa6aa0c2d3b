"""Is a stored segment good? By its hash, and with the owner's key by opening and decoding it (§11)."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from rebond.errors import FormatTooNew, RoleTooSmall, VaultDamaged, WrongKey
from rebond.identifiers import DomainId, VaultId
from rebond.vault.access import Vault
from rebond.vault.credentials import DomainKeys
from rebond.vault.frames import ChunkTable, open_frame, split_chunks
from rebond.vault.packs import SegmentRow, open_table, seal_table, table_binding
from rebond.vault.primitives import HASH_SIZE, hash_of, keyed_id
from rebond.vault.sealing_keys import SealingKeys
from rebond.vault.segments import MAGIC, SegmentHeader, SegmentKind, decode_segment_header, open_segment

_CHUNKED = (SegmentKind.DATA, SegmentKind.TREE)


class JudgedSegment(Struct, frozen=True):
    """One copy of a segment. ``fault`` is empty when it is good.

    ``bad_ids`` are the chunks that cannot be had from it, ``None`` for all of them. ``is_as_written``
    says that the bytes are those that were stored, so that every other copy is as bad. ``table`` is
    its sealed chunk table where a good one is known.
    """

    row: SegmentRow
    fault: str = ""
    table: bytes | None = None
    bad_ids: frozenset[bytes] | None = None
    is_as_written: bool = False


class SegmentJudge:
    """Judges segments with whatever the credential opens."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._sealing_keys = SealingKeys(vault.credentials)

    def judge(self, content: bytes, domain: DomainId, row: SegmentRow, table: bytes | None) -> JudgedSegment:
        """Judge the segment that ``row`` says lies in the bytes of a pack."""
        if row.offset + row.stored_length > len(content):
            return JudgedSegment(row, "The pack ends before it.")
        stored = memoryview(content)[row.offset : row.offset + row.stored_length]
        found = hash_of(stored)
        if row.stored_hash and found != row.stored_hash:
            return JudgedSegment(row, "Its bytes are not those that were written.")
        is_as_written = bool(row.stored_hash)
        try:
            header = self._check_header(stored, domain, row)
            keys = self._domain_keys(domain)
            if keys is None:
                fault = "" if row.stored_hash else "Nothing says what its bytes should be."
                return JudgedSegment(row, fault, table, None, is_as_written)
            return self._decode(stored, header, keys, msgspec.structs.replace(row, stored_hash=found), table)
        except (VaultDamaged, WrongKey, FormatTooNew) as error:
            return JudgedSegment(row, error.message, None, None, is_as_written)

    def _check_header(self, stored: memoryview, domain: DomainId, row: SegmentRow) -> SegmentHeader:
        header = decode_segment_header(stored)
        if (header.session, header.number) != (row.session, row.number) or header.domain != domain:
            raise VaultDamaged("It is another segment than its place says.")
        if header.vault_id != self._vault.vault_id or header.kind != row.kind:
            raise VaultDamaged("It is of another vault or kind than its place says.")
        return header

    def _domain_keys(self, domain: DomainId) -> DomainKeys | None:
        """The keys that open a domain's content; ``None`` for all but the owner."""
        if not self._vault.can_read():
            return None
        try:
            return self._vault.credentials.domain_keys(domain)
        except RoleTooSmall:
            return None

    def _decode(
        self, stored: memoryview, header: SegmentHeader, keys: DomainKeys, row: SegmentRow, table: bytes | None
    ) -> JudgedSegment:
        """Open a segment, recompute every id, compare with the chunk table; make a table where there is none."""
        raw = open_frame(open_segment(stored, self._sealing_keys.of_epoch(header.epoch)))
        if header.kind not in _CHUNKED:
            return JudgedSegment(row, "", table, None, is_as_written=True)
        chunks = split_chunks(raw)
        key = keys.data_id_key if header.kind is SegmentKind.DATA else keys.tree_id_key
        bad = frozenset(
            chunk_id
            for position, chunk_id in enumerate(chunks.ids)
            if keyed_id(key, chunks.content(position)) != chunk_id
        )
        if bad:
            return JudgedSegment(row, "It holds chunks that are not what their ids say.", None, bad, is_as_written=True)
        return self._compare_table(chunks, keys, row, table)

    def _compare_table(
        self, chunks: ChunkTable, keys: DomainKeys, row: SegmentRow, table: bytes | None
    ) -> JudgedSegment:
        binding = table_binding(self._vault.vault_id, keys.domain, row.session, row.number)
        ids = b"".join(chunks.ids)
        if row.stored_hash and table is not None:
            try:
                said = open_table(keys.table_key, table, binding, row.chunk_count)
            except (VaultDamaged, WrongKey):
                table = None  # the bytes of the table rotted; the segment itself is good
            else:
                if said != ids:
                    phantoms = frozenset(_cut(said)) - frozenset(chunks.ids)
                    return JudgedSegment(row, "Its chunk table names other chunks.", None, phantoms, is_as_written=True)
        row = msgspec.structs.replace(row, raw_length=sum(chunks.lengths), chunk_count=len(chunks.ids))
        return JudgedSegment(row, "", table or seal_table(keys.table_key, binding, ids), None, is_as_written=True)


def _cut(ids: bytes) -> Iterator[bytes]:
    return (ids[start : start + HASH_SIZE] for start in range(0, len(ids), HASH_SIZE))


def scan_anywhere(content: bytes, vault_id: VaultId) -> Iterator[tuple[SegmentRow, DomainId]]:
    """Find segments by their headers alone, also behind damaged ones; yields rows without hash and table.

    Only a decoder can tell whether what is found is whole.
    """
    position = content.find(MAGIC)
    while position >= 0:
        following = position + 1
        try:
            header = decode_segment_header(memoryview(content)[position:])
        except (VaultDamaged, FormatTooNew):
            header = None
        if header is not None and header.vault_id == vault_id:
            row = SegmentRow(
                header.session, header.number, header.kind, position, header.stored_length, 0, b"", 0, 0, 0
            )
            yield row, header.domain
            if position + header.stored_length <= len(content):
                following = position + header.stored_length
        position = content.find(MAGIC, following)
