"""Walking the directories of a local store. Every fault raises; a short listing would cost data."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from rebond.errors import StoreError
from rebond.store.names import TEMPORARY_PREFIX, is_valid_name
from rebond.store.protocol import ObjectInfo


def list_tree(root: str, prefix: str) -> Iterator[ObjectInfo]:
    """Yield the objects below ``root`` whose names start with ``prefix``, in byte order.

    Raises ``OSError``, and ``StoreError`` for what is neither a file nor a directory. Things whose
    names no object can have are passed over. A directory or a file that vanishes meanwhile was
    deleted by somebody, which is allowed; whether the root itself is still there is for the caller.
    """
    above = prefix.rpartition("/")[0]
    return _list_directory(root, f"{above}/" if above else "", prefix)


def _list_directory(root: str, start: str, prefix: str) -> Iterator[ObjectInfo]:
    try:
        with os.scandir(f"{root}/{start}") as found:
            entries = [(_sort_key(entry), entry) for entry in found if entry.name.isascii()]
    except (FileNotFoundError, NotADirectoryError):
        return
    entries.sort(key=lambda pair: pair[0])
    for key, entry in entries:
        name = start + entry.name
        if not name.startswith(prefix) and not prefix.startswith(start + key):
            continue
        if not is_valid_name(name):
            continue
        if key.endswith("/"):
            yield from _list_directory(root, f"{name}/", prefix)
            continue
        try:
            status = entry.stat()
        except FileNotFoundError:
            if entry.is_symlink():  # dangling: what it names is out of reach, not deleted
                raise
            continue
        if not stat.S_ISREG(status.st_mode):
            raise StoreError(
                "{name} in {location} is neither a file nor a directory; until it is gone nothing can be listed there.",
                hint="Rebond makes no such thing. Find out who did, and move it out of the vault.",
                location=root,
                name=name,
            )
        yield ObjectInfo(name=name, size=status.st_size, modified_ms=status.st_mtime_ns // 1_000_000)


def _sort_key(entry: "os.DirEntry[str]") -> str:
    # Whole names are compared, so a directory sorts as if its name ended with the slash.
    return f"{entry.name}/" if entry.is_dir() else entry.name


def sweep_tree(root: str, before_ms: int) -> int:
    """Remove temporary files and empty directories last changed before ``before_ms``; return the count of files.

    Raises ``OSError``. The directory ``root`` itself stays, and so does what no vault makes: ``lost+found`` at the
    top of a disk, which may not even be read, and what begins with a dot.
    """
    removed = 0
    with contextlib.suppress(FileNotFoundError):  # another sweep was quicker
        with os.scandir(root) as found:
            entries = list(found)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if is_valid_name(entry.name) and not entry.name.startswith("."):
                    removed += sweep_tree(entry.path, before_ms)
                    _remove_if_empty(entry.path, before_ms)
            elif entry.name.startswith(TEMPORARY_PREFIX) and _is_older(entry.path, before_ms):
                with contextlib.suppress(FileNotFoundError):  # its owner was quicker
                    os.unlink(entry.path)
                    removed += 1
    return removed


def _remove_if_empty(path: str, before_ms: int) -> None:
    if not _is_older(path, before_ms):
        return
    try:
        os.rmdir(path)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.EBUSY}:
            raise


def _is_older(path: str, before_ms: int) -> bool:
    try:
        return os.lstat(path).st_mtime_ns // 1_000_000 < before_ms
    except FileNotFoundError:
        return False
