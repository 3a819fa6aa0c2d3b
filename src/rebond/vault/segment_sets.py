"""Sets of segments by name, one bit each: what a whole vault needs fits in memory."""

from collections.abc import Iterator

from rebond.identifiers import SessionId
from rebond.vault.references import References, numbers_in

LARGEST_NUMBER = 1 << 24  # a session numbers its segments below this


class SegmentSet:
    """A set of (session id, number) pairs."""

    def __init__(self) -> None:
        self._bitmaps: dict[bytes, bytearray] = {}

    def add(self, session: bytes, number: int) -> None:
        """Put one segment in; a number that no session gives is left out."""
        if number >= LARGEST_NUMBER:
            return
        bitmap = self._bitmaps.setdefault(session, bytearray())
        index = number >> 3
        if index >= len(bitmap):
            bitmap.extend(bytes(index + 1 - len(bitmap)))
        bitmap[index] |= 1 << (number & 7)

    def add_references(self, references: References) -> None:
        """Put in every segment that a snapshot needs."""
        for session, needed in references.bitmaps.items():
            bitmap = self._bitmaps.setdefault(session, bytearray())
            size = max(len(bitmap), len(needed))
            joined = int.from_bytes(bitmap, "little") | int.from_bytes(needed, "little")
            bitmap[:] = joined.to_bytes(size, "little")

    def add_all(self, other: "SegmentSet") -> None:
        """Put in every segment of another set."""
        self.add_references(References(other.bitmaps()))

    def remove(self, session: bytes, number: int) -> None:
        """Take one segment out, if it is in."""
        bitmap = self._bitmaps.get(session)
        if bitmap is not None and number >> 3 < len(bitmap):
            bitmap[number >> 3] &= ~(1 << (number & 7))

    def has(self, session: bytes, number: int) -> bool:
        """Whether a segment is in."""
        bitmap = self._bitmaps.get(session)
        return bitmap is not None and number >> 3 < len(bitmap) and bool(bitmap[number >> 3] >> (number & 7) & 1)

    def minus(self, other: "SegmentSet") -> "SegmentSet":
        """Return what is in this set and not in ``other``."""
        left = SegmentSet()
        for session, bitmap in self._bitmaps.items():
            rest = int.from_bytes(bitmap, "little") & ~int.from_bytes(other.bitmap(session), "little")
            for number in numbers_in(rest.to_bytes(len(bitmap), "little")):
                left.add(session, number)
        return left

    def bitmaps(self) -> dict[SessionId, bytes]:
        """Return the bits of every session, as references have them."""
        return {SessionId(session): bytes(bitmap) for session, bitmap in self._bitmaps.items()}

    def bitmap(self, session: bytes) -> bytes:
        """Return the bits of one session, as references have them."""
        return bytes(self._bitmaps.get(session, b""))

    def meets(self, references: References) -> bool:
        """Whether a snapshot needs any of these segments."""
        return any(
            int.from_bytes(bitmap, "little") & int.from_bytes(references.bitmaps.get(SessionId(session), b""), "little")
            for session, bitmap in self._bitmaps.items()
        )

    def __iter__(self) -> Iterator[tuple[SessionId, int]]:
        for session in sorted(self._bitmaps):
            for number in numbers_in(bytes(self._bitmaps[session])):
                yield SessionId(session), number

    def __len__(self) -> int:
        return sum(int.from_bytes(bitmap, "little").bit_count() for bitmap in self._bitmaps.values())

    def __bool__(self) -> bool:
        return any(any(bitmap) for bitmap in self._bitmaps.values())
