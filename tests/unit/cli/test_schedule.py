"""``rebond schedule``, ``pause`` and ``resume`` as a person types them."""

import datetime
import os
import pathlib
import sys
from zoneinfo import ZoneInfo

import pytest
from tests.shims import crontab
from tests.unit.cli.program_runs import Program
from tests.unit.schedule.stack_written import CONFIGURATION

from rebond.schedule.jobs import make_calendar
from rebond.schedule.records import JobRecord, Records
from rebond.schedule.stack_folders import folder_of
from rebond.testing.manual_clock import START_MS


@pytest.fixture
def root(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "rebond.toml").write_text(CONFIGURATION)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def program(tmp_path: pathlib.Path) -> Program:
    made = Program(tmp_path)
    del made.environment["REBOND_VAULT"], made.environment["REBOND_PASSPHRASE"]
    return made


def test_show_says_what_runs_when_and_what_ran(program: Program, root: pathlib.Path) -> None:
    from tests.unit.schedule.stack_written import load

    loaded = load(root / "rebond.toml")
    folder = folder_of(pathlib.Path(program.environment["REBOND_STATE_DIR"]), loaded)
    Records(folder).write("daily", JobRecord(taken_ms=START_MS, began_ms=START_MS, ended_ms=START_MS + 1, status=3))
    Records(folder).write("often", JobRecord(taken_ms=START_MS, began_ms=START_MS, attempts=1))
    Records(folder).write("verify:daily", JobRecord(taken_ms=START_MS, began_ms=START_MS, status=0))
    shown = program.ask("schedule", "show")
    assert [each["job"] for each in shown["jobs"]] == [each.name for each in make_calendar(loaded.configuration).jobs]
    by_name = {each["job"]: each for each in shown["jobs"]}
    assert (by_name["daily"]["status"], by_name["daily"]["pending"]) == (3, False)
    assert (by_name["often"]["status"], by_name["often"]["pending"]) == (None, True)
    assert by_name["secrets"]["next"] is None
    assert (shown["serving"], shown["running"], shown["pause"], shown["by_hand"]) == (None, None, None, ["by-hand"])
    text = program.good("schedule", "show").out
    assert "no end seen" in text
    assert "stopped, still due" in text, "and not the status of the run before"
    assert "at each commit" in text
    assert "à chaque commit" in program.good("schedule", "show", "--lang", "fr").out


def test_next_lists_runs_in_their_order_and_knows_the_classes(program: Program, root: pathlib.Path) -> None:
    found = program.ask("schedule", "next", "--count", "30")
    assert len(found) == 30
    assert [each["begins"] for each in found] == sorted(each["begins"] for each in found)
    assert {each["job"] for each in program.ask("schedule", "next", "--class", "daily")} == {"daily", "verify:daily"}
    assert program.ask("schedule", "next", "--class", "secrets") == []
    unknown = program("schedule", "next", "--class", "dayly")
    assert unknown.status == 2
    assert "daily" in unknown.err


def test_next_says_that_nothing_runs_while_there_is_a_pause(program: Program, root: pathlib.Path) -> None:
    assert "paused" not in program.good("schedule", "next").err
    program.good("pause", "--reason", "a move")

    assert "Unattended runs are paused without an end: “a move”" in program.good("schedule", "next").err


def test_install_writes_units_once_takes_stale_ones_away_and_remove_leaves_nothing(
    program: Program, root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    units = tmp_path / "units"
    units.mkdir()
    other = units / "rebond-shop-of-somebody-else.service"
    other.write_text("[Service]\nExecStart=/bin/true\n")
    plan = program.ask("schedule", "install", "--directory", units, "--dry-run")
    assert plan["done"] is False
    assert list(units.iterdir()) == [other]

    first = program.ask("schedule", "install", "--directory", units)
    assert first["written"] == plan["written"]
    assert sorted(first["written"]) == sorted(str(each) for each in units.iterdir() if each != other)
    assert any("enable --now" in each for each in first["to_do"])
    assert program.ask("schedule", "install", "--directory", units)["written"] == []

    (root / "rebond.toml").write_text(CONFIGURATION.replace("[class.often]", "[class.hourly]"))
    again = program.ask("schedule", "install", "--directory", units)
    assert {pathlib.Path(each).name.partition(".")[0] for each in again["removed"]} == {
        "rebond-shop-often",
        "rebond-shop-verify-often",
    }
    assert program.good("schedule", "remove", "--directory", units).status == 0
    assert program.ask("schedule", "remove", "--directory", units)["removed"] == []
    assert list(units.iterdir()) == [other]


def test_a_unit_that_was_changed_by_hand_or_is_foreign_stays(
    program: Program, root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    units = tmp_path / "units"
    program.good("schedule", "install", "--directory", units)
    changed = units / "rebond-shop-daily.service"
    changed.write_text(changed.read_text() + "Nice=19\n")
    for verb in ("install", "remove"):
        answer = program("schedule", verb, "--directory", units)
        assert answer.status == 6
        assert str(changed) in answer.err
    assert changed.read_text().endswith("Nice=19\n")
    changed.write_text("[Service]\n")
    assert program("schedule", "install", "--directory", units).status == 6


@pytest.fixture
def table(tmp_path: pathlib.Path, program: Program) -> pathlib.Path:
    shims = tmp_path / "bin"
    shims.mkdir()
    shim = shims / "crontab"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{crontab.__file__}" "$@"\n')
    shim.chmod(0o755)
    path = tmp_path / "table"
    program.environment |= {"CRONTAB_TABLE": str(path), "PATH": f"{shims}:{os.environ['PATH']}"}
    return path


def test_a_users_table_of_cron_gets_our_lines_once_and_gives_them_back(
    program: Program, root: pathlib.Path, table: pathlib.Path
) -> None:
    assert program.ask("schedule", "install", "--to", "cron", "--dry-run")["changed"] is True
    assert not table.exists()
    program.good("schedule", "install", "--to", "cron")
    first = table.read_text()
    daily = [each for each in first.splitlines() if "backup --class daily --scheduled" in each]
    assert [each.startswith("@reboot ") for each in daily] == [False, True]
    assert program.ask("schedule", "install", "--to", "cron")["changed"] is False
    assert table.read_text() == first
    table.write_text("1 2 3 4 5 mine\n" + first)
    program.good("schedule", "remove", "--to", "cron")
    assert table.read_text() == "1 2 3 4 5 mine\n"


def test_what_is_not_there_yet_or_not_said_ends_with_words(program: Program, root: pathlib.Path) -> None:
    kubernetes = program("schedule", "export", "--to", "kubernetes")
    assert (kubernetes.status, "CronJobs" in kubernetes.err) == (2, True)
    (root / "rebond.toml").write_text(CONFIGURATION.partition("[schedule]")[0])
    nobody = program("schedule", "install")
    assert (nobody.status, "--to systemd" in nobody.err) == (2, True)
    scheduled = program("backup", "--class", "by-hand", "--scheduled")
    assert (scheduled.status, "by-hand" in scheduled.err) == (2, True)
    nameless = program("backup", "--scheduled")
    assert nameless.status == 2
    assert "Name the class: --class NAME. These run unattended: " in nameless.err
    assert "''" not in nameless.err
    (root / "rebond.toml").unlink()
    for arguments in (("show",), ("next",), ("install",), ("remove",), ("export",)):
        answer = program("schedule", *arguments)
        assert (answer.status, "no configuration" in answer.err) == (2, True), arguments
    for verb in ("serve", "resume"):
        assert program(verb).status == 2


def test_a_place_that_cannot_be_written_is_named(program: Program, root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    answer = program("schedule", "install", "--directory", tmp_path / "file" / "units")
    assert answer.status == 1
    assert str(tmp_path / "file") in answer.err


def test_a_pause_is_shown_and_ended(program: Program, root: pathlib.Path) -> None:
    made = program("pause", "--reason", "migration")
    assert made.status == 0
    assert "no end" in made.err
    assert program.ask("schedule", "show")["pause"]["reason"] == "migration"
    assert program.good("pause", "--until", "2h", "--reason", "disk").err == ""
    assert "disk" in program.good("schedule", "show").out
    assert program.ask("resume")["was_paused"] is True
    assert program.ask("resume")["was_paused"] is False
    for text in ("18:00", "3:05"):  # the next such hour, today or tomorrow
        until = datetime.datetime.fromisoformat(program.ask("pause", "--until", text, "--reason", "disk")["until"])
        assert f"{until.astimezone(ZoneInfo('Europe/Paris')):%H:%M}" == text.rjust(5, "0")
        ahead = until - datetime.datetime.now(datetime.UTC)
        assert datetime.timedelta() < ahead <= datetime.timedelta(hours=25)
    assert program("pause", "--until", "25:00", "--reason", "late").status == 2
    assert program("pause", "--until", "9999999y", "--reason", "late").status == 2
    assert program("pause", "--until", "2020-01-01", "--reason", "late").status == 2
    assert program("pause", "--until", "yesterday", "--reason", "late").status == 2
    assert program("pause", "--reason", " ").status == 2


def test_a_pause_that_the_runs_would_not_see_is_refused(
    program: Program, root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (root / "rebond.toml").write_text(CONFIGURATION.replace('by = "systemd"', 'by = "systemd"\nuser = "korrigo"'))
    del program.environment["REBOND_STATE_DIR"]
    program.environment["XDG_STATE_HOME"] = str(tmp_path / "home")
    answer = program("pause", "--reason", "migration")
    assert answer.status == 2
    assert "sudo -u korrigo" in answer.err
    assert not list((tmp_path / "home").rglob("pause.json"))
