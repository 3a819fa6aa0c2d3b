"""A store in a directory of this machine, or of a disk that is mounted here."""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator

from rebond.clock import Clock, SystemClock
from rebond.durable_files import (
    DIRECTORY_MODE,
    DISK,
    FILE_MODE,
    Disk,
    create_synced_file,
    discard_file,
    make_directories_durably,
    publish_file,
    temporary_path,
)
from rebond.errors import AccessDenied, ShortRead, StoreUnreachable, UsageError
from rebond.mount_points import find_unmounted
from rebond.store.acting import acting_as
from rebond.store.faults import object_exists, object_missing, short_read
from rebond.store.local_faults import translate_os_error
from rebond.store.local_listing import list_tree, sweep_tree
from rebond.store.names import check_name, check_prefix, check_range
from rebond.store.protocol import ObjectInfo, StoreTraits

ONE_DAY_SECONDS = 86_400.0
_SETTLED_SECONDS = 3_600.0  # far below the day after which an idle directory may be swept
_SETTLED_AT_MOST = 4_096


class LocalStore:
    """Objects are files below ``path``; directories have mode 0700 and files 0600.

    The root is never made by accident: ``LocalStore.create`` makes it, everything else raises
    ``StoreUnreachable`` when it is gone or is no longer the directory that it was at the first
    use, as after a disk was unmounted. Order of a put: a flushed temporary file in the same
    directory, its link, the directory. ``ObjectExists`` is raised only after what exists was
    made as certain as a put would have made it. What root puts belongs to whom the root belongs.
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock | None = None, disk: Disk = DISK) -> None:
        self._root = os.path.abspath(os.fspath(path))
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._disk = disk
        self._identity: tuple[int, int] | None = None
        self._owner = 0, 0
        self._settled: dict[str, float] = {}

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, clock: Clock | None = None, disk: Disk = DISK) -> "LocalStore":
        """Make the directory, and those above it, unless they exist, and return the store.

        Raises ``StoreUnreachable`` where a disk should be mounted and is not.
        """
        store = cls(path, clock=clock, disk=disk)
        if mount_point := find_unmounted(store._root):
            raise StoreUnreachable(
                "Nothing is mounted at {mount_point}, where /etc/fstab wants a disk; nothing was made at {location}.",
                hint="Mount it, then run the same command again. If no disk belongs there, take its line out of"
                " /etc/fstab.",
                mount_point=mount_point,
                location=store._root,
            )
        if os.path.lexists(store._root):
            store.require_root()
        try:
            make_directories_durably(store._root, disk=disk)
            store._settle_root()
        except OSError as error:
            raise translate_os_error(error, "", store._root) from error
        store.require_root()
        return store

    @property
    def location(self) -> str:
        """The path of the directory."""
        return self._root

    @property
    def traits(self) -> StoreTraits:
        """What this store can do beyond the promises."""
        return StoreTraits(conditional_create=True, concurrency=2, latency=False)

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Store ``content`` under ``name``; raises ``ObjectExists`` if there is something already.

        Raises ``StoreFull``, ``AccessDenied``, ``StoreUnreachable``, and ``StoreUnfit`` on a file
        system that can neither link nor rename without replacing. Nothing is visible then.
        """
        check_name(name)
        self.require_root()
        try:
            self._put_as_owner(name, content)
        except OSError as error:
            raise translate_os_error(error, name, self._root) from error
        self.require_root()  # what was put below a mount point whose disk just went away is not in the vault

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return the object, or ``length`` bytes of it from ``start``; raises ``ObjectMissing`` or ``ShortRead``."""
        check_name(name)
        check_range(start, length)
        try:
            # Without O_NONBLOCK, opening a pipe that somebody left here would wait for ever.
            descriptor = os.open(f"{self._root}/{name}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                return self._read_open(descriptor, name, start, length)
            finally:
                os.close(descriptor)
        except (FileNotFoundError, NotADirectoryError):
            self.require_root()
            raise object_missing(name, self._root) from None
        except OSError as error:
            raise translate_os_error(error, name, self._root) from error

    def stat(self, name: str) -> ObjectInfo:
        """Return size and store time; raises ``ObjectMissing``."""
        check_name(name)
        try:
            found = os.stat(f"{self._root}/{name}")
        except (FileNotFoundError, NotADirectoryError):
            self.require_root()
            raise object_missing(name, self._root) from None
        except OSError as error:
            raise translate_os_error(error, name, self._root) from error
        if not stat.S_ISREG(found.st_mode):
            raise object_missing(name, self._root)
        return ObjectInfo(name=name, size=found.st_size, modified_ms=found.st_mtime_ns // 1_000_000)

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield every object whose name starts with ``prefix``, in byte order; any fault raises."""
        check_prefix(prefix)
        self.require_root()
        try:
            yield from list_tree(self._root, prefix)
        except OSError as error:
            raise translate_os_error(error, prefix, self._root) from error
        self.require_root()  # a disk that went away meanwhile looks like empty directories

    def delete(self, name: str) -> None:
        """Remove the object, if there is one; it stays away after a power cut."""
        check_name(name)
        self.require_root()  # a disk that was exchanged for another copy keeps what that one has
        path = f"{self._root}/{name}"
        try:
            # A name that is gone may have been taken away by a process that died before it could flush that.
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                self._disk.unlink(path)
            self._disk.sync_directory(os.path.dirname(path))
        except (FileNotFoundError, NotADirectoryError):
            self.require_root()
        except OSError as error:
            raise translate_os_error(error, name, self._root) from error

    def settle(self, names: Iterable[str]) -> None:
        """Flush the directories of objects that were listed: who put them may have died between name and flush."""
        self.require_root()
        for directory in sorted({os.path.dirname(f"{self._root}/{name}") for name in names}):
            try:
                self._disk.sync_directory(directory)
            except (FileNotFoundError, NotADirectoryError):
                self.require_root()
            except OSError as error:
                raise translate_os_error(error, os.path.relpath(directory, self._root), self._root) from error

    def close(self) -> None:
        """Do nothing: no file stays open between calls."""

    def sweep(self, *, older_than_seconds: float = ONE_DAY_SECONDS) -> int:
        """Remove temporary files that a crash left behind, and empty directories, once they are old enough.

        Returns how many temporary files went. A put that takes longer than that fails, and harms nothing.
        """
        self.require_root()
        before_ms = self._clock.now_ms() - int(older_than_seconds * 1000)
        try:
            return sweep_tree(self._root, before_ms)
        except OSError as error:
            raise translate_os_error(error, "", self._root) from error

    def require_root(self) -> None:
        """Raise ``StoreUnreachable`` unless the directory is there and is the one that it was."""
        try:
            found = os.stat(self._root)
        except (FileNotFoundError, NotADirectoryError):
            raise StoreUnreachable(
                "There is no directory at {location}.",
                hint="Mount the disk that holds it. Only if there never was a vault: 'rebond vault create {location}'.",
                location=self._root,
            ) from None
        except OSError as error:
            raise translate_os_error(error, "", self._root) from error
        if not stat.S_ISDIR(found.st_mode):
            raise UsageError(
                "{location} is not a directory.", hint="Give the path of a directory.", location=self._root
            )
        identity = (found.st_dev, found.st_ino)
        if self._identity not in {None, identity}:
            raise StoreUnreachable(
                "{location} is no longer the directory that it was.",
                hint="Look whether a disk was mounted or unmounted there, then run the same command again.",
                location=self._root,
            )
        self._identity, self._owner = identity, (found.st_uid, found.st_gid)

    def _settle_root(self) -> None:
        """Flush the name of the root and those above it: a process that died may have made them just before."""
        directory = self._root
        while directory != "/":
            directory = os.path.dirname(directory)
            with contextlib.suppress(PermissionError):  # what we may not even read, we have not made
                self._disk.sync_directory(directory)

    def _put_as_owner(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Put as the owner of the vault; where that one may not, as in what root left before, root does it itself."""
        is_owner = False
        try:
            with acting_as(*self._owner) as is_owner:
                self._put(name, content)
        except (PermissionError, AccessDenied):
            if not is_owner:
                raise
            self._put(name, content)

    def _put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        directory = os.path.dirname(f"{self._root}/{name}")
        self._settle(directory)
        try:
            self._write(name, directory, content)
        except FileNotFoundError:  # somebody swept the directory in between
            self._settled.clear()
            self.require_root()
            self._settle(directory)
            self._write(name, directory, content)

    def _write(self, name: str, directory: str, content: bytes | bytearray | memoryview) -> None:
        path = f"{self._root}/{name}"
        if os.path.lexists(path):
            raise self._refuse(name, path, directory)
        temporary = temporary_path(directory)
        try:
            create_synced_file(temporary, content, mode=FILE_MODE, disk=self._disk)
            publish_file(temporary, path, self._disk)
        except FileExistsError:
            discard_file(temporary, self._disk)
            raise self._refuse(name, path, directory) from None
        except BaseException:
            discard_file(temporary, self._disk)
            raise
        self._disk.sync_directory(directory)

    def _refuse(self, name: str, path: str, directory: str) -> Exception:
        if os.path.isdir(path):
            return UsageError(
                "{name} cannot be an object in {location}: other names start with it.",
                hint="Choose another name.",
                name=name,
                location=self._root,
            )
        # Who made it may not have come so far; a caller that finds its own bytes here calls this a success.
        self._disk.sync_directory(directory)
        return object_exists(name, self._root)

    def _read_open(self, descriptor: int, name: str, start: int, length: int | None) -> bytes:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise object_missing(name, self._root)
        end = found.st_size if length is None else start + length
        if end > found.st_size or start > end:
            raise self._short(name, found.st_size, max(start, end))
        content = self._disk.read_at(descriptor, end - start, start)
        if len(content) == end - start:
            return content
        pieces = [content]  # the kernel gives at most 2 GiB at a time, and a network share less
        at = start + len(content)
        while at < end:
            pieces.append(self._disk.read_at(descriptor, end - at, at))
            if not pieces[-1]:
                raise self._short(name, at, end)
            at += len(pieces[-1])
        return b"".join(pieces)

    def _short(self, name: str, size: int, end: int) -> ShortRead:
        return short_read(name, self._root, size=size, end=end)

    def _settle(self, directory: str) -> None:
        """Make sure that a directory exists and that its name, and those above it, survive a power cut.

        A directory that another process has just made may not be flushed yet, so its name is
        flushed here too, once per directory and hour.
        """
        if directory == self._root:
            return
        now = self._clock.monotonic()
        if now - self._settled.get(directory, -_SETTLED_SECONDS) < _SETTLED_SECONDS:
            return
        parent = os.path.dirname(directory)
        self._settle(parent)
        if not os.path.isdir(directory):
            try:
                self._disk.make_directory(directory, DIRECTORY_MODE)
            except FileExistsError:  # another thread or process made it just now, or it is a file
                if not os.path.isdir(directory):
                    raise NotADirectoryError(20, "Not a directory", directory) from None
        self._disk.sync_directory(parent)
        if len(self._settled) >= _SETTLED_AT_MOST:
            self._settled.clear()
        self._settled[directory] = now
