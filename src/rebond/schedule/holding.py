"""Locks of the kernel: they are gone with the process that held them, however it ended."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from rebond.clock import Clock
from rebond.durable_files import DIRECTORY_MODE, FILE_MODE

RUN_LOCK = "run.lock"
_LOOK_EVERY_SECONDS = 0.2
_WORDS_BYTES = 4096


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a lock, in words for whoever meets it."""

    pid: int
    what: str
    since_ms: int


class Lock:
    """A lock that is held until it is released, or its process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Give it back; may be called twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def try_lock(path: Path, what: str, clock: Clock) -> Lock | None:
    """Take a lock; ``None`` when another process has it. Raises ``OSError`` when its file cannot be made."""
    path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return None
        raise
    with contextlib.suppress(OSError):  # on a full disk nobody can read who has it, and it is held all the same
        words = msgspec.json.encode(Holder(pid=os.getpid(), what=what, since_ms=clock.now_ms()))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, words, 0)
    return Lock(descriptor)


def find_holder(path: Path) -> Holder | None:
    """Return who holds a lock; ``None`` when nobody does, or it cannot be told."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode(os.pread(descriptor, _WORDS_BYTES, 0), type=Holder)
        return Holder(pid=0, what="?", since_ms=0)
    finally:
        os.close(descriptor)
    return None


@contextlib.contextmanager
def wait_for_lock(path: Path, what: str, clock: Clock) -> Iterator[Lock]:
    """Hold a lock, as soon as nobody else does."""
    while (lock := try_lock(path, what, clock)) is None:
        clock.sleep(_LOOK_EVERY_SECONDS)
    try:
        yield lock
    finally:
        lock.release()
