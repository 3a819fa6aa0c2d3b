"""Which segments are lost: every copy is missing or bad (§11)."""

from rebond.errors import FormatTooNew, ObjectMissing, ShortRead, VaultDamaged
from rebond.vault.access import Vault
from rebond.vault.checking_places import PlaceFacts, open_lists
from rebond.vault.damage_reach import NO_OBJECT
from rebond.vault.lost_segments import LostSegments
from rebond.vault.pack_tails import PackTail, TailTask, read_tails
from rebond.vault.packs import pack_name
from rebond.vault.segment_directory import SegmentDirectory
from rebond.vault.segment_places import SegmentPlace, SegmentPlaces
from rebond.vault.segment_sets import SegmentSet
from rebond.vault.segments import decode_segment_header, segment_matches


class BadCopies:
    """Copies of segments that were found bad, by the pack that holds them."""

    def __init__(self) -> None:
        self.segments = SegmentSet()
        self.by_pack: dict[bytes, SegmentSet] = {}
        self.chunks: dict[tuple[bytes, int], frozenset[bytes]] = {}
        self.as_written = SegmentSet()  # bad as they were stored: every copy is

    def add(
        self, pack_hash: bytes, session: bytes, number: int, *, chunks: frozenset[bytes] | None, is_as_written: bool
    ) -> None:
        """Note one bad copy."""
        self.segments.add(session, number)
        self.by_pack.setdefault(pack_hash, SegmentSet()).add(session, number)
        if is_as_written:
            self.as_written.add(session, number)
            if chunks is not None:
                self.chunks[session, number] = chunks

    def add_all(self, other: "BadCopies") -> None:
        """Take in the copies that were found bad in other packs."""
        self.segments.add_all(other.segments)
        self.as_written.add_all(other.as_written)
        for pack_hash, segments in other.by_pack.items():
            self.by_pack.setdefault(pack_hash, SegmentSet()).add_all(segments)
        self.chunks.update(other.chunks)

    def has(self, pack_hash: bytes, session: bytes, number: int) -> bool:
        """Whether the copy in a pack is bad."""
        bad = self.by_pack.get(pack_hash)
        return bad is not None and bad.has(session, number)

    def packs_of(self, session: bytes, number: int) -> list[bytes]:
        """Return the packs whose copy is bad."""
        return [pack_hash for pack_hash, bad in self.by_pack.items() if bad.has(session, number)]


def find_lost(vault: Vault, facts: PlaceFacts, unplaced: SegmentSet, bad: BadCopies) -> LostSegments:
    """Return the segments of which no good copy is left.

    ``unplaced`` are needed and in no list and pack that could be read; ``bad`` copies may have good
    ones beside them, which are read to be sure.
    """
    lost = LostSegments()
    for session, number in unplaced:
        names: list[str] = [
            pack_name(pack) for pack, segments in facts.absent_packs.items() if segments.has(session, number)
        ]
        for name in [*names, *map(pack_name, bad.packs_of(session, number))] or [NO_OBJECT]:
            lost.add(name, session, number)
    if bad.segments:
        places = _load_places(vault, facts, bad.segments)
        for session, number in bad.segments:
            if bad.as_written.has(session, number) or not _has_good_copy(vault, facts, places, bad, session, number):
                for pack_hash in bad.packs_of(session, number):
                    lost.add(pack_name(pack_hash), session, number, bad.chunks.get((session, number)))
    return lost


def _load_places(vault: Vault, facts: PlaceFacts, wanted: SegmentSet) -> SegmentPlaces:
    places = SegmentPlaces(SegmentDirectory())
    for _, opened in open_lists(vault):
        places.add_catalog(opened.catalog, wanted.has)
    tasks = (TailTask(one, facts.packs.hash_at(one), facts.packs.size_at(one)) for one in facts.unlisted_packs)
    for task, tail in read_tails(vault, tasks):
        for row in tail.rows if isinstance(tail, PackTail) else ():
            if wanted.has(row.session, row.number):
                places.add(task.pack_hash, row)
    return places


def _has_good_copy(
    vault: Vault, facts: PlaceFacts, places: SegmentPlaces, bad: BadCopies, session: bytes, number: int
) -> bool:
    return any(
        facts.packs.find(copy.pack_hash) is not None
        and not bad.has(copy.pack_hash, session, number)
        and _is_good(vault, copy, session, number)
        for copy in list(places.copies_of(session, number))
    )


def _is_good(vault: Vault, copy: SegmentPlace, session: bytes, number: int) -> bool:
    try:
        stored = vault.store.read(pack_name(copy.pack_hash), start=copy.offset, length=copy.stored_length)
        header = decode_segment_header(stored)
    except (ObjectMissing, ShortRead, VaultDamaged, FormatTooNew):
        return False
    return segment_matches(stored, copy.stored_hash) and (header.session, header.number) == (session, number)
