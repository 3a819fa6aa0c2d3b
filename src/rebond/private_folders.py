"""Private folders below TMPDIR: removed however their owner leaves them, and by the next run where it was killed.

Each is locked while its owner lives. So whoever comes later tells what a kill left from what is in use, and touches
no folder of another user, nor one of a program that does not lock its own.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

from rebond.errors import RebondError

PREFIX = "rebond-tmp-"
_ATTEMPTS = 10


class PrivateFolder:
    """A new folder that only this user may enter. ``close`` removes it; it may be called twice.

    What killed runs left beside it is removed first. Raises ``RebondError`` when none can be made.
    """

    def __init__(self, purpose: str, *, prefix: str = PREFIX) -> None:
        """Make it where temporary files go. Its name is ``prefix``, ``purpose`` and what makes it the only one."""
        try:
            place = tempfile.gettempdir()
            remove_left_behind(place)
            path, descriptor = make_folder(place, f"{prefix}{purpose}-" if purpose else prefix)
        except OSError as error:
            raise RebondError(
                "No private directory could be made in {place}: {reason}.",
                hint="Set TMPDIR to a directory that this user may write to.",
                place=os.environ.get("TMPDIR") or "/tmp",  # noqa: S108 - only said
                reason=error.strerror or str(error),
            ) from error
        self.path = Path(path)
        self._removal = weakref.finalize(self, _remove, path, descriptor, os.getpid())

    def close(self) -> None:
        """Remove the folder with everything in it."""
        self._removal()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.close()


def _remove(path: str, descriptor: int, owner: int) -> None:
    if os.getpid() == owner:  # and not a copy of its process that comes to its end
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def make_folder(place: str, prefix: str) -> tuple[str, int]:
    """Return a new folder and a descriptor that holds its lock until it is closed. Raises ``OSError``."""
    for _ in range(_ATTEMPTS):
        path = tempfile.mkdtemp(prefix=prefix, dir=place)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # another run took it for one that was left
            continue
        if _lock(descriptor) is not False and os.path.isdir(path):
            return path, descriptor
        os.close(descriptor)
    raise OSError(errno.EAGAIN, "other runs take it away")


def remove_left_behind(
    place: str | None = None, prefix: str = PREFIX, end_users: Callable[[Path], None] = lambda _: None
) -> None:
    """Remove folders of this user whose owners are gone; ``end_users`` is told of each before it goes."""
    for path in _find(place, prefix):
        with contextlib.suppress(OSError):  # gone meanwhile, or not to be looked into
            _remove_if_left(path, end_users)


def _find(place: str | None, prefix: str) -> Iterator[str]:
    with contextlib.suppress(OSError):
        place = place or tempfile.gettempdir()
        yield from [os.path.join(place, name) for name in os.listdir(place) if name.startswith(prefix)]


def _remove_if_left(path: str, end_users: Callable[[Path], None]) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_uid == os.geteuid() and _lock(descriptor):
            end_users(Path(path))
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Say whether the lock is ours now; ``None`` where there are no locks, and nobody can tell who lives."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
