"""Cutting rows of tables: into small chunks, since rows that change lie scattered among those that do not.

One row of a hundred that changed leaves few chunks of 256 KiB as they were, and two thirds of those of 16 KiB. A small
chunk costs some 100 bytes of index and of lists, so only the first gigabytes of a stream are cut that fine.
"""

from collections.abc import Iterator
from typing import Final

from pyfastcdc import FastCDC

from rebond.entries import Content
from rebond.vault.chunking import AVERAGE, LEAST, MOST, Chunker

SIZES = (  # up to where in a stream, and what chunks have there: least, average and most, in bytes
    (1 << 30, (8 << 10, 12 << 10, 32 << 10)),
    (16 << 30, (8 << 10, 32 << 10, 256 << 10)),
    (1 << 62, (LEAST, AVERAGE, MOST)),
)
_EVENNESS: Final = 2  # of pyfastcdc: chunks of like lengths, for a long one is the likeliest to hold a row that changed


class RowChunker(Chunker):
    """Cuts one stream after another. Not to be shared between threads."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._cutters = [
            (
                until,
                FastCDC(avg_size=average, min_size=least, max_size=most, normalized_chunking=_EVENNESS, seed=seed),
            )
            for until, (least, average, most) in SIZES
        ]

    def cut(self, content: Content) -> Iterator[bytes]:
        """Yield the chunks of ``content`` in order; errors of reading come through."""
        position = 0
        for until, cutter in self._cutters:
            begin = _Beginning(content, until - position)
            for chunk in cutter.cut_stream(begin):
                yield bytes(chunk.data)
            position += begin.read_bytes
            if begin.is_at_end:
                return

    def cut_bytes(self, content: bytes) -> Iterator[bytes]:
        """Yield the chunks of bytes in memory, at the same places."""
        if content:
            for chunk in self._cutters[0][1].cut_buf(content):
                yield bytes(chunk.data)


class _Beginning:
    """So many bytes of a content, as one by itself."""

    def __init__(self, content: Content, most_bytes: int) -> None:
        self._content = content
        self._left = most_bytes
        self.read_bytes = 0
        self.is_at_end = False

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes."""
        block = self._content.read(min(size, self._left) if size >= 0 else self._left) if self._left else b""
        self._count(len(block))
        return block

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer``."""
        count = self._content.readinto(memoryview(buffer)[: self._left]) if self._left else 0
        self._count(count)
        return count

    def _count(self, count: int) -> None:
        self.is_at_end = self.is_at_end or (not count and self._left > 0)
        self.read_bytes += count
        self._left -= count
