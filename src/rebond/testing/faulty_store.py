"""Stores that fail on purpose: the network, the disk, the power."""

import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

from rebond.clock import Clock
from rebond.errors import RebondError, StoreFull, StoreUnreachable
from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import ObjectInfo, Store

Failing = Callable[[str, str], RebondError | None]


def unreachable() -> StoreUnreachable:
    """Return the error of a store that does not answer."""
    return StoreUnreachable("The store does not answer (planned by a test).", hint="Nothing to do.")


class PowerCut(BaseException):
    """The power failed. Not an ``Exception``, so that nothing in the product goes on after it."""


class FaultyStore(ForwardingStore):
    """A store with planned faults; every plan is an attribute that may be changed at any time.

    * ``fail_at_write``: the mutation (put or delete) of that number, from 0, fails and does nothing;
      with ``keeps_failing`` so does every later one.
    * ``lose_answer_at_write``: that mutation works, and its answer is lost.
    * ``torn_at_write``: that put stores the first half of its bytes and fails: a store that breaks promise 2.
    * ``fail_when(verb, name)``: returns the error to raise, or ``None``; verbs are ``put``, ``read``,
      ``stat``, ``list`` and ``delete``.
    * ``listing_fails_after``: listings yield that many objects, then fail.
    * ``hides(name)``: listings leave those objects out, in silence: a store that breaks promise 5.
    * ``room_bytes``: puts beyond it raise ``StoreFull``.
    * ``latency_seconds``: every call takes that long on ``clock``.

    ``writes`` counts the mutations; ``put_names`` are the names put, in order, for ``lose_last_puts``.
    """

    def __init__(
        self,
        inner: Store,
        *,
        clock: Clock | None = None,
        fail_at_write: int | None = None,
        keeps_failing: bool = False,
        lose_answer_at_write: int | None = None,
        torn_at_write: int | None = None,
        fail_when: Failing | None = None,
        listing_fails_after: int | None = None,
        hides: Callable[[str], bool] | None = None,
        room_bytes: int | None = None,
        latency_seconds: float = 0.0,
    ) -> None:
        super().__init__(inner)
        self.clock = clock
        self.fail_at_write = fail_at_write
        self.keeps_failing = keeps_failing
        self.lose_answer_at_write = lose_answer_at_write
        self.torn_at_write = torn_at_write
        self.fail_when = fail_when
        self.listing_fails_after = listing_fails_after
        self.hides = hides
        self.room_bytes = room_bytes
        self.latency_seconds = latency_seconds
        self.writes = 0
        self.put_names: list[str] = []
        self._lock = threading.Lock()

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Store ``content`` as the plan allows."""
        self._begin("put", name)
        number = self._count_write()
        if self.room_bytes is not None and len(content) > self.room_bytes:
            raise StoreFull("No room left (planned by a test).", hint="Nothing to do.")
        if number == self.torn_at_write:
            self.inner.put_if_absent(name, bytes(content[: len(content) // 2]))
            raise unreachable()
        self.inner.put_if_absent(name, content)
        self.put_names.append(name)
        if self.room_bytes is not None:
            self.room_bytes -= len(content)
        if number == self.lose_answer_at_write:
            raise unreachable()

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return the object, as the plan allows."""
        self._begin("read", name)
        return self.inner.read(name, start=start, length=length)

    def stat(self, name: str) -> ObjectInfo:
        """Return what is known about one object, as the plan allows."""
        self._begin("stat", name)
        return self.inner.stat(name)

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects that the plan lets through."""
        self._begin("list", prefix)
        for number, info in enumerate(self.inner.list_objects(prefix)):
            if self.listing_fails_after is not None and number >= self.listing_fails_after:
                raise unreachable()
            if self.hides is None or not self.hides(info.name):
                yield info
        if self.listing_fails_after is not None:
            raise unreachable()

    def delete(self, name: str) -> None:
        """Remove the object, as the plan allows."""
        self._begin("delete", name)
        number = self._count_write()
        self.inner.delete(name)
        if number == self.lose_answer_at_write:
            raise unreachable()

    def lose_last_puts(self, count: int) -> None:
        """Forget the last ``count`` puts, as a disk does that said "written" and had not."""
        for _ in range(min(count, len(self.put_names))):
            self.inner.delete(self.put_names.pop())

    def _begin(self, verb: str, name: str) -> None:
        if self.clock is not None and self.latency_seconds:
            self.clock.sleep(self.latency_seconds)
        error = self.fail_when(verb, name) if self.fail_when is not None else None
        if error is not None:
            raise error

    def _count_write(self) -> int:
        with self._lock:
            number = self.writes
            self.writes += 1
        fails_at = self.fail_at_write
        if fails_at is not None and (number == fails_at or (self.keeps_failing and number > fails_at)):
            raise unreachable()
        return number


class CuttingStore(ForwardingStore):
    """Cuts the power at the mutation number ``cut_at`` (from 0), before it or, with ``after``, once it worked.

    From then on every call raises ``PowerCut``: the machine is off. What is left is in ``inner``.
    ``writes`` counts the mutations, so that a run without a cut tells how many places there are.
    """

    def __init__(self, inner: Store, *, cut_at: int | None = None, after: bool = False) -> None:
        super().__init__(inner)
        self.cut_at = cut_at
        self.after = after
        self.writes = 0
        self.is_off = False
        self._lock = threading.Lock()

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Store ``content``, unless the power is off or fails now."""
        self._mutate(lambda: self.inner.put_if_absent(name, content))

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return the object, unless the power is off."""
        self._require_power()
        return self.inner.read(name, start=start, length=length)

    def stat(self, name: str) -> ObjectInfo:
        """Return what is known about one object, unless the power is off."""
        self._require_power()
        return self.inner.stat(name)

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects, until the power is off."""
        self._require_power()
        for info in self.inner.list_objects(prefix):
            self._require_power()
            yield info

    def delete(self, name: str) -> None:
        """Remove the object, unless the power is off or fails now."""
        self._mutate(lambda: self.inner.delete(name))

    def _mutate(self, call: Callable[[], None]) -> None:
        with self._lock:
            self._require_power()
            is_last = self.writes == self.cut_at
            self.writes += 1
            if is_last and not self.after:
                self._cut()
            call()
            if is_last:
                self._cut()

    def _require_power(self) -> None:
        if self.is_off:
            raise PowerCut

    def _cut(self) -> NoReturn:
        self.is_off = True
        raise PowerCut
