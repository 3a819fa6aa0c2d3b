"""What is missing of a log: within each timeline, and where the way goes from one timeline to the next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rebond.operations.wal.coverage import Coverage, TimelineCoverage
from rebond.sources.postgres.wal_names import Switch, parse_segment_name

_LATER_MS = 1 << 62  # than any window: the beginning of a segment is what came last


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Numbers of segments of a timeline, the first and the last. ``is_recent`` says that no clean-up has made it.

    ``is_between`` says that it lies where the way goes from one timeline to the next.
    """

    timeline: int
    numbers: tuple[int, int]
    is_recent: bool
    is_between: bool


def find_missing(
    coverage: Coverage, ways: Mapping[int, Sequence[Switch]], tails: Iterable[str], *, since_ms: int
) -> list[Missing]:
    """Return what is missing between what is there, in order.

    ``ways`` say of timelines where they come from, ``tails`` name the segments of which the beginning is there. See
    ``TimelineCoverage.holes`` for ``since_ms``. Pure.
    """
    known = _count_tails(coverage, tails)
    within = {
        (each.timeline, numbers): numbers in each.holes(since_ms=since_ms)
        for each in known.values()
        for numbers in each.holes()
    }
    found = dict(within)
    for timeline in known.keys() & ways.keys():
        found |= _find_between(known, _list_legs(timeline, ways[timeline], coverage.segment_bytes), since_ms)
    return [
        Missing(timeline=each[0], numbers=each[1], is_recent=is_recent, is_between=each not in within)
        for each, is_recent in sorted(found.items())
    ]


def _count_tails(coverage: Coverage, tails: Iterable[str]) -> dict[int, TimelineCoverage]:
    """Return the timelines, with what is there only as a beginning behind a hole as a range of its own."""
    known = dict(coverage.timelines)
    if not coverage.segment_bytes:
        return known
    for timeline, number in sorted(parse_segment_name(each, coverage.segment_bytes) for each in tails):
        found = known.get(timeline)
        if found is None:
            ranges = ((number, number),)
            known[timeline] = TimelineCoverage(timeline=timeline, ranges=ranges, begins_ms=(_LATER_MS,))
        elif number > found.last + 1:
            begins_ms = found.begins_ms or (0,) * len(found.ranges)
            known[timeline] = replace(
                found, ranges=(*found.ranges, (number, number)), begins_ms=(*begins_ms, _LATER_MS)
            )
    return known


def _list_legs(timeline: int, way: Sequence[Switch], segment_bytes: int) -> list[tuple[int, int, int | None]]:
    """Return the timelines of a way, with the first segment that is of each and the one that is of the next."""
    ends = [each.lsn // segment_bytes for each in way]
    timelines = [*(each.timeline for each in way), timeline]
    return list(zip(timelines, [0, *ends], [*ends, None], strict=True))


def _find_between(
    known: Mapping[int, TimelineCoverage], legs: Sequence[tuple[int, int, int | None]], since_ms: int
) -> dict[tuple[int, tuple[int, int]], bool]:
    """Return what is missing before and behind what is there of each leg, but before and behind all that is there."""
    found: dict[tuple[int, tuple[int, int]], bool] = {}
    open_ended: list[tuple[int, tuple[int, int]]] = []  # what is missing if something comes behind it
    has_begun = False
    for timeline, first, end in legs:
        there = known.get(timeline)
        places = [
            place
            for place, (begin, last) in enumerate(there.ranges if there else ())
            if last >= first and (end is None or begin < end)
        ]
        if there is None or not places:
            if has_begun and end is not None and first < end:
                open_ended.append((timeline, (first, end - 1)))
            continue
        begin = there.ranges[places[0]][0]
        if has_begun and begin > first:
            open_ended.append((timeline, (first, begin - 1)))
        is_recent = not there.begins_ms or there.begins_ms[places[0]] >= since_ms
        found |= dict.fromkeys(open_ended, is_recent)
        has_begun, open_ended = True, []
        last = there.ranges[places[-1]][1]
        if end is not None and last < end - 1:
            open_ended.append((timeline, (last + 1, end - 1)))
    return found
