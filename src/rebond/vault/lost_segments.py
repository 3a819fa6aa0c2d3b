"""Segments of which no good copy is left, and which damaged objects they were lost with."""

from rebond.identifiers import SessionId
from rebond.vault.damage_reach import NO_OBJECT
from rebond.vault.references import References
from rebond.vault.segment_sets import SegmentSet


class LostSegments:
    """Which segments are lost, whole or for some chunks, and through the damage of which objects."""

    def __init__(self) -> None:
        self.segments = SegmentSet()
        self._by_object: dict[str, SegmentSet] = {}
        self._partial: dict[tuple[bytes, int], frozenset[bytes]] = {}
        self.is_empty = True

    def add(self, name: str, session: bytes, number: int, chunks: frozenset[bytes] | None = None) -> None:
        """Note that a segment is lost with the object ``name``; ``chunks`` where only those are (whole ids)."""
        self.is_empty = False
        self.segments.add(session, number)
        self._by_object.setdefault(name, SegmentSet()).add(session, number)
        if chunks is not None:
            known = self._partial.get((session, number), frozenset())
            self._partial[session, number] = known | frozenset(chunk[:16] for chunk in chunks)

    def has_chunk(self, session: SessionId, number: int, chunk_id: bytes) -> bool:
        """Whether a chunk cannot be had from this segment."""
        if not self.segments.has(session, number):
            return False
        partial = self._partial.get((session, number))
        return partial is None or chunk_id[:16] in partial

    def objects_of(self, session: bytes, number: int) -> tuple[str, ...]:
        """Return the damaged objects that a segment was lost with."""
        found = tuple(name for name, segments in self._by_object.items() if segments.has(session, number))
        return found or (NO_OBJECT,)

    def objects_reaching(self, references: References) -> tuple[str, ...]:
        """Return the damaged objects with which a snapshot lost something it needs."""
        return tuple(name for name, segments in self._by_object.items() if segments.meets(references))

    @property
    def names(self) -> tuple[str, ...]:
        """The damaged objects, in the order in which they were found."""
        return tuple(self._by_object)
