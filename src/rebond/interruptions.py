"""Ctrl-C, and what else asks a program to end, where it must not come just now."""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

_AT_ONCE_SECONDS = 0.2

Answer = TypeVar("Answer")


class Interruptions:
    """Signals wait from when this is made: what they raise would be lost, or find half of something begun.

    Outside of the main thread, which alone hears any, it does nothing.
    """

    def __init__(self) -> None:
        """Hold them back."""
        self._came: list[tuple[int, FrameType | None]] = []
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        if threading.current_thread() is threading.main_thread():  # no other hears any
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if callable(handler := signal.getsignal(number)) and not isinstance(handler, signal.Handlers):
                    self._handlers[number] = handler
                    signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came.append((number, frame))

    def let_through(self) -> None:
        """Let those that came do what they do, and those that come from now on; may be called twice."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        came, self._came = self._came, []
        for number, frame in came:
            self._handlers[number](number, frame)


def wait_for(answer: "Future[Answer]") -> Answer:
    """Return what ``answer`` comes to, or raise it. Ctrl-C is heard within a fraction of a second.

    A signal that comes just before the interpreter begins to wait for a lock is not heard until that is free, which
    may be when a server that holds its answer back has given it. So nobody waits for long at once.
    """
    from concurrent.futures import wait  # noqa: PLC0415 - not every program that starts another waits so

    while not wait((answer,), timeout=_AT_ONCE_SECONDS).done:
        pass
    return answer.result()


def join(thread: threading.Thread) -> None:
    """Wait for the end of a thread in the same way."""
    while thread.is_alive():
        thread.join(_AT_ONCE_SECONDS)
