"""A store that takes notes, for tests of what is asked of it and in which order."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import ObjectInfo, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: the verb (``put``, ``read``, ``stat``, ``list``, ``delete``), the name or prefix, the bytes moved."""

    verb: str
    name: str
    size: int = 0


class RecordingStore(ForwardingStore):
    """Hands every call on and keeps it in ``calls`` once it has worked; a listing is noted when it begins."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.calls: list[Call] = []
        self._lock = threading.Lock()

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Store ``content`` and note it."""
        self.inner.put_if_absent(name, content)
        self._note("put", name, len(content))

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return the object and note how many bytes came."""
        content = self.inner.read(name, start=start, length=length)
        self._note("read", name, len(content))
        return content

    def stat(self, name: str) -> ObjectInfo:
        """Return what is known about one object and note the question."""
        info = self.inner.stat(name)
        self._note("stat", name, 0)
        return info

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Note the prefix and yield the objects."""
        self._note("list", prefix, 0)
        return self.inner.list_objects(prefix)

    def delete(self, name: str) -> None:
        """Remove the object and note it."""
        self.inner.delete(name)
        self._note("delete", name, 0)

    def names(self, verb: str) -> list[str]:
        """Return the names that one verb was called with, in order."""
        return [call.name for call in self.calls if call.verb == verb]

    def _note(self, verb: str, name: str, size: int) -> None:
        with self._lock:
            self.calls.append(Call(verb=verb, name=name, size=size))
