"""A backup and a prune over one store, each stopped before a call while the other goes on.

Here before the calls that matter; ``python -m tests.torture interleavings`` tries every pair of calls.
"""

import itertools
import pathlib

import pytest
from tests.torture.interleaving import (
    NEVER,
    Act,
    Actor,
    Contested,
    backup,
    choose_stops,
    count_calls,
    holding,
    interleave,
    pruning,
    stall,
    taking_back,
)

from rebond.errors import RebondError
from rebond.operations.snapshots import list_snapshots

pytestmark = pytest.mark.slow
LOOKS = 5  # stops of a backup before it has seen what is there


@pytest.fixture(scope="module")
def contested(tmp_path_factory: pytest.TempPathFactory) -> Contested:
    return Contested.make(tmp_path_factory.mktemp("contested"))


def stops_of(world: Contested, folder: pathlib.Path, act: Act) -> list[int]:
    return choose_stops(count_calls(world, folder, act))


def test_a_backup_and_a_prune_that_meet_anywhere_both_end_well(contested: Contested, tmp_path: pathlib.Path) -> None:
    keeper = [stop for stop in stops_of(contested, tmp_path / "a", pruning) if stop > 50]
    writer = stops_of(contested, tmp_path / "b", backup)
    assert len(keeper) >= 8
    assert len(writer) >= 8
    for number, (keeper_stop, writer_stop) in enumerate(itertools.product(keeper, writer)):
        if writer_stop in writer[:LOOKS] or number % 5 == 0:  # what it saw before the prune went on
            actors = interleave(contested, tmp_path / "c", (pruning, keeper_stop), (backup, writer_stop))
        elif number % 5 == 1:
            actors = interleave(contested, tmp_path / "c", (backup, writer_stop), (pruning, keeper_stop))
        else:
            continue
        assert [actor.error for actor in actors] == [None, None], (keeper_stop, writer_stop)


def test_two_prunes_that_meet_anywhere_delete_nothing_that_is_needed(
    contested: Contested, tmp_path: pathlib.Path
) -> None:
    stops = stops_of(contested, tmp_path / "a", pruning)
    for first, second in itertools.product(stops[::5], stops[1::5]):
        actors = interleave(contested, tmp_path / "c", (pruning, first), (pruning, second))
        assert [actor.error for actor in actors] == [None, None], (first, second)


def test_a_backup_that_sleeps_for_weeks_before_any_call_commits_something_whole_or_nothing(
    contested: Contested, tmp_path: pathlib.Path
) -> None:
    for stop in range(len(count_calls(contested, tmp_path / "a", backup)) + 1):
        actor = stall(contested, tmp_path / "b", stop)
        assert actor.error is None, f"stopped before call {stop}: {actor.error}"


def test_what_was_taken_back_during_a_prune_is_there_or_refused(contested: Contested, tmp_path: pathlib.Path) -> None:
    for stop in stops_of(contested, tmp_path / "a", pruning):
        copy = contested.copy(tmp_path / "b")
        keeper = Actor(lambda store, world=copy: pruning(world, store), copy.store)  # type: ignore[misc]
        keeper.run_until(stop)
        try:
            taking_back(copy, copy.store)
            is_back = True
        except RebondError:
            is_back = False
        keeper.end()
        copy.check()
        listed = {record.name for record in list_snapshots(copy.open(copy.store))}
        assert (copy.forgotten in listed) == is_back, stop


def test_a_hold_set_during_a_prune_holds(contested: Contested, tmp_path: pathlib.Path) -> None:
    for stop in stops_of(contested, tmp_path / "a", pruning)[::2]:
        _, keeper = interleave(contested, tmp_path / "b", (holding, NEVER), (pruning, stop))
        assert keeper.error is None
