"""What every pack of a vault holds, in some twelve bytes of memory a segment: what a keeper plans with."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from rebond.vault.packs import SegmentRow
from rebond.vault.references import References, numbers_in

SegmentName = tuple[bytes, int]  # session id, number
_NUMBER_BITS = 32


class SegmentNames(AbstractSet[SegmentName]):
    """A set of segments, one bit each. Numbers of a session begin at 0 and rise."""

    def __init__(self) -> None:
        self._bitmaps: dict[bytes, bytearray] = {}

    def add(self, segment: SegmentName) -> None:
        """Put one segment in."""
        session, number = segment
        bitmap = self._bitmaps.setdefault(session, bytearray())
        index = number >> 3
        if index >= len(bitmap):
            bitmap.extend(bytes(index + 1 - len(bitmap)))
        bitmap[index] |= 1 << (number & 7)

    def add_references(self, references: References) -> None:
        """Put in every segment that a snapshot needs."""
        for session, needed in references.bitmaps.items():
            bitmap = self._bitmaps.setdefault(session, bytearray())
            joined = int.from_bytes(bitmap, "little") | int.from_bytes(needed, "little")
            bitmap[:] = joined.to_bytes(max(len(bitmap), len(needed)), "little")

    def __contains__(self, segment: object) -> bool:
        if not isinstance(segment, tuple):
            return False
        session, number = segment
        bitmap = self._bitmaps.get(session)
        return bitmap is not None and number >> 3 < len(bitmap) and bool(bitmap[number >> 3] >> (number & 7) & 1)

    def __iter__(self) -> Iterator[SegmentName]:
        for session in sorted(self._bitmaps):
            for number in numbers_in(bytes(self._bitmaps[session])):
                yield session, number

    def __len__(self) -> int:
        return sum(int.from_bytes(bitmap, "little").bit_count() for bitmap in self._bitmaps.values())


class PackContents(Mapping[bytes, Sequence[SegmentName]]):
    """The segments in each pack, by the pack's hash, and how many bytes each takes there."""

    def __init__(self) -> None:
        self._sessions: list[bytes] = []
        self._session_numbers: dict[bytes, int] = {}
        self._segments: dict[bytes, array[int]] = {}
        self._lengths: dict[bytes, array[int]] = {}

    def add_pack(self, pack_hash: bytes, rows: Iterable[SegmentRow]) -> None:
        """Take the rows of a pack; what is known of it already is kept too."""
        segments = self._segments.setdefault(pack_hash, array("Q"))
        lengths = self._lengths.setdefault(pack_hash, array("I"))
        known = set(segments)
        for row in rows:
            code = self._session_number(row.session) << _NUMBER_BITS | row.number
            if code not in known:
                known.add(code)
                segments.append(code)
                lengths.append(min(row.stored_length, 2**32 - 1))

    def keep_only(self, pack_hashes: Iterable[bytes]) -> None:
        """Drop every pack that is not one of these, and bring the rest into their order."""
        wanted = [found for found in pack_hashes if found in self._segments]
        self._segments = {found: self._segments[found] for found in wanted}
        self._lengths = {found: self._lengths[found] for found in wanted}

    def sum_lengths(self, pack_hash: bytes, needed: AbstractSet[SegmentName]) -> int:
        """Return the bytes of the needed segments in a pack."""
        pairs = zip(self[pack_hash], self._lengths[pack_hash], strict=True)
        return sum(length for segment, length in pairs if segment in needed)

    def __getitem__(self, pack_hash: bytes) -> Sequence[SegmentName]:
        sessions = self._sessions
        return [(sessions[code >> _NUMBER_BITS], code & 0xFFFFFFFF) for code in self._segments[pack_hash]]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._segments)

    def __len__(self) -> int:
        return len(self._segments)

    def __contains__(self, pack_hash: object) -> bool:
        return pack_hash in self._segments

    def _session_number(self, session: bytes) -> int:
        number = self._session_numbers.get(session)
        if number is None:
            number = self._session_numbers[session] = len(self._sessions)
            self._sessions.append(session)
        return number
