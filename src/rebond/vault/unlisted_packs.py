"""Packs that no index list names: what is in them is read from their own ends (§4, §5)."""

from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct

from rebond.errors import ObjectMissing, ShortRead, VaultDamaged
from rebond.identifiers import DomainId
from rebond.vault.access import Vault
from rebond.vault.pack_table import PackTable
from rebond.vault.pack_tails import PackTail, TailTask, read_tails
from rebond.vault.packs import SegmentRow, pack_name


class SelfDescribedPack(Struct, frozen=True):
    """A pack by its own tail: rows, and the sealed chunk table of each."""

    pack_hash: bytes
    size: int
    domain: DomainId
    rows: list[SegmentRow]
    tables: list[bytes]


def read_unlisted_packs(vault: Vault, listed: Collection[bytes], domain: DomainId) -> Iterator[SelfDescribedPack]:
    """Yield every pack of ``domain`` in the store whose hash is not in ``listed``; unreadable ones are left out."""
    packs = PackTable.from_store(vault.store)
    unlisted = (ordinal for ordinal in range(len(packs)) if packs.hash_at(ordinal) not in listed)
    return read_self_described(vault, ((packs.hash_at(each), packs.size_at(each)) for each in unlisted), domain)


def read_self_described(
    vault: Vault, packs: Iterable[tuple[bytes, int]], domain: DomainId
) -> Iterator[SelfDescribedPack]:
    """Yield packs of ``domain`` out of (hash, size) pairs, by their own tails; unreadable ones are left out."""
    for task, tail in read_tails(vault, (TailTask(None, pack_hash, size) for pack_hash, size in packs)):
        if isinstance(tail, PackTail) and tail.domain == domain:
            tables = _read_tables(vault, task.pack_hash, tail.rows)
            if tables is not None:
                yield SelfDescribedPack(task.pack_hash, task.size, domain, tail.rows, tables)


def _read_tables(vault: Vault, pack_hash: bytes, rows: list[SegmentRow]) -> list[bytes] | None:
    """Read all tables of a pack in one request; ``None`` when they are not where the tail says."""
    start = min((row.table_offset for row in rows), default=0)
    end = max((row.table_offset + row.table_length for row in rows), default=0)
    try:
        content = vault.store.read(pack_name(pack_hash), start=start, length=end - start)
    except (ObjectMissing, ShortRead, VaultDamaged):
        return None
    return [content[row.table_offset - start : row.table_offset - start + row.table_length] for row in rows]
