"""Ctrl-C is heard by who waits, also when it comes in the moment in which the waiting begins."""

import _thread
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from rebond.interruptions import join, wait_for


def wait_for_what_never_comes() -> None:
    wait_for(Future[None]())


def join_what_never_ends() -> None:
    join(threading.Thread(target=threading.Event().wait, daemon=True, name="endless"))


@pytest.mark.parametrize("wait", [wait_for_what_never_comes, join_what_never_ends])
def test_an_interruption_that_wakes_nobody_is_heard_all_the_same(
    wait: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading.Thread, "is_alive", lambda thread: thread.name == "endless")
    monkeypatch.setattr(threading.Thread, "join", lambda _thread, seconds: time.sleep(seconds))
    # It only notes the signal, as one does that comes just before a lock is waited for.
    interrupting = threading.Timer(0.1, _thread.interrupt_main)
    interrupting.daemon = True
    interrupting.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        wait()
    assert time.monotonic() - began < 60


def test_what_comes_is_returned_and_what_is_raised_is_raised() -> None:
    given, failed = Future[int](), Future[int]()
    threading.Timer(0.05, given.set_result, (3,)).start()
    failed.set_exception(OSError("planned by a test"))

    assert wait_for(given) == 3
    with pytest.raises(OSError, match="planned by a test"):
        wait_for(failed)
    ended = threading.Thread(target=time.sleep, args=(0.05,))
    ended.start()
    join(ended)
    assert not ended.is_alive()
