"""Byte strings kept on disk, each found again by its place: neither they nor where they lie take memory."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rebond.errors import RestoreError

_BUFFER_BYTES = 1 << 20
_WINDOW_BYTES = 1 << 16
_LENGTH_BYTES = 4  # before and behind each


class SpoolReader:
    """The byte strings of a spool that another process filled. Not safe to use from two threads at once."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises ``OSError``."""
        self._directory = path.parent
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._window = b""
        self._window_start = 0

    def get(self, place: int) -> bytes:
        """Return what was kept at ``place``; cheap when places rise. Raises ``RestoreError``."""
        begin = place + _LENGTH_BYTES
        if place < self._window_start or begin > self._window_start + len(self._window):
            self._look(place, _WINDOW_BYTES)
        length = self._length_at(place)
        if begin + length > self._window_start + len(self._window):
            self._look(place, max(_LENGTH_BYTES + length, _WINDOW_BYTES))
        return self._cut(begin, length)

    def close(self) -> None:
        """Give the file back; calling twice does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _look(self, start: int, size: int) -> None:
        try:
            self._window, self._window_start = os.pread(self._descriptor, size, start), start
        except OSError as error:
            raise no_scratch(self._directory, error) from error

    def _length_at(self, place: int) -> int:
        return int.from_bytes(self._cut(place, _LENGTH_BYTES), "little")

    def _cut(self, start: int, length: int) -> bytes:
        """Return a part of the window, which has to hold it all."""
        start -= self._window_start
        content = self._window[start : start + length]
        if len(content) != length:
            raise no_scratch(self._directory, OSError(0, "a file there was cut short"))
        return content


class Spool(SpoolReader):
    """Takes byte strings, and gives them back. Its file lies in ``directory``, under a name if it is given one.

    Without a directory it lies where temporary files do. What it raises is a ``RestoreError``.
    """

    def __init__(self, directory: Path | None, name: str = "") -> None:
        self._directory = directory or Path(tempfile.gettempdir())
        self.path = self._directory / name if name else None
        self._descriptor = -1
        self._window = b""
        self._window_start = 0
        self._pending = bytearray()
        self._written = 0
        try:
            if self.path is not None:
                self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            else:
                with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
                    self._descriptor = os.dup(file.fileno())
        except OSError as error:
            raise no_scratch(self._directory, error) from error

    def add(self, content: bytes) -> int:
        """Keep ``content`` and return its place: 0 for the first, and ever larger."""
        place = self._written + len(self._pending)
        length = len(content).to_bytes(_LENGTH_BYTES, "little")
        self._pending += length
        self._pending += content
        self._pending += length
        if len(self._pending) >= _BUFFER_BYTES:
            self.flush()
        return place

    def get(self, place: int) -> bytes:
        """Return what was kept at ``place``; cheap when places rise."""
        if self._pending:
            self.flush()
        return super().get(place)

    def backwards(self) -> Iterator[tuple[int, bytes]]:
        """Yield all with their places, the last one first. Nothing may be added meanwhile."""
        self.flush()
        end = self._written
        while end:
            begin = end - _LENGTH_BYTES
            if begin < self._window_start or end > self._window_start + len(self._window):
                start = max(0, end - _WINDOW_BYTES)
                self._look(start, end - start)
            length = self._length_at(begin)
            place = begin - length - _LENGTH_BYTES
            if place < self._window_start:
                start = max(0, min(place, end - _WINDOW_BYTES))
                self._look(start, end - start)
            yield place, self._cut(place + _LENGTH_BYTES, length)
            end = place

    def flush(self) -> None:
        """Write what is pending: only then others can read it."""
        try:
            done = 0
            while done < len(self._pending):
                done += os.pwrite(self._descriptor, memoryview(self._pending)[done:], self._written + done)
        except OSError as error:
            raise no_scratch(self._directory, error) from error
        self._written += len(self._pending)
        self._pending = bytearray()


def no_scratch(directory: Path, error: OSError) -> RestoreError:
    """Return the error for a plan that has no room, or is not to be read any more."""
    return RestoreError(
        "The plan of the restore cannot be kept in {directory}: {reason}",
        hint="Free some space there, or name another place with the environment variable TMPDIR.",
        directory=str(directory),
        reason=error.strerror or str(error),
    )
