"""Checklists as a command: what is ticked by looking, what stays open, what is asked, what is written down."""

import os
import pathlib
import pty
import shutil
import subprocess
import sys

import pytest
from tests.torture.real_program import SOURCE
from tests.unit.cli.program_runs import Program

from rebond.history.ledger import Ledger
from rebond.history.recording import HISTORY
from rebond.history.runs import RunFilter, read_runs

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
timezone = "UTC"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.media]
kind = "files"
path = "media"
[class.daily]
schedule = "0 3 * * *"
components = "all"
"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Make a stack and its vault once; each test has a copy of its own."""
    folder = tmp_path_factory.mktemp("planted")
    made = Program.with_vault(folder)
    made.leave_vault_to_configuration()
    (folder / "stack" / "media").mkdir(parents=True)
    (folder / "stack" / "media" / "photo.jpg").write_text("a photo")
    (folder / "stack" / "rebond.toml").write_text(CONFIGURATION)
    return made


@pytest.fixture
def program(planted: Program, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    shutil.copytree(planted.folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path / "stack")
    moved = planted.moved_to(tmp_path)
    moved.environment = {name: moved.environment[name] for name in planted.environment}
    return moved


def test_an_objective_that_is_missed_now_is_named_in_the_list_of_the_week(program: Program) -> None:
    path = program.folder / "stack" / "rebond.toml"
    path.write_text(CONFIGURATION.replace('path = "media"', 'path = "media"\nrpo = "0s"'))
    program.good("backup")
    (found,) = [
        each for each in program("checklist", "maintenance", "--json").document["items"] if each["code"] == "objectives"
    ]
    assert (found["ticked"], found["seen"]) == (False, "missed: media")
    assert program("status").status == 5


def boxes(program: Program, which: str) -> dict[str, bool | None]:
    answer = program("checklist", which, "--json")
    assert answer.status in {0, 3}
    return {each["code"]: each["ticked"] for each in answer.document["items"]}


def test_before_a_backup_what_the_doctor_sees_is_ticked_and_people_are_left_to_answer(program: Program) -> None:
    first = boxes(program, "before")
    program("doctor", "--record")
    second = boxes(program, "before")

    assert first["vault"] is first["idle"] is first["window"] is first["configuration"] is True
    assert first["told"] is None
    assert (first["version"], second["version"]) == (False, True)


def test_a_pause_is_seen_before_a_backup(program: Program) -> None:
    program.good("pause", "--until", "1h", "--reason", "moving house")
    answer = program("checklist", "before")

    assert "[!] No maintenance window and no pause: paused: “moving house”" in answer.out
    assert answer.status == 3


def test_after_a_backup_its_snapshot_is_looked_at(program: Program) -> None:
    before = boxes(program, "after")
    program.good("backup")
    after = boxes(program, "after")
    program.good("verify", "--read-data")
    verified = boxes(program, "after")

    assert (before["ended"], before["whole"], before["young"]) == (False, False, False)
    assert (after["ended"], after["whole"], after["young"], after["recorded"]) == (True, True, True, True)
    assert (after["verified"], verified["verified"]) == (False, True)


def test_a_vault_that_others_may_read_is_no_tick(program: Program) -> None:
    program.good("backup")
    first = boxes(program, "after")
    program.vault.chmod(0o755)

    assert (first["permissions"], boxes(program, "after")["permissions"]) == (True, False)


def test_no_name_writes_lines_of_its_own_on_the_terminal(program: Program) -> None:
    told = '[[contact]]\nrole = "DBA\\n[x] Everything is well\\u001b[2J\\u202e"\nto = "x"\n'
    path = pathlib.Path("rebond.toml")
    path.write_text(path.read_text() + told)
    lines = program("checklist", "maintenance").out.splitlines()
    (contacts,) = [each for each in lines if "DBA" in each]

    assert "[x] Everything is well" not in lines
    assert contacts.isprintable()


def test_what_came_of_it_is_in_the_ledger_and_on_the_page(program: Program) -> None:
    answer = program("checklist", "maintenance", "--output", "list.md")
    found = read_runs(Ledger(program.folder / "state" / HISTORY), RunFilter(kind="checklist"))[-1]
    page = pathlib.Path("list.md").read_text()

    assert answer.status == 3
    assert found.facts["checklist"] == "maintenance"
    assert "schedule" in found.texts("failed")
    assert "trained" in found.texts("open")
    assert page.startswith("# Checklist `maintenance` of `shop`")
    assert "- [ ] ✗ The runs are started by something, and started lately" in page


def test_on_a_terminal_the_rest_is_asked_and_the_answers_count(program: Program) -> None:
    program.good("backup")
    leader, follower = pty.openpty()
    environment = {**os.environ, **program.environment, "PYTHONPATH": str(SOURCE), "REBOND_LANG": "fr", "TERM": "dumb"}
    words = [sys.executable, "-m", "rebond.cli", "checklist", "during"]
    with subprocess.Popen(words, env=environment, stdin=follower, stdout=subprocess.PIPE, stderr=follower) as process:
        os.close(follower)
        os.write(leader, b"o\nn\n\n")
        assert process.stdout is not None
        said = process.stdout.read().decode()
        process.wait()
        os.close(leader)
    found = read_runs(Ledger(program.folder / "state" / HISTORY), RunFilter(kind="checklist"))[-1]

    assert "[x] Il avance" in said
    assert "[!] Rien dans le journal ne dit erreur" in said
    assert "[ ] Le réseau n'est pas saturé" in said
    assert found.texts("said") == ["progress"]


def test_errors_of_the_last_day_in_the_log_are_counted_and_older_ones_are_not(program: Program) -> None:
    path = pathlib.Path("rebond.toml")
    path.write_text(path.read_text() + '[log]\nfile = "run.log"\n')
    pathlib.Path("run.log").write_text("2020-01-01T00:00:00.000+00:00 rebond[7] abcd ERROR it was full\n")
    before = boxes(program, "during")["errors"]
    program.good("backup", "--note", "no error here")
    between = boxes(program, "during")["errors"]
    pathlib.Path("media").rename("elsewhere")

    assert program("backup").status == 31
    assert (before, between, boxes(program, "during")["errors"]) == (True, True, False)


def test_without_a_vault_what_can_be_seen_is_ticked_all_the_same(program: Program) -> None:
    program.vault.rename(program.folder / "gone")
    before = boxes(program, "before")

    assert (before["vault"], before["idle"]) == (False, True)
    assert boxes(program, "after")["whole"] is None
