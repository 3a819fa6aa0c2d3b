"""A sign of life beside a journal, given anew every second: it says until when a run went on that was killed."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from rebond.clock import Clock

_EVERY_SECONDS = 1.0
_NS = 1_000_000  # in a millisecond


@contextlib.contextmanager
def give_signs(sign: Path, clock: Clock) -> Iterator[None]:
    """Give signs until the end of the block, and a last one there.

    By a timer of the process and not by a thread: what is restored may be written by copies of a process that has one
    thread only. Outside of the main thread, where there are no timers, the first and the last are all. A sign that
    cannot be given stops nothing.
    """

    def give() -> None:
        with contextlib.suppress(OSError):
            moment_ns = clock.now_ms() * _NS
            os.close(os.open(sign, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            os.utime(sign, ns=(moment_ns, moment_ns))

    give()
    try:
        with _every_second(give) if threading.current_thread() is threading.main_thread() else contextlib.nullcontext():
            yield
    finally:
        give()


@contextlib.contextmanager
def _every_second(give: Callable[[], None]) -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, lambda *_: give())
    signal.siginterrupt(signal.SIGALRM, False)  # what waits for the system goes on waiting
    signal.setitimer(signal.ITIMER_REAL, _EVERY_SECONDS, _EVERY_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def read_last_ms(sign: Path) -> int | None:
    """Return when the last sign was given, in milliseconds since 1970; ``None`` for never."""
    try:
        return sign.stat().st_mtime_ns // _NS
    except OSError:
        return None
