"""Reading packs back: are the bytes those that were written, and hold what the tables say.

A whole pack has the hash that is its name. One that has not is taken apart: each segment is judged
by itself, found by the rows of index lists, by the pack's tail, or by looking for segment headers.
With the owner's key every segment is opened and decoded, and every chunk's id computed again.
"""

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec
from msgspec import Struct

from rebond.errors import ObjectMissing, VaultDamaged, VaultError
from rebond.identifiers import DomainId
from rebond.vault.access import Vault
from rebond.vault.checking_places import open_lists, sum_tables
from rebond.vault.headers import HEADER_SIZE
from rebond.vault.pack_tails import PackTail, open_pack_tail
from rebond.vault.packs import SegmentRow, pack_name
from rebond.vault.primitives import hash_of
from rebond.vault.segment_judging import JudgedSegment, SegmentJudge, scan_anywhere

_AHEAD = 1  # packs read while one is judged: two packs in memory
_JUDGES = 2  # threads, each with one decoded segment in memory


class ListedRow(Struct, frozen=True):
    """What a list says of one segment of a pack, with the sealed chunk table."""

    row: SegmentRow
    table: bytes


class ListedPack(Struct, frozen=True):
    """What the lists say of one pack: help where its own tail is lost."""

    domain: DomainId
    rows: list[ListedRow]


class PackVerdict(Struct, frozen=True):
    """What reading a pack came to. ``fault`` is empty when every byte is as it was written."""

    pack_hash: bytes
    domain: DomainId | None
    size: int
    fault: str
    segments: tuple[JudgedSegment, ...]
    has_own_hash: bool
    error: VaultError | None = None
    table_sum: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether the pack and all in it is good."""
        return not self.fault and all(not segment.fault for segment in self.segments)


class PackChecker:
    """Reads whole packs and judges them. Holds at most two in memory."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._judge = SegmentJudge(vault)

    def check(self, packs: Iterable[bytes]) -> Iterator[tuple[bytes, PackVerdict | None]]:
        """Yield each pack with its verdict; ``None`` when it is gone. Raises ``StoreError``."""
        with ThreadPoolExecutor(_AHEAD, "packs") as pool:
            for pack_hash, content in self._read_ahead(pool, packs):
                yield pack_hash, None if content is None else self.judge(pack_hash, content)

    def _read_ahead(self, pool: ThreadPoolExecutor, packs: Iterable[bytes]) -> Iterator[tuple[bytes, bytes | None]]:
        before: tuple[bytes, Future[bytes | None]] | None = None
        for pack_hash in packs:
            future = pool.submit(self.read, pack_hash)
            if before is not None:
                yield before[0], before[1].result()
            before = pack_hash, future
        if before is not None:
            yield before[0], before[1].result()

    def read(self, pack_hash: bytes) -> bytes | None:
        """Return the bytes of a pack, or ``None`` when it is gone."""
        try:
            return self._vault.store.read(pack_name(pack_hash))
        except ObjectMissing:
            return None

    def judge(self, pack_hash: bytes, content: bytes, listed: ListedPack | None = None) -> PackVerdict:
        """Judge the bytes of a pack."""
        has_own_hash = hash_of(content) == pack_hash
        fault = "" if has_own_hash else "Its bytes do not have the hash that is its name."
        tail: PackTail | None = None
        error: VaultError | None = None
        try:
            tail = open_pack_tail(self._vault, content[:HEADER_SIZE], content)
        except VaultError as caught:
            error = caught
        domain, rows = self._find_rows(content, tail, listed, trusts_tables=has_own_hash or self._vault.can_read())
        segments = self._judge_all(content, domain, rows) if domain is not None else ()
        return PackVerdict(
            pack_hash=pack_hash,
            domain=domain,
            size=len(content),
            fault=fault or (error.message if error is not None else ""),
            segments=segments,
            has_own_hash=has_own_hash,
            error=error,
            table_sum=sum_tables(_tables(content, tail)) if tail is not None else 0,
        )

    def _judge_all(
        self, content: bytes, domain: DomainId, rows: list[tuple[SegmentRow, bytes | None]]
    ) -> tuple[JudgedSegment, ...]:
        """Judge segments on two threads: opening, decoding and hashing are native work."""
        with ThreadPoolExecutor(_JUDGES, "judge") as pool:
            return tuple(pool.map(lambda each: self._judge.judge(content, domain, each[0], each[1]), rows))

    def _find_rows(
        self, content: bytes, tail: PackTail | None, listed: ListedPack | None, *, trusts_tables: bool
    ) -> tuple[DomainId | None, list[tuple[SegmentRow, bytes | None]]]:
        """Return the domain and the rows of a pack with their tables, from whatever knows of them."""
        # Each word on a segment is judged by itself: of two lists that differ one may be a lie.
        rows: dict[tuple[bytes, int, int, bytes, bytes | None], tuple[SegmentRow, bytes | None]] = {}
        domain: DomainId | None = None

        def take(row: SegmentRow, table: bytes | None) -> None:
            rows.setdefault((row.session, row.number, row.offset, row.stored_hash, table), (row, table))

        if listed is not None:
            domain = listed.domain
            for known in listed.rows:
                take(known.row, known.table)
        if tail is not None:
            domain = tail.domain
            for row, table in zip(tail.rows, _tables(content, tail), strict=True):
                # A rotten table spoils every list it is copied to, and only the owner can tell.
                take(row, table if trusts_tables else None)
        if tail is None:
            known_places = {key[:3] for key in rows}
            for row, found in scan_anywhere(content, self._vault.vault_id):
                domain = domain or found
                if (row.session, row.number, row.offset) not in known_places:
                    take(row, None)
        return domain, list(rows.values())


def _tables(content: bytes, tail: PackTail) -> list[bytes]:
    return [content[row.table_offset : row.table_offset + row.table_length] for row in tail.rows]


def find_listed(vault: Vault, pack_hashes: Collection[bytes]) -> dict[bytes, ListedPack]:
    """Read the lists once more for what they say of a few packs."""
    found: dict[bytes, ListedPack] = {}
    for domain, opened in open_lists(vault):
        for pack in opened.catalog.packs:
            if pack.pack_hash not in pack_hashes:
                continue
            known = found.setdefault(pack.pack_hash, ListedPack(domain, []))
            for row in pack.rows:
                try:
                    table = bytes(opened.table(row))
                except VaultDamaged:
                    continue  # the list says so itself where it is judged
                known.rows.append(ListedRow(msgspec.structs.replace(row, table_length=len(table)), table))
    return found
