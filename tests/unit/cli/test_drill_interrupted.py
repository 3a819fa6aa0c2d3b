"""A drill that is stopped says what is left of it, and says so only of what is there."""

import os
import pathlib

import pytest
from tests.unit.cli.program_runs import Program, plant_shop

from rebond.cli.drills import drilling
from rebond.stack.drills import place


@pytest.fixture
def program(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program.with_vault(tmp_path)
    (tmp_path / "drills").mkdir()
    made.environment["TMPDIR"] = str(tmp_path / "drills")
    monkeypatch.chdir(tmp_path)
    made.good("backup", "--path", plant_shop(tmp_path / "shop"))
    return made


def test_a_drill_that_is_stopped_deletes_what_it_restored_and_says_so(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(drilling, "drill", stop)
    answer = program("drill")

    assert answer.status == 130
    assert "What was restored for the drill is deleted" in answer.err
    assert list((program.folder / "drills").iterdir()) == []


def test_a_drill_whose_clean_up_is_stopped_names_its_folder_and_the_next_one_deletes_it(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[place.DrillPlace] = []
    close = place.DrillPlace.close

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    def begin_to_close(each: place.DrillPlace) -> None:
        left.append(each)
        close(each)

    with monkeypatch.context() as patch:
        patch.setattr(place.DrillPlace, "close", begin_to_close)
        patch.setattr(place, "remove_folder", stop)
        answer = program("drill")
    (drilled,) = left

    assert answer.status == 130
    assert "is deleted" not in answer.err
    assert str(drilled.folder) in answer.err
    assert list(drilled.stack.rglob("settings.py"))

    os.close(drilled._mark._descriptor)  # as the end of the process does
    program.good("drill")
    assert list((program.folder / "drills").iterdir()) == []
