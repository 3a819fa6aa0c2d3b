"""Packs whose end does not say any more what is in them: it is found by their segments, without a key (§4, §10).

A prune does that for packs alone that a damage mark names: whoever put it has read the pack whole, and has copied
what is good in it and was needed. Of any other such pack nobody knows what it may still be good for.
"""

from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from rebond.errors import ObjectMissing
from rebond.identifiers import DomainId
from rebond.vault.access import Vault
from rebond.vault.pack_contents import SegmentName
from rebond.vault.packs import SegmentRow, pack_name
from rebond.vault.primitives import hash_of
from rebond.vault.protocol_rules import find_deletable_packs
from rebond.vault.segment_judging import scan_anywhere
from rebond.vault.sessions import ListedSession


class ScannedPack(Struct, frozen=True):
    """A damaged pack that no list names: when it was put, by the store's time, and the segments found in it."""

    store_time_ms: int
    segments: tuple[SegmentName, ...]


def read_damaged_pack(vault: Vault, pack_hash: bytes) -> bytes | None:
    """Return the bytes of a pack that are not what was written; ``None`` where they are, or the pack is gone."""
    try:
        content = vault.store.read(pack_name(pack_hash))
    except ObjectMissing:
        return None
    return content if hash_of(content) != pack_hash else None


def scan_pack(vault: Vault, pack_hash: bytes) -> ScannedPack | None:
    """Look for segments in a damaged pack; ``None`` where it is whole or gone."""
    content = read_damaged_pack(vault, pack_hash)
    if content is None:
        return None
    try:
        store_time_ms = vault.store.stat(pack_name(pack_hash)).modified_ms
    except ObjectMissing:
        return None
    return ScannedPack(store_time_ms, tuple((row.session, row.number) for _, row in find_whole(vault, content)))


def find_whole(vault: Vault, content: bytes) -> Iterator[tuple[DomainId, SegmentRow]]:
    """Yield the segments in the bytes of a damaged pack that did not lose their end, each with the HASH that it has."""
    for row, domain in scan_anywhere(content, vault.vault_id):
        end = row.offset + row.stored_length
        if end <= len(content):  # what lost its end opens no more
            yield domain, structs.replace(row, stored_hash=hash_of(memoryview(content)[row.offset : end]))


def find_unneeded(
    scanned: Mapping[bytes, ScannedPack],
    contents: Mapping[bytes, Sequence[SegmentName]],
    needed: Collection[SegmentName],
    marked: Collection[object],
) -> frozenset[bytes]:
    """Return the scanned packs in which nothing is needed that has no place elsewhere."""
    held = {pack_hash: pack.segments for pack_hash, pack in scanned.items()}
    both = ChainMap[bytes, Sequence[SegmentName]](held, contents)  # type: ignore[arg-type] # it is only read
    return find_deletable_packs(list(held), both, needed, frozenset({*marked, *held}))


def find_perhaps_in_use(scanned: Mapping[bytes, ScannedPack], living: Iterable[ListedSession]) -> set[bytes]:
    """Return the scanned packs that one of the ``living`` sessions may have put: none of them opened after the put."""
    opened = min((session.journal[0].store_time_ms for session in living), default=None)
    return {pack_hash for pack_hash, pack in scanned.items() if opened is not None and pack.store_time_ms >= opened}
