"""What a retention policy will leave in some time, if backups go on as they do. Pure."""

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from rebond.identifiers import ObjectName
from rebond.vault.retention import (
    DEFAULT_GROUPS,
    Candidate,
    GroupBy,
    KeepPolicy,
    Period,
    decide_retention,
    group_of,
    order_by_age,
)

_QUARTER_MS = 15 * 60 * 1000


class Simulation(Struct, frozen=True, kw_only=True):
    """What a policy leaves when backups go on at their present rhythm.

    ``kept`` are today's snapshots that are still there in the end; ``made`` and ``left`` count those
    that would be made meanwhile. ``interval_ms`` is the rhythm of each group that has one.
    """

    kept: tuple[Candidate, ...]
    made: int
    left: int
    interval_ms: Mapping[tuple[tuple[str, str], ...], int]


def simulate_retention(
    candidates: Sequence[Candidate],
    policy: KeepPolicy,
    *,
    zone: dt.tzinfo,
    span_ms: int,
    group_by: Sequence[GroupBy] = DEFAULT_GROUPS,
) -> Simulation:
    """Apply a policy again and again for ``span_ms`` to come, with new snapshots as often as up to now."""
    groups: dict[tuple[tuple[str, str], ...], list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(group_of(candidate, group_by), []).append(candidate)
    intervals: dict[tuple[tuple[str, str], ...], int] = {}
    kept: list[Candidate] = []
    made = left = 0
    for group, members in groups.items():
        complete = sorted((c for c in members if c.is_complete), key=order_by_age)
        interval = _median_gap_ms(complete)
        steps = span_ms // interval if interval else 0
        if interval is not None:
            intervals[group] = interval
        if interval is None or not steps:
            kept += members
            continue
        young = _count_young(policy, steps, interval)
        telling = {
            step: _later(complete[-1], step, interval) for step in _find_telling(complete[-1], steps, policy, interval)
        }
        decided = decide_retention([*members, *telling.values()], policy, zone=zone, group_by=group_by)
        stayed = {decision.candidate.name for decision in decided if decision.is_kept}
        made += steps
        left += young + sum(each.name in stayed for step, each in telling.items() if step <= steps - young)
        kept += [each for each in members if each.name in stayed]
    return Simulation(kept=tuple(sorted(kept, key=order_by_age)), made=made, left=left, interval_ms=intervals)


def _count_young(policy: KeepPolicy, steps: int, interval_ms: int) -> int:
    """Return how many of the last ``steps`` stay because of their age alone: nobody has to look at each of them."""
    reach_ms = steps * interval_ms if policy.keeps_all else policy.within_ms
    if reach_ms is None:
        return 0
    if policy.at_most_ms is not None:
        reach_ms = min(reach_ms, policy.at_most_ms)
    return min(steps, reach_ms // interval_ms + 1)


def _find_telling(newest: Candidate, steps: int, policy: KeepPolicy, interval_ms: int) -> list[int]:
    """Return the steps that a rule may choose: the last ones, and the last of each quarter of an hour.

    Hours, days and all that is longer begin with such a quarter, in every time zone. So of the millions that a stack
    makes which is saved at every change, some thousands are looked at.
    """
    found = set(range(max(1, steps - max(1, policy.last) + 1), steps + 1))
    step = steps
    while step > 0 and any(policy.count_of(period) for period in Period):
        found.add(step)
        quarter_ms = (newest.time_ms + step * interval_ms) // _QUARTER_MS * _QUARTER_MS
        step = -((newest.time_ms - quarter_ms) // interval_ms) - 1
    return sorted(found)


def _median_gap_ms(complete: Sequence[Candidate]) -> int | None:
    """Return the usual time between snapshots; ``None`` when there are too few to tell."""
    gaps = sorted(later.time_ms - earlier.time_ms for earlier, later in itertools.pairwise(complete))
    gap = gaps[len(gaps) // 2] if gaps else 0
    return gap if gap > 0 else None


def _later(newest: Candidate, step: int, interval_ms: int) -> Candidate:
    moment_ms = newest.time_ms + step * interval_ms
    return msgspec.structs.replace(
        newest,
        name=ObjectName(f"{newest.name}+{step}"),
        time_ms=moment_ms,
        store_time_ms=moment_ms,
        tags=frozenset(),
        is_held=False,
    )
