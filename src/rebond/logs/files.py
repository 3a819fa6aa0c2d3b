"""A log file that several processes append to, that has a limit, and that others may move away."""

import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path

from rebond.clock import SystemClock
from rebond.logs.events import Event, write_line

DIRECTORY_MODE = 0o750
_PATIENCE_SECONDS = 1.0
_LOOK_EVERY_SECONDS = 0.01


class FileSink:
    """Appends lines to a file; when it is full it becomes ``FILE.1``, the one before ``FILE.2``, and so on.

    A line is one call to the system, so lines of several processes do not mix. Before each line it is looked whether
    the file still has its name: what another process or ``logrotate`` moved away is opened anew. Symbolic links are
    not followed, so nobody who may write beside it can send lines elsewhere. Whoever holds its lock for long, stopped
    or of ill will, makes it grow beyond its limit and nothing wait. Raises ``OSError``.
    """

    def __init__(self, path: Path, *, limit_bytes: int, kept: int, mode: int) -> None:
        """``limit_bytes`` is the size of one file, ``kept`` how many older ones stay; ``mode`` is that of new files."""
        self._path = os.fspath(path)
        self._limit_bytes = limit_bytes
        self._kept = kept
        self._mode = mode
        self._descriptor = self._open()
        self._is_cut = False
        self._patience_seconds = _PATIENCE_SECONDS

    def write(self, event: Event) -> None:
        """Append one line."""
        content = write_line(event, os.getpid()).encode("utf-8", "backslashreplace")
        if not self._has_its_name():
            self._reopen()
        if self._is_full(len(content)):
            self._rotate(len(content))
        rest = memoryview(b"\n" + content if self._is_cut else content)
        self._is_cut = True  # until all of it stands there: a full disk takes half a line
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self._is_cut = False

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _open(self) -> int:
        with contextlib.suppress(FileExistsError):
            os.makedirs(os.path.dirname(self._path) or ".", mode=DIRECTORY_MODE, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        try:
            descriptor = os.open(self._path, flags)
        except FileNotFoundError:
            try:
                descriptor = os.open(self._path, flags | os.O_CREAT | os.O_EXCL, self._mode)
            except FileExistsError:
                descriptor = os.open(self._path, flags)  # another process made it meanwhile
            else:
                os.fchmod(descriptor, self._mode)  # whatever the mask of this process says
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a regular file", self._path)
        return descriptor

    def _reopen(self) -> None:
        fresh = self._open()
        os.close(self._descriptor)
        self._descriptor = fresh

    def _has_its_name(self) -> bool:
        try:
            found = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        own = os.fstat(self._descriptor)
        return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)

    def _is_full(self, more_bytes: int) -> bool:
        size = os.fstat(self._descriptor).st_size
        return size > 0 and size + more_bytes > self._limit_bytes

    def _rotate(self, more_bytes: int) -> None:
        """Move the file away, unless another process did so while we waited for its lock."""
        locked = self._descriptor
        if not self._lock():
            return
        try:
            if self._has_its_name() and self._is_full(more_bytes):
                self._shift()
            fresh = self._open()
        finally:
            fcntl.flock(locked, fcntl.LOCK_UN)
        self._descriptor = fresh
        os.close(locked)

    def _lock(self) -> bool:
        """Lock the file for a turn-over; false where another process keeps the lock. The second time nothing waits."""
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._patience_seconds <= 0:
                    return False
                SystemClock().sleep(_LOOK_EVERY_SECONDS)
                self._patience_seconds -= _LOOK_EVERY_SECONDS
            else:
                self._patience_seconds = _PATIENCE_SECONDS
                return True

    def _shift(self) -> None:
        if self._kept == 0:
            os.unlink(self._path)
            return
        for number in range(self._kept - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self._path}.{number}", f"{self._path}.{number + 1}")
        os.replace(self._path, f"{self._path}.1")
