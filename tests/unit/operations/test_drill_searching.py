"""Halving a history finds where good turned to bad."""

import pytest

from rebond.operations.drills.searching import find_last_good


@pytest.mark.parametrize("length", [1, 2, 3, 49, 50])
def test_every_place_of_a_corruption_is_found_in_a_few_looks(length: int) -> None:
    for bad_from in range(length + 1):
        found = find_last_good(range(length), lambda moment, bad_from=bad_from: moment < bad_from)  # type: ignore[misc]
        assert found.last_good == (bad_from - 1 if bad_from else None)
        assert found.first_bad == (None if bad_from == length else bad_from)
        assert len(found.probes) <= 8


def test_an_empty_history_has_nothing() -> None:
    assert find_last_good([], lambda _moment: True).last_good is None
