"""The transaction that spoilt a database, found by halving a log of any shape."""

from collections.abc import Sequence

import pytest

from rebond.operations.physical.commits import Commits, find_last_good_commit
from rebond.sources.postgres_physical.wal_records import Mark

SIZE = 1000


class Segment:
    def __init__(self, number: int) -> None:
        self.number = number


class Window:
    def __init__(self, segments: int) -> None:
        self.segments = [Segment(number) for number in range(segments)]
        self.until_lsn = segments * SIZE


class Log:
    """A log whose segments have so many commits each; ``scanned`` counts those that were looked into."""

    segment_bytes = SIZE

    def __init__(self, counts: list[int]) -> None:
        self.marks: list[list[Mark]] = []
        self.scanned: set[int] = set()
        for number, count in enumerate(counts):
            start = number * SIZE
            here = [Mark("commit", start + 10 * place, start + place, place) for place in range(1, count + 1)]
            other = [Mark("abort", start + 995, 0), Mark("checkpoint", start + 5, 0)]
            self.marks.append(sorted([*here, *other], key=lambda each: each.lsn))

    def list_marks(self, segments: Sequence[Segment], place: int) -> tuple[Mark, ...]:
        number = segments[place].number
        self.scanned.add(number)
        return tuple(self.marks[number])

    def all_commits(self) -> list[Mark]:
        return [each for marks in self.marks for each in marks if each.kind == "commit"]

    def between(self, after: int = 0, before: int | None = None) -> Commits:
        return Commits(self, Window(len(self.marks)), after, before)  # type: ignore[arg-type]


@pytest.mark.parametrize("counts", [[1], [3], [0, 5], [5, 0, 0, 7, 0], [0, 1, 0, 1, 1, 0], [9] * 8])
def test_every_transaction_that_spoils_it_is_found(counts: list[int]) -> None:
    log = Log(counts)
    commits = log.all_commits()
    for place, culprit in enumerate(commits):
        found = find_last_good_commit(log.between(), lambda each, at=culprit: each.lsn < at.lsn, lambda _: True)  # type: ignore[misc]
        assert found.first_bad == culprit
        assert found.last_good == (commits[place - 1] if place else None)
        assert not found.is_cut


def test_a_log_of_ten_thousand_commits_takes_few_looks_and_few_segments() -> None:
    log = Log([90] * 112)
    culprit = log.all_commits()[7777]
    found = find_last_good_commit(log.between(), lambda each: each.lsn < culprit.lsn, lambda _: True)
    assert found.first_bad == culprit
    assert len(found.probes) <= 16
    assert len(log.scanned) <= 10


def test_only_what_lies_between_two_positions_is_looked_at() -> None:
    log = Log([4, 4, 4])
    commits = log.all_commits()
    asked: list[Mark] = []

    def ask(commit: Mark) -> bool:
        asked.append(commit)
        return True

    found = find_last_good_commit(log.between(commits[1].lsn, commits[9].lsn), ask, lambda _: True)
    assert (found.first_bad, found.last_good) == (None, commits[8])
    assert asked == [commits[8]]


def test_a_search_that_may_not_go_on_says_between_what_the_culprit_lies() -> None:
    log = Log([50] * 10)
    commits = log.all_commits()
    found = find_last_good_commit(log.between(), lambda each: each.lsn < commits[333].lsn, lambda count: count < 4)
    assert found.is_cut
    assert len(found.probes) == 4
    assert found.last_good is not None
    assert found.first_bad is not None
    assert found.last_good.lsn < commits[333].lsn <= found.first_bad.lsn


def test_a_log_without_a_commit_is_not_to_blame() -> None:
    found = find_last_good_commit(Log([0, 0]).between(), lambda _: False, lambda _: True)
    assert (found.last_good, found.first_bad, found.probes) == (None, None, ())
