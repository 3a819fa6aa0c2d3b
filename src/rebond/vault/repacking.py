"""Repacking: needed segments move out of packs that are mostly dead, or small (§10.3).

Segments and their chunk tables are copied byte for byte and each copy's HASH is checked, so this
needs no data key. Nothing is deleted here: an old pack goes like any other whose segments have
another place.
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct, field

from rebond.errors import FormatTooNew, ObjectExists, ObjectMissing, ShortRead, VaultDamaged
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId, ObjectName, SessionId
from rebond.vault.access import Vault
from rebond.vault.index_census import Census, read_whole_list
from rebond.vault.list_putting import ListEntry, put_lists, rows_with_member
from rebond.vault.pack_contents import SegmentNames
from rebond.vault.packs import PACK_LIMIT, PackBuilder, PackedSegment, SegmentRow, pack_name
from rebond.vault.primitives import hash_of
from rebond.vault.segments import decode_segment_header

DEAD_SHARE = 0.4
SMALL_BYTES = 8 << 20
LEAST_SMALL = 16


class PackWeight(Struct, frozen=True, kw_only=True):
    """How much of a pack is needed. Bytes are those of its segments."""

    pack_hash: bytes
    domain: DomainId
    stored_bytes: int
    segment_bytes: int
    needed_bytes: int

    @property
    def dead_share(self) -> float:
        """The share of the segments' bytes that nothing needs."""
        return 1 - self.needed_bytes / self.segment_bytes if self.segment_bytes else 1.0


class Repacked(Struct, frozen=True, kw_only=True):
    """What was copied: old packs of which every needed segment has a new place, and the new packs."""

    emptied: tuple[bytes, ...] = ()
    packs: Mapping[bytes, tuple[DomainId, int, tuple[SegmentRow, ...]]] = field(default_factory=dict)
    lists: tuple[ObjectName, ...] = ()
    copied_bytes: int = 0


def choose_repacks(weights: Sequence[PackWeight], stuck: Collection[bytes] = ()) -> tuple[bytes, ...]:
    """Choose the packs worth copying. Pure.

    Mostly dead ones; small ones when a domain has many; and those ``stuck`` in a mark that a dead
    keeper left, because writers cannot refer to them any more.
    """
    living = [weight for weight in weights if weight.needed_bytes]
    small = [weight for weight in living if weight.stored_bytes < SMALL_BYTES]
    crowded = {domain for domain in {w.domain for w in small} if sum(w.domain == domain for w in small) >= LEAST_SMALL}
    return tuple(
        weight.pack_hash
        for weight in living
        if weight.dead_share > DEAD_SHARE
        or weight.pack_hash in stuck
        or (weight.stored_bytes < SMALL_BYTES and weight.domain in crowded)
    )


def repack(vault: Vault, census: Census, chosen: Collection[bytes], needed: SegmentNames) -> Repacked:
    """Copy the needed segments of the chosen packs into new packs, then name these in index lists.

    A pack of which a byte is wrong is left as it is and reported. Raises ``StoreFull``.
    """
    if not chosen:
        return Repacked()
    copying = _Copying(vault, needed)
    emptied: list[bytes] = []
    for source in _read_sources(vault, census, set(chosen)):
        if copying.copy_pack(source):
            emptied.append(source.pack_hash)
    copying.finish()
    return Repacked(
        emptied=tuple(emptied), packs=copying.packs, lists=tuple(copying.lists), copied_bytes=copying.copied_bytes
    )


class _Source(Struct, frozen=True):
    pack_hash: bytes
    domain: DomainId
    rows: list[SegmentRow]
    tables: list[bytes]


def _read_sources(vault: Vault, census: Census, chosen: set[bytes]) -> Iterator[_Source]:
    """Yield each chosen pack that a list names, with its rows and chunk tables, in the order of the lists."""
    for census_list in census.lists:
        if chosen.isdisjoint(census_list.packs):
            continue
        try:
            index_list = read_whole_list(vault, census_list)
        except (VaultDamaged, ObjectMissing):
            continue  # the census reported it, or another keeper replaced it
        for pack in index_list.catalog.packs:
            if pack.pack_hash in chosen:
                chosen.discard(pack.pack_hash)
                rows = rows_with_member(vault, index_list, pack)
                yield _Source(pack.pack_hash, census_list.domain, rows, [bytes(index_list.table(r)) for r in rows])


class _Copying:
    """Fills new packs, one at a time for each domain and kind."""

    def __init__(self, vault: Vault, needed: SegmentNames) -> None:
        self._vault = vault
        self._needed = needed
        self._builders: dict[tuple[DomainId, int], PackBuilder] = {}
        self._members: dict[tuple[DomainId, int], list[bytes]] = {}
        self._copied = SegmentNames()
        self._unlisted: dict[DomainId, list[ListEntry]] = {}
        self.packs: dict[bytes, tuple[DomainId, int, tuple[SegmentRow, ...]]] = {}
        self.lists: list[ObjectName] = []
        self.copied_bytes = 0

    def copy_pack(self, source: _Source) -> bool:
        """Take what is needed of a pack; ``False`` when a byte of it is wrong, and then nothing."""
        segments: list[tuple[PackedSegment, bytes]] = []
        for row, table in zip(source.rows, source.tables, strict=True):
            name = (row.session, row.number)
            if name not in self._needed or name in self._copied:
                continue
            stored = self._read(source, row)
            if stored is None:
                return False
            segments.append((_packed(row, stored, table), row.member))
        for segment, member in segments:
            self._add(source.domain, segment, member)
        return True

    def _read(self, source: _Source, row: SegmentRow) -> bytes | None:
        name = pack_name(source.pack_hash)
        try:
            stored = self._vault.store.read(name, start=row.offset, length=row.stored_length)
        except (ObjectMissing, ShortRead):
            return None
        if hash_of(stored) != row.stored_hash or not _is_told_truly(stored, row, source.domain):
            self._vault.report(_damaged(name, row))
            return None
        return stored

    def _add(self, domain: DomainId, segment: PackedSegment, member: bytes) -> None:
        key = (domain, segment.kind)
        builder = self._builders.setdefault(key, PackBuilder(self._vault.vault_id, domain))
        if len(builder) and builder.size + len(segment.stored) + len(segment.table) > PACK_LIMIT:
            self._put(key)
        builder.add(segment)
        self._members.setdefault(key, []).append(member)
        self._copied.add((segment.session, segment.number))
        self.copied_bytes += len(segment.stored)

    def _put(self, key: tuple[DomainId, int]) -> None:
        domain, _ = key
        filled = self._builders[key].fill(self._vault.credentials.catalog(domain).current)
        members = self._members.pop(key)
        rows = [msgspec.structs.replace(row, member=m) for row, m in zip(filled.rows, members, strict=True)]
        with contextlib.suppress(ObjectExists):  # named by its own hash: the same bytes are there already
            self._vault.store.put_if_absent(filled.name, filled.content)
        self.packs[filled.pack_hash] = (domain, len(filled.content), filled.rows)
        self._unlisted.setdefault(domain, []).append((filled.pack_hash, len(filled.content), rows, filled.tables))

    def finish(self) -> None:
        """Put what is left, then name all new packs in a list for each domain."""
        for key in sorted(self._members):
            self._put(key)
        for domain, entries in self._unlisted.items():
            self.lists += put_lists(self._vault, domain, entries)


def _is_told_truly(stored: bytes, row: SegmentRow, domain: DomainId) -> bool:
    """Say whether bytes are the segment that a list says, of the domain whose list it is: lists may lie."""
    try:
        header = decode_segment_header(stored)
    except (VaultDamaged, FormatTooNew):
        return False
    return (header.session, header.number, header.domain) == (row.session, row.number, domain)


def _packed(row: SegmentRow, stored: bytes, table: bytes) -> PackedSegment:
    return PackedSegment(
        session=SessionId(row.session),
        number=row.number,
        kind=row.kind,
        stored=stored,
        stored_hash=row.stored_hash,
        raw_length=row.raw_length,
        table=table,
        chunk_count=row.chunk_count,
    )


def _damaged(name: str, row: SegmentRow) -> Finding:
    return Finding(
        code="segment-damaged",
        severity=Severity.DAMAGE,
        subject=name,
        template="A segment in {name} is not what was written, so the pack is not repacked.",
        hint_template="Run 'rebond verify --read-data --repair'.",
        values={"name": name, "number": row.number},
    )
