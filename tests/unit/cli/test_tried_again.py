"""A scheduled run whose vault was away for some minutes, as a timer starts it."""

import pathlib
import time
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from tests.unit.cli.program_runs import Program

from rebond.cli.turns import taking
from rebond.config.loading import load_configuration
from rebond.config.model import Loaded
from rebond.schedule.pausing import Pause, write_pause
from rebond.schedule.records import JobRecord, Records
from rebond.schedule.stack_folders import folder_of
from rebond.testing.manual_clock import ManualClock

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
timezone = "UTC"
[vault]
url = "{folder}/vault"
key = {{ file = "{folder}/owner.key" }}
[component.media]
kind = "files"
path = "media"
[class.daily]
schedule = "{schedule}"
components = ["media"]
"""
FAR_FROM_NOW = time.strftime("%M %H * * *", time.gmtime(time.time() + 43_200))  # due again in no half hour of tries


class WaitingClock(ManualClock):
    """Lets something happen in a pause instead of waiting for it."""

    happens: Callable[[int], None] = staticmethod(lambda _count: None)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.happens(len(self.slept))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> WaitingClock:
    made = WaitingClock(time.time_ns() // 1_000_000)
    monkeypatch.setattr(taking, "SystemClock", lambda: made)
    return made


@pytest.fixture
def program(tmp_path: pathlib.Path) -> Program:
    made = Program.with_vault(tmp_path)
    made.leave_vault_to_configuration()
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "x").write_text("x")
    configuration = tmp_path / "rebond.toml"
    configuration.write_text(CONFIGURATION.format(folder=tmp_path, schedule=FAR_FROM_NOW))
    made.environment["REBOND_CONFIG"] = str(configuration)
    loaded = load_configuration(configuration, {}).loaded
    assert loaded is not None
    taken_ms = time.time_ns() // 1_000_000 - 3 * 86_400_000
    Records(folder_of(tmp_path / "state", loaded)).write("daily", JobRecord(schedule=FAR_FROM_NOW, taken_ms=taken_ms))
    return made


def test_a_vault_that_comes_back_within_the_half_hour_has_its_backup(
    program: Program, clock: WaitingClock, tmp_path: pathlib.Path
) -> None:
    vault, away = tmp_path / "vault", tmp_path / "away"
    vault.rename(away)

    def come_back(count: int) -> None:
        if count == 4:  # the first pause is of two looks, the second of four
            away.rename(vault)

    clock.happens = come_back
    ran = program("backup", "--class", "daily", "--scheduled", "--json")

    assert (ran.status, ran.document["state"]) == (0, "whole"), ran.err
    assert ran.err.count("is tried again at") == 2
    assert len(program.ask("snapshots")) == 1
    runs = program.ask("history", "--kind", "backup")
    assert len(runs) == 1, "one turn is one run"


def test_one_that_stays_away_is_given_up_with_the_reason(
    program: Program, clock: WaitingClock, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "vault").rename(tmp_path / "away")
    ran = program("backup", "--class", "daily", "--scheduled", "--json")

    assert (ran.status, ran.document["error"]["code"]) == (10, "vault-missing")
    assert ran.err.count("is tried again at") == 5
    assert round(sum(clock.slept) / 60) == 30
    again = program("backup", "--class", "daily", "--scheduled", "--json")
    assert (again.status, again.document["reason"]) == (0, "not due")
    by_hand = program("--quiet", "backup", "--class", "daily", "--scheduled")
    assert by_hand.status == 0
    assert by_hand.err == "daily is not due. To run it all the same: rebond backup --class daily\n", (
        "who starts the unit by hand would take its good end for a backup"
    )


@pytest.fixture
def with_a_source_away(program: Program, tmp_path: pathlib.Path) -> pathlib.Path:
    """Let the class have a second component, whose disk is not there."""
    configuration = tmp_path / "rebond.toml"
    text = configuration.read_text().replace('["media"]', '["media", "letters"]')
    configuration.write_text(text + '[component.letters]\nkind = "files"\npath = "letters"\n')
    return tmp_path / "letters"


def test_what_did_not_answer_is_saved_when_it_does_and_one_partial_snapshot_is_enough(
    program: Program, clock: WaitingClock, with_a_source_away: pathlib.Path
) -> None:
    def come_back(count: int) -> None:
        if count == 12:
            with_a_source_away.mkdir()
            (with_a_source_away / "y").write_text("y")

    clock.happens = come_back
    ran = program("backup", "--class", "daily", "--scheduled")

    assert ran.status == 0, ran.err
    assert [each["state"] for each in program.ask("snapshots")] == ["partial", "whole"]
    assert program.ask("backup", "--class", "daily", "--scheduled")["reason"] == "not due"


def test_what_never_answers_leaves_the_partial_snapshot_of_the_first_try(
    program: Program, clock: WaitingClock, with_a_source_away: pathlib.Path
) -> None:
    ran = program("backup", "--class", "daily", "--scheduled")

    assert ran.status == 3, ran.err
    assert round(sum(clock.slept) / 60) == 30
    assert "still lacks" in ran.err
    assert [each["state"] for each in program.ask("snapshots")] == ["partial"]


def test_where_one_document_is_the_answer_a_partial_snapshot_is_not_followed_by_another(
    program: Program, clock: WaitingClock, with_a_source_away: pathlib.Path
) -> None:
    ran = program("backup", "--class", "daily", "--scheduled", "--json")

    assert (ran.status, ran.document["state"], clock.slept) == (3, "partial", [])
    clock.advance(60)
    again = program("backup", "--class", "daily", "--scheduled", "--json")  # as a service starts it
    assert (again.status, again.document["error"]["code"]) == (31, "source-unreachable")
    assert len(program.ask("snapshots")) == 1


def test_a_run_by_hand_waits_for_nothing(program: Program, clock: WaitingClock, tmp_path: pathlib.Path) -> None:
    (tmp_path / "vault").rename(tmp_path / "away")
    assert program("backup", "--class", "daily").status == 10
    assert clock.slept == []


@pytest.fixture
def paused_meanwhile(program: Program, clock: WaitingClock, tmp_path: pathlib.Path) -> None:
    """Let somebody pause what runs unattended while a run waits for its next try."""
    loaded = load_configuration(tmp_path / "rebond.toml", {}).loaded
    assert loaded is not None
    folder = folder_of(tmp_path / "state", loaded)
    clock.happens = lambda _count: write_pause(folder, Pause(since_ms=clock.now_ms(), reason="", who="admin"))


@pytest.mark.usefixtures("paused_meanwhile")
def test_a_failure_that_is_not_tried_again_after_all_is_told_as_one(program: Program, tmp_path: pathlib.Path) -> None:
    (tmp_path / "vault").rename(tmp_path / "away")
    ran = program("backup", "--class", "daily", "--scheduled", "--json")

    assert (ran.status, ran.document["error"]["code"]) == (10, "vault-missing"), "nothing was saved"
    assert "are paused" in ran.err


@pytest.mark.usefixtures("with_a_source_away", "paused_meanwhile")
def test_a_partial_snapshot_that_is_not_made_whole_after_all_is_told_as_one(program: Program) -> None:
    ran = program("backup", "--class", "daily", "--scheduled")
    assert ran.status == 3, ran.err


def run_meanwhile(program: Program, *, after: Callable[[], object]) -> Callable[[int], None]:
    """Let whoever else is responsible run the job in the first pause, once what was missing is there."""

    def happen(count: int) -> None:
        if count == 1:
            after()
            record = Records(folder_of(program.folder / "state", load(program)))
            known = record.read("daily")
            assert known is not None
            record.write("daily", replace(known, failures=0, is_lacking=False, status=0, began_ms=known.ended_ms + 1))

    return happen


def load(program: Program) -> Loaded:
    loaded = load_configuration(program.folder / "rebond.toml", {}).loaded
    assert loaded is not None
    return loaded


def test_a_job_that_another_process_made_good_meanwhile_is_done(
    program: Program, clock: WaitingClock, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "vault").rename(tmp_path / "away")
    clock.happens = run_meanwhile(program, after=lambda: (tmp_path / "away").rename(tmp_path / "vault"))
    ran = program("backup", "--class", "daily", "--scheduled", "--json")

    assert (ran.status, ran.document["reason"]) == (0, "made good by another run"), ran.err
    assert "daily was made good by another run meanwhile." in ran.err


def test_a_partial_snapshot_that_another_process_made_whole_meanwhile_is_done(
    program: Program, clock: WaitingClock, with_a_source_away: pathlib.Path
) -> None:
    clock.happens = run_meanwhile(program, after=with_a_source_away.mkdir)
    ran = program("backup", "--class", "daily", "--scheduled")

    assert ran.status == 0, ran.err
    assert "daily was made good by another run meanwhile." in ran.err


def test_what_went_well_last_night_makes_nothing_good(
    program: Program, clock: WaitingClock, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state folder that is full keeps the record of the night before."""
    records = Records(folder_of(tmp_path / "state", load(program)))
    known = records.read("daily")
    assert known is not None
    records.write("daily", replace(known, status=0, began_ms=known.taken_ms, ended_ms=known.taken_ms + 1))
    (tmp_path / "vault").rename(tmp_path / "away")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Records, "write", refuse)
    assert program("backup", "--class", "daily", "--scheduled").status == 10
