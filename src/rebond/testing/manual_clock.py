"""A clock that moves only when it is told to, so that two days pass in no time."""

import threading

START_MS = 1_770_000_000_000  # 2 February 2026


class ManualClock:
    """Wall time and monotonic time that ``sleep`` and ``advance`` move; safe to share between threads."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._lock = threading.Lock()
        self._now_ms = float(now_ms)
        self._monotonic = 1000.0
        self.slept: list[float] = []

    def now_ms(self) -> int:
        """Return milliseconds since 1970, UTC."""
        with self._lock:
            return int(self._now_ms)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        with self._lock:
            return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Move both times forward, without waiting, and remember the pause in ``slept``."""
        with self._lock:
            self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move both times forward."""
        with self._lock:
            self._monotonic += max(seconds, 0.0)
            self._now_ms += max(seconds, 0.0) * 1000

    def jump(self, seconds: float) -> None:
        """Move only the wall time, back or forward, as when somebody sets the machine's clock."""
        with self._lock:
            self._now_ms += seconds * 1000
