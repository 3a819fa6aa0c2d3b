"""A file of the data directory of which only the blocks are read that changed since it was saved before."""

import os
from collections.abc import Callable, Sequence

_MOST_READ_BYTES = 1 << 20


class FileInPart:
    """Implements ``rebond.entries.PartialArrival``. What is read is judged page by page, as a whole file is."""

    def __init__(
        self,
        path: bytes,
        descriptor: int,
        *,
        whole_bytes: int,
        block_bytes: int,
        fresh: Sequence[tuple[int, int]],
        judge: Callable[[bytes, int, int, bytes], None],
    ) -> None:
        """``fresh`` are ranges of blocks. The descriptor is closed with this."""
        self.path = path
        self.block_bytes = block_bytes
        self.fresh: Sequence[tuple[int, int]] | None = fresh
        self.whole_bytes = whole_bytes
        self.size_bytes = whole_bytes
        self._descriptor = descriptor
        self._judge = judge
        self._ranges = iter([(first * block_bytes, min(end * block_bytes, whole_bytes)) for first, end in fresh])
        self._at = self._end = 0

    def readinto(self, buffer: memoryview, /) -> int:
        """Read on in the blocks that changed. Raises ``OSError``.

        A file that was cut meanwhile ends where it was cut: the log says so too.
        """
        if self._at == self._end:
            self._at, self._end = next(self._ranges, (0, 0))
        wanted = min(len(buffer), self._end - self._at, _MOST_READ_BYTES)
        if not wanted:
            return 0
        content = os.pread(self._descriptor, wanted, self._at)
        if content:
            self._judge(self.path, self._descriptor, self._at, content)
        buffer[: len(content)] = content
        self._at += len(content)
        if len(content) < wanted:
            self.size_bytes = self._at
            self._ranges, self._end = iter(()), self._at
        return len(content)

    def read(self, size: int, /) -> bytes:
        """Read on. Raises ``OSError``."""
        block = bytearray(size)
        return bytes(block[: self.readinto(memoryview(block))])

    def changed(self) -> bool:
        """Never: what changes meanwhile is mended by the log."""
        return False

    def close(self) -> None:
        """Give the file back; may be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
