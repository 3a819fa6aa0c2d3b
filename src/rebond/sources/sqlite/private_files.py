"""A private place for a copy on its way: removed always, and by the next run after a crash."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator

from rebond.errors import SourceError

PREFIX = "rebond-copy-"
_LARGE = "/var/tmp"  # noqa: S108 - only the place where a private directory is made; /tmp often lies in memory
_ATTEMPTS = 10


def choose_place(asked: str | None) -> str:
    """Return where copies are made: what was asked for, else ``TMPDIR``, ``/var/tmp`` or ``/tmp``."""
    if asked or os.environ.get("TMPDIR"):
        return asked or tempfile.gettempdir()
    return _LARGE if os.access(_LARGE, os.W_OK) else tempfile.gettempdir()


@contextlib.contextmanager
def private_directory(place: str) -> Iterator[str]:
    """Make a directory that only we may enter; it is removed however the block ends.

    What a run that was killed left behind is removed first. Raises ``SourceError`` when none can be made.
    """
    remove_left_behind(place)
    path, fd = _make(place)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(fd)


def remove_left_behind(place: str) -> None:
    """Remove the directories of runs that are over. A running one holds a lock on its own."""
    with contextlib.suppress(OSError):
        for name in os.listdir(place):
            if name.startswith(PREFIX):
                _remove_if_left(os.path.join(place, name))


def _remove_if_left(path: str) -> None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return  # gone, or not ours
    try:
        if os.fstat(fd).st_uid == os.geteuid() and _lock(fd):
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(fd)


def _make(place: str) -> tuple[str, int]:
    """Return a new directory and a descriptor that holds its lock."""
    try:
        for _ in range(_ATTEMPTS):
            path = tempfile.mkdtemp(prefix=PREFIX, dir=place)
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if _lock(fd) and os.path.isdir(path):  # another run may have taken it for one that was left
                return path, fd
            os.close(fd)
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        reason = "other runs take it away"
    raise SourceError(
        "No private directory could be made in {place}: {reason}.",
        hint="Set TMPDIR to a directory with room for a copy.",
        place=place,
        reason=reason,
    )


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
