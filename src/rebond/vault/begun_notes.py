"""A note of what a file is made of, as it lies on the disk: batches that only grow, each bound to the one before.

A batch carries a checksum over itself and the checksum before it, the first one over the identity of whoever may read
the note. What is torn by a power cut, or belongs to another note, ends it there; what is before it stands.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from blake3 import blake3

from rebond.durable_files import FILE_MODE, fsync_directory

_MAGIC = b"RBBF\x01"
_SUM_SIZE = 16
_HEAD = struct.Struct(f"<I{_SUM_SIZE}s")
_MOST_BYTES = 1 << 20  # of one batch


class GrowingNote:
    """A new note, private to its user. ``subject`` is its first batch. Raises ``OSError``, as ``add`` and ``sync``."""

    def __init__(self, path: Path, identity: bytes, subject: bytes) -> None:
        self.path = path
        self._sum = identity
        self._is_named = False
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            self._write(_MAGIC + self._frame(subject))
        except OSError:
            self.close()
            path.unlink(missing_ok=True)
            raise

    def add(self, batch: bytes) -> None:
        """Hand a batch to the operating system, so that it survives the process."""
        self._write(self._frame(batch))

    def sync(self) -> None:
        """Make sure that what was added survives a power cut."""
        os.fdatasync(self._fd)
        if not self._is_named:
            fsync_directory(str(self.path.parent))
            self._is_named = True

    def close(self) -> None:
        """Give the file back; calling twice does no harm."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _frame(self, batch: bytes) -> bytes:
        self._sum = _sum_of(self._sum, batch)
        return _HEAD.pack(len(batch), self._sum) + batch

    def _write(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._fd, rest) :]


def read_note(path: Path, identity: bytes) -> Iterator[bytes]:
    """Yield the batches of a note, the subject first, as far as they are good."""
    with suppress(OSError), open(path, "rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return
        sum_ = identity
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, stored_sum = _HEAD.unpack(head)
            batch = file.read(length) if length <= _MOST_BYTES else b""
            sum_ = _sum_of(sum_, batch)
            if len(batch) != length or sum_ != stored_sum:
                return
            yield batch


def _sum_of(before: bytes, batch: bytes) -> bytes:
    return blake3(before + batch).digest(_SUM_SIZE)
