"""The open directories between the root and where a walk is, in a bounded number of descriptors."""

import os

from rebond.sources.files.excluding import Scope

DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_directory(name: bytes, parent_fd: int) -> int:
    """Open the subdirectory ``name`` without following a link or touching its access time. Raises ``OSError``."""
    try:
        return os.open(name, DIRECTORY_FLAGS | os.O_NOATIME, dir_fd=parent_fd)
    except PermissionError:
        # The access time may be left alone only by the owner; everyone else gets a plain open.
        return os.open(name, DIRECTORY_FLAGS, dir_fd=parent_fd)


class Level:
    """One directory of the chain. ``directories`` are the names still to be walked, the last one first."""

    __slots__ = ("device", "directories", "fd", "inode", "name", "scope")

    scope: Scope

    def __init__(self, *, name: bytes, fd: int, device: int, inode: int) -> None:
        """``scope`` is set when the directory has been read."""
        self.name = name
        self.fd = fd
        self.device = device
        self.inode = inode
        self.directories: list[bytes] = []


class Chain:
    """The levels from the root to the current directory.

    Paths may be thousands of levels deep, and longer than any single system call takes; so each
    directory is opened relative to its parent. Only the deepest ``most_open`` levels and the root
    stay open. On the way back a closed level is opened again through the ``..`` of its child, and
    checked by its inode, because a directory may be moved while it is walked.
    """

    def __init__(self, root: Level, *, most_open: int = 128) -> None:
        self.levels = [root]
        self._most_open = most_open
        self._first_open = 1

    @property
    def top(self) -> Level:
        """The current directory; always open."""
        return self.levels[-1]

    def push(self, level: Level) -> None:
        """Go down into an open directory."""
        levels = self.levels
        levels.append(level)
        if len(levels) - self._first_open > self._most_open:
            oldest = levels[self._first_open]
            os.close(oldest.fd)
            oldest.fd = -1
            self._first_open += 1

    def pop(self) -> bool:
        """Go back to the parent; say whether it is still where it was.

        If it is not, its descriptor is -1 and it can only be popped.
        """
        level = self.levels.pop()
        parent = self.levels[-1]
        is_found = True
        if parent.fd < 0:
            parent.fd = self._open_above(level.fd, parent) if level.fd >= 0 else -1
            if parent.fd < 0:
                parent.fd = self._open_from_root()
            is_found = parent.fd >= 0
        self._first_open = max(1, min(self._first_open, len(self.levels) - 1))
        if level.fd >= 0:
            os.close(level.fd)
        return is_found

    def close(self) -> None:
        """Close everything."""
        for level in self.levels:
            if level.fd >= 0:
                os.close(level.fd)
                level.fd = -1

    def _open_above(self, child_fd: int, parent: Level) -> int:
        try:
            return _keep_if_same(open_directory(b"..", child_fd), parent)
        except OSError:
            return -1

    def _open_from_root(self) -> int:
        """Open the current level by walking down from the root; -1 when it is no longer there."""
        fd = os.dup(self.levels[0].fd)
        try:
            for level in self.levels[1:]:
                below = open_directory(level.name, fd)
                os.close(fd)
                fd = below
        except OSError:
            os.close(fd)
            return -1
        return _keep_if_same(fd, self.levels[-1])


def _keep_if_same(fd: int, level: Level) -> int:
    status = os.fstat(fd)
    if (status.st_dev, status.st_ino) == (level.device, level.inode):
        return fd
    os.close(fd)
    return -1
