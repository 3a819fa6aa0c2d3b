"""A store that stops its process at a chosen operation, so that others run in the middle of it."""

import threading
from collections.abc import Callable, Iterator

from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import ObjectInfo, Store

PATIENCE_SECONDS = 60.0


class GatedStore(ForwardingStore):
    """Stops before operation number ``stop_at`` (from 0) until ``resume`` is called."""

    def __init__(self, inner: Store, stop_at: int | None) -> None:
        super().__init__(inner)
        self._stop_at = stop_at
        self._lock = threading.Lock()
        self._resumed = threading.Event()
        self.stopped = threading.Event()
        self.operations = 0

    def resume(self) -> None:
        """Let the process go on."""
        self._resumed.set()

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Put, when allowed."""
        self._pass_gate()
        self.inner.put_if_absent(name, content)

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Read, when allowed."""
        self._pass_gate()
        return self.inner.read(name, start=start, length=length)

    def stat(self, name: str) -> ObjectInfo:
        """Stat, when allowed."""
        self._pass_gate()
        return self.inner.stat(name)

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """List all at once, when allowed."""
        self._pass_gate()
        return iter(list(self.inner.list_objects(prefix)))

    def delete(self, name: str) -> None:
        """Delete, when allowed."""
        self._pass_gate()
        self.inner.delete(name)

    def _pass_gate(self) -> None:
        with self._lock:
            number = self.operations
            self.operations += 1
        if number == self._stop_at:
            self.stopped.set()
            if not self._resumed.wait(PATIENCE_SECONDS):
                raise AssertionError("nobody resumed this process")


class Actor:
    """A process of the scenario: a thread over a gated store."""

    def __init__(self, store: GatedStore, act: Callable[[], object]) -> None:
        self.store = store
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(act,), daemon=True)

    def start(self) -> None:
        """Run until the gate or the end."""
        self._thread.start()
        while not self.store.stopped.wait(0.002) and self._thread.is_alive():
            pass

    def finish(self) -> None:
        """Run to the end; raise what went wrong."""
        self.store.resume()
        self._thread.join(PATIENCE_SECONDS)
        if self.error is not None:
            raise self.error
        assert not self._thread.is_alive()

    def _run(self, act: Callable[[], object]) -> None:
        try:
            act()
        except BaseException as error:  # handed to the scenario's own thread
            self.error = error
