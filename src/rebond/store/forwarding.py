"""What every wrapper around a store has in common: to hand on what it does not change."""

from collections.abc import Iterable, Iterator

from rebond.store.protocol import ObjectInfo, Store, StoreTraits


class ForwardingStore:
    """Hands every call on to ``inner``. A wrapper overrides what it changes."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    @property
    def location(self) -> str:
        """Where the wrapped store is, safe to print."""
        return self.inner.location

    @property
    def traits(self) -> StoreTraits:
        """What the wrapped store can do."""
        return self.inner.traits

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Store ``content`` under ``name`` unless there is something already."""
        self.inner.put_if_absent(name, content)

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return the object, or ``length`` bytes of it from ``start``."""
        return self.inner.read(name, start=start, length=length)

    def stat(self, name: str) -> ObjectInfo:
        """Return what is known about one object."""
        return self.inner.stat(name)

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield what is known about every object whose name starts with ``prefix``."""
        return self.inner.list_objects(prefix)

    def delete(self, name: str) -> None:
        """Remove the object, if there is one."""
        self.inner.delete(name)

    def settle(self, names: Iterable[str]) -> None:
        """Make sure that objects which were listed survive a power cut in the wrapped store."""
        self.inner.settle(names)

    def sweep(self) -> int:
        """Remove what cut puts left behind in the wrapped store."""
        return self.inner.sweep()

    def close(self) -> None:
        """Give back what the wrapped store holds."""
        self.inner.close()
