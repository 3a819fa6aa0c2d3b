"""Finding the last good moment of a history: by halving it, with a question as oracle."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Moment = TypeVar("Moment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(Generic[Moment]):
    """One look: at what, and whether it was good there."""

    moment: Moment
    is_good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[Moment]):
    """What a search came to. Without ``first_bad`` all is good; without ``last_good`` nothing is."""

    last_good: Moment | None
    first_bad: Moment | None
    probes: tuple[Probe[Moment], ...]


def find_last_good(moments: Sequence[Moment], ask: Callable[[Moment], bool]) -> Found[Moment]:
    """Return the newest moment that is good, when everything before a certain one is good and nothing after it.

    ``moments`` are oldest first. The newest is asked first and the oldest second, then as many as halving takes: 8 of
    50. Where what was bad had been good again in between, it finds one of the places where good turned to bad.
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
    if low == high or not is_good(low):
        return Found(last_good=None, first_bad=moments[low], probes=tuple(probes))
    while high - low > 1:
        middle = (low + high) // 2
        if is_good(middle):
            low = middle
        else:
            high = middle
    return Found(last_good=moments[low], first_bad=moments[high], probes=tuple(probes))
