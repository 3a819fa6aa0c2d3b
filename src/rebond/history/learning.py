"""How restore time grows with size, learnt from drills: phase by phase, each as a fixed part and one for each byte."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite

from msgspec import Struct

from rebond.history.drills import list_components, tells_times, tells_times_of_components
from rebond.history.runs import Run

NEWEST = 20  # drills of which is learnt: machines and data change
LEAST_SPREAD = 1.2  # sizes nearer to one another than this say nothing of growth


class Growth(Struct, frozen=True, kw_only=True):
    """The time of one phase: seconds that it takes at any size, and seconds for each byte."""

    fixed_seconds: float
    seconds_per_byte: float
    drills: int

    def expect(self, size_bytes: float) -> float:
        """Return how long the phase takes at a size."""
        return self.fixed_seconds + self.seconds_per_byte * size_bytes


class Learned(Struct, frozen=True, kw_only=True):
    """What drills taught of each component; the newest figures are of one that came back whole."""

    phases: Mapping[str, Mapping[str, Growth]]
    newest_seconds: Mapping[str, float]
    newest_bytes: Mapping[str, int]
    newest_ms: Mapping[str, int]

    def expect_whole(self, component: str, size_bytes: float) -> float | None:
        """Return how long a component will take until it is back."""
        growths = self.phases.get(component)
        return sum(each.expect(size_bytes) for each in growths.values()) if growths else None

    def find_slowest(self, component: str, size_bytes: float) -> str:
        """Return the phase that takes most of it; empty where nothing is known."""
        growths = self.phases.get(component, {})
        return max(growths, key=lambda name: growths[name].expect(size_bytes), default="")


def learn(drills: Iterable[Run]) -> Learned:
    """Learn from drills, oldest first. Samples say nothing of the whole, and proofs that failed nothing of the time."""
    seen: dict[str, dict[str, list[tuple[int, float]]]] = {}
    seconds: dict[str, float] = {}
    sizes: dict[str, int] = {}
    moments: dict[str, int] = {}
    for drill in drills:
        if drill.facts.get("exercise") or not tells_times(drill):
            continue
        for component in list_components(drill):
            name, size, phases = component.get("name"), component.get("bytes"), component.get("phases")
            if not isinstance(name, str) or not isinstance(size, int) or not isinstance(phases, dict):
                continue
            known = {each: took for each, took in phases.items() if isinstance(took, int | float) and isfinite(took)}
            for phase, took in known.items():
                seen.setdefault(name, {}).setdefault(phase, []).append((size, float(took)))
            if tells_times_of_components(drill):
                seconds[name], sizes[name], moments[name] = sum(known.values()), size, drill.began_ms
    phases_of = {
        name: {phase: fit_growth(points[-NEWEST:]) for phase, points in phases.items()} for name, phases in seen.items()
    }
    return Learned(phases=phases_of, newest_seconds=seconds, newest_bytes=sizes, newest_ms=moments)


def fit_growth(points: Sequence[tuple[int, float]]) -> Growth:
    """Return the straight line that is nearest to the points; neither part of it is less than 0.

    Sizes that hardly differ say nothing of how time grows: then all of it is taken to go with the size, which
    promises too little rather than too much.
    """
    least, most = min(size for size, _ in points), max(size for size, _ in points)
    mean_size = sum(size for size, _ in points) / len(points)
    mean_seconds = sum(took for _, took in points) / len(points)
    if most < LEAST_SPREAD * max(least, 1):
        if not mean_size:
            return Growth(fixed_seconds=mean_seconds, seconds_per_byte=0.0, drills=len(points))
        return Growth(fixed_seconds=0.0, seconds_per_byte=mean_seconds / mean_size, drills=len(points))
    spread = sum((size - mean_size) ** 2 for size, _ in points)
    slope = sum((size - mean_size) * (took - mean_seconds) for size, took in points) / spread
    slope = min(max(slope, 0.0), mean_seconds / mean_size)  # the fixed part is not less than 0 either
    return Growth(fixed_seconds=mean_seconds - slope * mean_size, seconds_per_byte=slope, drills=len(points))
