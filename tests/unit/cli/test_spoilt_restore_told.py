"""A restore in place whose record was spoilt may have left a component half done: a backup is made, and says so."""

import pathlib
from collections.abc import Iterator

import pytest
from tests.unit.cli.program_runs import Program

from rebond.operations.recovery.journal import RESTORES, Event, Journal
from rebond.testing.manual_clock import ManualClock

RUN = "0a" * 8
CONFIGURATION = 'version = 1\n[stack]\nname = "shop"\n[component.media]\nkind = "files"\npath = "media"\n'


@pytest.fixture
def program(tmp_path: pathlib.Path) -> Program:
    made = Program.with_vault(tmp_path)
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "x").write_text("x")
    (tmp_path / "rebond.toml").write_text(CONFIGURATION)
    made.environment["REBOND_CONFIG"] = str(tmp_path / "rebond.toml")
    return made


@pytest.fixture
def journal(tmp_path: pathlib.Path) -> Journal:
    restores = tmp_path / "state" / RESTORES
    made = Journal.begin(restores, RUN, {"run": RUN, "stack": "shop"}, ManualClock(1_000))
    made.write(Event.STEP_BEGINS, step=1, kind="put", subject="media")
    return made


@pytest.mark.parametrize("spoilt", ["plan.json", "journal.jsonl"])
@pytest.mark.parametrize("content", [b"\0" * 64 + b"\n", b"[" * 100_000 + b"\n", b"7\n"])
def test_a_backup_is_made_and_names_the_run(program: Program, journal: Journal, spoilt: str, content: bytes) -> None:
    (journal.folder / spoilt).write_bytes(content)
    ran = program("backup")

    assert ran.status == 0, ran.err
    assert ("nobody knows what it left half done" in ran.err, f"--leave {RUN}" in ran.err) == (True, True)


def test_a_folder_of_runs_that_may_not_be_read_is_told(
    program: Program, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    restores, list_folder = journal.folder.parent, pathlib.Path.iterdir

    def refuse(folder: pathlib.Path) -> Iterator[pathlib.Path]:
        if folder == restores:
            raise PermissionError(13, "Permission denied", str(folder))
        return list_folder(folder)

    monkeypatch.setattr(pathlib.Path, "iterdir", refuse)
    ran = program("backup")
    assert ran.status == 0, ran.err
    assert f"{restores} cannot be read: Permission denied. So nobody knows" in ran.err


def test_of_another_stack_nothing_is_told(program: Program, journal: Journal) -> None:
    (journal.folder / "plan.json").write_text('{"stack": "blog"}')
    (journal.folder / "journal.jsonl").write_bytes(b"\0\n")
    ran = program("backup")

    assert (ran.status, RUN in ran.err) == (0, False)
