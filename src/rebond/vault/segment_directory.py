"""Which segments may be referred to, by number: the answer to "is it usable" in one look-up.

Sessions get small local numbers; a segment is then ``session << 24 | number``, the *place* that
the chunk index and the writer speak of. For each place the raw length is kept when the segment is
usable (§9.3), else 0: some four bytes a segment, so that a vault of a million segments costs 4 MB.
"""

from array import array
from collections.abc import Iterable

from rebond.errors import VaultDamaged
from rebond.identifiers import SessionId

SEGMENT_BITS = 24
SEGMENT_MASK = (1 << SEGMENT_BITS) - 1


class SegmentDirectory:
    """Local session numbers, and the raw length of every usable segment."""

    def __init__(self, sessions: Iterable[bytes] = ()) -> None:
        self.sessions: list[SessionId] = []
        self._numbers: dict[bytes, int] = {}
        self._raw_lengths: list[array[int]] = []
        for session in sessions:
            self.number_of(session)

    def number_of(self, session: bytes) -> int:
        """Return the local number of a session, giving it one if it has none."""
        number = self._numbers.get(session)
        if number is None:
            number = len(self.sessions)
            if number > SEGMENT_MASK:
                raise OverflowError("more sessions than a local index can number")
            self.sessions.append(SessionId(session))
            self._numbers[session] = number
            self._raw_lengths.append(array("I"))
        return number

    def known_number(self, session: bytes) -> int | None:
        """Return the local number of a session, or ``None``."""
        return self._numbers.get(session)

    def place(self, session: bytes, number: int) -> int:
        """Return the place of a segment; raises ``VaultDamaged`` for a number that no session has."""
        if not 0 <= number <= SEGMENT_MASK:
            raise VaultDamaged("A record speaks of segment {number}, which no session can have.", number=number)
        return self.number_of(session) << SEGMENT_BITS | number

    def name_of(self, place: int) -> tuple[SessionId, int]:
        """Return (session id, number) of a place."""
        return self.sessions[place >> SEGMENT_BITS], place & SEGMENT_MASK

    def allow(self, place: int, raw_length: int) -> None:
        """Declare a segment usable."""
        lengths = self._raw_lengths[place >> SEGMENT_BITS]
        number = place & SEGMENT_MASK
        if number >= len(lengths):
            lengths.extend([0] * (number + 1 - len(lengths)))
        lengths[number] = max(1, raw_length)

    def forbid(self, place: int) -> None:
        """Declare a segment not usable."""
        lengths = self._raw_lengths[place >> SEGMENT_BITS]
        if place & SEGMENT_MASK < len(lengths):
            lengths[place & SEGMENT_MASK] = 0

    def raw_length(self, place: int) -> int:
        """Return the raw length of a usable segment, 0 for any other."""
        session = place >> SEGMENT_BITS
        if session >= len(self._raw_lengths):
            return 0
        lengths = self._raw_lengths[session]
        number = place & SEGMENT_MASK
        return lengths[number] if number < len(lengths) else 0
