"""Keeping files that come in an order of their own: their content first, then the tree that names them.

What is known of each file meanwhile (the ids of its chunks) lies in a file without a name, so memory does not grow
with the tree.
"""

import tempfile
from collections.abc import Iterator
from typing import IO, cast

import msgspec

from rebond.entries import Arrival, ArrivingTree, Entry, Listing, Tree
from rebond.vault.tree_writing import Kept, Saved, TreeWriter

_READ_BYTES = 1 << 20


class ArrivingWriter(TreeWriter):
    """Saves a tree whose files arrive before they are listed. What is cut or fails ends it, with a ``SourceError``."""

    _spool: IO[bytes]

    def save(self, tree: Tree) -> tuple[bytes, bytes]:
        """Keep what arrives, then walk the tree; return the root directory's id and its encoded entry."""
        self._arrived: dict[bytes, tuple[int, int]] = {}
        with tempfile.TemporaryFile() as self._spool:
            for arrival in cast(ArrivingTree, tree).arrivals():
                self._keep_arrival(arrival)
            return super().save(tree)

    def _keep_arrival(self, arrival: Arrival) -> None:
        pieces = cut_blocks(arrival, arrival.block_bytes) if arrival.block_bytes else self._chunker.cut(arrival)
        kept = self._keep_chunks(pieces)
        self.totals.read_files += 1
        self.totals.read_bytes += kept[3]
        encoded = msgspec.msgpack.encode(kept)
        self._arrived[arrival.path] = self._spool.seek(0, 2), len(encoded)
        self._spool.write(encoded)
        self._report(arrival.path)

    def _read_content(self, listing: Listing, position: int, entry: Entry) -> Saved | None:
        place = self._arrived.get(listing.path + b"/" + entry.name if listing.path else entry.name)
        if place is None:
            return super()._read_content(listing, position, entry)
        self._spool.seek(place[0])
        kept = msgspec.msgpack.decode(self._spool.read(place[1]), type=Kept)
        return kept, kept[3], True


def cut_blocks(content: Arrival, block_bytes: int) -> Iterator[bytes]:
    """Yield the content in blocks of that size, the last one shorter."""
    buffer = memoryview(bytearray(max(_READ_BYTES // block_bytes, 1) * block_bytes))
    filled = 0
    while count := content.readinto(buffer[filled:]):
        filled += count
        whole = filled - filled % block_bytes
        for start in range(0, whole, block_bytes):
            yield bytes(buffer[start : start + block_bytes])
        rest = filled - whole
        buffer[:rest] = bytes(buffer[whole:filled])
        filled = rest
    if filled:
        yield bytes(buffer[:filled])
