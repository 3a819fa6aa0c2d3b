"""Which restore in place is meant by a word."""

import pathlib

import pytest

from rebond.errors import UnknownName, UsageError
from rebond.operations.recovery.journal import Journal
from rebond.operations.recovery.known_runs import find_run
from rebond.testing.manual_clock import ManualClock


@pytest.fixture
def restores(tmp_path: pathlib.Path) -> pathlib.Path:
    clock = ManualClock()
    for number, stack in enumerate(("shop", "blog", "shop", "blog")):
        run = f"{number}a00000000000000"
        Journal.begin(tmp_path, run, {"run": run, "stack": stack, "made_ms": number}, clock)
    return tmp_path


def test_the_latest_is_that_of_the_stack_at_hand_and_never_of_another(restores: pathlib.Path) -> None:
    assert find_run(restores, "latest", ManualClock(), stack="shop").run.startswith("2a")
    assert find_run(restores, "latest", ManualClock(), stack="blog").run.startswith("3a")
    with pytest.raises(UnknownName):
        find_run(restores, "latest", ManualClock(), stack="wiki")


def test_without_a_stack_the_latest_of_several_is_refused_and_they_are_listed(restores: pathlib.Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_run(restores, "latest", ManualClock())

    assert "2a00000000000000 (shop)" in caught.value.hint
    assert "3a00000000000000 (blog)" in caught.value.hint
    assert find_run(restores, "0a", ManualClock()).run.startswith("0a"), "an id says all"


def test_in_the_folder_of_another_stack_the_runs_of_this_machine_are_not_denied(restores: pathlib.Path) -> None:
    with pytest.raises(UnknownName) as caught:
        find_run(restores, "latest", ManualClock(), stack="wiki")

    assert "2a00000000000000 (shop)" in caught.value.hint
    assert "3a00000000000000 (blog)" in caught.value.hint
