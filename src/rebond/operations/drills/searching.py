"""Finding the last good moment of a history: by halving it, with a question as oracle."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import Generic, TypeVar

Moment = TypeVar("Moment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(Generic[Moment]):
    """One look: at what, and whether it was good there."""

    moment: Moment
    is_good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[Moment]):
    """What a search came to. Without ``first_bad`` all is good; without ``last_good`` nothing that was asked is."""

    last_good: Moment | None
    first_bad: Moment | None
    probes: tuple[Probe[Moment], ...]


def find_last_good(
    moments: Sequence[Moment], ask: Callable[[Moment], bool], has_time: Callable[[], bool] = lambda: True
) -> Found[Moment]:
    """Return the newest moment that is good, when everything before a certain one is good and nothing after it.

    ``moments`` are oldest first. The newest is asked first and the oldest second, then as many as halving takes: 8 of
    50. Where what was bad had been good again in between, it finds one of the places where good turned to bad.

    Where the oldest is bad too, as one from before there was what is asked for, a good one is looked for in between:
    back from the newest in steps that grow, then in the middle of the widest gaps, while it ``has_time``.
    """
    probes: list[Probe[Moment]] = []

    def is_good(position: int) -> bool:
        probes.append(Probe(moment=moments[position], is_good=ask(moments[position])))
        return probes[-1].is_good

    low, high = 0, len(moments) - 1
    if high < 0:
        return Found(last_good=None, first_bad=None, probes=())
    if is_good(high):
        return Found(last_good=moments[high], first_bad=None, probes=tuple(probes))
    if low == high:
        return Found(last_good=None, first_bad=moments[low], probes=tuple(probes))
    if not is_good(low):
        bad = {low, high}
        for position in _choose_in_between(high):
            if not has_time():
                break
            if is_good(position):
                low, high = position, min(each for each in bad if each > position)
                break
            bad.add(position)
        if low in bad:
            return Found(last_good=None, first_bad=moments[0], probes=tuple(probes))
    while high - low > 1:
        middle = (low + high) // 2
        if is_good(middle):
            low = middle
        else:
            high = middle
    return Found(last_good=moments[low], first_bad=moments[high], probes=tuple(probes))


def _choose_in_between(last: int) -> Iterator[int]:
    """Yield every position between 0 and ``last``: those near the end first, then the middles of the widest gaps."""
    known, step = [last, 0], 1
    while step < last:
        yield last - step
        known.append(last - step)
        step *= 2
    gaps = [(low - high, low, high) for low, high in pairwise(sorted(known))]  # the widest is the smallest
    heapify(gaps)
    while gaps:
        _, low, high = heappop(gaps)
        if high - low > 1:
            middle = (low + high) // 2
            yield middle
            heappush(gaps, (low - middle, low, middle))
            heappush(gaps, (middle - high, middle, high))
