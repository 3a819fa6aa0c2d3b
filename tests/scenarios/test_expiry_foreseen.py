"""When a snapshot goes, as `snapshots` and `explain` say it from the configuration."""

import datetime as dt
import pathlib
from zoneinfo import ZoneInfo

import pytest
from tests.unit.cli.program_runs import Program

PARIS = ZoneInfo("Europe/Paris")
DAY = dt.timedelta(days=1)
CONFIGURATION = """
version = 1
[stack]
name = "shop"
timezone = "Europe/Paris"
[vault]
url = "vault"
[component.site]
kind = "files"
path = "site"
[component.notes]
kind = "files"
path = "notes"
[class.night]
schedule = "0 3 * * *"
components = "all"
keep = { vault = { last = 2 } }
[class.month]
trigger = "manual"
components = "all"
keep = { within = "30d" }
[class.release]
trigger = "manual"
components = ["site"]
keep = "for-ever"
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("expiry")
    program = Program.with_vault(folder)
    for name in ("site", "notes"):
        (folder / name).mkdir()
        (folder / name / "page").write_text(name)
    (folder / "rebond.toml").write_text(CONFIGURATION)
    program.environment["REBOND_CONFIG"] = str(folder / "rebond.toml")
    del program.environment["REBOND_VAULT"]
    for class_ in ("night", "month", "release", "night"):
        program.good("backup", "--class", class_)
    return program


def nights_from_now(number: int) -> dt.datetime:
    now = dt.datetime.now(PARIS)
    first = now.replace(hour=3, minute=0, second=0, microsecond=0)
    return first + DAY * (number - (1 if first > now else 0))


def test_each_snapshot_says_when_it_goes(program: Program) -> None:
    older, month, release, newer = program.ask("snapshots")

    assert dt.datetime.fromisoformat(older["expires"]).astimezone(PARIS) == nights_from_now(1)
    assert dt.datetime.fromisoformat(newer["expires"]).astimezone(PARIS) == nights_from_now(2)
    made = dt.datetime.fromisoformat(month["time"])
    assert abs(dt.datetime.fromisoformat(month["expires"]) - made - 30 * DAY) < dt.timedelta(seconds=1)
    assert release["expires"] is None
    (alone,) = program.ask("snapshots", "--class", "night", "--latest", "1")
    assert alone == newer, "what is not asked for counts nevertheless"


def test_what_is_held_has_no_end_until_it_is_let_go(program: Program) -> None:
    older = program.ask("snapshots")[0]
    program.good("hold", older["id"], "--reason", "audit")
    assert program.ask("snapshots")[0]["expires"] is None

    program.good("unhold", older["id"])
    assert program.ask("snapshots")[0]["expires"] == older["expires"]


def test_without_a_configuration_nobody_knows(program: Program, tmp_path: pathlib.Path) -> None:
    bare = Program(program.folder)
    bare.environment |= {name: text for name, text in program.environment.items() if name != "REBOND_CONFIG"}
    bare.environment["REBOND_VAULT"] = str(program.folder / "vault")

    assert {each["expires"] for each in bare.ask("snapshots")} == {None}


def test_explain_says_how_long_a_path_is_kept(program: Program) -> None:
    for_ever = program.ask("explain", program.folder / "site" / "page", "--path", program.folder / "site")
    notes = program.ask("explain", program.folder / "notes" / "page")
    told = program.good("explain", program.folder / "notes" / "page").out

    assert for_ever["until"] is None
    assert notes["until"] == program.ask("snapshots")[1]["expires"]
    day = dt.datetime.fromisoformat(notes["until"]).astimezone(PARIS)
    assert f"the last of these goes on {day:%Y-%m-%d}" in told
