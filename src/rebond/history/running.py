"""Which runs are under way: each holds a lock on a file of its own, which falls when its process ends, in any way."""

import contextlib
import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path

from rebond.durable_files import DIRECTORY_MODE, FILE_MODE, TEMPORARY_PREFIX


class RunningMark:
    """The mark of a run that is under way. It is a hint for others, so nothing of it is flushed. Raises ``OSError``."""

    def __init__(self, folder: Path, run: str, facts: Mapping[str, object]) -> None:
        folder.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        self._path = folder / run
        temporary = folder / f"{TEMPORARY_PREFIX}{run}"
        self._descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)  # before it has its name: nobody sees it without its lock
            os.write(self._descriptor, json.dumps(facts).encode())
            os.replace(temporary, self._path)
        except OSError:
            os.close(self._descriptor)
            temporary.unlink(missing_ok=True)
            raise

    def clear(self) -> None:
        """Say that the run has ended."""
        with contextlib.suppress(OSError):  # what stays is cleared by the next run
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def list_marks(folder: Path) -> list[str]:
    """Return the runs that have a mark, under way or dead."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith(TEMPORARY_PREFIX))
    except (FileNotFoundError, NotADirectoryError):
        return []


def is_under_way(folder: Path, run: str) -> bool:
    """Say whether the process of a run lives."""
    descriptor = _open(folder / run)
    if descriptor is None:
        return False
    try:
        return not _try_lock(descriptor)
    finally:
        os.close(descriptor)


def take_dead_mark(folder: Path, run: str) -> dict[str, object] | None:
    """Return what the mark of a run says whose process is gone, and remove it; ``None`` when there is none.

    Of several callers one gets it.
    """
    path = folder / run
    descriptor = _open(path)
    if descriptor is None:
        return None
    try:
        if not _try_lock(descriptor) or not _has_name(descriptor, path):
            return None
        content = os.read(descriptor, 1 << 16)
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
    with contextlib.suppress(ValueError):
        facts = json.loads(content)
        if isinstance(facts, dict):
            return facts
    return {}


def _open(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _has_name(descriptor: int, path: Path) -> bool:
    """Say whether the file still has its name: the run may have ended between our look and our lock."""
    try:
        found, own = os.stat(path), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)
