"""Files being written piece by piece, in any order, by several threads, in a bounded number of descriptors."""

import hashlib
import os
import threading
from bisect import bisect_right
from collections.abc import Iterator

from rebond.entries import Entry
from rebond.errors import RestoreError, TargetUnsafe
from rebond.sources.files.landed_directories import Directory, OpenDirectories
from rebond.sources.files.paths import join_path, show_path

Buffer = bytes | bytearray | memoryview

CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_REOPEN_FLAGS = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST_OPEN = 128


def part_name(name: bytes) -> bytes:
    """Return the name under which ``name`` is written before it is complete.

    It is the same in every run, so that a restore that is repeated clears away what a cut one left.
    """
    return b".rebond-" + hashlib.blake2b(name, digest_size=10).hexdigest().encode() + b".part"


class FileTooLarge(RestoreError):
    """The target takes no more of this one file; others may go on."""


class LandedFile:
    """One file on its way. Made by ``FileLanding.create_file``."""

    __slots__ = ("directory", "entry", "fd", "hole_starts", "identity", "lock", "replaces")

    def __init__(self, directory: Directory, entry: Entry, fd: int, *, replaces: bool) -> None:
        status = os.fstat(fd) if fd >= 0 else None
        self.directory = directory
        self.entry = entry
        self.fd = fd
        self.identity = (status.st_dev, status.st_ino) if status is not None else (0, 0)
        self.replaces = replaces
        self.lock = threading.Lock()
        self.hole_starts = [offset for offset, _ in entry.holes]

    @property
    def path(self) -> bytes:
        """Where it will lie below the target."""
        return join_path(self.directory.path, self.entry.name)

    def pieces(self, offset: int, content: Buffer) -> Iterator[tuple[int, Buffer]]:
        """Yield what of ``content`` is to be written where: all but the holes."""
        if not self.hole_starts:
            yield offset, content
            return
        end = offset + len(content)
        view = memoryview(content)
        position = offset
        index = max(0, bisect_right(self.hole_starts, offset) - 1)
        for start, length in self.entry.holes[index:]:
            if start >= end:
                break
            if start + length <= position:
                continue
            if start > position:
                yield position, view[position - offset : start - offset]
            position = start + length
        if position < end:
            yield position, view[position - offset :]


class OpenFiles:
    """The files on their way. A file that waits long for its next piece is closed, and opened again by its inode."""

    def __init__(self, directories: OpenDirectories) -> None:
        self._directories = directories
        self._open: dict[LandedFile, None] = {}
        self._unfinished: set[LandedFile] = set()
        self._lock = threading.Lock()

    def add(self, file: LandedFile) -> None:
        """Take up a new file, which is open."""
        with self._lock:
            self._unfinished.add(file)
        self._note_open(file)

    def open(self, file: LandedFile) -> int:
        """Return the descriptor of ``file``, whose lock the caller holds. Raises ``OSError``, ``TargetUnsafe``."""
        if file.fd < 0:
            directory_fd = self._directories.fd_of(file.directory)
            fd = os.open(part_name(file.entry.name), _REOPEN_FLAGS, dir_fd=directory_fd)
            status = os.fstat(fd)
            if (status.st_dev, status.st_ino) != file.identity:
                os.close(fd)
                raise TargetUnsafe(
                    "Somebody replaced {path} while it was being restored; nothing more is written to it.",
                    hint="See who else writes to the target, and restore into an empty directory.",
                    path=show_path(file.path),
                )
            file.fd = fd
            self._note_open(file)
        return file.fd

    def forget(self, file: LandedFile) -> None:
        """Close a file that is finished or given up; the caller holds its lock. Raises ``OSError``."""
        with self._lock:
            self._open.pop(file, None)
            self._unfinished.discard(file)
        if file.fd >= 0:
            fd, file.fd = file.fd, -1
            os.close(fd)

    def unfinished(self) -> list[LandedFile]:
        """Return the files that were neither finished nor given up."""
        with self._lock:
            return list(self._unfinished)

    def _note_open(self, file: LandedFile) -> None:
        with self._lock:
            self._open[file] = None
            victims = list(self._open)[: max(0, len(self._open) - _MOST_OPEN)] if len(self._open) > _MOST_OPEN else ()
        for victim in victims:
            # A file that is being written to right now is passed over.
            if victim is not file and victim.lock.acquire(blocking=False):
                try:
                    with self._lock:
                        self._open.pop(victim, None)
                    if victim.fd >= 0:
                        os.close(victim.fd)
                        victim.fd = -1
                finally:
                    victim.lock.release()


def write_all(fd: int, content: Buffer, offset: int) -> None:
    """Write all of ``content`` at ``offset``. Raises ``OSError``."""
    written = os.pwrite(fd, content, offset)
    while written < len(content):
        written += os.pwrite(fd, memoryview(content)[written:], offset + written)
