"""The trees that the golden vault holds: small, and odd in every way that the format can tell."""

import os
import random
import socket
import struct
from pathlib import Path

LONG_AGO_NS = -86_400 * 10**9 * 365 - 1  # the last nanosecond of 1968
FAR_OFF_NS = 7_258_118_400 * 10**9 + 999_999_999  # in the year 2200
NOON_NS = 1_700_000_000 * 10**9 + 123_456_789
ROOT_FLAG = 0xFFFFFFFF
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in ((1, 6, ROOT_FLAG), (2, 4, 1234), (4, 4, ROOT_FLAG), (16, 4, ROOT_FLAG), (32, 0, ROOT_FLAG))
)


def make_odd_tree(root: Path) -> None:
    """Everything that an ordinary user can make."""
    root.mkdir()
    (root / "empty").write_bytes(b"")
    (root / "one byte").write_bytes(b"x")
    (root / "noise").write_bytes(random.Random(1).randbytes(3000))
    (root / "chunks").write_bytes(b"".join(i.to_bytes(4, "little") * 64 for i in range(4700)))
    _make_names(root / "names")
    _make_links(root / "links")
    _make_holes(root / "holes")
    _make_times(root / "times")
    _make_modes(root / "modes")
    os.setxattr(root / "one byte", "user.colour", b"\0blue\xff")
    os.setxattr(root / "one byte", "user.empty", b"")
    os.setxattr(root / "modes", "user.directory", b"too")
    os.mkfifo(root / "fifo", 0o640)
    _make_socket(root / "socket")
    deep = root / "deep"
    for _ in range(60):
        deep /= "d" * 20
    deep.mkdir(parents=True)
    (deep / "bottom").write_bytes(b"at last")
    settle_times(root)


def make_many(root: Path, count: int = 2060) -> None:
    """More entries than one directory object holds."""
    root.mkdir()
    for number in range(count):
        (root / f"entry {number:05d}").touch()
    (root / "entry 00700").write_bytes(b"seven hundred")
    settle_times(root)


def make_rows(root: Path) -> None:
    """A file that a tiny chunker cuts into more rows than one list object holds."""
    root.mkdir()
    (root / "rows").write_bytes(bytes(range(14)) * 2400 + bytes(range(100, 114)) * 2600)
    (root / "short").write_bytes(b"a few words")
    settle_times(root)


def change_odd_tree(root: Path) -> None:
    """What happened between two snapshots."""
    (root / "noise").unlink()
    (root / "one byte").write_bytes(b"two bytes, or more")
    (root / "new").write_bytes(b"".join(f"line {number}\n".encode() for number in range(3000)))
    settle_times(root)


def make_special(root: Path) -> None:
    """What only root can make."""
    root.mkdir()
    os.mknod(root / "null", 0o020666, os.makedev(1, 3))
    os.mknod(root / "loop", 0o060640, os.makedev(7, 9))
    (root / "owned").write_bytes(b"mine")
    os.chown(root / "owned", 1234, 2345)
    os.symlink("owned", root / "link")
    os.chown(root / "link", 1234, 2345, follow_symlinks=False)
    os.chmod(root / "owned", 0o6755)
    os.setxattr(root / "owned", "security.capability", struct.pack("<IIIII", 0x2000001, 1 << 10, 0, 0, 0))
    (root / "shared").write_bytes(b"ours")
    os.setxattr(root / "shared", "system.posix_acl_access", ACL)
    settle_times(root)


def settle_times(root: Path) -> None:
    """Give everything that was not given a time of its own one that does not change."""
    for folder, names, files in os.walk(root, topdown=False):
        for name in [*names, *files]:
            path = os.path.join(folder, name)
            if "times" not in path:
                os.utime(path, ns=(NOON_NS, NOON_NS), follow_symlinks=False)
    os.utime(root, ns=(NOON_NS + 1, NOON_NS + 1))


def _make_names(root: Path) -> None:
    root.mkdir()
    for name in (
        b"caf\xe9",
        "café".encode(),
        b"new\nline",
        b"-rf",
        b" ",
        b"\x01\x7f",
        b"n" * 255,
        b"back\\slash",
        b"~",
        b"*",
    ):
        Path(os.fsdecode(os.path.join(os.fsencode(root), name))).write_bytes(name)


def _make_links(root: Path) -> None:
    root.mkdir()
    (root / "first").write_bytes(b"many names")
    os.link(root / "first", root / "second")
    (root / "below").mkdir()
    os.link(root / "first", root / "below" / "third")
    os.symlink("first", root / "symbolic")
    os.link(root / "symbolic", root / "symbolic too", follow_symlinks=False)
    os.symlink("nowhere/at all", root / "dangling")
    os.symlink("/etc/passwd", root / "outside")
    os.symlink("below", root / "directory")
    os.symlink(b"\xff\xfe" + b"t" * 3000, os.fsencode(root / "long"))


def _make_holes(root: Path) -> None:
    root.mkdir()
    with (root / "middle").open("wb") as file:
        file.write(b"start" * 1000)
        file.seek(1 << 20)
        file.write(b"end" * 1000)
    with (root / "only").open("wb") as file:
        file.truncate(300_000)
    with (root / "tail").open("wb") as file:
        file.write(b"data" * 2000)
        file.truncate(1 << 20)
    with (root / "several").open("wb") as file:
        for number in range(5):
            file.seek(number * 131_072 + 65_536)
            file.write(bytes([number + 1]) * 70_000 if number == 2 else b"island")
        file.truncate(900_000)


def _make_times(root: Path) -> None:
    root.mkdir()
    for name, time_ns in (("long ago", LONG_AGO_NS), ("far off", FAR_OFF_NS), ("zero", 0), ("minus one", -1)):
        (root / name).write_bytes(name.encode())
        os.utime(root / name, ns=(time_ns, time_ns))
    os.symlink("zero", root / "link")
    os.utime(root / "link", ns=(FAR_OFF_NS, FAR_OFF_NS), follow_symlinks=False)
    os.utime(root, ns=(LONG_AGO_NS, LONG_AGO_NS))


def _make_modes(root: Path) -> None:
    root.mkdir()
    for mode in (0o000, 0o400, 0o644, 0o777, 0o1644, 0o2755, 0o4755):
        (root / f"{mode:04o}").write_bytes(b"mode")
        os.chmod(root / f"{mode:04o}", mode)
    (root / "sticky").mkdir()
    os.chmod(root / "sticky", 0o1777)
    (root / "closed").mkdir()
    (root / "closed" / "inside").write_bytes(b"inside")
    os.chmod(root / "closed", 0o500)


def _make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        folder = os.open(path.parent, os.O_PATH)  # the path itself may be too long for a socket
        server.bind(f"/proc/self/fd/{folder}/{path.name}")
        os.close(folder)
