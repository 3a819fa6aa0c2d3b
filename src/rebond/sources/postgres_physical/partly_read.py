"""A file of the data directory of which only the blocks are read that changed since it was saved before."""

import os
from collections import deque
from collections.abc import Callable, Sequence

_AHEAD_BYTES = 1 << 20  # of several ranges: their pages are judged together


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
        judge: Callable[[bytes, int, Sequence[tuple[int, bytes]]], None],
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
        self._pieces: deque[memoryview] = deque()

    def readinto(self, buffer: memoryview, /) -> int:
        """Read on in the blocks that changed. Raises ``OSError``.

        A file that was cut meanwhile ends where it was cut: the log says so too.
        """
        if not self._pieces:
            self._read_ahead()
        if not self._pieces:
            return 0
        piece = self._pieces.popleft()
        count = min(len(buffer), len(piece))
        buffer[:count] = piece[:count]
        if count < len(piece):
            self._pieces.appendleft(piece[count:])
        return count

    def _read_ahead(self) -> None:
        pieces: list[tuple[int, bytes]] = []
        room = _AHEAD_BYTES
        while room > 0:
            if self._at == self._end:
                self._at, self._end = next(self._ranges, (0, 0))
            wanted = min(self._end - self._at, room)
            if not wanted:
                break
            content = os.pread(self._descriptor, wanted, self._at)
            if content:
                pieces.append((self._at, content))
            self._at += len(content)
            if len(content) < wanted:
                self.size_bytes = self._at
                self._ranges, self._end = iter(()), self._at
                break
            room -= wanted
        if pieces:
            self._judge(self.path, self._descriptor, pieces)
        self._pieces.extend(memoryview(content) for _, content in pieces)

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
