"""The waits of tests: each ends, and says what it waited for."""

import os
import signal
import subprocess
import threading
import time

import pytest
from tests.bounded import join, reap, run_apart, wait_for, wait_for_child


def test_what_does_not_come_is_named() -> None:
    with pytest.raises(AssertionError, match="the end of the world"):
        wait_for(lambda: False, "the end of the world", seconds=0.02)


def test_a_thread_that_does_not_end_is_named() -> None:
    done = threading.Event()
    waiting = threading.Thread(target=done.wait, name="the one that waits", daemon=True)
    waiting.start()
    with pytest.raises(AssertionError, match="the one that waits"):
        join(waiting, seconds=0.02)
    done.set()
    join(waiting)


def test_nothing_of_a_copy_comes_back_whatever_it_raises() -> None:
    own = os.getpid()

    def fail() -> None:
        raise KeyboardInterrupt

    assert run_apart(fail) == 70
    assert run_apart(lambda: 3) == 3
    assert run_apart(lambda: os.kill(os.getpid(), signal.SIGKILL)) == -signal.SIGKILL
    assert os.getpid() == own


def test_a_child_that_does_not_end_is_killed() -> None:
    child = os.fork()
    if child == 0:
        try:
            time.sleep(600)
        finally:
            os._exit(0)
    with pytest.raises(AssertionError, match="did not end"):
        wait_for_child(child, seconds=0.02)
    with pytest.raises(ChildProcessError):
        os.waitpid(child, 0)


def test_a_process_is_reaped_though_what_it_started_holds_its_pipes() -> None:
    script = "sleep 600 & echo $!; wait"
    process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    left_behind = int(process.stdout.readline())
    try:
        reap(process)
        assert process.returncode == -signal.SIGKILL
    finally:
        os.kill(left_behind, signal.SIGKILL)
