"""The content of one open file, with zeros where it has holes."""

import errno
import os
import stat
from collections.abc import Callable

from rebond.errors import SourceError
from rebond.sources.files.describing import find_holes
from rebond.sources.files.paths import show_path

_ZEROS = bytes(1 << 16)
_WORTH_ADVICE_BYTES = 1 << 20


class FileContent:
    """An open file, read once from its start to its end.

    No more is read than the file held when it was opened: a log that grows while it is read would
    otherwise never end. ``changed`` then says so. A file of size zero is read to its end, because
    the files of ``/proc`` and ``/sys`` all claim to be empty.
    """

    def __init__(self, fd: int, path: bytes, *, stamp: bytes, read_stamp: Callable[[int], bytes]) -> None:
        """Take over ``fd``. ``stamp`` is what ``changed`` compares with. Raises ``OSError``."""
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.ELOOP, "replaced")
        self._fd = fd
        self._path = path
        self._stamp = stamp
        self._read_stamp = read_stamp
        self._size = status.st_size
        self._position = 0
        self._holes = list(find_holes(fd, status.st_size)) if status.st_blocks * 512 < status.st_size else []
        self._holes.reverse()
        if status.st_size >= _WORTH_ADVICE_BYTES:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; empty at the end. Raises ``SourceError``."""
        step, is_hole = self._plan_step(size)
        if is_hole:
            self._position += step
            return bytes(step)
        try:
            content = os.pread(self._fd, step, self._position)
        except OSError as error:
            raise self._fail(error) from error
        self._position += len(content)
        return content

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` as far as one step goes and return how many bytes came; 0 at the end."""
        step, is_hole = self._plan_step(len(buffer))
        if is_hole:
            step = min(step, len(_ZEROS))
            buffer[:step] = _ZEROS[:step]
            self._position += step
            return step
        try:
            count = os.preadv(self._fd, [buffer[:step]], self._position)
        except OSError as error:
            raise self._fail(error) from error
        self._position += count
        return count

    def skip(self, size: int, /) -> None:
        """Pass over ``size`` bytes, which lie in a hole, without reading them."""
        self._position += size

    def changed(self) -> bool:
        """Say whether the file was changed since it was described, or whether it ended early."""
        try:
            return self._position < self._size or self._read_stamp(self._fd) != self._stamp
        except OSError:
            return True

    def close(self) -> None:
        """Give the file back; calling twice does no harm."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _plan_step(self, wanted: int) -> tuple[int, bool]:
        """Return how many bytes come next, and whether they lie in a hole."""
        if not self._size:
            return wanted, False
        position = self._position
        left = max(0, min(wanted, self._size - position))  # it may have shrunk to before a hole
        while self._holes and sum(self._holes[-1]) <= position:
            self._holes.pop()
        if not self._holes:
            return left, False
        start, length = self._holes[-1]
        if position >= start:
            return min(left, start + length - position), True
        return min(left, start - position), False

    def _fail(self, error: OSError) -> SourceError:
        return SourceError(
            "{path} could not be read to its end: {reason}",
            hint="Check the disk it lies on; then run the backup again.",
            path=show_path(self._path),
            reason=os.strerror(error.errno or 0),
        )
