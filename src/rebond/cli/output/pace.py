"""How fast an operation goes, and when it will be done."""

from collections import deque

from rebond.progress import Advance

WINDOW_SECONDS = 20.0


class Pace:
    """The rate of the last seconds. ``note`` is told how far things are and what the clock shows."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque()
        self._phase = ""
        self._advance = Advance(phase="")

    def note(self, advance: Advance, at_seconds: float) -> None:
        """Take one look; another phase begins anew, and so does a component that is counted by itself."""
        is_behind = advance.bytes < self._advance.bytes or advance.files < self._advance.files
        if advance.phase != self._phase or is_behind:
            self._seen.clear()
            self._phase = advance.phase
        self._advance = advance
        self._seen.append((at_seconds, advance.bytes, advance.files))
        while len(self._seen) > 2 and at_seconds - self._seen[0][0] > WINDOW_SECONDS:
            self._seen.popleft()

    @property
    def bytes_per_second(self) -> float | None:
        """``None`` until two looks are apart."""
        return self._rate(1)

    @property
    def files_per_second(self) -> float | None:
        """``None`` until two looks are apart."""
        return self._rate(2)

    @property
    def remaining_seconds(self) -> float | None:
        """By the slower of bytes and files; ``None`` while the total or the rate is unknown."""
        now = self._advance
        waits = []
        for done, total, rate in (
            (now.bytes, now.total_bytes, self.bytes_per_second),
            (now.files, now.total_files, self.files_per_second),
        ):
            if total and rate:
                waits.append(max(0, total - done) / rate)
        return max(waits, default=None)

    def _rate(self, column: int) -> float | None:
        if len(self._seen) < 2:
            return None
        first, last = self._seen[0], self._seen[-1]
        seconds = last[0] - first[0]
        return (last[column] - first[column]) / seconds if seconds > 0.05 else None
