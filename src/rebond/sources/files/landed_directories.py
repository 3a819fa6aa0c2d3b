"""The directories of a target, opened without ever following a link, in a bounded number of descriptors."""

import fcntl
import os
import threading

from rebond.entries import Entry
from rebond.errors import TargetUnsafe
from rebond.sources.files.paths import join_path, show_path

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_OPEN = 64  # for each thread


class Directory:
    """A directory of the target. Made by ``FileLanding``, and had again from it by its ``place``."""

    __slots__ = (
        "device",
        "entry",
        "exists",
        "gid",
        "gives_lists",
        "inode",
        "is_checked",
        "is_new",
        "mode_before",
        "name",
        "parent",
        "place",
    )

    def __init__(self, parent: "Directory | None", name: bytes, entry: Entry) -> None:
        self.parent = parent
        self.name = name
        self.entry = entry
        self.place = -1  # until all is known of it
        self.device = 0
        self.inode = 0
        self.gid = 0  # what new things in it get
        self.exists = False  # no, in a dry run, when it is only to be made
        self.is_new = False
        self.gives_lists = False  # new things in it inherit an access list
        self.is_checked = False  # new files in it come out with the owner and mode that were foreseen
        self.mode_before: int | None = None  # where it had to be widened to write into it

    @property
    def path(self) -> bytes:
        """Where it lies below the target; empty for the target itself."""
        if self.parent is None:
            return b""
        names = [self.name]
        above = self.parent
        while above.parent is not None:
            names.append(above.name)
            above = above.parent
        return b"/".join(reversed(names))


class _Descriptors(threading.local):
    def __init__(self, all_of_them: list[dict[int, int]]) -> None:
        self.fds: dict[int, int] = {}
        all_of_them.append(self.fds)


class OpenDirectories:
    """Descriptors of directories, for each thread its own, so that none closes what another is using.

    A directory is told from others by its place: there may be several objects for one.
    """

    def __init__(self, root_fd: int) -> None:
        self._root_fd = root_fd
        self._locked_by = 0
        self._all: list[dict[int, int]] = []
        self._local = _Descriptors(self._all)

    def fd_of(self, directory: Directory) -> int:
        """Return a descriptor, valid for this thread until it asks for another directory.

        Raises ``TargetUnsafe`` when the directory is no longer the one that was made, ``OSError``
        when it cannot be opened.
        """
        fds = self._local.fds
        fd = fds.get(directory.place)
        if fd is not None:
            return fd
        if directory.parent is None:
            return self._root_fd
        missing = [directory]
        above = directory.parent
        while above.parent is not None and above.place not in fds:
            missing.append(above)
            above = above.parent
        fd = self._root_fd if above.parent is None else fds[above.place]
        for each in reversed(missing):
            fd = self.keep(each, open_same(each, fd))
        return fd

    def keep(self, directory: Directory, fd: int) -> int:
        """Take over an open descriptor of ``directory``, which has its place; return it."""
        fds = self._local.fds
        fds[directory.place] = fd
        if len(fds) > _MOST_OPEN:
            os.close(fds.pop(next(iter(fds))))
        return fd

    def lock(self) -> None:
        """Keep others out of the target until ``close``. Raises ``BlockingIOError`` where somebody is in already."""
        fcntl.flock(self._root_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._locked_by = os.getpid()

    def is_at(self, path: bytes) -> bool:
        """Say whether ``path`` still leads to the root: a disk may be unmounted, a directory moved meanwhile."""
        try:
            return os.path.samestat(os.stat(path), os.fstat(self._root_fd))
        except OSError:
            return False

    def close(self) -> None:
        """Close all descriptors of all threads, the root's too.

        The lock ends here: a process that was made meanwhile may have a copy of the descriptor and outlive all this.
        """
        if self._locked_by == os.getpid() and self._root_fd >= 0:
            fcntl.flock(self._root_fd, fcntl.LOCK_UN)
        for fds in self._all:
            while fds:
                os.close(fds.popitem()[1])
        if self._root_fd >= 0:
            os.close(self._root_fd)
            self._root_fd = -1


def open_below(name: bytes, parent_fd: int) -> int:
    """Open a subdirectory without following a link. Raises ``OSError``."""
    return os.open(name, _FLAGS, dir_fd=parent_fd)


def open_same(directory: Directory, parent_fd: int) -> int:
    """Open a directory again; raises ``TargetUnsafe`` unless it is still the same."""
    try:
        fd = open_below(directory.name, parent_fd)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise refuse_directory(directory) from error
    status = os.fstat(fd)
    if (status.st_dev, status.st_ino) != (directory.device, directory.inode):
        os.close(fd)
        raise refuse_directory(directory)
    return fd


def refuse_directory(directory: Directory) -> TargetUnsafe:
    """Return the error for a directory that somebody replaced during the restore."""
    return TargetUnsafe(
        "The directory {path} was replaced while it was being restored; nothing more is written there.",
        hint="See who else writes to the target, and restore into an empty directory.",
        path=show_path(directory.path),
    )


def refuse_link(directory_path: bytes, name: bytes) -> TargetUnsafe:
    """Return the error for a link that lies where a directory has to be."""
    return TargetUnsafe(
        "{path} is a symbolic link where a directory is to be restored; nothing is written through it.",
        hint="Remove the link, or restore into an empty directory.",
        path=show_path(join_path(directory_path, name)),
    )
