"""Waiting that signals and other threads can end. A pipe, because a lock must not be taken in a signal's handler."""

import contextlib
import os
import select


class Waker:
    """Ends a wait, from wherever it is called."""

    def __init__(self) -> None:
        self._reads, self._writes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._reads, select.POLLIN)

    def wake(self) -> None:
        """End the wait that goes on, or the next one."""
        with contextlib.suppress(BlockingIOError, OSError):  # full: it is awake already; closed: nobody waits
            os.write(self._writes, b".")

    def wait(self, seconds: float) -> None:
        """Wait so long, or until woken."""
        self._poll.poll(max(seconds, 0.0) * 1000)
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reads, 4096):
                pass

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._reads)
        os.close(self._writes)
