"""A wrapper that leaves some of the line to others."""

import threading

from rebond.clock import Clock
from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import Store


class Throttle:
    """Lets ``bytes_per_second`` through on average; ``None`` lets everything through."""

    def __init__(self, clock: Clock, bytes_per_second: int | None) -> None:
        self._clock = clock
        self._bytes_per_second = bytes_per_second
        self._lock = threading.Lock()
        self._free_at = clock.monotonic()

    def wait_for(self, size: int) -> None:
        """Wait until what was let through before is paid for, then book ``size`` bytes more."""
        if not self._bytes_per_second:
            return
        with self._lock:
            now = self._clock.monotonic()
            starts_at = max(now, self._free_at)
            self._free_at = starts_at + size / self._bytes_per_second
        if starts_at > now:
            self._clock.sleep(starts_at - now)

    def book(self, size: int) -> None:
        """Count ``size`` bytes that went through already; the next one waits for them."""
        if self._bytes_per_second:
            with self._lock:
                self._free_at = max(self._clock.monotonic(), self._free_at) + size / self._bytes_per_second


class LimitedStore(ForwardingStore):
    """Keeps puts and reads, each on average over several requests, under a rate.

    One request goes at the speed of the line and the next waits for it to be paid; so the size of
    the largest object bounds the burst. Listings, stats and deletes are not counted.
    """

    def __init__(
        self,
        inner: Store,
        clock: Clock,
        *,
        upload_bytes_per_second: int | None = None,
        download_bytes_per_second: int | None = None,
    ) -> None:
        super().__init__(inner)
        self._uploads = Throttle(clock, upload_bytes_per_second)
        self._downloads = Throttle(clock, download_bytes_per_second)

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Store ``content`` under ``name`` when the line is free."""
        self._uploads.wait_for(len(content))
        self.inner.put_if_absent(name, content)

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return the object, or a part of it, when the line is free."""
        self._downloads.wait_for(0 if length is None else length)
        content = self.inner.read(name, start=start, length=length)
        if length is None:  # its size is known only now; the next read pays
            self._downloads.book(len(content))
        return content
