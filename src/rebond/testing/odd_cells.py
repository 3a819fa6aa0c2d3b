"""The register of odd cells: each is a function that fills a directory of its own with one oddity."""

import fcntl
import os
import struct
from collections.abc import Callable

_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
IMMUTABLE, APPEND_ONLY, NO_DUMP, NO_ATIME = 0x10, 0x20, 0x40, 0x80

Cell = Callable[[bytes], None]
CELLS: dict[str, Cell] = {}
ROOT_CELLS: set[str] = set()


def cell(make: Cell) -> Cell:
    """Add a cell under the name of its function."""
    CELLS[_name(make)] = make
    return make


def root_cell(make: Cell) -> Cell:
    """Add a cell that only root can make."""
    ROOT_CELLS.add(_name(make))
    return cell(make)


def _name(make: Cell) -> str:
    return make.__name__.strip("_").replace("_", "-")


def write(path: bytes, content: bytes = b"content\n") -> None:
    """Make a file."""
    with open(path, "wb") as file:
        file.write(content)


def read_flags(fd: int) -> int:
    """Return the inode flags; 0 where the file system has none."""
    buffer = bytearray(8)
    try:
        fcntl.ioctl(fd, _GET_FLAGS, buffer, True)
    except OSError:
        return 0
    return int(struct.unpack_from("=i", buffer)[0])


def drop_flags(fd: int) -> None:
    """Take away the flags that keep a file from being changed."""
    flags = read_flags(fd)
    if flags & (IMMUTABLE | APPEND_ONLY):
        fcntl.ioctl(fd, _SET_FLAGS, struct.pack("=q", flags & ~(IMMUTABLE | APPEND_ONLY)))


def add_flags(path: bytes, flags: int) -> None:
    """Set inode flags beside those that are set. Raises ``OSError`` where the file system has none."""
    fd = os.open(path, os.O_RDONLY)
    try:
        buffer = bytearray(8)
        fcntl.ioctl(fd, _GET_FLAGS, buffer, True)
        fcntl.ioctl(fd, _SET_FLAGS, struct.pack("=q", struct.unpack_from("=i", buffer)[0] | flags))
    finally:
        os.close(fd)
