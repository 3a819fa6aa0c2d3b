"""Waits that end: what does not come fails the test, and says what it waited for."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable

PATIENCE_SECONDS = 120.0  # as long as anything may take on a machine that does ten other things


def wait_for(holds: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something holds; ``what`` is what the test says when it does not come."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"it waited {seconds:g} s for this: {what}"
        time.sleep(0.01)


def join(*threads: threading.Thread, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for threads to end."""
    end = time.monotonic() + seconds
    for each in threads:
        each.join(max(0.0, end - time.monotonic()))
    left = [each.name for each in threads if each.is_alive()]
    assert not left, f"these threads did not end within {seconds:g} s: {', '.join(left)}"


def reap(process: "subprocess.Popen[bytes] | subprocess.Popen[str]", seconds: float = PATIENCE_SECONDS) -> None:
    """Kill a process and give back what was kept of it; what it left behind may hold its pipes for ever."""
    process.kill()
    process.wait(seconds)
    for each in (process.stdin, process.stdout, process.stderr):
        if each is not None:
            with contextlib.suppress(OSError):
                each.close()


def run_apart(work: Callable[[], object]) -> int:
    """Do something in a copy of this process; return its end as ``subprocess`` gives one, 70 when it raised.

    Nothing of the copy comes back to the tests, whatever it raises. One that does not end is killed.
    """
    child = os.fork()
    if child == 0:
        status = 70
        try:
            answer = work()
            status = answer if isinstance(answer, int) else 0
        finally:
            os._exit(status)
    return wait_for_child(child)


def wait_for_child(child: int, seconds: float = PATIENCE_SECONDS) -> int:
    """Wait for a child of this process; return its end as ``subprocess`` gives one."""
    end, pause = time.monotonic() + seconds, 0.0005
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError(f"process {child} did not end within {seconds:g} s")
        time.sleep(pause)
        pause = min(2 * pause, 0.005)
