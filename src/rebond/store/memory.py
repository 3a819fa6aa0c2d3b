"""A store in memory: for tests, and for trying things out."""

import threading
from collections.abc import Iterable, Iterator

from rebond.clock import Clock, SystemClock
from rebond.store.faults import object_exists, object_missing, short_read
from rebond.store.names import check_name, check_prefix, check_range
from rebond.store.protocol import ObjectInfo, StoreTraits


class MemoryStore:
    """Keeps objects in a dictionary. Everything is lost when the process ends."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._lock = threading.Lock()
        self._objects: dict[str, tuple[bytes, int]] = {}

    @property
    def location(self) -> str:
        """Where this is."""
        return "memory"

    @property
    def traits(self) -> StoreTraits:
        """What this store can do beyond the promises."""
        return StoreTraits(conditional_create=True, concurrency=1, latency=False)

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Store ``content`` under ``name``; raises ``ObjectExists`` if there is something already."""
        check_name(name)
        kept = bytes(content)
        with self._lock:
            if name in self._objects:
                raise object_exists(name, self.location)
            self._objects[name] = (kept, self._clock.now_ms())

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return the object, or a part of it; raises ``ObjectMissing`` or ``ShortRead``."""
        check_range(start, length)
        content, _ = self._find(name)
        end = len(content) if length is None else start + length
        if max(start, end) > len(content):
            raise short_read(name, self.location, size=len(content), end=max(start, end))
        return content[start:end]

    def stat(self, name: str) -> ObjectInfo:
        """Return size and store time; raises ``ObjectMissing``."""
        content, modified_ms = self._find(name)
        return ObjectInfo(name=name, size=len(content), modified_ms=modified_ms)

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield every object whose name starts with ``prefix``, in byte order, as of now."""
        check_prefix(prefix)
        with self._lock:
            found = [
                ObjectInfo(name=name, size=len(content), modified_ms=modified_ms)
                for name, (content, modified_ms) in self._objects.items()
                if name.startswith(prefix)
            ]
        found.sort(key=lambda info: info.name)
        return iter(found)

    def delete(self, name: str) -> None:
        """Remove the object, if there is one."""
        check_name(name)
        with self._lock:
            self._objects.pop(name, None)

    def settle(self, names: Iterable[str]) -> None:
        """Do nothing: what can be listed here was put to its end."""

    def sweep(self) -> int:
        """Return 0: a put here is never cut."""
        return 0

    def close(self) -> None:
        """Do nothing: the objects stay until the process ends."""

    def _find(self, name: str) -> tuple[bytes, int]:
        check_name(name)
        with self._lock:
            found = self._objects.get(name)
        if found is None:
            raise object_missing(name, self.location)
        return found
