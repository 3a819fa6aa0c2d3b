"""A wrapper that tries again what may pass."""

import random
from collections.abc import Callable, Iterator
from typing import TypeVar

from rebond.clock import Clock
from rebond.errors import ObjectExists, RebondError, ShortRead, StoreError
from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import ObjectInfo, Store

Result = TypeVar("Result")


class RetryingStore(ForwardingStore):
    """Repeats calls that fail with a ``retryable`` error, with longer and longer pauses.

    The pause before attempt n is drawn between half and all of ``first_pause_seconds`` × 2ⁿ, at
    most ``longest_pause_seconds``, so that many writers do not come back at the same moment. The
    last error is raised as it came. Three calls need care:

    * A put whose answer was lost may have worked, and its repetition then finds its own bytes:
      that is a success. Other bytes, or bytes that may not be read, are ``ObjectExists``.
    * A listing that breaks off is taken up after the last name that it yielded.
    * A read beyond the end of an object is not repeated: the object is too short, not the network.
    """

    def __init__(
        self,
        inner: Store,
        clock: Clock,
        *,
        attempts: int = 6,
        first_pause_seconds: float = 0.5,
        longest_pause_seconds: float = 20.0,
    ) -> None:
        super().__init__(inner)
        self._clock = clock
        self._attempts = attempts
        self._first_pause_seconds = first_pause_seconds
        self._longest_pause_seconds = longest_pause_seconds

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Store ``content`` under ``name`` unless there is something else already."""
        failed = 0
        while True:
            try:
                self.inner.put_if_absent(name, content)
            except ObjectExists:
                if failed and self._holds(name, content):
                    return
                raise
            except StoreError as error:
                failed = self._wait_after(error, failed)
            else:
                return

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return the object, or ``length`` bytes of it from ``start``."""
        failed = 0
        while True:
            try:
                return self.inner.read(name, start=start, length=length)
            except ShortRead as error:
                if start + (length or 0) > self.stat(name).size:
                    raise
                failed = self._wait_after(error, failed)
            except StoreError as error:
                failed = self._wait_after(error, failed)

    def stat(self, name: str) -> ObjectInfo:
        """Return what is known about one object."""
        return self.repeat(lambda: self.inner.stat(name))

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield every object whose name starts with ``prefix``, each once, in byte order."""
        failed = 0
        last = ""
        while True:
            try:
                for info in self._list_after(prefix, last):
                    if info.name > last:
                        yield info
                        last = info.name
                        failed = 0
            except StoreError as error:
                failed = self._wait_after(error, failed)
            else:
                return

    def _list_after(self, prefix: str, last: str) -> Iterator[ObjectInfo]:
        """List from ``last`` on where the store can: pages that came are not asked for again while it is busy."""
        take_up: Callable[[str, str], Iterator[ObjectInfo]] | None = getattr(self.inner, "list_after", None)
        return take_up(prefix, last) if take_up and last else self.inner.list_objects(prefix)

    def delete(self, name: str) -> None:
        """Remove the object, if there is one."""
        self.repeat(lambda: self.inner.delete(name))

    def repeat(self, call: Callable[[], Result]) -> Result:
        """Return what ``call`` returns, called again as long as it fails with what may pass."""
        failed = 0
        while True:
            try:
                return call()
            except StoreError as error:
                failed = self._wait_after(error, failed)

    def _wait_after(self, error: RebondError, failed: int) -> int:
        """Pause and return the number of failures so far, or raise ``error`` when it is time to give up."""
        if not error.retryable or failed + 1 >= self._attempts:
            raise error
        pause = min(self._first_pause_seconds * 2**failed, self._longest_pause_seconds)
        self._clock.sleep(pause * random.uniform(0.5, 1.0))
        return failed + 1

    def _holds(self, name: str, content: bytes | bytearray | memoryview) -> bool:
        try:
            return self.read(name) == content
        except StoreError:
            return False  # a writer may not be allowed to read; then "exists" is all that is known
