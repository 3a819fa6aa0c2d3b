"""Where that is which is missing between what came of a log: on its way, on the server still, gone, or nobody knows.

The files of a server come one by one, and what is archived ahead may overtake one: a hole that is about to close is
another thing than one that will stay.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rebond.operations.wal.branches import find_missing
from rebond.operations.wal.coverage import Coverage, TimelineCoverage, join_ranges, name_range
from rebond.sources.postgres.wal_facts import WalFacts
from rebond.sources.postgres.wal_names import Switch, history_name, is_segment, parse_segment_name, timeline_of


class Whereabouts(enum.Enum):
    """Where what is missing is, as far as its server said so."""

    WAITS = "waits"  # the server has it, and will ask to have it archived
    KEPT = "kept"  # the server has it, and will not ask
    GONE = "gone"
    NOT_ASKED = "not asked"
    NOT_SHOWN = "not shown"  # who asked may not look there


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Numbers of segments of one timeline, the first and the last, that are not in the vault.

    ``is_between`` says that they lie where the way goes from one timeline to the next.
    """

    timeline: int
    numbers: tuple[int, int]
    whereabouts: Whereabouts
    is_between: bool = False


class LogOnServer:
    """What is missing in a vault, beside what its server has."""

    def __init__(
        self,
        coverage: Coverage,
        facts: WalFacts | None,
        *,
        archives: bool,
        ways: Mapping[int, Sequence[Switch]] | None = None,
        tails: Iterable[str] = (),
    ) -> None:
        """``archives`` says whether what waits on the server to be archived is meant for this vault.

        ``ways`` say where timelines come from, ``tails`` name the segments of which the beginning is there.
        """
        self._coverage = coverage
        self._ways = ways or {}
        self._tails = tuple(tails)
        is_own = facts is not None and facts.system_id == str(coverage.system_id)
        self._facts = facts if is_own else None
        self._waiting: Sequence[str] = ()
        self._kept: Sequence[str] = ()
        if facts is not None and is_own:
            self._waiting = facts.waiting.names if archives and facts.waiting is not None else ()
            self._kept = facts.kept or ()
        self._written_from = _find_unfinished(coverage, self._facts) if archives else {}

    def find_holes(self, *, since_ms: int = 0) -> list[Hole]:
        """Return what is missing, in parts that lie in one place each.

        Of what has no place on the server, see ``TimelineCoverage.holes`` for ``since_ms``.
        """
        holes = []
        for missing in find_missing(self._coverage, self._ways, self._tails, since_ms=since_ms):
            parts = [
                replace(each, is_between=missing.is_between) for each in self._split(missing.timeline, missing.numbers)
            ]
            holes += [each for each in parts if missing.is_recent or each.whereabouts is Whereabouts.WAITS]
        return holes

    def find_history(self, timeline: int) -> Whereabouts:
        """Say where the file is that tells where a timeline comes from."""
        name = history_name(timeline)
        if name in self._waiting:
            return Whereabouts.WAITS
        return Whereabouts.KEPT if name in self._kept else self._rest

    def with_what_waits(self) -> Coverage:
        """Return what the vault has once all has come that is on its way between what came already."""
        coming: dict[int, list[tuple[int, int]]] = {}
        for each in self.find_holes():
            if each.whereabouts is Whereabouts.WAITS:
                coming.setdefault(each.timeline, []).append(each.numbers)
        timelines = dict(self._coverage.timelines)
        for timeline, numbers in coming.items():
            timelines[timeline] = _fill(timelines[timeline], numbers)
        return replace(self._coverage, timelines=timelines)

    @property
    def _rest(self) -> Whereabouts:
        """Where that is which the server did not name."""
        if self._facts is None:
            return Whereabouts.NOT_ASKED
        return Whereabouts.NOT_SHOWN if self._facts.kept is None else Whereabouts.GONE

    def _split(self, timeline: int, numbers: tuple[int, int]) -> list[Hole]:
        waiting = self._find_numbers(timeline, self._waiting, numbers)
        if timeline in self._written_from:
            waiting.update(range(max(numbers[0], self._written_from[timeline]), numbers[1] + 1))
        kept = self._find_numbers(timeline, self._kept, numbers) - waiting
        parts = [
            Hole(timeline=timeline, numbers=each, whereabouts=whereabouts)
            for whereabouts, ranges in (
                (Whereabouts.WAITS, join_ranges(waiting)),
                (Whereabouts.KEPT, join_ranges(kept)),
                (self._rest, _list_between(numbers, join_ranges(waiting | kept))),
            )
            for each in ranges
        ]
        return sorted(parts, key=lambda each: each.numbers)

    def _find_numbers(self, timeline: int, names: Iterable[str], numbers: tuple[int, int]) -> set[int]:
        """Return which numbers of a timeline are among the names of files."""
        if self._facts is None or self._facts.segment_bytes != self._coverage.segment_bytes:
            return set()
        own = (each for each in names if is_segment(each) and timeline_of(each) == timeline)
        found = (parse_segment_name(each, self._coverage.segment_bytes)[1] for each in own)
        return {each for each in found if numbers[0] <= each <= numbers[1]}


def name_hole(hole: Hole, segment_bytes: int) -> str:
    """Return the names of the first and the last file of a hole; one name where they are the same."""
    return name_range(hole.timeline, hole.numbers, segment_bytes)


def _find_unfinished(coverage: Coverage, facts: WalFacts | None) -> dict[int, int]:
    """Return the segment that a server wrote when it was asked, by its timeline: it waits only since it is whole."""
    if facts is None or facts.is_in_recovery or not facts.position or not coverage.segment_bytes:
        return {}
    return {facts.timeline: facts.position // coverage.segment_bytes}


def _list_between(numbers: tuple[int, int], ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what some ranges leave of one that holds them all."""
    left, begin = [], numbers[0]
    for first, last in (*ranges, (numbers[1] + 1, numbers[1] + 1)):
        if begin < first:
            left.append((begin, first - 1))
        begin = last + 1
    return left


def _fill(found: TimelineCoverage, coming: Sequence[tuple[int, int]]) -> TimelineCoverage:
    """Return a timeline with some ranges more; when those come to the store is not known."""
    ranges: list[tuple[int, int]] = []
    for first, last in sorted((*found.ranges, *coming)):
        if ranges and ranges[-1][1] + 1 == first:
            ranges[-1] = (ranges[-1][0], last)
        else:
            ranges.append((first, last))
    return replace(found, ranges=tuple(ranges), begins_ms=(), ends_ms=())
