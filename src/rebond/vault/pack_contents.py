"""What every pack of a vault holds, in some twelve bytes of memory a segment: what a keeper plans with."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from rebond.vault.packs import SegmentRow
from rebond.vault.references import References
from rebond.vault.segment_sets import SegmentSet

SegmentName = tuple[bytes, int]  # session id, number
_NUMBER_BITS = 32


class SegmentNames(AbstractSet[SegmentName]):
    """A ``SegmentSet`` that is asked by pairs, as the rules of the protocol ask."""

    def __init__(self) -> None:
        self._segments = SegmentSet()

    def add(self, segment: SegmentName) -> None:
        """Put one segment in; one whose number no session gives is left out."""
        self._segments.add(*segment)

    def add_references(self, references: References) -> None:
        """Put in every segment that a snapshot needs."""
        self._segments.add_references(references)

    def __contains__(self, segment: object) -> bool:
        return isinstance(segment, tuple) and self._segments.has(*segment)

    def __iter__(self) -> Iterator[SegmentName]:
        return iter(self._segments)

    def __len__(self) -> int:
        return len(self._segments)


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
