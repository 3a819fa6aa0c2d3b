"""From an open file to its ``Entry``: metadata, extended attributes, flags, holes."""

import errno
import grp
import os
import pwd
import stat
import struct
from collections.abc import Callable, Sequence

from rebond.entries import Entry, EntryKind
from rebond.sources.files.noticing import notice_lost_attributes, notice_odd_time
from rebond.sources.files.rule_files import Report
from rebond.sources.files.system_calls import (
    RESTORABLE_FLAGS,
    Status,
    make_status_reader,
    read_inode_flags,
    status_of,
)

STAMP = struct.Struct("<IQQIIIqqq")
"""mode, inode, device, links, uid, gid, bytes, modified_ns, changed_ns"""

_PACK = STAMP.pack
_MODE = struct.Struct("<I")
_OLDEST_NS, _NEWEST_NS = -(1 << 63), (1 << 64) - 1  # what a MessagePack integer holds
_MOST_HOLES = 16_384  # the rest are saved as zeros; an entry stays small
_LACKS_ATTRIBUTES = frozenset({errno.EOPNOTSUPP, errno.ENOSYS})
_KINDS = {
    stat.S_IFREG: EntryKind.FILE,
    stat.S_IFDIR: EntryKind.DIRECTORY,
    stat.S_IFLNK: EntryKind.SYMLINK,
    stat.S_IFIFO: EntryKind.FIFO,
    stat.S_IFSOCK: EntryKind.SOCKET,
    stat.S_IFCHR: EntryKind.CHARACTER,
    stat.S_IFBLK: EntryKind.BLOCK,
}
_FILE, _DIRECTORY = EntryKind.FILE, EntryKind.DIRECTORY


def pack_stamp(status: Sequence[int | None]) -> bytes:
    """Return the stamp of a ``Status``; it begins with the mode whatever the rest."""
    try:
        return _PACK(*status[:9])
    except struct.error:  # a time outside of the years 1677 to 2262
        return _MODE.pack(status[0]) + repr(status[1:9]).encode()


def mode_of(stamp: bytes) -> int:
    """Return the mode with the type bits out of a stamp."""
    mode: int = _MODE.unpack_from(stamp)[0]
    return mode


def size_of(stamp: bytes) -> int:
    """Return the size in bytes out of the stamp of a plain file; 0 for anything else."""
    if len(stamp) != STAMP.size or not stat.S_ISREG(mode_of(stamp)):
        return 0
    size: int = STAMP.unpack(stamp)[6]
    return size


def find_holes(fd: int, size: int) -> tuple[tuple[int, int], ...]:
    """Return the holes of an open file as (offset, length); the file position moves.

    Empty where the file system does not tell. At most 16,384 holes are returned.
    """
    holes: list[tuple[int, int]] = []
    position = 0
    try:
        while position < size and len(holes) < _MOST_HOLES:
            start = os.lseek(fd, position, os.SEEK_HOLE)
            if start >= size:
                break
            try:
                end = min(os.lseek(fd, start, os.SEEK_DATA), size)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                end = size
            holes.append((start, end - start))
            position = end
    except OSError:
        return ()  # no such question on this file system: its zeros are read like any others
    return tuple(holes)


class Describer:
    """Makes entries for one walk, from one thread. Remembers names of owners and what devices cannot do."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._read_status = make_status_reader()
        self._users: dict[int, str] = {}
        self._groups: dict[int, str] = {}
        self._flagless: set[int] = set()
        self._attributeless: set[int] = set()

    def read_stamp(self, fd: int) -> bytes:
        """Return the stamp of an open file as it is now. Raises ``OSError``."""
        return pack_stamp(self._read_status(fd))

    def describe_open(self, name: bytes, fd: int, path: Callable[[], bytes]) -> tuple[Entry, bytes]:
        """Return the entry and the stamp of an open file or directory. Raises ``OSError``.

        ``path`` is asked for the full path when there is something to report.
        """
        status = self._read_status(fd)
        mode, _, device, _, _, _, size, _, _, blocks, _, _ = status
        is_file = stat.S_ISREG(mode)
        return self._make_entry(
            _FILE if is_file else _DIRECTORY,
            name,
            status,
            path,
            xattrs=() if device in self._attributeless else self._read_attributes(fd, device, path),
            flags=0 if device in self._flagless else self._read_flags(fd, device),
            # A file that was given all its blocks has no holes worth a question.
            holes=find_holes(fd, size) if is_file and blocks * 512 < size else (),
        ), pack_stamp(status)

    def describe_named(self, name: bytes, directory_fd: int, path: Callable[[], bytes]) -> tuple[Entry, bytes]:
        """Return the entry and the stamp of something that is not opened: a link, a device, a pipe.

        Raises ``OSError``.
        """
        found = os.stat(name, dir_fd=directory_fd, follow_symlinks=False)
        status = status_of(found)
        kind = _KINDS[stat.S_IFMT(status[0])]
        entry = self._make_entry(
            kind,
            name,
            status,
            path,
            # There is no listxattr relative to a directory; /proc makes a short path of the descriptor.
            xattrs=()
            if status[2] in self._attributeless
            else self._read_attributes(b"/proc/self/fd/%d/%b" % (directory_fd, name), status[2], path),
            target=os.readlink(name, dir_fd=directory_fd) if kind is EntryKind.SYMLINK else b"",
        )
        return entry, pack_stamp(status)

    def _make_entry(
        self,
        kind: EntryKind,
        name: bytes,
        status: Status,
        path: Callable[[], bytes],
        *,
        xattrs: tuple[tuple[bytes, bytes], ...],
        flags: int = 0,
        holes: tuple[tuple[int, int], ...] = (),
        target: bytes = b"",
    ) -> Entry:
        mode, inode, device, links, uid, gid, size, modified_ns, _, _, rdev, born_ns = status
        if not _OLDEST_NS <= modified_ns <= _NEWEST_NS:
            self._report(notice_odd_time(path()))
            modified_ns = min(max(modified_ns, _OLDEST_NS), _NEWEST_NS)
        user = self._users.get(uid)
        group = self._groups.get(gid)
        return Entry(
            name=name,
            kind=kind,
            mode=mode & 0o7777,
            uid=uid,
            gid=gid,
            user=self._find_user(uid) if user is None else user,
            group=self._find_group(gid) if group is None else group,
            size=size if kind is _FILE else 0,
            modified_ns=modified_ns,
            target=target,
            device=rdev if kind in (EntryKind.CHARACTER, EntryKind.BLOCK) else 0,
            link=(device, inode) if links > 1 and kind is not _DIRECTORY else None,
            xattrs=xattrs,
            holes=holes,
            flags=flags,
            born_ns=born_ns if born_ns is not None and _OLDEST_NS <= born_ns <= _NEWEST_NS else None,
        )

    def _read_flags(self, fd: int, device: int) -> int:
        try:
            flags = read_inode_flags(fd)
        except OSError:
            return 0  # some network file systems forbid the question; nothing else depends on it
        if flags is None:
            self._flagless.add(device)
            return 0
        return flags & RESTORABLE_FLAGS

    def _read_attributes(
        self, where: int | bytes, device: int, path: Callable[[], bytes]
    ) -> tuple[tuple[bytes, bytes], ...]:
        try:
            names = os.listxattr(where) if isinstance(where, int) else _list_named(where)
        except OSError as error:
            if error.errno in _LACKS_ATTRIBUTES:
                self._attributeless.add(device)
            else:
                self._report(notice_lost_attributes(path(), os.strerror(error.errno or 0)))
            return ()
        if not names:
            return ()
        found = []
        for name in sorted(map(os.fsencode, names)):
            try:
                value = os.getxattr(where, name, follow_symlinks=isinstance(where, int))
            except OSError as error:
                if error.errno != errno.ENODATA:
                    self._report(notice_lost_attributes(path(), os.strerror(error.errno or 0)))
                continue
            found.append((name, value))
        return tuple(found)

    def _find_user(self, uid: int) -> str:
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = ""
        self._users[uid] = name
        return name

    def _find_group(self, gid: int) -> str:
        try:
            name = grp.getgrgid(gid).gr_name
        except KeyError:
            name = ""
        self._groups[gid] = name
        return name


def _list_named(path: bytes) -> list[str]:
    try:
        return os.listxattr(path, follow_symlinks=False)
    except FileNotFoundError:
        return []  # it has just vanished, or /proc is not mounted here
