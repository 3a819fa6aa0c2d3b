"""Times are told and read in the stack's zone, and what starts a class is said in the reader's language."""

import pathlib

import pytest
from tests.unit.cli.program_runs import Program

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
timezone = "Asia/Kolkata"
[vault]
url = "../vault"
[component.pages]
kind = "files"
path = "pages"
rpo = "3d"
[class.night]
schedule = "0 3 1 * *"
components = "all"
[class.now]
trigger = "change"
components = "all"
[class.code]
trigger = "commit"
components = "all"
[class.boot]
trigger = "start"
components = "all"
[class.release]
trigger = "manual"
components = "all"
"""
FRENCH = {
    "now": "à chaque changement",
    "code": "à chaque commit",
    "boot": "à chaque démarrage",
    "release": "à la main",
}


@pytest.fixture
def program(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program.with_vault(tmp_path)
    del made.environment["REBOND_VAULT"]
    (tmp_path / "shop" / "pages").mkdir(parents=True)
    (tmp_path / "shop" / "pages" / "index.html").write_text("hello")
    (tmp_path / "shop" / "rebond.toml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path / "shop")
    made.good("backup", "--class", "night")
    return made


@pytest.mark.parametrize(
    "command", [["snapshots"], ["history"], ["find", "*.html"], ["restore", "latest", "--dry-run"]]
)
def test_times_are_told_in_the_zone_of_the_stack(program: Program, command: list[str]) -> None:
    target = ["--to", str(program.folder / "back")] if command[0] == "restore" else []
    done = program.good(*command, *target)
    assert "+05:30" in done.out + done.err
    assert "+00:00" not in done.out + done.err


def test_a_time_is_read_in_the_zone_of_the_stack_also_before_its_configuration_is_needed(program: Program) -> None:
    held = program.ask("hold", "latest", "--reason", "audit", "--until", "2099-06-01 12:00:00")
    assert held["until"] == "2099-06-01T06:30:00.999Z"


def test_a_configuration_that_is_broken_or_gone_leaves_times_in_the_zone_of_the_machine(program: Program) -> None:
    pathlib.Path("rebond.toml").write_text("version = what")
    assert "+00:00" in program.good("snapshots", "--vault", program.vault, TZ="UTC").out
    refused = program("snapshots", "--vault", program.vault, "--config", "nowhere.toml")
    assert refused.status == 2


def test_what_starts_a_class_and_how_long_is_said_in_french(program: Program) -> None:
    page = program.folder / "status.html"
    said = program("status", "--lang", "fr", "--html", page).out
    for name, words in FRENCH.items():
        assert f"Classe {name} : dernière –, prochaine {words}." in said
        assert words in page.read_text()
    assert "3 j" in said
    assert "3 d" not in said + page.read_text()
