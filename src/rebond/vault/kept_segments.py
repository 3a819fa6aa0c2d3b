"""Decoded tree segments that are kept at hand while a tree is walked.

Each run puts its changed directories into a segment of its own, mostly a small one. After years a walk in the order
of names goes to and fro between hundreds of them: what is kept is bounded by bytes, so that all the small ones stay.
"""

from collections import OrderedDict

from rebond.vault.decoded_segments import DecodedSegment

KEPT_BYTES = 24 << 20  # as much as six segments of the usual size
LEAST_KEPT = 6  # however large they are


class KeptSegments:
    """The segments that were used last. For one thread."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held_bytes = 0
        self._segments: OrderedDict[int, DecodedSegment] = OrderedDict()
        self._answered: DecodedSegment | None = None

    def find_near(self, short_id: bytes) -> memoryview | None:
        """Return an object out of the segment that had the last one, if it has this one too.

        What was written together mostly is read together: this spares asking the index where each directory is.
        """
        return None if self._answered is None else self._answered.find(short_id)

    def find_in(self, segment: DecodedSegment, short_id: bytes) -> memoryview | None:
        """Return an object out of a segment, which is asked first for the next one."""
        content = segment.find(short_id)
        if content is not None:
            self._answered = segment
        return content

    def find(self, place: int) -> DecodedSegment | None:
        """Return a segment that is kept; it counts as used."""
        segment = self._segments.get(place)
        if segment is not None:
            self._segments.move_to_end(place)
        return segment

    def keep(self, place: int, segment: DecodedSegment) -> None:
        """Keep a segment that is not kept yet, and let go of those that were not used for longest."""
        self._segments[place] = segment
        self._held_bytes += len(segment)
        while self._held_bytes > self._most_bytes and len(self._segments) > LEAST_KEPT:
            self._held_bytes -= len(self._segments.popitem(last=False)[1])
