"""One directory of a walk: the names in it, their stamps, and how to read them."""

import errno
import os
import stat
import struct
import sys
import time
from functools import partial

from rebond.clock import SystemClock
from rebond.entries import Content, Entry, EntryKind
from rebond.sources.files.contents import FileContent
from rebond.sources.files.describing import STAMP, Describer, pack_stamp
from rebond.sources.files.noticing import notice_fault
from rebond.sources.files.paths import join_path
from rebond.sources.files.rule_files import Report

# A stamp proves that nothing changed only if a later change must look different. File systems take
# their times from a clock that ticks every 1 to 10 ms, some (FAT, old NFS) only every 1 or 2 s: two
# writes within one tick leave the same times. So what was changed within that grain before it was
# listed gets no stamp and is read again next time. A time without a fraction of a second is taken
# for a coarse one. Times after the moment of listing come from another machine's clock.
_FINE_GRAIN_NS = 50_000_000
_COARSE_GRAIN_NS = 2_000_000_000
# What is read is torn where a write came in between that left the times as they were. So a file that was changed a
# moment ago is read only when the clock has ticked since: from then on every write must look different.
_TICK_NS = 20_000_000
_MOST_WAITS = 4  # for one file: what is written once, such as an upload, is whole by then
_CLOCK = SystemClock()  # that of the machine, as the times of files are
_BILLION = 1_000_000_000
_FILE_BITS = stat.S_IFREG >> 8  # in the second byte of a stamp, which begins with the mode

_TIMES = struct.Struct("<qq")  # at the end of a stamp
_LINKS_AND_SIZE = struct.Struct("<20xI8xq")  # in a stamp

_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_QUIET_FLAGS = _OPEN_FLAGS | os.O_NOATIME
_ENCODING, _ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()


class Contents:
    """What ``read_directory`` found: names in order, their true stamps, what is too fresh, subdirectories, faults."""

    __slots__ = ("directories", "fault", "faults", "fresh", "names", "stamps")

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.stamps: list[bytes] = []
        self.directories: list[bytes] = []
        self.fresh: set[bytes] = set()
        self.faults: list[tuple[bytes, OSError]] = []
        self.fault: OSError | None = None

    def hide_fresh(self) -> list[bytes]:
        """Return the stamps, empty where a stamp proves nothing yet."""
        fresh = self.fresh
        return [b"" if name in fresh else stamp for name, stamp in zip(self.names, self.stamps, strict=True)]

    def keep_only(self, name: bytes) -> None:
        """Drop everything but the thing called ``name``."""
        stamps = [self.stamps[position] for position, each in enumerate(self.names) if each == name]
        self.names, self.stamps = ([name], stamps) if stamps else ([], [])
        self.directories = [each for each in self.directories if each == name]

    def drop(self, excluded: set[bytes]) -> None:
        """Drop the things (not directories) whose names are in ``excluded``."""
        kept = [position for position, name in enumerate(self.names) if name not in excluded]
        self.names, self.stamps = [self.names[each] for each in kept], [self.stamps[each] for each in kept]


def is_fresh(modified_ns: int, changed_ns: int, now_ns: int) -> bool:
    """Say whether a later change could leave these times as they are."""
    grain = _FINE_GRAIN_NS if changed_ns % _BILLION or modified_ns % _BILLION else _COARSE_GRAIN_NS
    # A change time cannot be set by anyone, so one in the future is a clock that goes wrong; a
    # modification time in the future may have been set on purpose.
    return changed_ns > now_ns - grain or now_ns - grain < modified_ns <= now_ns


def find_wait_ns(stamp: bytes, now_ns: int) -> int:
    """Return for how long a change could still leave a stamp as it is; 0 where its times say nothing of our clock."""
    if len(stamp) != STAMP.size:
        return 0
    modified_ns, changed_ns = _TIMES.unpack_from(stamp, STAMP.size - _TIMES.size)
    grain = _TICK_NS if changed_ns % _BILLION or modified_ns % _BILLION else _COARSE_GRAIN_NS
    return max(0, changed_ns + grain - now_ns) if changed_ns <= now_ns else 0


def read_directory(fd: int) -> Contents:
    """List an open directory. Faults are returned, never raised."""
    contents = Contents()
    directories, found, fresh = contents.directories, [], contents.fresh
    pack, encoding, errors = STAMP.pack, _ENCODING, _ERRORS
    now_ns = time.time_ns()
    suspect_ns = now_ns - _COARSE_GRAIN_NS
    try:
        with os.scandir(fd) as entries:
            # This loop runs once for every file of every backup: plain calls, no objects kept.
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        directories.append(entry.name.encode(encoding, errors))
                        continue
                    status = entry.stat(follow_symlinks=False)
                    name = entry.name.encode(encoding, errors)
                    modified_ns = status.st_mtime_ns
                    changed_ns = status.st_ctime_ns
                    try:
                        found.append((name, pack(*status[:7], modified_ns, changed_ns)))
                    except struct.error:
                        found.append((name, pack_stamp((*status[:7], modified_ns, changed_ns))))
                    if (changed_ns > suspect_ns or modified_ns > suspect_ns) and is_fresh(
                        modified_ns, changed_ns, now_ns
                    ):
                        fresh.add(name)
                except OSError as error:
                    contents.faults.append((os.fsencode(entry.name), error))
    except OSError as error:
        contents.fault = error
    directories.sort()
    found.sort()
    contents.names = [name for name, _ in found]
    contents.stamps = [stamp for _, stamp in found]
    return contents


class DirectoryListing:
    """One directory, usable until the next one is asked for. Not for several threads."""

    __slots__ = (
        "_describer",
        "_directory_fd",
        "_entry",
        "_held",
        "_report",
        "_root_prefix",
        "_true_stamps",
        "_unsteady",
        "depth",
        "is_leaf",
        "names",
        "path",
        "stamp",
        "stamps",
    )

    def __init__(
        self,
        root_prefix: bytes,
        path: bytes,
        depth: int,
        directory_fd: int,
        stamp: bytes,
        contents: Contents,
        describer: Describer,
        report: Report,
        *,
        entry: Entry | None = None,
    ) -> None:
        """``root_prefix`` goes before ``path`` in messages; ``entry`` is the directory's, if it cannot be asked."""
        self.path = path
        self.depth = depth
        self.stamp = stamp
        self.is_leaf = not contents.directories
        self.names = contents.names
        self.stamps = self._true_stamps = contents.stamps
        if contents.fresh:
            self.stamps = contents.hide_fresh()
        self._root_prefix = root_prefix
        self._directory_fd = directory_fd
        self._describer = describer
        self._report = report
        self._entry = entry
        self._held: tuple[int, int] | None = None
        self._unsteady = -1

    def directory(self) -> Entry:
        """Return the entry of the directory itself."""
        if self._entry is not None:
            return self._entry
        name = self.path.rpartition(b"/")[2]
        try:
            entry, _ = self._describer.describe_open(name, self._directory_fd, lambda: self._root_prefix + self.path)
        except OSError as error:
            # It was opened a moment ago; a network file system may lose it all the same.
            self._report(notice_fault(self._root_prefix + self.path, error))
            return Entry(name=name, kind=EntryKind.DIRECTORY, mode=0o700)
        return entry

    def describe(self, position: int) -> Entry | None:
        """Return the entry at ``position``; ``None`` when it cannot be had (reported).

        What is described here is what ``read_small`` and ``changed`` compare with afterwards. A
        plain file stays open, so that reading it next costs no second opening.
        """
        if self._held is not None:
            self.release()
        name = self.names[position]
        before = self._true_stamps[position]
        try:
            if before[1] & 0xF0 == _FILE_BITS:
                fd = self._open_file(name)
                try:
                    entry, stamp = self._describe_steady(position, fd)
                    if entry.kind is not EntryKind.FILE:
                        raise OSError(errno.ELOOP, "replaced")
                except OSError:
                    os.close(fd)
                    raise
                self._held = (position, fd)
            else:
                entry, stamp = self._describer.describe_named(
                    name, self._directory_fd, partial(self._path_of, position)
                )
        except OSError as error:
            self._report(notice_fault(self._path_of(position), error))
            return None
        if stamp != before:
            if self._true_stamps is self.stamps:
                self._true_stamps = list(self.stamps)
            self._true_stamps[position] = stamp
            self.stamps[position] = b""
        return entry

    def _describe_steady(self, position: int, fd: int) -> tuple[Entry, bytes]:
        """Describe an open file when every later write must show. Raises ``OSError``.

        One that is being made is waited for. One that is written again and again gets what no stamp equals to be
        compared with: nobody could tell.
        """
        name, path = self.names[position], partial(self._path_of, position)
        entry, stamp = self._describer.describe_open(name, fd, path)
        self._unsteady = -1
        for _ in range(_MOST_WAITS):
            wait_ns = find_wait_ns(stamp, time.time_ns())
            if not wait_ns:
                return entry, stamp
            if self._describer.patience_ns < wait_ns:
                break
            self._describer.patience_ns -= wait_ns
            _CLOCK.sleep(wait_ns / _BILLION)
            entry, stamp = self._describer.describe_open(name, fd, path)
        if find_wait_ns(stamp, time.time_ns()):
            self._unsteady = position
        return entry, stamp

    def read_whole(self, position: int, most_bytes: int) -> tuple[Entry, bytes] | None:
        """Return a file's entry and content by one opening, if it is as it was listed; else ``None``.

        Most files of most backups come this way: one open, one read, then one look that proves both.
        """
        before = self._true_stamps[position]
        if len(before) != STAMP.size or before[1] & 0xF0 != _FILE_BITS or not self.stamps[position]:
            return None  # also what was changed when it was listed: see _describe_steady
        links, size = _LINKS_AND_SIZE.unpack_from(before)
        if links > 1 or size > most_bytes:
            return None
        name = self.names[position]
        try:
            try:
                fd = os.open(name, _QUIET_FLAGS, dir_fd=self._directory_fd)
            except (PermissionError, BlockingIOError):
                fd = self._open_file(name)
            try:
                content = os.read(fd, size + 1)
                entry = self._describer.describe_unchanged(name, fd, before, partial(self._path_of, position))
            finally:
                os.close(fd)
        except (OSError, struct.error):
            return None
        if entry is None or len(content) != size:
            return None
        return entry, content

    def open(self, position: int) -> Content | None:
        """Open the file at ``position``; ``None`` when it cannot be read (reported)."""
        try:
            fd = self._take(position)
            try:
                return FileContent(
                    fd,
                    self._path_of(position),
                    stamp=b"" if position == self._unsteady else self._true_stamps[position],
                    read_stamp=self._describer.read_stamp,
                )
            except OSError:
                os.close(fd)
                raise
        except OSError as error:
            self._report(notice_fault(self._path_of(position), error))
            return None

    def read_small(self, position: int, size: int) -> bytes | None:
        """Return the whole file at ``position`` if it is exactly ``size`` bytes and stayed unchanged, else ``None``."""
        if position == self._unsteady:
            return None
        try:
            fd = self._take(position)
            try:
                content = os.pread(fd, size + 1, 0)
                status = os.fstat(fd)
                try:
                    stamp = STAMP.pack(*status[:7], status.st_mtime_ns, status.st_ctime_ns)
                except struct.error:
                    stamp = pack_stamp((*status[:7], status.st_mtime_ns, status.st_ctime_ns))
                if len(content) == size and stamp == self._true_stamps[position]:
                    return content
            finally:
                os.close(fd)
        except OSError:
            return None  # the long way through ``open`` reports it
        return None

    def retire(self) -> None:
        """End the use of this listing: what it is asked later fails, and never reads in another directory."""
        self.release()
        self._directory_fd = -1

    def release(self) -> None:
        """Close the file that ``describe`` left open, if it was not read."""
        if self._held is not None:
            os.close(self._held[1])
            self._held = None

    def _take(self, position: int) -> int:
        """Return an open descriptor of the file at ``position``: the one that ``describe`` left, or a new one."""
        held = self._held
        if held is not None and held[0] == position:
            self._held = None
            return held[1]
        self.release()
        return self._open_file(self.names[position])

    def _open_file(self, name: bytes) -> int:
        """Open a plain file without waiting, following a link or touching its access time. Raises ``OSError``."""
        try:
            fd = os.open(name, _QUIET_FLAGS, dir_fd=self._directory_fd)
        except PermissionError:
            # The access time may be left alone only by the owner; everyone else gets a plain open.
            fd = os.open(name, _OPEN_FLAGS, dir_fd=self._directory_fd)
        except BlockingIOError:
            fd = self._open_leased(name)
        return fd

    def _open_leased(self, name: bytes) -> int:
        """Open a file on which a file server holds a lease: it is given back when we wait."""
        if not stat.S_ISREG(os.stat(name, dir_fd=self._directory_fd, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, "replaced")
        return os.open(name, _OPEN_FLAGS & ~os.O_NONBLOCK, dir_fd=self._directory_fd)

    def _path_of(self, position: int) -> bytes:
        return self._root_prefix + join_path(self.path, self.names[position])
