"""Files with holes: their chunks hold the data only, and the holes say where it goes (decision 0003)."""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from rebond.entries import Content

_STEP = 1 << 20


def spread(holes: Sequence[tuple[int, int]], data_offset: int, content: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield (offset in the file, piece) for data that begins ``data_offset`` bytes into the file's data."""
    position, data = 0, 0  # of the file, of the data before it
    start, end = data_offset, data_offset + len(content)
    for hole_offset, hole_length in [*holes, (1 << 62, 0)]:
        run = hole_offset - position
        low, high = max(start, data), min(end, data + run)
        if low < high:
            yield position + low - data, content[low - start : high - start]
        data += run
        position = hole_offset + hole_length
        if data >= end:
            return


def data_bytes(size: int, holes: Sequence[tuple[int, int]]) -> int:
    """How much of a file of ``size`` bytes is not hole."""
    return size - sum(length for _, length in holes) if holes else size


def clip_holes(holes: Sequence[tuple[int, int]], size: int) -> tuple[tuple[int, int], ...]:
    """Return what of the holes lies within ``size`` bytes: for a file that lost its end while it was read."""
    return tuple((offset, min(length, size - offset)) for offset, length in holes if offset < size)


@runtime_checkable
class SeekableContent(Content, Protocol):
    """An open file that can pass over bytes without reading them."""

    def skip(self, size: int, /) -> None:
        """Go on ``size`` bytes later."""
        ...


class WithoutHoles:
    """An open file from which the bytes of its holes are left out. ``position`` is how far into the file it is."""

    def __init__(self, content: Content, holes: Sequence[tuple[int, int]]) -> None:
        self._content = content
        self._seekable = content if isinstance(content, SeekableContent) else None
        self._holes = list(reversed(holes))
        self.position = 0

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes of data; empty at the end."""
        self._skip()
        got = self._content.read(self._until_hole(size))
        self.position += len(got)
        return got

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` with data and return how many bytes came; 0 at the end."""
        self._skip()
        count = self._content.readinto(memoryview(buffer)[: self._until_hole(len(buffer))])
        self.position += count
        return count

    def changed(self) -> bool:
        """Say whether the file was changed since it was listed."""
        return self._content.changed()

    def close(self) -> None:
        """Give the file back."""
        self._content.close()

    def skip(self, size: int, /) -> None:
        """Go on ``size`` bytes of data later."""
        while size:
            self._skip()
            step = self._until_hole(size)
            self._pass_over(step)
            self.position += step
            size -= step

    def _until_hole(self, size: int) -> int:
        return min(size, self._holes[-1][0] - self.position) if self._holes else size

    def _skip(self) -> None:
        while self._holes and self._holes[-1][0] <= self.position:
            left = self._holes.pop()[1]
            self.position += left
            self._pass_over(left)

    def _pass_over(self, size: int) -> None:
        if self._seekable is not None:
            self._seekable.skip(size)
            return
        while size:
            got = len(self._content.read(min(size, _STEP)))
            if not got:
                return
            size -= got
