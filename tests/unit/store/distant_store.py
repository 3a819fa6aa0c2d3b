"""A store in memory that says that it is far away, and remembers what it was asked."""

from collections.abc import Iterator

from rebond.errors import StoreUnreachable
from rebond.store.forwarding import ForwardingStore
from rebond.store.memory import MemoryStore
from rebond.store.protocol import ObjectInfo, StoreTraits
from rebond.testing.manual_clock import ManualClock


class DistantStore(ForwardingStore):
    """What begins with ``gone`` cannot be asked for."""

    def __init__(self) -> None:
        super().__init__(MemoryStore(ManualClock()))
        self.asked: list[str] = []

    @property
    def traits(self) -> StoreTraits:
        return StoreTraits(conditional_create=True, concurrency=4, latency=True)

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        self._ask(prefix)
        return self.inner.list_objects(prefix)

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        self._ask(name)
        return self.inner.read(name, start=start, length=length)

    def stat(self, name: str) -> ObjectInfo:
        self._ask(name)
        return self.inner.stat(name)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what.startswith("gone"):
            raise StoreUnreachable("It does not answer (planned by a test).", hint="Nothing.")
