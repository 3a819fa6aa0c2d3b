"""Keeping chunks: each is referred to where it lies already, or goes into an open segment (§9.4)."""

import random
from collections.abc import Collection, Iterable, Sequence

from blake3 import blake3

from rebond.vault.frames import RAW_LIMIT, Texture
from rebond.vault.local_cache import LocalCache
from rebond.vault.sealing import SealingContext
from rebond.vault.sealing_pipeline import FullSegment, SealingPipeline
from rebond.vault.segment_directory import SEGMENT_BITS, SEGMENT_MASK
from rebond.vault.segments import SegmentKind

NOT_KEPT = -1
_MOST_CHUNKS = 60_000  # of one segment: many tiny files must not make an endless table
_LEAST_FILL = 0.75  # a segment is closed at a random size between this share of the target and all of it


class _OpenSegment:
    """A segment being filled."""

    __slots__ = ("chunks", "close_at", "ids", "place", "size")

    def __init__(self, place: int, close_at: int) -> None:
        self.place = place
        self.close_at = close_at
        self.ids: list[bytes] = []
        self.chunks: list[bytes] = []
        self.size = 0


class ContentWriter:
    """Keeps the chunks of one session, from one thread.

    A *place* is a segment by the numbers of the local cache. ``uses`` counts, for each place that
    the snapshot refers to, the bytes it uses there; chunks used twice count twice. ``avoided``
    places are treated as if they did not hold anything: their chunks are stored again (refresh).
    """

    def __init__(
        self, context: SealingContext, pipeline: SealingPipeline, cache: LocalCache, avoided: Collection[int] = ()
    ) -> None:
        self._pipeline = pipeline
        self._chunks = cache.chunks
        self._find_places = cache.chunks.find
        self._segments = cache.segments
        self._session = cache.segments.number_of(context.session)
        self._level = context.level
        self._data_key = context.keys.data_id_key
        self._tree_key = context.keys.tree_id_key
        self._next_number = 0
        self._open: dict[SegmentKind, _OpenSegment] = {}
        self._random = random.SystemRandom()
        self.avoided = avoided if isinstance(avoided, (set, frozenset)) else frozenset(avoided)
        self.uses: dict[int, int] = {}
        self.added_bytes = 0  # raw bytes of chunks that were new
        self.texture = Texture.FILES  # of the component that is saved now

    def keep_data(self, content: bytes) -> tuple[bytes, int]:
        """Keep a chunk of a file; return its id and the place that holds it."""
        chunk_id = blake3(content, key=self._data_key).digest()
        places = self._find_places(chunk_id)
        if places and (place := self._choose(places)) != NOT_KEPT:
            return chunk_id, place
        return chunk_id, self._append(SegmentKind.DATA, chunk_id, content)

    def keep_blocks(self, content: memoryview, block_bytes: int) -> list[tuple[bytes, int, int]]:
        """Keep each block of so many bytes, the last one shorter; return their ids, their places and their lengths."""
        key, find, append, kept = self._data_key, self.find, self._append, []
        for start in range(0, len(content), block_bytes):
            block = content[start : start + block_bytes]
            chunk_id = blake3(block, key=key).digest()
            place = find(chunk_id)
            if place == NOT_KEPT:
                place = append(SegmentKind.DATA, chunk_id, bytes(block))
            kept.append((chunk_id, place, len(block)))
        return kept

    def keep_list(self, content: bytes) -> tuple[bytes, int]:
        """Keep a tree object; return its id and the place that holds it."""
        object_id = blake3(content, key=self._tree_key).digest()
        place = self.find(object_id)
        if place == NOT_KEPT:
            place = self._append(SegmentKind.TREE, object_id, content)
        return object_id, place

    def keep_tree(self, content: bytes) -> bytes:
        """Keep a tree object, count its use, and return its id."""
        object_id, place = self.keep_list(content)
        self.uses[place] = self.uses.get(place, 0) + len(content)
        return object_id

    def find(self, chunk_id: bytes) -> int:
        """Return the newest usable place of a chunk; ``NOT_KEPT`` when it has none, or is to be stored again."""
        places = self._find_places(chunk_id)
        return self._choose(places) if places else NOT_KEPT

    def find_each(self, chunk_ids: Iterable[bytes]) -> list[int]:
        """Return what ``find`` says of each of many chunks, of which neighbours mostly lie together."""
        return self._chunks.choose_each(chunk_ids, lambda places: self._choose(places) if places else NOT_KEPT)

    def _choose(self, places: Sequence[int]) -> int:
        """Choose the copy that was made last, whatever the order of the index: it lies with what goes with it.

        An older copy than one that is to be left behind was left behind itself, or lies alone: taking it would undo
        what earlier runs have stored again.
        """
        for place in places if len(places) == 1 else sorted(places, reverse=True):
            if place in self.avoided:
                return NOT_KEPT
            if self._segments.raw_length(place):
                return place
        return NOT_KEPT

    def is_usable(self, place: int) -> bool:
        """Say whether the snapshot may go on using a place that it used before."""
        return bool(self._segments.raw_length(place)) and place not in self.avoided

    def use(self, place: int, size_bytes: int) -> None:
        """Count that the snapshot uses bytes of a place."""
        self.uses[place] = self.uses.get(place, 0) + size_bytes

    def finish_component(self) -> None:
        """Close the open segments: none holds chunks of two components."""
        for kind in list(self._open):
            self._close(kind)
        self.texture = Texture.FILES

    def share_used(self, place: int) -> int:
        """Return which share of a place the snapshot uses, 0 to 255."""
        raw = self._segments.raw_length(place)
        return min(255, self.uses.get(place, 0) * 255 // max(1, raw))

    def _append(self, kind: SegmentKind, chunk_id: bytes, content: bytes) -> int:
        segment = self._open.get(kind)
        size = len(content)
        if segment is not None and segment.size + size > RAW_LIMIT // 2:
            self._close(kind)
            segment = None
        if segment is None:
            segment = self._start(kind)
        segment.ids.append(chunk_id)
        segment.chunks.append(content)
        segment.size += size
        place = segment.place
        self._chunks.add(chunk_id, place)
        self.added_bytes += size
        if segment.size >= segment.close_at or len(segment.ids) >= _MOST_CHUNKS:
            self._close(kind)
        return place

    def _start(self, kind: SegmentKind) -> _OpenSegment:
        number = self._next_number
        self._next_number += 1
        if number > SEGMENT_MASK:
            raise OverflowError("a session holds at most 2^24 segments")
        place = self._session << SEGMENT_BITS | number
        self._segments.allow(place, 1)
        close_at = int(self._level.target_bytes * self._random.uniform(_LEAST_FILL, 1.0))
        segment = self._open[kind] = _OpenSegment(place, close_at)
        return segment

    def _close(self, kind: SegmentKind) -> None:
        segment = self._open.pop(kind)
        self._segments.allow(segment.place, segment.size)
        texture = self.texture if kind is SegmentKind.DATA else Texture.FILES
        self._pipeline.submit(
            FullSegment(kind, segment.place & SEGMENT_MASK, segment.ids, segment.chunks, segment.size, texture)
        )
