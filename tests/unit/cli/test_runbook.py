"""The runbook as a command: where it goes, in which language, what it keeps, what it does without a vault."""

import os
import pathlib
import re
import shutil
import sys

import pytest
from tests.unit.cli.program_runs import Program

from rebond.cli.invocation import Invocation
from rebond.cli.vaults.opening import vault_at_hand
from rebond.history.drills import DRILLED
from rebond.history.recording import HISTORY, note_event
from rebond.operations.snapshots import list_snapshots
from rebond.operations.stored_configuration import read_stored_configuration

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
rto = "10min"
[class.daily]
schedule = "0 3 * * *"
components = "all"
"""
FIRST_LINES = re.compile(r"^cd .*\nexport PATH=(\S+):\"\$PATH\"\nexport REBOND_CONFIG=", re.MULTILINE)
DATED = {"SOURCE_DATE_EPOCH": "1770000000"}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Make a stack and its vault once; each test has a copy of its own."""
    folder = tmp_path_factory.mktemp("planted")
    made = Program.with_vault(folder)
    for name in ("REBOND_VAULT", "REBOND_KEY_FILE", "REBOND_PASSPHRASE", "REBOND_LANG"):
        del made.environment[name]
    made.environment |= {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
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


def change(program: Program, old: str, new: str) -> None:
    path = program.folder / "stack" / "rebond.toml"
    path.write_text(path.read_text().replace(old, new))


def stored_files(program: Program) -> list[str]:
    """Return the names of what the newest snapshot holds of its configuration."""
    environment = {**program.environment, "REBOND_VAULT": str(program.vault)}
    invocation = Invocation(environment={**environment, "REBOND_KEY_FILE": str(program.folder / "owner.key")})
    with vault_at_hand(invocation, lambda _finding: None) as vault:
        return list(read_stored_configuration(vault.live, list_snapshots(vault.live)[-1]))


def test_without_a_file_it_is_the_answer_and_with_a_bare_name_both_forms(program: Program) -> None:
    shown = program.good("runbook").out
    written = program.good("runbook", "--output", "guide").out

    assert shown.startswith("# Runbook: backup and restore of shop\n")
    assert written.splitlines() == ["The runbook is in guide.md.", "The runbook is in guide.html."]
    assert pathlib.Path("guide.md").read_text().startswith("# Runbook")
    assert pathlib.Path("guide.html").read_text().startswith("<!doctype html>")
    assert pathlib.Path("guide.md").stat().st_mode & 0o777 == 0o600


def test_the_first_lines_find_this_very_program_in_a_shell_that_knows_of_nothing(program: Program) -> None:
    first = FIRST_LINES.search(program.good("runbook").out)

    assert first is not None
    assert os.access(pathlib.Path(first[1], "rebond"), os.X_OK)
    assert pathlib.Path(first[1]) == pathlib.Path(sys.executable).parent


def test_a_name_with_an_ending_gets_that_form_alone(program: Program) -> None:
    program.good("runbook", "--output", "a.html")
    program.good("runbook", "--output", "b.md")

    assert sorted(each.name for each in pathlib.Path().glob("[ab].*")) == ["a.html", "b.md"]


def test_the_same_state_and_date_give_the_same_bytes(program: Program) -> None:
    program.good("backup")
    program.good("runbook", "--output", "one", **DATED)
    program.good("runbook", "--output", "two", **DATED)

    assert pathlib.Path("one.md").read_bytes() == pathlib.Path("two.md").read_bytes()
    assert pathlib.Path("one.html").read_bytes() == pathlib.Path("two.html").read_bytes()
    assert "| written | 2026-02-02 02:40:00 +00:00 |" in pathlib.Path("one.md").read_text()


def test_it_speaks_the_language_of_the_stack_unless_somebody_says_otherwise(program: Program) -> None:
    change(program, 'name = "shop"\n', 'name = "shop"\nlanguage = "fr"\n')

    assert program.good("runbook").out.startswith("# Guide d'exploitation")
    assert program.good("runbook", "--lang", "en").out.startswith("# Runbook")
    assert program.good("runbook", REBOND_LANG="en").out.startswith("# Runbook")
    assert program.good("snapshots", "--help").out.startswith("Usage")


def test_a_vault_that_does_not_answer_leaves_a_gap_that_is_named_and_no_failure(program: Program) -> None:
    change(program, "../vault", "../elsewhere")
    answer = program.good("runbook")

    assert "gap: the vault could not be opened:" in answer.err
    assert "- the vault could not be opened:" in answer.out
    assert "Who holds a key could not be seen" in answer.out
    assert len(re.findall(r"^## \d\. ", answer.out, re.MULTILINE)) == 9


def test_the_next_backup_holds_it_and_the_configuration_stays_the_first(program: Program) -> None:
    program.good("backup")
    before = stored_files(program)
    program.good("runbook", "--output", "guide")
    program.good("runbook", "--lang", "fr", "--output", "guide")
    (program.folder / "stack" / "media" / "new.jpg").write_text("new")
    program.good("backup")

    assert before == ["rebond.toml"]
    assert stored_files(program) == ["rebond.toml", "rebond-runbook.en.md", "rebond-runbook.fr.md"]


def test_a_revision_is_one_where_something_else_is_said(program: Program) -> None:
    revisions = [program.ask("runbook", "--output", "guide")["revision"] for _ in range(2)]
    change(program, "10min", "20min")
    revisions.append(program.ask("runbook", "--output", "guide")["revision"])

    assert revisions == [1, 1, 2]
    assert "| revision | 2 |" in pathlib.Path("guide.md").read_text()
    assert len(re.findall(r"^\| 20\d\d-.* \| rebond ", pathlib.Path("guide.md").read_text(), re.MULTILINE)) == 2


@pytest.mark.parametrize("command", ["snapshots --latest 5", "restore latest --in-place --dry-run"])
def test_what_stands_below_a_command_is_what_it_prints(program: Program, command: str) -> None:
    program.good("backup")
    page = program.good("runbook").out
    said = re.sub(r"\b[0-9a-f]{16}\b", "RUN", program.good(*command.split()).out)

    assert "photo" not in said
    assert f"```text\n{said.rstrip()}\n```" in page


def test_a_vault_that_is_away_for_an_hour_makes_no_revision_and_costs_no_backup_its_runbook(program: Program) -> None:
    program.good("backup")
    kept = program.folder / "state"
    program.good("runbook", "--output", "guide")
    (page,) = [each.read_text() for each in kept.rglob("rebond-runbook.en.md")]
    program.vault.rename(program.folder / "away")
    answer = program.good("runbook", "--output", "guide")
    (after,) = [each.read_text() for each in kept.rglob("rebond-runbook.en.md")]

    assert "Backups keep the earlier runbook" in answer.err
    assert after == page
    assert "| revision | 1 |" in pathlib.Path("guide.md").read_text()


def test_a_key_that_was_issued_is_a_revision(program: Program) -> None:
    program.good("runbook", "--output", "guide")
    program.good("key", "issue", "writer", "night", "--output", "../night.key")

    assert program.ask("runbook", "--output", "guide")["revision"] == 2
    assert "| writer | night | valid |" in pathlib.Path("guide.md").read_text()


def test_what_a_drill_measured_is_taken_from_the_ledger(program: Program) -> None:
    part = {"name": "media", "bytes": 7, "phases": {"fetch": 40.0, "load": 5.0}}
    facts = {"stack": "shop", "snapshot": "ab" * 16, "verdict": "pass", "rto_seconds": 46.0, "components": [part]}
    note_event(program.folder / "state" / HISTORY, DRILLED, facts)
    note_event(program.folder / "state" / HISTORY, DRILLED, {**facts, "stack": "other", "verdict": "fail"})
    page = program.good("runbook").out

    assert re.search(r"\| `media` \| – \| 10 min \| 45 s on 20", page)
    assert "of snapshot `abababab`: all came back, every question was answered well." in page


def test_a_place_that_cannot_be_written_is_told_and_what_was_there_stays(program: Program) -> None:
    pathlib.Path("file").write_text("in the way")
    answer = program("runbook", "--output", "file/guide.md")

    assert answer.status == 40
    assert "file/guide.md cannot be written" in answer.err


def test_without_a_configuration_it_says_where_to_begin(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bare").mkdir()
    monkeypatch.chdir(tmp_path / "bare")
    answer = Program(tmp_path, HOME=str(tmp_path))("runbook")

    assert answer.status == 2
    assert "rebond init" in answer.err
    assert os.listdir() == []


def test_secrets_of_the_variables_are_masked_wherever_they_stand(program: Program) -> None:
    change(program, 'name = "shop"\n', 'name = "shop"\nenv = [".env"]\n')
    told = '[[contact]]\nrole = "DBA, can*ry&<47z11>$value"\nto = "tell him canary-47z11-value"\n'
    change(program, "[class.daily]", f"{told}[class.daily]")
    pathlib.Path(".env").write_text("DB_PASSWORD=canary-47z11-value\nOTHER_PASSWORD='can*ry&<47z11>$value'\n")
    pathlib.Path(".env").chmod(0o600)
    program.good("runbook", "--output", "guide")

    pages = pathlib.Path("guide.md").read_text() + pathlib.Path("guide.html").read_text()
    assert "DBA, " in pages
    assert "47z11" not in pages  # no id has a z
