"""When a component will have grown so far that it no longer comes back in time."""

from collections.abc import Iterable, Sequence

from rebond.history.learning import Learned
from rebond.operations.snapshots import is_ahead, time_of
from rebond.vault.snapshots import SnapshotRecord

_DAY_MS = 86_400_000
LOOKED_BACK_MS = 90 * _DAY_MS
FARTHEST_DAYS = 365


def list_sizes(records: Iterable[SnapshotRecord], component: str, now_ms: int) -> list[tuple[int, int]]:
    """Return when a component had which size lately, oldest first: (milliseconds since 1970, bytes)."""
    found = []
    for record in sorted(records, key=time_of):
        if time_of(record) < now_ms - LOOKED_BACK_MS or is_ahead(record, now_ms):
            continue
        found += [
            (time_of(record), each.bytes)
            for each in record.catalog.components
            if each.name == component and each.is_whole
        ]
    return found


def grow_per_day(sizes: Sequence[tuple[int, int]]) -> float:
    """Return how many bytes a component grows in a day, by the straight line through its sizes; 0 for less than a day.

    What shrinks is taken not to grow.
    """
    if len(sizes) < 2 or sizes[-1][0] - sizes[0][0] < _DAY_MS:
        return 0.0
    days = [(moment - sizes[0][0]) / _DAY_MS for moment, _ in sizes]
    mean_day, mean_size = sum(days) / len(days), sum(size for _, size in sizes) / len(sizes)
    spread = sum((day - mean_day) ** 2 for day in days)
    slope = sum((day - mean_day) * (size - mean_size) for day, (_, size) in zip(days, sizes, strict=True)) / spread
    return max(slope, 0.0)


def foresee_break(
    learned: Learned, component: str, *, size_bytes: int, bytes_per_day: float, promised_seconds: int
) -> int | None:
    """Return in how many days a component will take longer than promised; ``None`` for not within a year."""
    for days in range(FARTHEST_DAYS + 1):
        expected = learned.expect_whole(component, size_bytes + days * bytes_per_day)
        if expected is None:
            return None
        if expected > promised_seconds:
            return days
        if not bytes_per_day:
            return None
    return None
