"""What ``rebond recover`` cannot bring itself is named with a command that does, and that runs where it was typed."""

import pathlib
import shlex
import shutil

import pytest
from tests.unit.cli.program_runs import Program

HEAD = """\
version = 1
[stack]
name = "shop"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.list]
kind = "command"
run = "echo everything"
"""
CODE = """\
[component.code]
kind = "files"
path = "."
"""


def burn(folder: pathlib.Path, configuration: str) -> Program:
    """Save a stack, and leave nothing of it but the vault and the key."""
    program = Program.with_vault(folder)
    program.leave_vault_to_configuration()
    root = folder / "stack"
    root.mkdir()
    (root / "rebond.toml").write_text(configuration)
    program.good("backup", REBOND_CONFIG=str(root / "rebond.toml"))
    shutil.rmtree(root)
    program.environment["REBOND_KEY_FILE"] = str(folder / "owner.key")
    return program


def commands_in(text: str) -> list[list[str]]:
    """Return the commands that bring something back, as they are printed."""
    return [
        shlex.split(each.partition("rebond restore ")[2])
        for each in text.splitlines()
        if "rebond restore " in each and "--rollback" not in each and "--accept" not in each
    ]


@pytest.mark.parametrize("way", [("--yes",), ("--dry-run",)])
def test_where_nothing_comes_back_the_hint_is_no_option_that_was_given_but_a_command_that_works(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, way: tuple[str, ...]
) -> None:
    program = burn(tmp_path, HEAD)
    monkeypatch.chdir(tmp_path)
    answer = program("recover", tmp_path / "vault", "--to", tmp_path / "new", *way)
    assert answer.status == 2
    assert not (tmp_path / "new").exists()
    (words,) = commands_in(answer.err)
    program.good("restore", *words)
    assert [each.read_text() for each in tmp_path.glob("new-list/**/*") if each.is_file()] == ["everything\n"]


@pytest.mark.parametrize("is_beside", [False, True])
def test_what_stays_away_is_said_again_at_the_end_with_a_command_that_works(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, is_beside: bool
) -> None:
    program = burn(tmp_path, HEAD + CODE)
    monkeypatch.chdir(tmp_path)
    answer = program.good("recover", tmp_path / "vault", "--yes", *(("--to", tmp_path / "new") if is_beside else ()))
    root = tmp_path / ("new" if is_beside else "stack")
    assert (root / "rebond.toml").is_file()
    planned, last = commands_in(answer.err)
    assert planned == last
    assert any(each.startswith("What brings list back: ") for each in answer.err.splitlines())
    program.good("restore", *last)
    assert [each.read_text() for each in root.parent.glob(f"{root.name}-list/**/*") if each.is_file()] == [
        "everything\n"
    ]
