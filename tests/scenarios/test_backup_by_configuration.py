"""A stack under one configuration: made, saved, kept and restored as a person would."""

import json
import os
import pathlib

import pytest
from tests.unit.cli.program_runs import Program, plant_shop

CONFIGURATION = """\
version = 1
include = ["conf.d/*.toml"]

[stack]
name = "shop"
timezone = "Europe/Paris"

[vault]
url = "../vault"
key = { file = "../owner.key" }

[component.code]
kind = "files"
path = "."
omit = ["media/"]
exclude = ["conf.d/"]

[component.db]
kind = "postgres"
method = "physical"
password = { env = "POSTGRES_PASSWORD" }

[component.cache]
kind = "ephemeral"

[class.daily]
schedule = "0 3 * * *"
components = ["code", "media"]
keep = { last = 2 }

[class.full]
trigger = "manual"
components = "all"
"""
INCLUDED = '[component.media]\nkind = "files"\npath = "media"\nexpect = { files = ">= 1" }\n'


@pytest.fixture
def shop(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    root = plant_shop(tmp_path / "shop")
    (root / "conf.d").mkdir()
    (root / "conf.d" / "media.toml").write_text(INCLUDED)
    (root / "rebond.toml").write_text(CONFIGURATION)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def program(shop: pathlib.Path, tmp_path: pathlib.Path) -> Program:
    """The program with no vault and no key in its environment: the configuration has to name both."""
    made = Program(tmp_path)
    del made.environment["REBOND_VAULT"], made.environment["REBOND_PASSPHRASE"]
    key = tmp_path / "owner.key"
    made.good("vault", "create", "--key-file", key, "--kit", tmp_path / "kit.txt")
    return made


def test_a_class_is_saved_restored_and_kept_by_what_the_configuration_says(
    program: Program, shop: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    for number in range(3):
        (shop / "settings.py").write_text(f"VERSION = {number}\n")
        made = program.ask("backup", "--class", "daily")
    assert (made["stack"], made["class"], made["state"]) == ("shop", "daily", "whole")
    assert [each["name"] for each in made["components"]] == ["code", "media"]
    program.good("backup", "--path", shop / "media", "--stack", "other")

    program.good("restore", "latest", "--to", tmp_path / "back")
    back = {str(each.relative_to(tmp_path / "back")) for each in (tmp_path / "back").rglob("*") if each.is_file()}
    assert back == {
        "code/.env",
        "code/settings.py",
        "code/rebond.toml",
        "media/photo.jpg",
        "media/cover.jpg",
    }
    assert (tmp_path / "back" / "code" / "settings.py").read_text() == "VERSION = 2\n"

    forgotten = program.ask("forget", "--yes")
    assert len(forgotten["forgotten"]) == 1
    left = program.ask("snapshots")
    assert [each["stack"] for each in left] == ["shop", "shop", "other"]


def test_a_kind_that_comes_later_fails_the_run_and_commits_nothing_unless_a_part_is_enough(
    program: Program, shop: pathlib.Path
) -> None:
    database = 'kind = "postgres"\nmethod = "physical"\npassword = { env = "POSTGRES_PASSWORD" }\n'
    (shop / "rebond.toml").write_text(CONFIGURATION.replace(database, 'kind = "django"\n'))
    refused = program("backup", "--class", "full", "--json")

    assert refused.status == 32
    assert json.loads(refused.out)["error"]["message"] == (
        "The component db is of the kind django, which cannot be saved yet."
    )
    assert program.ask("snapshots") == []
    partial = program("backup", "--class", "full", "--allow-partial", "--json")
    assert partial.status == 3
    assert partial.document["state"] == "partial"
    assert {each["name"]: each["complete"] for each in partial.document["components"]} == {
        "code": True,
        "media": True,
        "db": False,
        "cache": True,  # that it may be lost is declared
    }


def test_a_folder_that_came_up_empty_fails_and_yesterday_stays_the_latest(program: Program, shop: pathlib.Path) -> None:
    before = program.ask("backup", "--class", "daily")["id"]
    for each in (shop / "media").iterdir():
        each.unlink()
    (shop / "media" / ".keep").mkdir()
    failed = program("backup", "--class", "daily")

    assert failed.status == 32
    assert "is not as expected: files is 0, not >= 1" in failed.err
    assert [each["id"] for each in program.ask("snapshots")] == [before]
    partial = program("backup", "--class", "daily", "--allow-partial", "--json")
    assert (partial.status, partial.document["state"]) == (3, "partial")
    assert program.ask("verify", "--read-data")["ok"] is True
    assert program.good("ls", "latest", "--json").document
    assert (
        program("restore", "latest", "--dry-run", "--to", shop.parent / "back", "--json").document["snapshot"] == before
    )


def test_one_component_can_be_saved_alone(program: Program) -> None:
    assert [each["name"] for each in program.ask("backup", "media")["components"]] == ["media"]
    wrong = program("backup", "medai")
    assert (wrong.status, "Did you mean 'media'?" in wrong.err) == (2, True)


def test_a_folder_that_is_saved_by_hand_does_not_stand_for_the_stack_of_its_name(
    program: Program, shop: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (shop / "rebond.toml").write_text(
        CONFIGURATION.replace(
            '[component.db]\nkind = "postgres"\nmethod = "physical"\npassword = { env = "POSTGRES_PASSWORD" }\n', ""
        )
    )
    whole = program.ask("backup", "--class", "full")["id"]
    by_hand = program.ask("backup", "--path", shop, "--tag", "by-hand")

    assert by_hand["stack"] == "shop"
    assert {each["id"]: each["lacks"] for each in program.ask("snapshots")}[by_hand["id"]] == ["code", "media"]
    assert program.ask("restore", "latest", "code", "--to", tmp_path / "back")["snapshot"] == whole
    assert program.ask("restore", "latest:by-hand", "--to", tmp_path / "by-hand")["snapshot"] == by_hand["id"]
    (shop / "rebond.toml").write_text("version = what\n")
    program.environment |= {"REBOND_VAULT": str(tmp_path / "vault"), "REBOND_KEY_FILE": str(tmp_path / "owner.key")}
    assert program.ask("backup", "--path", shop / "media")["lacks"] == []


def test_the_problems_of_a_configuration_are_told_with_the_first_command_that_needs_it(
    program: Program, shop: pathlib.Path
) -> None:
    path = shop / "conf.d" / "media.toml"
    path.write_text(INCLUDED + 'exlude = ["x"]\n[component.db2]\nkind = "postgres"\npassword = "hunter2"\n')
    for command in (["backup"], ["snapshots"], ["config", "check"], ["config", "show"]):
        answer = program(*command)
        said = answer.out + answer.err
        assert answer.status == 2
        assert f"{path}:5: error: Unknown key 'component.media.exlude'.\n  → Did you mean 'exclude'?\n" in said
        assert f"{path}:8: error: 'component.db2.password' is a secret and is written out." in said
        assert "hunter2" not in said
    document = json.loads(program("config", "check", "--json").out)
    assert document["ok"] is False
    assert [(each["line"], each["severity"]) for each in document["problems"]] == [(5, "error"), (8, "error")]


def test_a_broken_configuration_that_lies_around_does_no_harm_where_the_vault_is_named(
    program: Program, shop: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    made = program.ask("backup", "--class", "daily")["id"]
    (shop / "rebond.toml").write_text("this is = not = toml\n")
    rescue = {"REBOND_KEY_FILE": str(tmp_path / "owner.key")}

    assert [each["id"] for each in program.ask("snapshots", "--vault", tmp_path / "vault", **rescue)] == [made]
    assert program("snapshots", "--vault", tmp_path / "vault", "--config", shop / "rebond.toml", **rescue).status == 2


def test_a_configuration_says_nothing_of_a_vault_that_it_does_not_name(
    program: Program, tmp_path: pathlib.Path
) -> None:
    other = tmp_path / "other"
    program.good("vault", "create", other, "--key-file", tmp_path / "other.key", "--kit", tmp_path / "kit2.txt")
    without = program("snapshots", "--vault", other)

    assert without.status == 12  # the key of the configuration is not tried on somebody else's vault
    program.good("snapshots", "--vault", tmp_path / "vault")
    program.good("snapshots", "--vault", other, REBOND_KEY_FILE=str(tmp_path / "other.key"))


def test_the_configuration_can_be_named_from_anywhere(
    program: Program, shop: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert program("backup").status == 2
    program.good("backup", "--config", shop / "rebond.toml", "--class", "daily")
    program.good("--config", shop / "rebond.toml", "ls", "latest")
    assert len(program.ask("snapshots", REBOND_CONFIG=str(shop / "rebond.toml"))) == 1


def test_what_is_shown_has_no_secret_and_the_schema_is_the_published_one(program: Program) -> None:
    shown = program.ask("config", "show", POSTGRES_PASSWORD="hunter2")

    assert shown["configuration"]["component"]["db"]["password"] == {"env": "POSTGRES_PASSWORD"}
    assert [pathlib.Path(each).name for each in shown["files"]] == ["rebond.toml", "media.toml"]
    assert "hunter2" not in program.good("config", "show", POSTGRES_PASSWORD="hunter2").out
    published = pathlib.Path(__file__).parents[2] / "docs" / "reference" / "rebond.schema.json"
    assert program.good("config", "schema").out == published.read_text()


def test_options_that_belong_to_paths_are_refused_rather_than_ignored(program: Program) -> None:
    for arguments in (["--larger-than", "1MB"], ["--gitignore"], ["--allow-empty"]):
        answer = program("backup", *arguments)
        assert (answer.status, f"{arguments[0]} goes with --path." in answer.err) == (2, True)


def test_without_a_configuration_its_commands_say_how_to_name_one(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    answer = Program(tmp_path)("config", "check")

    assert answer.status == 2
    assert (
        "'rebond init' writes one for this directory. Name one elsewhere with --config or REBOND_CONFIG." in answer.err
    )


def test_a_limit_of_the_line_is_kept(program: Program, shop: pathlib.Path) -> None:
    (shop / "media" / "film.bin").write_bytes(os.urandom(80_000))

    free = program.ask("backup", "media")["seconds"]
    with (shop / "rebond.toml").open("a") as file:
        file.write('\n[limits]\nupload = "100kB/s"\n')
    (shop / "media" / "film.bin").write_bytes(os.urandom(80_000))
    limited = program.ask("backup", "media")["seconds"]

    assert float(str(free)) < float(str(limited))
    assert float(str(limited)) >= 0.7  # what comes after the pack waits until it is paid for


def test_what_is_there_now_is_compared_by_the_rules_of_the_configuration(program: Program, shop: pathlib.Path) -> None:
    program.good("backup", "--class", "daily")
    (shop / "conf.d" / "more.toml").write_text("")
    (shop / "media" / "later.jpg").write_text("later")
    (shop / "settings.py").write_text("VERSION = 'another'\n")

    changes = {each["path"]: each["change"] for each in program.ask("diff", "latest", "--live")}

    assert {path for path, change in changes.items() if change != "metadata"} == {"code/settings.py", "media/later.jpg"}
    assert not any(path.startswith(("code/media", "code/conf.d")) for path in changes), "what is left out is no change"


def test_what_retention_will_leave_is_foreseen_by_what_the_configuration_keeps(program: Program) -> None:
    for _ in range(3):
        program.good("backup", "--class", "daily", "--tag", "x")

    foreseen = program.ask("forget", "--simulate", "2s")
    assert foreseen["span_seconds"] == 2
    assert len(foreseen["kept"]) + foreseen["left"] <= 2 + 1, "the newest two, and the last whole one"
    assert program("forget", "--simulate", "2s", REBOND_CONFIG="/nowhere.toml").status == 2
