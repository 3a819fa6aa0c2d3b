"""Odd names, contents and kinds of files."""

import errno
import os
import socket
import stat

from rebond.testing.odd_cells import cell, root_cell, write

_DEEP_LEVELS = 2000
_MEGABYTE = 1 << 20


# names


@cell
def _names_that_are_no_utf8(place: bytes) -> None:
    for name in (b"latin-\xe9\xe8", b"\xff\xfe\xfd", b"broken-\xc3", b"\x80"):
        write(place + b"/" + name, name)
    os.mkdir(place + b"/dir-\xe9")
    write(place + b"/dir-\xe9/f\xe9")


@cell
def _names_with_newlines(place: bytes) -> None:
    for name in (b"two\nlines", b"\n", b"tab\tand\rreturn", b"bell\x07\x1b[31m", b"\x01"):
        write(place + b"/" + name)


@cell
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
        write(place + b"/" + name, name)
    write(place + b"/.rebond-not-ours.part")


@cell
def _names_that_differ_in_form_only(place: bytes) -> None:
    for name in ("é", "e\u0301", "É", "a", "A", "\ufeffa", "\U0001f600", "\ue000"):
        write(place + b"/" + name.encode(), name.encode())


@cell
def _names_of_255_bytes(place: bytes) -> None:
    write(place + b"/" + b"n" * 255)
    os.mkdir(place + b"/" + b"\xff" * 255)


@cell
def _a_path_beyond_4096_bytes(place: bytes) -> None:
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(20):
        fd = _step_down(fd, b"d" * 250)
    file = os.open(b"bottom", os.O_WRONLY | os.O_CREAT, 0o640, dir_fd=fd)
    os.write(file, b"deep down")
    os.close(file)
    os.symlink(b"bottom", b"link", dir_fd=fd)
    os.close(fd)


@cell
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


# content


@cell
def _sizes(place: bytes) -> None:
    for size in (0, 1, 4095, 4096, 4097, 65_536, _MEGABYTE, _MEGABYTE + 1, 3 * _MEGABYTE + 17):
        write(place + b"/%d" % size, (b"%08d" % size) * (size // 8) + b"x" * (size % 8))


@cell
def _empty_directories(place: bytes) -> None:
    os.makedirs(place + b"/a/b/c")
    os.mkdir(place + b"/d")
    os.chmod(place + b"/d", 0o700)


@cell
def _many_entries(place: bytes) -> None:
    for number in range(2100):  # more than a page of a large directory
        os.close(os.open(place + b"/%05d" % number, os.O_WRONLY | os.O_CREAT, 0o644))


@cell
def _sparse_files(place: bytes) -> None:
    _write_sparse(place + b"/several-holes", 8 * _MEGABYTE, (0, 2 * _MEGABYTE, 5 * _MEGABYTE))
    _write_sparse(place + b"/hole-at-the-start", 2 * _MEGABYTE + 5, (2 * _MEGABYTE,))
    _write_sparse(place + b"/hole-at-the-end", 3 * _MEGABYTE + 123, (0,))
    _write_sparse(place + b"/nothing-but-hole", 4 * _MEGABYTE + 1, ())
    _write_sparse(place + b"/much-of-nothing", 200 * _MEGABYTE, (100 * _MEGABYTE,))
    write(place + b"/zeros-without-a-hole", bytes(_MEGABYTE))
    if os.stat(place + b"/nothing-but-hole").st_blocks:
        raise OSError(errno.EOPNOTSUPP, "this file system keeps no holes")


def _write_sparse(path: bytes, size: int, data_at: tuple[int, ...]) -> None:
    with open(path, "wb") as file:
        for offset in data_at:
            file.seek(offset)
            file.write(b"data at %d" % offset)
        file.truncate(size)


# kinds


@cell
def _hard_links(place: bytes) -> None:
    write(place + b"/first", b"one file, four names")
    os.mkdir(place + b"/below")
    for name in (b"/second", b"/below/third", b"/a-name-sorted-before"):
        os.link(place + b"/first", place + name)
    write(place + b"/alone")
    write(place + b"/other", b"one file, four names")
    os.link(place + b"/other", place + b"/other-too")
    write(place + b"/empty", b"")
    os.link(place + b"/empty", place + b"/empty-too")
    write(place + b"/large", b"large" * _MEGABYTE)
    os.link(place + b"/large", place + b"/below/large-too")


@cell
def _hard_links_of_special_files(place: bytes) -> None:
    os.mkfifo(place + b"/pipe")
    os.link(place + b"/pipe", place + b"/pipe-too")
    os.symlink(b"nowhere", place + b"/link")
    os.link(place + b"/link", place + b"/link-too", follow_symlinks=False)


@cell
def _symbolic_links(place: bytes) -> None:
    os.mkdir(place + b"/directory")
    write(place + b"/directory/file")
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


@cell
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


@root_cell
def _devices(place: bytes) -> None:
    os.mknod(place + b"/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(place + b"/disk", stat.S_IFBLK | 0o660, os.makedev(259, 70_000))
    os.chmod(place + b"/null", 0o666)  # noqa: S103
