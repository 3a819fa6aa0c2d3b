"""Which timeline a time lies on, where one was left behind and another begun."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from rebond.operations.physical.archived_log import Leg, SegmentId
from rebond.operations.physical.bases import Base
from rebond.operations.physical.timelines import find_current, find_timeline_at
from rebond.sources.postgres_physical.wal_records import Mark

SIZE = 1000
SECOND = 1_000_000
LEFT = 2500  # where the second timeline left the first: in segment 2


class Log:
    """Two timelines; ``marks`` are those of each, and ``last`` is where the first one's last record begins."""

    segment_bytes = SIZE

    def __init__(self, marks: dict[int, list[Mark]], last: int) -> None:
        self.marks = marks
        self.last = last

    def list_legs(self, timeline: int) -> list[Leg]:
        own = Leg(timeline=timeline, end=None)
        return [own] if timeline == 1 else [Leg(timeline=1, end=LEFT), own]

    def list_timelines(self) -> list[int]:
        return [1, 2]

    def has(self, segment: SegmentId) -> bool:
        return segment.number == LEFT // SIZE

    def find_last_record(self, segments: Sequence[SegmentId], place: int) -> int | None:
        return self.last

    def list_marks(self, segments: Sequence[SegmentId], place: int) -> tuple[Mark, ...]:
        return tuple(self.marks[segments[place].timeline])


def find_at(time_us: int, marks: list[Mark], *, last: int = LEFT + 100) -> int:
    return find_timeline_at(Log({2: marks}, last), 2, time_us)  # type: ignore[arg-type]


COMMIT = Mark("commit", LEFT + 200, 7 * SECOND + 600_000)


@pytest.mark.parametrize("time_us", [7 * SECOND - 1, 7 * SECOND, 7 * SECOND + 300_000])
def test_a_second_in_which_a_timeline_begins_is_still_the_earlier_ones(time_us: int) -> None:
    """A checkpoint tells the second in which it began: the earlier server may have committed in the same one."""
    assert find_at(time_us, [Mark("checkpoint", LEFT + 10, 7 * SECOND), COMMIT]) == 1


def test_from_its_first_commit_on_it_is_the_new_one() -> None:
    assert find_at(COMMIT.time_us, [Mark("checkpoint", LEFT + 10, 7 * SECOND), COMMIT]) == 2
    assert find_at(8 * SECOND, [Mark("checkpoint", LEFT + 10, 7 * SECOND)]) == 2


def test_a_promotion_tells_its_time_to_the_microsecond() -> None:
    marks = [Mark("checkpoint", LEFT + 10, 7 * SECOND + 250_000)]
    assert find_at(7 * SECOND + 249_999, marks) == 1
    assert find_at(7 * SECOND + 250_000, marks) == 2


def test_where_the_earlier_one_has_nothing_of_its_own_the_new_one_is_taken() -> None:
    assert find_at(3 * SECOND, [Mark("checkpoint", LEFT + 10, 7 * SECOND)], last=LEFT - 50) == 2


@pytest.mark.parametrize(
    ("stop", "stop_seconds", "current"),
    [
        (LEFT - 100, 5, 2),  # the base leads there
        (LEFT + 300, 5, 2),  # it does not, but it is of before the parting: somebody went back
        (LEFT + 300, 9, 1),  # the first one was saved when the other had begun: that one was left
    ],
)
def test_production_is_on_the_timeline_that_began_last(stop: int, stop_seconds: int, current: int) -> None:
    facts = SimpleNamespace(timeline=1, stop=stop, stop_time_ms=stop_seconds * 1000)
    base = cast("Base", SimpleNamespace(facts=facts))
    log = Log({2: [Mark("checkpoint", LEFT + 10, 7 * SECOND + 250_000)]}, LEFT + 100)
    assert find_current(log, [base]) == current  # type: ignore[arg-type]
