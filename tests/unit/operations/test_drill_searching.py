"""Halving a history finds where good turned to bad."""

import pytest

from rebond.operations.drills.searching import find_last_good


@pytest.mark.parametrize("length", [1, 2, 3, 49, 50])
def test_every_place_of_a_corruption_is_found_in_a_few_looks(length: int) -> None:
    for bad_from in range(length + 1):
        found = find_last_good(range(length), lambda moment, bad_from=bad_from: moment < bad_from)  # type: ignore[misc]
        assert found.last_good == (bad_from - 1 if bad_from else None)
        assert found.first_bad == (None if bad_from == length else bad_from)
        assert len(found.probes) <= (8 if bad_from else length)


@pytest.mark.parametrize("length", [3, 4, 17, 50])
def test_what_is_good_only_in_between_is_found_though_the_oldest_is_bad_too(length: int) -> None:
    """The oldest may be from before there was what is asked for: that says nothing of the others."""
    for good_from in range(1, length - 1):
        for bad_from in range(good_from + 1, length):
            good = range(good_from, bad_from)
            found = find_last_good(range(length), lambda moment, good=good: moment in good)  # type: ignore[misc]
            assert (found.last_good, found.first_bad) == (bad_from - 1, bad_from)
            asked = [each.moment for each in found.probes]
            assert len(set(asked)) == len(asked)
            if len(good) >= length - bad_from:  # good for as long as it is bad now
                assert len(asked) <= 14


def test_where_nothing_is_good_all_are_asked_while_there_is_time() -> None:
    asked: list[int] = []

    def ask(moment: int) -> bool:
        asked.append(moment)
        return False

    assert find_last_good(range(50), ask).last_good is None
    assert sorted(asked) == [*range(50)]
    assert asked[:5] == [49, 0, 48, 47, 45]

    asked.clear()
    assert find_last_good(range(50), ask, lambda: len(asked) < 9).last_good is None
    assert len(asked) == 9


def test_an_empty_history_has_nothing() -> None:
    assert find_last_good([], lambda _moment: True).last_good is None
