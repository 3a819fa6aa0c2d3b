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
    decide_retention,
    group_of,
    order_by_age,
)


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
    made = 0
    for group, members in groups.items():
        complete = sorted((c for c in members if c.is_complete), key=order_by_age)
        interval = _median_gap_ms(complete)
        present = list(members)
        if interval is not None:
            intervals[group] = interval
            for step in range(1, span_ms // interval + 1):
                made += 1
                present.append(_later(complete[-1], step, interval))
                decided = decide_retention(present, policy, zone=zone, group_by=group_by)
                present = [decision.candidate for decision in decided if decision.is_kept]
        kept += present
    real = {candidate.name for candidate in candidates}
    return Simulation(
        kept=tuple(sorted((c for c in kept if c.name in real), key=order_by_age)),
        made=made,
        left=sum(c.name not in real for c in kept),
        interval_ms=intervals,
    )


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
