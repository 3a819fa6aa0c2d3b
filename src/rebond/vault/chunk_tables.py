"""Chunk tables as the vault has them: good for a few look-ups without making an index of them first.

Sorting a million ids takes seconds; looking one up in the unsorted bytes takes some 15 ms. Who wants one
file out of a vault that this host has never seen asks for a few dozen chunks only.
"""

import struct
from collections.abc import Iterator

from rebond.vault.primitives import HASH_SIZE

SHORT_ID_SIZE = 16
_SHORT_IDS = struct.Struct(f"{SHORT_ID_SIZE}s{HASH_SIZE - SHORT_ID_SIZE}x")


class ChunkTables:
    """The ids of the chunks of some segments, in no order. ``count`` is how many there are."""

    def __init__(self) -> None:
        self._tables: list[tuple[int, bytes]] = []
        self.count = 0

    def add(self, place: int, ids: bytes) -> None:
        """Take the ids of a segment's chunks, 32 bytes each, one after the other."""
        if ids:
            self._tables.append((place, ids))
            self.count += len(ids) // HASH_SIZE

    def find(self, short_id: bytes) -> list[int]:
        """Return every segment with a chunk whose id begins with these 16 bytes, the one learnt last first."""
        return [place for place, ids in reversed(self._tables) if _holds(ids, short_id)]

    def take_all(self) -> Iterator[tuple[int, list[tuple[bytes]]]]:
        """Yield each segment with the first 16 bytes of its chunks' ids; nothing is left behind."""
        tables, self._tables, self.count = self._tables, [], 0
        for place, ids in tables:
            yield place, list(_SHORT_IDS.iter_unpack(ids))


def _holds(ids: bytes, short_id: bytes) -> bool:
    position = ids.find(short_id)
    while position >= 0 and position % HASH_SIZE:
        position = ids.find(short_id, position + 1)
    return position >= 0
