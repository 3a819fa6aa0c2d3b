"""Where the segments of a snapshot lie: some sixty bytes of memory each (§11)."""

from array import array
from collections.abc import Callable, Iterator

from msgspec import Struct

from rebond.vault.index import IndexCatalog
from rebond.vault.packs import SegmentRow
from rebond.vault.primitives import HASH_SIZE
from rebond.vault.segment_directory import SegmentDirectory

_NONE = 0xFFFFFFFF


class SegmentPlace(Struct, frozen=True):
    """One copy of a segment: bytes ``offset`` to ``offset + stored_length`` of a pack."""

    pack_hash: bytes
    offset: int
    stored_length: int
    stored_hash: bytes


class SegmentPlaces:
    """Copies of segments, by place number of a ``SegmentDirectory``."""

    def __init__(self, segments: SegmentDirectory) -> None:
        self._segments = segments
        self._packs: list[bytes] = []
        self._pack_numbers: dict[bytes, int] = {}
        self._first: dict[int, array[int]] = {}  # session → segment number → row
        self._pack = array("I")
        self._offset = array("Q")
        self._length = array("I")
        self._next = array("I")  # another copy of the same segment
        self._hashes = bytearray()

    def add_catalog(self, catalog: IndexCatalog, is_wanted: Callable[[bytes, int], bool]) -> None:
        """Take the copies that a list names of the segments that are wanted."""
        for pack in catalog.packs:
            for row in pack.rows:
                if is_wanted(row.session, row.number):
                    self.add(pack.pack_hash, row)

    def add(self, pack_hash: bytes, row: SegmentRow) -> None:
        """Take one copy; the same copy twice counts once."""
        place = self._segments.place(row.session, row.number)
        known = [copy for copy in self.copies(place) if copy.pack_hash == pack_hash and copy.offset == row.offset]
        if known:
            return
        firsts = self._first.setdefault(place >> 24, array("I"))
        number = place & 0xFFFFFF
        if number >= len(firsts):
            firsts.extend([_NONE] * (number + 1 - len(firsts)))
        self._next.append(firsts[number])
        firsts[number] = len(self._pack)
        self._pack.append(self._pack_number(pack_hash))
        self._offset.append(row.offset)
        self._length.append(row.stored_length)
        self._hashes += row.stored_hash.ljust(HASH_SIZE, b"\0")[:HASH_SIZE]

    def copies(self, place: int) -> Iterator[SegmentPlace]:
        """Yield the copies of a segment."""
        firsts = self._first.get(place >> 24)
        number = place & 0xFFFFFF
        row = firsts[number] if firsts is not None and number < len(firsts) else _NONE
        while row != _NONE:
            start = row * HASH_SIZE
            yield SegmentPlace(
                self._packs[self._pack[row]],
                self._offset[row],
                self._length[row],
                bytes(self._hashes[start : start + HASH_SIZE]),
            )
            row = self._next[row]

    def copies_of(self, session: bytes, number: int) -> Iterator[SegmentPlace]:
        """Yield the copies of a segment by its name."""
        return self.copies(self._segments.place(session, number))

    def has(self, place: int) -> bool:
        """Whether any copy is known."""
        firsts = self._first.get(place >> 24)
        number = place & 0xFFFFFF
        return firsts is not None and number < len(firsts) and firsts[number] != _NONE

    def _pack_number(self, pack_hash: bytes) -> int:
        number = self._pack_numbers.get(pack_hash)
        if number is None:
            number = self._pack_numbers[pack_hash] = len(self._packs)
            self._packs.append(pack_hash)
        return number
