"""A distant store whose first answers are asked for before anybody needs them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from rebond.interruptions import wait_for
from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import ObjectInfo, Store

_MOST_OBJECTS = 256  # below one prefix that are read ahead
_MOST_BYTES = 24 << 20  # that wait in memory, over all prefixes

Listing = Future[list[ObjectInfo]]


class AnticipatingStore(ForwardingStore):
    """A distant store that lists some prefixes, and reads what is small below them, while other things are done.

    ``rounds`` are groups of prefixes, which end with ``/``, and of single names: one group is asked for at
    once, and when it has been answered the next, so that a later one never speaks of older times.
    Each answer is given once; after that what is there now is asked for. Only for what may be some
    moments old: whatever has to come after something else was done must be asked for then. Errors
    come when the turn of their question does. A near store is asked nothing ahead.
    """

    def __init__(self, inner: Store, rounds: Sequence[Sequence[str]]) -> None:
        super().__init__(inner)
        self._listings: dict[str, Listing] = {}
        self._contents: dict[str, Future[bytes]] = {}
        self._room = _MOST_BYTES
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None
        if inner.traits.latency and inner.traits.concurrency > 1:
            self._pool = ThreadPoolExecutor(inner.traits.concurrency, "ahead")
            before: list[Listing] = []
            for prefixes in rounds:
                before = [self._ask(prefix, before) for prefix in prefixes]

    def _ask(self, prefix: str, before: Sequence[Listing]) -> Listing:
        assert self._pool is not None  # noqa: S101 - asked for by the constructor only
        listing = self._listings[prefix] = self._pool.submit(self._list, prefix, before)
        return listing

    def _list(self, prefix: str, before: Sequence[Listing]) -> list[ObjectInfo]:
        for each in before:
            each.exception()  # waits; what failed is told to whoever asks for it
        found = list(self.inner.list_objects(prefix)) if prefix.endswith("/") else [self.inner.stat(prefix)]
        if self._pool is not None and len(found) <= _MOST_OBJECTS:
            for info in found:
                self._read_ahead(self._pool, info)
        return found

    def _read_ahead(self, pool: ThreadPoolExecutor, info: ObjectInfo) -> None:
        with self._lock:
            if info.size > self._room:
                return
            self._room -= info.size
            try:
                self._contents[info.name] = pool.submit(self.inner.read, info.name)
            except RuntimeError:  # closed meanwhile
                return

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield what was listed ahead, the first time; after that what is there now."""
        known = self._listings.pop(prefix, None)
        if known is not None:
            found = wait_for(known)
            return iter(found)
        for wider, listing in list(self._listings.items()):
            if prefix.startswith(wider):
                del self._listings[wider]
                return iter([info for info in wait_for(listing) if info.name.startswith(prefix)])
        return self.inner.list_objects(prefix)

    def stat(self, name: str) -> ObjectInfo:
        """Return what was learnt ahead, once; after that what is there now."""
        known = self._listings.pop(name, None)
        return wait_for(known)[0] if known is not None else self.inner.stat(name)

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return what was read ahead, once, if all of it is asked for; else what is there now."""
        if start or length is not None:
            return self.inner.read(name, start=start, length=length)
        with self._lock:
            known = self._contents.pop(name, None)
        return wait_for(known) if known is not None else self.inner.read(name)

    def finish(self) -> None:
        """Drop what was not needed; from now on every question is asked when it comes."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        self._listings, self._contents = {}, {}
