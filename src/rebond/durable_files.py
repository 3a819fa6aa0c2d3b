"""Files that survive a power cut, and the order of calls that makes them do so.

The order is always the same: write a temporary file, flush it, give it its name, flush the
directory. A crash between any two steps leaves at most a temporary file, which nobody lists.
Everything here raises ``OSError``; the callers know what to tell the user.
"""

import contextlib
import ctypes
import errno
import functools
import os
import secrets
import stat
from collections.abc import Callable

TEMPORARY_PREFIX = ".tmp-"
DIRECTORY_MODE = 0o700
FILE_MODE = 0o600

_NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_NO_DIRECTORY_FLUSH = frozenset({errno.EINVAL, errno.ENOTSUP})  # some network shares: there is no better way
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1


class Disk:
    """The calls to the system, whose order decides what a power cut leaves. Tests hand in one that takes notes."""

    def open_new(self, path: str, mode: int) -> int:
        """Make a new file and return a descriptor to write to; raises ``FileExistsError`` when the name is taken.

        It has all of ``mode``, whatever the umask takes away.
        """
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        _give_mode(descriptor, mode)
        return descriptor

    def write(self, descriptor: int, content: memoryview) -> int:
        """Write some of ``content`` and return how many bytes that was."""
        return os.write(descriptor, content)

    def sync_file(self, descriptor: int) -> None:
        """Flush the content of a file; that says nothing of its name."""
        os.fsync(descriptor)

    def read_at(self, descriptor: int, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes of an open file; empty at its end."""
        return os.pread(descriptor, size, offset)

    def link(self, source: str, target: str) -> None:
        """Give a file a second name; raises ``FileExistsError`` when that is taken."""
        os.link(source, target, follow_symlinks=False)

    def rename_unless_exists(self, source: str, target: str) -> None:
        """Give a file another name; raises ``FileExistsError`` when that is taken."""
        rename_unless_exists(source, target)

    def replace(self, source: str, target: str) -> None:
        """Give a file another name, in the place of what had it."""
        os.replace(source, target)

    def unlink(self, path: str) -> None:
        """Take a name away."""
        os.unlink(path)

    def make_directory(self, path: str, mode: int) -> None:
        """Make one directory; it has all of ``mode``, whatever the umask takes away."""
        os.mkdir(path, mode)
        _give_mode(path, mode)

    def sync_directory(self, path: str) -> None:
        """Flush the names that a directory holds."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _NO_DIRECTORY_FLUSH:
                raise
        finally:
            os.close(descriptor)


def _give_mode(made: int | str, mode: int) -> None:
    """Give what was just made the bits of ``mode`` that it lacks: with a umask of 0277 its owner may not read it."""
    with contextlib.suppress(OSError):  # a file system without modes of its own: then they are as it was mounted
        found = stat.S_IMODE(os.stat(made).st_mode)
        if mode & ~found:
            os.chmod(made, found | mode)


DISK = Disk()


def temporary_path(directory: str) -> str:
    """Return a path in ``directory`` that nobody else uses and that no listing shows."""
    return f"{directory}/{TEMPORARY_PREFIX}{secrets.token_hex(8)}"


def create_synced_file(
    path: str, content: bytes | bytearray | memoryview, *, mode: int = FILE_MODE, disk: Disk = DISK
) -> None:
    """Make a new file and flush its content; its name is not certain before its directory is flushed too."""
    descriptor = disk.open_new(path, mode)
    try:
        rest = memoryview(content).cast("B") if len(content) else memoryview(b"")
        while rest:
            rest = rest[disk.write(descriptor, rest) :]
        disk.sync_file(descriptor)
    finally:
        os.close(descriptor)


def fsync_directory(path: str, disk: Disk = DISK) -> None:
    """Make sure that the names in a directory survive a power cut."""
    disk.sync_directory(path)


def make_directories_durably(path: str, *, mode: int = DIRECTORY_MODE, disk: Disk = DISK) -> None:
    """Make a directory and those above it that are missing; each new name is flushed in the one above."""
    missing: list[str] = []
    current = os.path.abspath(path)
    while not os.path.isdir(current):
        missing.append(current)
        current = os.path.dirname(current)
    for directory in reversed(missing):
        with contextlib.suppress(FileExistsError):  # somebody else was quicker; what matters is that it is there
            disk.make_directory(directory, mode)
        disk.sync_directory(os.path.dirname(directory))


def publish_file(temporary: str, path: str, disk: Disk = DISK) -> None:
    """Turn a flushed temporary file into ``path`` unless that exists; the caller flushes the directory.

    Raises ``FileExistsError`` and leaves the temporary file when the name is taken; ``OSError``
    with ``ENOTSUP`` when the file system can neither link nor rename without replacing.
    """
    try:
        disk.link(temporary, path)
    except FileExistsError:
        # A network file system may repeat a request whose answer was lost: then the name is ours.
        if os.stat(temporary, follow_symlinks=False).st_nlink < 2:
            raise
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        disk.rename_unless_exists(temporary, path)
        return
    disk.unlink(temporary)


def write_durably(
    path: str, content: bytes | bytearray | memoryview, *, mode: int = FILE_MODE, disk: Disk = DISK
) -> None:
    """Make a new file that is either whole or not there, also after a power cut.

    Raises ``FileExistsError``, and changes nothing, when there is something at ``path``.
    """
    _write_and(publish_file, path, content, mode, disk)


def replace_durably(
    path: str, content: bytes | bytearray | memoryview, *, mode: int = FILE_MODE, disk: Disk = DISK
) -> None:
    """Write a file so that readers see all of the old content or all of the new, also after a power cut."""

    def put_in_place(temporary: str, target: str, disk: Disk) -> None:
        disk.replace(temporary, target)

    _write_and(put_in_place, path, content, mode, disk)


def _write_and(
    place: Callable[[str, str, Disk], None],
    path: str,
    content: bytes | bytearray | memoryview,
    mode: int,
    disk: Disk,
) -> None:
    directory = os.path.dirname(path) or "."
    temporary = temporary_path(directory)
    try:
        create_synced_file(temporary, content, mode=mode, disk=disk)
        place(temporary, path, disk)
    except BaseException:
        discard_file(temporary, disk)
        raise
    disk.sync_directory(directory)


def discard_file(path: str, disk: Disk = DISK) -> None:
    """Remove a temporary file, if it is there, on the way out of a failure that is already being told."""
    with contextlib.suppress(OSError):  # what cannot be removed now is swept later
        disk.unlink(path)


@functools.cache
def _find_renameat2() -> Callable[..., int] | None:
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    function.restype = ctypes.c_int
    return function


def rename_unless_exists(source: str | bytes, target: str | bytes, *, directory_fd: int = _AT_FDCWD) -> None:
    """Give a file another name, both relative to an open directory where one is given.

    Raises ``FileExistsError`` when the name is taken, ``OSError`` with ``ENOTSUP`` where that cannot be told in one.
    """
    rename = _find_renameat2()
    if rename is None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), target)
    if rename(directory_fd, os.fsencode(source), directory_fd, os.fsencode(target), _RENAME_NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number in {errno.EINVAL, errno.ENOSYS}:  # how a file system says that it cannot
        number = errno.ENOTSUP
    raise OSError(number, os.strerror(number), target)
