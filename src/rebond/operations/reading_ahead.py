"""Segments of a distant store, fetched before their turn: few requests, several at once, in bounded memory."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from rebond.vault.decoded_segments import StoredCopy
from rebond.vault.reading import SnapshotReader
from rebond.vault.segment_places import SegmentPlace

AT_ONCE = 4  # requests under way
MOST_BYTES = 24 << 20  # of stored segments that were asked for and not yet given back
MOST_SEGMENTS = 24  # whose work waits here: that of small files that compress well weighs more than they do
TOGETHER_BYTES = 4 << 20  # of one pack that come by one request
_WASTE_SHARE = 4  # at most this part of a request is of segments that nobody asked for

Work = TypeVar("Work")
_Wanted = tuple[int, Work, SegmentPlace | None]
_Group = list[_Wanted[Work]]


class ReadingAhead(Generic[Work]):
    """Goes through ``planned`` segments, each with the work that waits for it; from one thread.

    A segment comes with its stored copy, or with ``None`` where the store is near, or where the copy could not be
    had: whoever opens it reads it then, and tells what is wrong. ``give_back`` makes room for the next ones and may be
    called from any thread; it must be called for each copy, whatever became of the work.
    """

    def __init__(self, reader: SnapshotReader, planned: Iterable[tuple[int, Work]]) -> None:
        self._reader = reader
        self._planned = planned
        self._held_bytes = 0
        self._changed = threading.Condition()

    def __iter__(self) -> Iterator[tuple[int, Work, StoredCopy | None]]:
        traits = self._reader.store.traits
        if not traits.latency or traits.concurrency <= 1:
            for place, work in self._planned:
                yield place, work, None
            return
        with ThreadPoolExecutor(min(AT_ONCE, traits.concurrency), "ahead") as pool:
            waiting: deque[tuple[_Group[Work], Future[list[StoredCopy | None]]]] = deque()
            try:
                for group in self._groups():
                    size = sum(copy.stored_length for _, _, copy in group if copy is not None)
                    while waiting and not (self._has_room(size) and len(group) + _count(waiting) <= MOST_SEGMENTS):
                        yield from self._answers(*waiting.popleft())
                    self._take_room(size)
                    copies = [(place, copy) for place, _, copy in group if copy is not None]
                    waiting.append((group, pool.submit(self._reader.read_together, copies)))
                while waiting:
                    yield from self._answers(*waiting.popleft())
            finally:
                for _, answer in waiting:
                    answer.cancel()

    def give_back(self, copy: StoredCopy | None) -> None:
        """Say that a copy is needed no more."""
        if copy is not None:
            self._release(len(copy.stored))

    def _groups(self) -> Iterator[_Group[Work]]:
        """Gather neighbours in one pack: sealed side by side, they lie in it in almost any order."""
        group: _Group[Work] = []
        for place, work in self._planned:
            wanted = (place, work, self._reader.first_copy(place))
            is_full = len(group) >= MOST_SEGMENTS // 2
            if is_full or (group and not _lie_together([copy for _, _, copy in (*group, wanted)])):
                yield group
                group = []
            group.append(wanted)
        if group:
            yield group

    def _answers(
        self, group: _Group[Work], answer: Future[list[StoredCopy | None]]
    ) -> Iterator[tuple[int, Work, StoredCopy | None]]:
        found = iter(answer.result())
        for place, work, wanted in group:
            copy = None if wanted is None else next(found)
            if wanted is not None and copy is None:
                self._release(wanted.stored_length)
            yield place, work, copy

    def _has_room(self, size: int) -> bool:
        return not self._held_bytes or self._held_bytes + size <= MOST_BYTES

    def _take_room(self, size: int) -> None:
        """Wait until what is being worked on has made room: nothing else holds any here."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_room(size))
            self._held_bytes += size

    def _release(self, size: int) -> None:
        with self._changed:
            self._held_bytes -= size
            self._changed.notify_all()


def _count(waiting: Iterable[tuple[_Group[Work], object]]) -> int:
    return sum(len(group) for group, _ in waiting)


def _lie_together(copies: list[SegmentPlace | None]) -> bool:
    """Say whether one request for all of them is worth it."""
    known = [copy for copy in copies if copy is not None]
    if len(known) != len(copies) or len({copy.pack_hash for copy in known}) > 1:
        return False
    span = max(copy.offset + copy.stored_length for copy in known) - min(copy.offset for copy in known)
    wanted = sum(copy.stored_length for copy in known)
    return span <= TOGETHER_BYTES and wanted <= span <= wanted + span // _WASTE_SHARE
