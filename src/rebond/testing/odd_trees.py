"""A tree of everything that file backups get wrong. Each oddity is a *cell* with a directory of its own.

``build_odd_tree`` makes them and says which of them this user or file system cannot have; nothing is
left out in silence. ``remove_odd_tree`` takes them away again, which ``rm -r`` cannot always do.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from rebond.testing import odd_contents, odd_metadata
from rebond.testing.odd_cells import CELLS, ROOT_CELLS, drop_flags, read_flags

__all__ = ["CELLS", "ROOT_CELLS", "NotPossible", "build_odd_tree", "read_flags", "remove_odd_tree"]
REGISTERED = (odd_contents, odd_metadata)  # modules whose cells are made, in this order


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPossible:
    """A cell that could not be made here, and why."""

    cell: str
    reason: str


def build_odd_tree(path: bytes, cells: Iterable[str] | None = None) -> list[NotPossible]:
    """Make the named cells (all of them by default) below ``path``; return those that cannot be had here."""
    os.mkdir(path, 0o755)
    missing = []
    for name in CELLS if cells is None else cells:
        place = path + b"/" + name.encode()
        os.mkdir(place, 0o755)
        try:
            CELLS[name](place)
        except OSError as error:
            remove_odd_tree(place)
            missing.append(NotPossible(cell=name, reason=error.strerror or str(error)))
    return missing


def remove_odd_tree(path: bytes) -> None:
    """Remove a tree whatever its depth, modes and flags. A missing one is no fault."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    except PermissionError:
        os.chmod(path, 0o700)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    names: list[bytes] = []
    while True:
        below = _clear_directory(fd)
        if below is not None:
            child = _open_forced(below, fd)
            names.append(below)
        elif names:
            child = os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
            os.rmdir(names.pop(), dir_fd=child)
        else:
            break
        os.close(fd)
        fd = child
    os.close(fd)
    os.rmdir(path)


def _clear_directory(fd: int) -> bytes | None:
    """Remove everything but directories; return one of these, or ``None`` when it is empty."""
    drop_flags(fd)
    if stat.S_IMODE(os.fstat(fd).st_mode) & 0o700 != 0o700:
        os.fchmod(fd, 0o700)
    below = None
    with os.scandir(fd) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if entry.is_dir(follow_symlinks=False):
                below = name
                continue
            try:
                os.unlink(name, dir_fd=fd)
            except PermissionError:
                file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd)
                drop_flags(file)
                os.close(file)
                os.unlink(name, dir_fd=fd)
    return below


def _open_forced(name: bytes, parent_fd: int) -> int:
    try:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent_fd)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=parent_fd)
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent_fd)
