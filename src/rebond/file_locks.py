"""Locks between processes that are waited for, but not for ever.

They are held for moments. But whoever holds one may have been stopped, or wait for a disk that is gone; that must not
stop every other run for good, and whoever looks into it wants to know which process it is.
"""

import contextlib
import errno
import fcntl
import os

from rebond.clock import Clock, SystemClock

PATIENCE_SECONDS = 10.0
_LOOK_EVERY_SECONDS = 0.01


class LockHeld(BlockingIOError):
    """Another process does not give a lock back. ``pid`` is 0 where nobody can tell which it is."""

    def __init__(self, pid: int) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(errno.EWOULDBLOCK, f"{who} holds the lock and does not give it back")
        self.pid = pid


def wait_for_file_lock(descriptor: int, clock: Clock | None = None) -> None:
    """Lock an open file for this process alone; it lasts until the file is closed.

    Raises ``LockHeld`` when another process has it for longer than ``PATIENCE_SECONDS``.
    """
    clock = clock or SystemClock()
    began = clock.monotonic()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock.monotonic() - began > PATIENCE_SECONDS:
                raise LockHeld(find_holder(descriptor)) from None
            clock.sleep(_LOOK_EVERY_SECONDS)
        else:
            return


def find_holder(descriptor: int) -> int:
    """Return which process holds the lock of an open file; 0 where this system does not tell."""
    own = os.fstat(descriptor)
    place = f"{os.major(own.st_dev):02x}:{os.minor(own.st_dev):02x}:{own.st_ino}"
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/locks", encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[1] == "FLOCK" and words[5] == place:
                return max(0, int(words[4]))
    return 0
