"""``rebond recover`` that was cut and gone on with leaves what one that was not cut leaves; undone, nothing of it."""

import os
import pathlib
from typing import Any

import pytest
from tests.unit.cli.program_runs import Program

from rebond.cli.in_place.saved_configuration import write_configuration
from rebond.cli.recovery import bare_machine
from rebond.operations.recovery import swap_steps
from rebond.operations.recovery.carrying_out import Recovery
from rebond.operations.recovery.file_part import FilePart
from rebond.operations.recovery.journal import Journal
from rebond.operations.recovery.moving import move

RUNBOOK = "rebond-runbook.en.md"


@pytest.fixture
def program(tmp_path: pathlib.Path) -> Program:
    """A vault with a stack of which the runbook was written, and a machine that knows nothing of either."""
    shop = tmp_path / "shop"
    (shop / "src").mkdir(parents=True)
    (shop / "src" / "app.py").write_text("a = 1")
    (shop / "rebond.toml").write_text(
        'version = 1\n[stack]\nname = "shop"\n[vault]\nurl = "../vault"\n'
        '[component.code]\nkind = "files"\npath = "src"\n[class.all]\ntrigger = "manual"\ncomponents = "all"\n'
    )
    made = Program(tmp_path, REBOND_CONFIG=str(shop / "rebond.toml"))
    made.good("vault", "create", tmp_path / "vault", "--kit", tmp_path / "kit.txt", "--key-file", tmp_path / "key")
    made.environment["REBOND_KEY_FILE"] = str(tmp_path / "key")
    made.good("runbook", "--output", tmp_path / "page")
    made.good("backup")
    for name in ("REBOND_CONFIG", "REBOND_VAULT"):
        made.environment.pop(name, None)
    return made


def list_names(root: pathlib.Path) -> set[str]:
    return {str(each.relative_to(root)) for each in root.rglob("*") if each.is_file()}


def test_the_runbook_comes_too_when_a_recovery_is_gone_on_with_and_goes_with_one_that_is_undone(
    program: Program, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    program.good("recover", tmp_path / "vault", "--to", whole, "--yes")
    assert {RUNBOOK, "rebond.toml", "src/app.py"} <= list_names(whole)
    program.good("restore", "--rollback", "latest", "--yes")
    assert not list_names(whole)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cutting:
        cutting.setattr(Recovery, "carry_out", interrupt)
        assert program("recover", tmp_path / "vault", "--to", cut, "--yes").status == 130
    program.good("restore", "--resume", "latest")
    assert {RUNBOOK, "rebond.toml", "src/app.py"} <= list_names(cut)


def wait_for_a_later_time(folder: pathlib.Path, since_ns: int) -> None:
    """Return when what is done to files is seen to be later: the kernel tells their time by a coarser clock."""
    probe = folder / "probe"
    probe.touch()
    while probe.lstat().st_ctime_ns <= since_ns:
        os.utime(probe)
    probe.unlink()


@pytest.mark.parametrize("is_there", [True, False])
def test_what_a_recovery_lays_beside_its_files_itself_is_nobodys_work(
    program: Program, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    saved = tmp_path / "shop" / "rebond.toml"
    saved.write_text(saved.read_text().replace('path = "src"', 'path = "."'))  # the runbook lies in no component
    program.good("backup", REBOND_CONFIG=str(saved))

    def write_later(invocation: Any, root: Any, stored: Any, journal: Journal) -> None:
        wait_for_a_later_time(tmp_path, journal.put_ns)
        write_configuration(invocation, root, stored, journal)

    monkeypatch.setattr(bare_machine, "write_configuration", write_later)
    new = tmp_path / "new"
    if is_there:
        new.mkdir()
    for somebody_wrote in (False, True):
        program.good("recover", tmp_path / "vault", "--to", new, "--yes")
        assert (new / RUNBOOK).is_file()
        if somebody_wrote:
            (new / "mine").touch()
            refused = program("restore", "--rollback", "latest", "--yes")
            assert (refused.status, "wrote to code" in refused.err) == (6, True)
            (new / "mine").unlink()
            assert program("restore", "--rollback", "latest", "--yes").status == 6, "something was there, and is not"
        else:
            undone = program.good("restore", "--rollback", "latest", "--yes")
            assert (undone.err, [*tmp_path.glob(".rebond-restore-*")]) == ("", [])
            assert not new.exists() or not list_names(new)


def test_a_vault_that_was_named_from_where_one_stood_is_found_from_anywhere(
    program: Program, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as cutting:
        cutting.setattr(Recovery, "carry_out", interrupt)
        assert program("recover", "vault", "--to", "cut", "--yes").status == 130
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    program.good("restore", "--resume", "latest")
    assert (tmp_path / "cut" / "src" / "app.py").is_file()


@pytest.mark.parametrize("moves", [0, 1], ids=["before-the-first-move", "between-two"])
def test_what_lay_down_in_a_new_place_meanwhile_is_set_aside_also_when_that_was_cut(
    program: Program, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    """The plan saw nothing there, so no step of its own sets anything aside."""
    place = tmp_path / "new" / "src"
    fetch, done = FilePart.fetch, list[bytes]()

    def fetch_meanwhile(part: FilePart, observer: Any) -> None:
        fetch(part, observer)
        place.mkdir(parents=True)
        for name in ("app.py", "more.py"):
            (place / name).write_text("somebody's")

    def cut(source: bytes, target: bytes, mover: Any) -> None:
        if len(done) == moves:
            raise KeyboardInterrupt
        done.append(source)
        move(source, target, mover)

    with monkeypatch.context() as cutting:
        cutting.setattr(FilePart, "fetch", fetch_meanwhile)
        cutting.setattr(swap_steps, "move", cut)
        assert program("recover", tmp_path / "vault", "--to", tmp_path / "new", "--yes").status == 130
    program.good("restore", "--resume", "latest")
    assert {each.name: each.read_text() for each in place.iterdir()} == {"app.py": "a = 1"}
    program.good("restore", "--rollback", "latest", "--yes")
    assert {each.name: each.read_text() for each in place.iterdir()} == dict.fromkeys(
        ("app.py", "more.py"), "somebody's"
    )
