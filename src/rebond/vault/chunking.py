"""Cutting content into chunks where the content itself says so (FastCDC, 2020 version).

Content up to ``LEAST`` is one chunk. The seed is the domain's, so that lengths differ between
vaults; that is no security feature, and lengths never reach the store.
"""

from collections.abc import Iterator

from pyfastcdc import FastCDC

from rebond.entries import Content

LEAST = 64 << 10  # bytes
AVERAGE = 256 << 10
MOST = 2 << 20


class Chunker:
    """Cuts one file after another. Not to be shared between threads.

    ``way`` tells how: from the end of any chunk on, what is cut the same way is cut at the same places. It is empty
    where that is not so.
    """

    def __init__(self, seed: int) -> None:
        self.way = b"fastcdc %d %d %d %d" % (LEAST, AVERAGE, MOST, seed)
        self._cutter = FastCDC(avg_size=AVERAGE, min_size=LEAST, max_size=MOST, seed=seed)

    def cut(self, content: Content) -> Iterator[bytes]:
        """Yield the chunks of ``content`` in order; errors of reading come through."""
        for chunk in self._cutter.cut_stream(content):
            yield bytes(chunk.data)

    def cut_bytes(self, content: bytes) -> Iterator[bytes]:
        """Yield the chunks of bytes in memory, at the same places."""
        if len(content) <= LEAST:
            if content:
                yield content
            return
        for chunk in self._cutter.cut_buf(content):
            yield bytes(chunk.data)
