"""What a restore in place wrote down was spoilt: that is said, hides no other run, and is never guessed at."""

import pathlib

import pytest

from rebond.errors import RestoreError
from rebond.operations.recovery.journal import Event, Journal, RunState
from rebond.operations.recovery.known_runs import find_run, look_at_runs
from rebond.testing.manual_clock import ManualClock

SPOILT, SOUND = "0a" * 8, "0b" * 8


@pytest.fixture
def restores(tmp_path: pathlib.Path) -> pathlib.Path:
    for number, run in enumerate((SPOILT, SOUND)):
        plan = {"run": run, "stack": ("shop", "blog")[number], "made_ms": number}
        Journal.begin(tmp_path, run, plan, ManualClock()).write(Event.STEP_BEGINS, step=1, kind="verify")
    return tmp_path


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"[]\n", b'{"stack": "shop"', None])
def test_a_plan_that_is_none_stops_every_stack_that_it_may_be_of(restores: pathlib.Path, content: bytes | None) -> None:
    path = restores / SPOILT / "plan.json"
    path.unlink() if content is None else path.write_bytes(content)
    runs = look_at_runs(restores, ManualClock())

    assert [each.run for each in runs.whole] == [SOUND]
    for stack in ("shop", "blog"):
        with pytest.raises(RestoreError) as caught:
            runs.require_none_half_done(stack)
        assert (str(path) in caught.value.message, f"--leave {SPOILT}" in caught.value.hint) == (True, True)


@pytest.mark.parametrize("content", [b"\0" * 64 + b"\n", b"{}\n", b'{"event": "none"}\n', b'{"event": 1, "odd": 2}\n'])
def test_a_journal_that_is_none_stops_its_own_stack_alone(restores: pathlib.Path, content: bytes) -> None:
    path = restores / SPOILT / "journal.jsonl"
    path.write_bytes(path.read_bytes() + content)
    runs = look_at_runs(restores, ManualClock())

    runs.require_none_half_done("blog")
    with pytest.raises(RestoreError, match=r"journal\.jsonl"):
        runs.require_none_half_done("shop")
    assert find_run(restores, "latest", ManualClock(), stack="blog").run == SOUND


def test_a_spoilt_plan_of_a_run_that_was_rolled_back_is_in_nobodys_way(restores: pathlib.Path) -> None:
    Journal(restores / SPOILT, ManualClock()).write(Event.ROLLED_BACK)
    (restores / SPOILT / "plan.json").write_bytes(b"\0")
    runs = look_at_runs(restores, ManualClock())

    assert [each.state for each in runs.spoilt] == [RunState.ROLLED_BACK]
    runs.require_none_half_done("shop")
    runs.require_none_standing("shop")


def test_one_that_was_kept_is_no_hindrance_to_the_next_but_to_undoing_an_earlier_one(restores: pathlib.Path) -> None:
    Journal(restores / SPOILT, ManualClock()).write(Event.KEPT)
    (restores / SPOILT / "plan.json").write_bytes(b"\0")
    runs = look_at_runs(restores, ManualClock())

    runs.require_none_half_done("shop")
    with pytest.raises(RestoreError):
        runs.require_none_standing("shop")


def test_the_latest_is_not_guessed_where_it_may_be_the_spoilt_one(restores: pathlib.Path) -> None:
    (restores / SPOILT / "plan.json").write_bytes(b"\0")
    for text in ("latest", SPOILT[:4]):
        with pytest.raises(RestoreError, match="cannot be read"):
            find_run(restores, text, ManualClock(), stack="blog")
    assert find_run(restores, SOUND[:4], ManualClock()).run == SOUND


@pytest.mark.parametrize("name", ["plan.json", "journal.jsonl"])
def test_a_record_that_is_nested_without_end_is_spoilt_like_any_other(restores: pathlib.Path, name: str) -> None:
    (restores / SPOILT / name).write_bytes(b"[" * 100_000 + b"\n")
    runs = look_at_runs(restores, ManualClock())

    assert ([each.run for each in runs.whole], [each.run for each in runs.spoilt]) == ([SOUND], [SPOILT])


@pytest.mark.parametrize("odd", ['"subject": ["a"]', '"kind": 7', '"step": "1"', '"seconds": "long"'])
def test_a_line_whose_facts_are_of_another_kind_is_spoilt(restores: pathlib.Path, odd: str) -> None:
    with (restores / SPOILT / "journal.jsonl").open("a") as file:
        file.write(f'{{"event": "step-begins", "time_ms": 1, {odd}}}\n')

    assert [each.run for each in look_at_runs(restores, ManualClock()).spoilt] == [SPOILT]


def test_a_folder_that_cannot_be_looked_into_hides_no_other(restores: pathlib.Path) -> None:
    (restores / SPOILT).rename(restores / "elsewhere")
    (restores / SPOILT).symlink_to("x" * 300)  # no name may be so long: whoever looks has an error
    runs = look_at_runs(restores, ManualClock())

    assert ([each.run for each in runs.whole], [each.run for each in runs.spoilt]) == ([SOUND], [SPOILT])
    with pytest.raises(RestoreError, match="cannot be read"):
        runs.require_none_half_done("shop")
