"""A run by hand of a class that waits for a change counts for it only where it saved just that."""

import pathlib

import pytest
from tests.unit.cli.program_runs import Program

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
[vault]
url = "../vault"
[component.env]
kind = "files"
path = "conf"
[class.now]
trigger = "change"
components = ["env"]
"""


@pytest.fixture
def program(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A stack whose state of now is saved."""
    made = Program.with_vault(tmp_path)
    del made.environment["REBOND_VAULT"]
    (tmp_path / "shop" / "conf").mkdir(parents=True)
    (tmp_path / "shop" / "rebond.toml").write_text(CONFIGURATION)
    (tmp_path / "shop" / "conf" / ".env").write_text("SECRET=1\n")
    (tmp_path / "shop" / "conf" / "hosts").write_text("shop.example\n")
    monkeypatch.chdir(tmp_path / "shop")
    made.good("backup", "--class", "now")
    assert not is_due(made)
    (tmp_path / "shop" / "conf" / ".env").write_text("SECRET=changed\n")
    return made


def is_due(program: Program) -> bool:
    """Run it if it is."""
    return bool(program.ask("backup", "--class", "now", "--scheduled").get("began", True))


def make_other_vault(program: Program) -> dict[str, str]:
    """Return the environment that opens it."""
    key = program.folder / "other.key"
    environment = {"REBOND_VAULT": str(program.folder / "other")}
    program.good("vault", "create", "--kit", program.folder / "other.txt", "--key-file", key, **environment)
    return {**environment, "REBOND_KEY_FILE": str(key)}


def test_a_change_that_was_saved_by_hand_waits_no_longer(program: Program) -> None:
    program.good("backup", "--class", "now", "--vault", program.vault)

    assert not is_due(program)


@pytest.mark.parametrize("option", ["--exclude=.env", "--stack=elsewhere"])
def test_a_run_by_hand_that_is_not_just_the_class_leaves_the_change_to_be_saved(program: Program, option: str) -> None:
    program.good("backup", "--class", "now", option)

    assert is_due(program)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_run_by_hand_into_another_vault_leaves_the_change_to_be_saved(program: Program, is_named: bool) -> None:
    environment = make_other_vault(program)
    named = ("--vault", environment.pop("REBOND_VAULT")) if is_named else ()
    program.good("backup", "--class", "now", *named, **environment)

    assert is_due(program)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_turn_is_not_taken_by_a_run_into_another_vault(program: Program, is_named: bool) -> None:
    environment = make_other_vault(program)
    named = ("--vault", environment.pop("REBOND_VAULT")) if is_named else ()
    refused = program("backup", "--class", "now", "--scheduled", *named, **environment)

    assert refused.status == 2
    assert "is not its vault" in refused.err
    assert is_due(program)


@pytest.mark.parametrize("words", [["--exclude=.env"], ["--path=conf"], ["env"]])
def test_a_turn_is_not_taken_by_less_than_the_class(program: Program, words: list[str]) -> None:
    refused = program("backup", "--class", "now", "--scheduled", *words)

    assert refused.status == 2
    assert "saves something else" in refused.err
    assert is_due(program)


def test_a_turn_is_taken_in_the_vault_of_the_class_whoever_names_it(program: Program) -> None:
    assert program.ask("backup", "--class", "now", "--scheduled", "--vault", program.vault).get("began", True)
    assert not is_due(program)
