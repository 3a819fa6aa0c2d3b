"""Signals that a process hears while it lives long, instead of being ended by them."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import FrameType

_HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextlib.contextmanager
def signals_heard(hear: Callable[[int], None]) -> Iterator[None]:
    """Hand signals to ``hear``, in a thread; what was set before comes back in the end."""
    heard: SimpleQueue[int] = SimpleQueue()

    def act(number: int, _frame: FrameType | None) -> None:
        # Nothing else may be done here: the thread that was interrupted may hold the very lock that it would wait for.
        heard.put(number)

    def listen() -> None:
        while number := heard.get():
            hear(number)

    listener = threading.Thread(target=listen, name="signals", daemon=True)
    listener.start()
    before = {each: signal.signal(each, act) for each in _HEARD}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        heard.put(0)
        listener.join()


@contextlib.contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Return what is set once a signal asks us to end."""
    stop = threading.Event()
    with signals_heard(lambda _number: stop.set()):
        yield stop
