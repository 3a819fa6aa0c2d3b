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
_BUFFER_BYTES: Final = 256 << 10
_EVENNESS: Final = 2  # of pyfastcdc: chunks of like lengths, for a long one is the likeliest to hold a row that changed


class RowChunker(Chunker):
    """Cuts one stream after another. Not to be shared between threads."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.way = b""  # the size of chunks depends on how far into a stream they are
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
            part = _Part(content, cutter, until - position)
            yield from part.cut()
            if part.is_last:
                return
            position = until

    def cut_bytes(self, content: bytes) -> Iterator[bytes]:
        """Yield the chunks of bytes in memory, at the same places."""
        if content:
            for chunk in self._cutters[0][1].cut_buf(content):
                yield bytes(chunk.data)


class _Part:
    """So many bytes of a content, cut as if they were one by themselves.

    Many chunks are cut of one buffer. The library's own way with streams reads and moves bytes for each of them.
    """

    def __init__(self, content: Content, cutter: FastCDC, most_bytes: int) -> None:
        self._content = content
        self._cutter = cutter
        self._left = most_bytes
        self._buffer = memoryview(bytearray(max(_BUFFER_BYTES, 4 * cutter.max_size)))
        self._filled = 0
        self.is_last = False

    def cut(self) -> Iterator[bytes]:
        """Yield the chunks. Where less is at hand than the longest chunk, and more may come, that is waited for."""
        buffer, needed = self._buffer, self._cutter.max_size
        while self._fill():
            filled = self._filled
            cuts = self._cutter.cut_buf(buffer[:filled])
            start, is_over = 0, filled < len(buffer)
            while filled - start >= needed or (is_over and start < filled):
                end = start + next(cuts).length
                yield bytes(buffer[start:end])
                start = end
            self._filled = filled - start
            buffer[: self._filled] = bytes(buffer[start:filled])

    def _fill(self) -> bool:
        """Fill the buffer, unless the end comes before; say whether there is anything in it."""
        while self._filled < len(self._buffer) and self._left and not self.is_last:
            count = self._content.readinto(self._buffer[self._filled :][: self._left])
            self.is_last = not count
            self._filled += count
            self._left -= count
        return self._filled > 0
