"""Whether this machine's processors have nothing to do: then work may take longer for a smaller result."""

import threading
import time

_LOOKS_EVERY_SECONDS = 0.2  # the system counts in hundredths of a second
_LEAST_IDLE_SHARE = 0.125  # of all processors: a quarter of one where there are two
_IDLE_COLUMNS = slice(3, 5)  # idle, and idle while a disk works


class IdleProcessors:
    """Looks now and then how much of the processors nobody used since its last look. Several threads may ask."""

    def __init__(self, counts: str = "/proc/stat") -> None:
        """``counts`` is where the system counts; where it cannot be read nothing is idle."""
        self._counts = counts
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._before = (0, 0)
        self._are_idle = False

    def are_idle(self) -> bool:
        """Say whether at least an eighth was idle lately; ``False`` before the second look."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked_at >= _LOOKS_EVERY_SECONDS:
                idle, total = counted = self._read_counts()
                idle_before, total_before = self._before
                passed = total - total_before
                self._are_idle = bool(total_before) and idle - idle_before >= _LEAST_IDLE_SHARE * passed > 0
                self._before, self._looked_at = counted, now
            return self._are_idle

    def _read_counts(self) -> tuple[int, int]:
        """Return the time that was idle, and all time, since the machine started, summed over its processors."""
        try:
            with open(self._counts, encoding="ascii") as file:
                words = file.readline().split()
            counts = [int(word) for word in words[1:9]]  # what guests used counts twice, and comes after
        except (OSError, ValueError):  # another system, or a container that shows nothing
            return 0, 0
        return sum(counts[_IDLE_COLUMNS]), sum(counts)
