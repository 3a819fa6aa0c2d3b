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
    make_flags_reader,
    make_status_reader,
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
_TYPE_BITS = 0o170000
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


_PATIENCE_NS = 10_000_000_000  # a hundred busy logs must not hold a backup up


class Describer:
    """Makes entries for one walk, from one thread. Remembers names of owners and what devices cannot do.

    ``patience_ns`` is for how long the walk may still wait for files that are being written.
    """

    def __init__(self, report: Report) -> None:
        self.patience_ns = _PATIENCE_NS
        self._report = report
        self._read_status = make_status_reader()
        self._read_inode_flags = make_flags_reader()
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
        mode, inode, device, links, uid, gid, size, modified_ns, _, blocks, _, born_ns = status
        is_file = mode & _TYPE_BITS == stat.S_IFREG
        if modified_ns > _NEWEST_NS or modified_ns < _OLDEST_NS:
            modified_ns = self._clamp_time(modified_ns, path)
        try:
            stamp = _PACK(*status[:9])
        except struct.error:
            stamp = pack_stamp(status)
        user, group = self._users.get(uid), self._groups.get(gid)
        # Asked for each file that is new: everything in one place, and nothing that can be left out.
        entry = Entry(
            name=name,
            kind=_FILE if is_file else _DIRECTORY,
            mode=mode & 0o7777,
            uid=uid,
            gid=gid,
            user=self._find_user(uid) if user is None else user,
            group=self._find_group(gid) if group is None else group,
            size=size if is_file else 0,
            modified_ns=modified_ns,
            link=(device, inode) if links > 1 and is_file else None,
            xattrs=() if device in self._attributeless else self._read_attributes(fd, device, path),
            flags=0 if device in self._flagless else self._read_flags(fd, device),
            # A file that was given all its blocks has no holes worth a question.
            holes=find_holes(fd, size) if blocks * 512 < size and is_file else (),
            born_ns=born_ns,
        )
        return entry, stamp

    def describe_unchanged(self, name: bytes, fd: int, stamp: bytes, path: Callable[[], bytes]) -> Entry | None:
        """Return the entry of an open plain file that has one name, no holes, and still this stamp; else ``None``.

        As ``describe_open``, in fewer steps: it is asked for nearly every file of a first backup. Raises ``OSError``,
        and ``struct.error`` for a time that no stamp can hold.
        """
        mode, _, device, _, uid, gid, size, modified_ns, _, blocks, _, born_ns = status = self._read_status(fd)
        user, group = self._users.get(uid), self._groups.get(gid)
        if _PACK(*status[:9]) != stamp or (blocks * 512 < size and find_holes(fd, size)):
            return None
        return Entry(
            name=name,
            kind=_FILE,
            mode=mode & 0o7777,
            uid=uid,
            gid=gid,
            user=self._find_user(uid) if user is None else user,
            group=self._find_group(gid) if group is None else group,
            size=size,
            modified_ns=modified_ns,
            xattrs=() if device in self._attributeless else self._read_attributes(fd, device, path),
            flags=0 if device in self._flagless else self._read_flags(fd, device),
            born_ns=born_ns,
        )

    def describe_named(self, name: bytes, directory_fd: int, path: Callable[[], bytes]) -> tuple[Entry, bytes]:
        """Return the entry and the stamp of something that is not opened: a link, a device, a pipe.

        Raises ``OSError``.
        """
        status = status_of(os.stat(name, dir_fd=directory_fd, follow_symlinks=False))
        mode, inode, device, links, uid, gid, _, modified_ns, _, _, rdev, _ = status
        kind = _KINDS[stat.S_IFMT(mode)]
        # There is no listxattr relative to a directory; /proc makes a short path of the descriptor.
        place = b"/proc/self/fd/%d/%b" % (directory_fd, name)
        if not _OLDEST_NS <= modified_ns <= _NEWEST_NS:
            modified_ns = self._clamp_time(modified_ns, path)
        entry = Entry(
            name=name,
            kind=kind,
            mode=mode & 0o7777,
            uid=uid,
            gid=gid,
            user=self._find_user(uid),
            group=self._find_group(gid),
            modified_ns=modified_ns,
            target=os.readlink(name, dir_fd=directory_fd) if kind is EntryKind.SYMLINK else b"",
            device=rdev if kind in (EntryKind.CHARACTER, EntryKind.BLOCK) else 0,
            link=(device, inode) if links > 1 and kind is not _DIRECTORY else None,
            xattrs=() if device in self._attributeless else self._read_attributes(place, device, path),
        )
        return entry, pack_stamp(status)

    def _clamp_time(self, moment_ns: int, path: Callable[[], bytes]) -> int:
        self._report(notice_odd_time(path()))
        return min(max(moment_ns, _OLDEST_NS), _NEWEST_NS)

    def _read_flags(self, fd: int, device: int) -> int:
        try:
            flags = self._read_inode_flags(fd)
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
        known = self._users.get(uid)
        if known is not None:
            return known
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = ""
        self._users[uid] = name
        return name

    def _find_group(self, gid: int) -> str:
        known = self._groups.get(gid)
        if known is not None:
            return known
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
