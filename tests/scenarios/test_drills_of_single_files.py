"""Drills of components that are one file: it lies where the application looks for it, whoever else brings it back."""

import json
import pathlib
import shutil

import pytest
from tests.unit.cli.program_runs import Program

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.settings]
kind = "files"
path = "code/settings.py"
[component.known]
kind = "files"
path = "known.conf"
[component.all]
kind = "files"
paths = ["code/*", "media"]
[drill]
checks = [{ name = "reads", run = "grep -q good known.conf && grep -q good code/settings.py" }]
"""


@pytest.fixture
def program(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program.with_vault(tmp_path)
    made.leave_vault_to_configuration()
    root = tmp_path / "stack"
    for name in ("code/settings.py", "media/x", "known.conf"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("good")
    (root / "rebond.toml").write_text(CONFIGURATION)
    monkeypatch.chdir(root)
    made.good("backup")
    return made


@pytest.mark.parametrize("scenario", ["", "lost-server"])
def test_one_file_comes_back_as_a_file_and_another_component_may_hold_it_too(program: Program, scenario: str) -> None:
    asked = ("--scenario", scenario) if scenario else ()
    drilled = program("drill", *asked, "--json")
    answers = {each["subject"]: each["answer"] for each in drilled.document["checks"]}

    assert drilled.status in {0, 3}, drilled.err  # 3 where commands cannot be cut off from the network
    assert answers["reads"] == "pass"
    assert "fail" not in answers.values()


def test_a_folder_with_a_file_of_its_own_name_stays_a_folder(program: Program) -> None:
    path = pathlib.Path("known.conf")
    path.unlink()
    path.mkdir()
    (path / "known.conf").write_text("good")
    configuration = pathlib.Path("rebond.toml")
    configuration.write_text(CONFIGURATION.replace("known.conf &&", "known.conf/known.conf &&"))
    program.good("backup")
    drilled = program("drill", "--json")
    shutil.rmtree(path)

    assert {each["subject"]: each["answer"] for each in drilled.document["checks"]}["reads"] == "pass"


@pytest.mark.parametrize("paths", ['"code/settings.py", "code/other.py"', '"code/*.py"', '"code/*"'])
def test_what_the_paths_of_two_components_take_in_is_brought_by_one_of_them(program: Program, paths: str) -> None:
    """Each left it to the other one: a drill failed, and a restore in place ended with 0 and brought nothing."""
    names = ("code/settings.py", "code/other.py", "code/notes.txt", "media/x", "known.conf")
    for name in names:
        pathlib.Path(name).write_text("good")
    pathlib.Path("rebond.toml").write_text(CONFIGURATION.replace('path = "code/settings.py"', f"paths = [{paths}]"))
    program.good("backup")
    drilled = program("drill", "--json")
    assert {each["subject"]: each["answer"] for each in drilled.document["checks"]}["reads"] == "pass"

    for name in names:
        pathlib.Path(name).write_text("bad")
    answer = program.good("restore", "latest", "--in-place", "--yes", "--json")
    assert {pathlib.Path(name).read_text() for name in names} == {"good"}
    program.good("restore", "--rollback", json.loads(answer.out)["run"], "--yes")
    assert {pathlib.Path(name).read_text() for name in names} == {"bad"}
