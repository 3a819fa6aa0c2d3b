"""A tree of everything that file backups get wrong. Each oddity is a *cell* with a directory of its own.

``build_odd_tree`` makes them and says which of them this user or file system cannot have; nothing is
left out in silence. ``remove_odd_tree`` takes them away again, which ``rm -r`` cannot always do.
"""

import errno
import fcntl
import os
import socket
import stat
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_DEEP_LEVELS = 2000
_MEGABYTE = 1 << 20
_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
_IMMUTABLE, _APPEND_ONLY, _NO_DUMP, _NO_ATIME = 0x10, 0x20, 0x40, 0x80
_STRANGER = 54_321  # a user id that no machine has

Cell = Callable[[bytes], None]
CELLS: dict[str, Cell] = {}
ROOT_CELLS: set[str] = set()


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
    _drop_flags(fd)
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
                _drop_flags(file)
                os.close(file)
                os.unlink(name, dir_fd=fd)
    return below


def _open_forced(name: bytes, parent_fd: int) -> int:
    try:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent_fd)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=parent_fd)
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent_fd)


def read_flags(fd: int) -> int:
    """Return the inode flags; 0 where the file system has none."""
    buffer = bytearray(8)
    try:
        fcntl.ioctl(fd, _GET_FLAGS, buffer, True)
    except OSError:
        return 0
    return int(struct.unpack_from("=i", buffer)[0])


def _drop_flags(fd: int) -> None:
    flags = read_flags(fd)
    if flags & (_IMMUTABLE | _APPEND_ONLY):
        fcntl.ioctl(fd, _SET_FLAGS, struct.pack("=q", flags & ~(_IMMUTABLE | _APPEND_ONLY)))


def _cell(make: Cell) -> Cell:
    CELLS[make.__name__.strip("_").replace("_", "-")] = make
    return make


def _root_cell(make: Cell) -> Cell:
    ROOT_CELLS.add(make.__name__.strip("_").replace("_", "-"))
    return _cell(make)


def _write(path: bytes, content: bytes = b"content\n") -> None:
    with open(path, "wb") as file:
        file.write(content)


# --- names -----------------------------------------------------------------------------------


@_cell
def _names_that_are_no_utf8(place: bytes) -> None:
    for name in (b"latin-\xe9\xe8", b"\xff\xfe\xfd", b"broken-\xc3", b"\x80"):
        _write(place + b"/" + name, name)
    os.mkdir(place + b"/dir-\xe9")
    _write(place + b"/dir-\xe9/f\xe9")


@_cell
def _names_with_newlines(place: bytes) -> None:
    for name in (b"two\nlines", b"\n", b"tab\tand\rreturn", b"bell\x07\x1b[31m", b"\x01"):
        _write(place + b"/" + name)


@_cell
def _names_that_mean_something(place: bytes) -> None:
    names = (
        b"-rf",
        b"*",
        b"?",
        b"[a]",
        b"!x",
        b"#x",
        b"a b ",
        b" ",
        b"back\\slash",
        b"%s",
        b"{x}",
        b"'\"`$(x)",
        b"...",
    )
    for name in names:
        _write(place + b"/" + name, name)
    _write(place + b"/.rebond-not-ours.part")


@_cell
def _names_that_differ_in_form_only(place: bytes) -> None:
    for name in ("é", "e\u0301", "É", "a", "A", "\ufeffa", "\U0001f600", "\ue000"):
        _write(place + b"/" + name.encode(), name.encode())


@_cell
def _names_of_255_bytes(place: bytes) -> None:
    _write(place + b"/" + b"n" * 255)
    os.mkdir(place + b"/" + b"\xff" * 255)


@_cell
def _a_path_beyond_4096_bytes(place: bytes) -> None:
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(20):
        fd = _step_down(fd, b"d" * 250)
    file = os.open(b"bottom", os.O_WRONLY | os.O_CREAT, 0o640, dir_fd=fd)
    os.write(file, b"deep down")
    os.close(file)
    os.symlink(b"bottom", b"link", dir_fd=fd)
    os.close(fd)


@_cell
def _a_depth_of_2000(place: bytes) -> None:
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    for level in range(_DEEP_LEVELS):
        fd = _step_down(fd, b"%d" % (level % 10))
        if level % 500 == 499:
            os.close(os.open(b"file", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=fd))
            os.mkdir(b"z-sibling", dir_fd=fd)
    os.close(fd)


def _step_down(fd: int, name: bytes) -> int:
    os.mkdir(name, 0o755, dir_fd=fd)
    below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
    os.close(fd)
    return below


# --- content ---------------------------------------------------------------------------------


@_cell
def _sizes(place: bytes) -> None:
    for size in (0, 1, 4095, 4096, 4097, 65_536, _MEGABYTE, _MEGABYTE + 1, 3 * _MEGABYTE + 17):
        _write(place + b"/%d" % size, (b"%08d" % size) * (size // 8) + b"x" * (size % 8))


@_cell
def _empty_directories(place: bytes) -> None:
    os.makedirs(place + b"/a/b/c")
    os.mkdir(place + b"/d")
    os.chmod(place + b"/d", 0o700)


@_cell
def _many_entries(place: bytes) -> None:
    for number in range(2100):  # more than a page of a large directory
        os.close(os.open(place + b"/%05d" % number, os.O_WRONLY | os.O_CREAT, 0o644))


@_cell
def _sparse_files(place: bytes) -> None:
    _write_sparse(place + b"/several-holes", 8 * _MEGABYTE, (0, 2 * _MEGABYTE, 5 * _MEGABYTE))
    _write_sparse(place + b"/hole-at-the-start", 2 * _MEGABYTE + 5, (2 * _MEGABYTE,))
    _write_sparse(place + b"/hole-at-the-end", 3 * _MEGABYTE + 123, (0,))
    _write_sparse(place + b"/nothing-but-hole", 4 * _MEGABYTE + 1, ())
    _write_sparse(place + b"/much-of-nothing", 200 * _MEGABYTE, (100 * _MEGABYTE,))
    _write(place + b"/zeros-without-a-hole", bytes(_MEGABYTE))
    if os.stat(place + b"/nothing-but-hole").st_blocks:
        raise OSError(errno.EOPNOTSUPP, "this file system keeps no holes")


def _write_sparse(path: bytes, size: int, data_at: tuple[int, ...]) -> None:
    with open(path, "wb") as file:
        for offset in data_at:
            file.seek(offset)
            file.write(b"data at %d" % offset)
        file.truncate(size)


# --- kinds -----------------------------------------------------------------------------------


@_cell
def _hard_links(place: bytes) -> None:
    _write(place + b"/first", b"one file, four names")
    os.mkdir(place + b"/below")
    for name in (b"/second", b"/below/third", b"/a-name-sorted-before"):
        os.link(place + b"/first", place + name)
    _write(place + b"/alone")
    _write(place + b"/other", b"one file, four names")
    os.link(place + b"/other", place + b"/other-too")
    _write(place + b"/empty", b"")
    os.link(place + b"/empty", place + b"/empty-too")
    _write(place + b"/large", b"large" * _MEGABYTE)
    os.link(place + b"/large", place + b"/below/large-too")


@_cell
def _hard_links_of_special_files(place: bytes) -> None:
    os.mkfifo(place + b"/pipe")
    os.link(place + b"/pipe", place + b"/pipe-too")
    os.symlink(b"nowhere", place + b"/link")
    os.link(place + b"/link", place + b"/link-too", follow_symlinks=False)


@_cell
def _symbolic_links(place: bytes) -> None:
    os.mkdir(place + b"/directory")
    _write(place + b"/directory/file")
    targets = {
        b"to-a-file": b"directory/file",
        b"to-a-directory": b"directory",
        b"dangling": b"no/such/place",
        b"absolute": b"/etc/passwd",
        b"loop-a": b"loop-b",
        b"loop-b": b"loop-a",
        b"to-itself": b"to-itself",
        b"up": b"../../..",
        b"no-utf8": b"\xff\xfe",
        b"newline": b"a\nb",
        b"long": b"x" * 4095,
    }
    for name, target in targets.items():
        os.symlink(target, place + b"/" + name)
    os.utime(place + b"/dangling", ns=(1, 1_000_000_007), follow_symlinks=False)


@_cell
def _pipes_and_sockets(place: bytes) -> None:
    os.mkfifo(place + b"/pipe", 0o600)
    os.mkfifo(place + b"/pipe-for-all")
    os.chmod(place + b"/pipe-for-all", 0o666)  # noqa: S103
    os.utime(place + b"/pipe", ns=(1, 5_000_000_001))
    here = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"/proc/self/fd/{here}/socket")
    os.close(here)
    os.chmod(place + b"/socket", 0o640)
    os.mknod(place + b"/" + b"s" * 200, stat.S_IFSOCK | 0o600)


@_root_cell
def _devices(place: bytes) -> None:
    os.mknod(place + b"/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(place + b"/disk", stat.S_IFBLK | 0o660, os.makedev(259, 70_000))
    os.chmod(place + b"/null", 0o666)  # noqa: S103


# --- metadata --------------------------------------------------------------------------------


@_cell
def _modes(place: bytes) -> None:
    for mode in (0o600, 0o640, 0o644, 0o664, 0o666, 0o777, 0o755, 0o400, 0o444, 0o604, 0o4755, 0o2755, 0o1644):
        _write(place + b"/%04o" % mode, b"%o" % mode)
        os.chmod(place + b"/%04o" % mode, mode)
    for mode in (0o700, 0o755, 0o777, 0o1777, 0o2775, 0o555):
        os.mkdir(place + b"/d%04o" % mode)
        if mode != 0o555:
            _write(place + b"/d%04o/file" % mode)
        os.chmod(place + b"/d%04o" % mode, mode)


@_root_cell
def _files_and_directories_that_nobody_may_enter(place: bytes) -> None:
    os.mkdir(place + b"/closed")
    _write(place + b"/closed/file")
    _write(place + b"/secret")
    _write(place + b"/only-to-be-run")
    os.chmod(place + b"/only-to-be-run", 0o111)  # noqa: S103 - the mode is the point
    os.chmod(place + b"/closed/file", 0)
    os.chmod(place + b"/secret", 0)
    os.chmod(place + b"/closed", 0)


@_root_cell
def _owners(place: bytes) -> None:
    for name, uid, gid in ((b"nobody", 65_534, 65_534), (b"stranger", _STRANGER, _STRANGER), (b"group", 0, 65_534)):
        _write(place + b"/" + name)
        os.chown(place + b"/" + name, uid, gid)
        os.symlink(b"x", place + b"/link-of-" + name)
        os.chown(place + b"/link-of-" + name, uid, gid, follow_symlinks=False)
        os.mkdir(place + b"/directory-of-" + name, 0o700)
        os.chown(place + b"/directory-of-" + name, uid, gid)
    _write(place + b"/set-user-id")
    os.chown(place + b"/set-user-id", _STRANGER, _STRANGER)
    os.chmod(place + b"/set-user-id", 0o6755)  # noqa: S103


@_cell
def _times(place: bytes) -> None:
    second = 1_000_000_000
    moments = {
        b"one-nanosecond-before-1970": -1,
        b"1901": -2_147_483_648 * second,
        b"1969": -86_400 * second + 123_456_789,
        b"zero": 0,
        b"nanoseconds": 1_700_000_000 * second + 123_456_789,
        b"after-2038": 2_147_483_648 * second + 1,
        b"2262": 9_214_646_400 * second,
        b"2400": 13_569_465_600 * second + 7,
    }
    for name, moment in moments.items():
        _write(place + b"/" + name)
        os.utime(place + b"/" + name, ns=(moment, moment))
        os.mkdir(place + b"/d-" + name)
        _write(place + b"/d-" + name + b"/file")
        os.utime(place + b"/d-" + name, ns=(moment, moment))
        if os.stat(place + b"/" + name).st_mtime_ns != moment:
            raise OSError(errno.ERANGE, f"this file system cannot hold the time {name.decode()}")


@_cell
def _extended_attributes(place: bytes) -> None:
    _write(place + b"/file")
    os.mkdir(place + b"/directory")
    for path in (place + b"/file", place + b"/directory"):
        os.setxattr(path, b"user.plain", b"value")
        os.setxattr(path, b"user.empty", b"")
        os.setxattr(path, b"user.binary", bytes(range(256)))
        os.setxattr(path, b"user.caf\xc3\xa9", b"name that is no ASCII")
        os.setxattr(path, b"user.large", b"L" * 2000)
    _write(place + b"/read-only")
    os.setxattr(place + b"/read-only", b"user.plain", b"value")
    os.chmod(place + b"/read-only", 0o400)


@_root_cell
def _attributes_of_the_system(place: bytes) -> None:
    _write(place + b"/capable", b"#!/bin/true\n")
    os.chmod(place + b"/capable", 0o755)  # noqa: S103
    # cap_net_bind_service, permitted and effective
    os.setxattr(place + b"/capable", b"security.capability", struct.pack("<IIIII", 0x0200_0001, 1 << 10, 0, 0, 0))
    os.setxattr(place + b"/capable", b"trusted.secret", b"for root only")
    os.symlink(b"capable", place + b"/link")
    os.setxattr(place + b"/link", b"trusted.on-a-link", b"yes", follow_symlinks=False)
    os.mkfifo(place + b"/pipe")
    os.setxattr(place + b"/pipe", b"trusted.on-a-pipe", b"yes")


def pack_access_list(*entries: tuple[int, int, int]) -> bytes:
    """Return an access control list as the kernel keeps it, from (tag, permissions, id)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


_NO_ID = 0xFFFF_FFFF
_LIST = pack_access_list(
    (0x01, 7, _NO_ID), (0x02, 4, 65_534), (0x04, 4, _NO_ID), (0x08, 6, 12_345), (0x10, 6, _NO_ID), (0x20, 0, _NO_ID)
)


@_cell
def _access_lists(place: bytes) -> None:
    _write(place + b"/file")
    os.setxattr(place + b"/file", b"system.posix_acl_access", _LIST)
    os.mkdir(place + b"/giving")
    os.setxattr(place + b"/giving", b"system.posix_acl_default", _LIST)
    _write(place + b"/giving/inherits")
    os.mkdir(place + b"/giving/inherits-too")
    _write(place + b"/giving/plain")
    os.removexattr(place + b"/giving/plain", b"system.posix_acl_access")
    os.chmod(place + b"/giving/plain", 0o644)


@_cell
def _flag_no_dump(place: bytes) -> None:
    _write(place + b"/file")
    os.mkdir(place + b"/directory")
    for name in (b"/file", b"/directory"):
        _add_flags(place + name, _NO_DUMP | _NO_ATIME)


@_root_cell
def _flag_immutable(place: bytes) -> None:
    _write(place + b"/file")
    os.link(place + b"/file", place + b"/second-name")
    os.mkdir(place + b"/directory")
    _write(place + b"/directory/file")
    _write(place + b"/log")
    _add_flags(place + b"/file", _IMMUTABLE)
    _add_flags(place + b"/directory", _IMMUTABLE)
    _add_flags(place + b"/log", _APPEND_ONLY)


def _add_flags(path: bytes, flags: int) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        buffer = bytearray(8)
        fcntl.ioctl(fd, _GET_FLAGS, buffer, True)
        fcntl.ioctl(fd, _SET_FLAGS, struct.pack("=q", struct.unpack_from("=i", buffer)[0] | flags))
    finally:
        os.close(fd)
