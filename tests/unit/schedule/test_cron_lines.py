"""Lines for cron: they parse, fire when the calendar says, and are found again."""

import dataclasses
import datetime
import pathlib
import shlex
import subprocess
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from tests.unit.schedule.stack_written import hand_over, load, write_stack

from rebond.errors import Refused, UsageError
from rebond.schedule.cron_lines import PATH, list_lines, take_out_of_table, write_cron_file, write_schedule, write_table
from rebond.schedule.cron_times import list_firings
from rebond.schedule.handing_over import HandedOver, name_of_this_user
from rebond.schedule.jobs import Job
from rebond.schedule.targets import change_table
from rebond.schedule.written_files import Origin

PARIS = ZoneInfo("Europe/Paris")
NOW_MS = round(datetime.datetime(2026, 11, 21, 12, tzinfo=PARIS).timestamp() * 1000)
EXAMPLES = pathlib.Path(__file__).parents[3] / "docs" / "examples"
DAY_MS = 86_400_000


@pytest.mark.parametrize("name", ["korrigo", "pivori", "everything"])
def test_a_parser_of_cron_accepts_every_line(name: str, tmp_path: pathlib.Path) -> None:
    loaded = write_stack(tmp_path) if name == "everything" else load(EXAMPLES / f"{name}.toml")
    handed = hand_over(loaded, tmp_path)
    text = write_cron_file(handed, NOW_MS)
    assert text.endswith("\n")
    lines = [each for each in text.splitlines() if each[:1] in {"*", "@"} or each[:1].isdigit()]
    assert len(lines) == len(list_lines(handed, NOW_MS)) > 1
    for line in lines:
        assert len(line) < 1000
        if line.startswith("@reboot "):
            continue
        *fields, user, command = line.split(maxsplit=6)
        CronSim(" ".join(fields), datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
        assert user == (handed.user or name_of_this_user())
        assert command.startswith("out=$(")
        assert "%" not in command.replace("\\%", "")


def test_what_has_an_hour_of_its_own_is_asked_for_at_each_start_of_the_machine(tmp_path: pathlib.Path) -> None:
    """A run that was missed while the machine was off, or cut by its restart, waited for its next time: a week."""
    handed = hand_over(write_stack(tmp_path), tmp_path)
    lines = list_lines(handed, NOW_MS)
    dated = [job for job in handed.calendar.jobs if job.schedule]
    assert dated
    for job in dated:
        (command,) = {text for _, text in lines if text.endswith(_end_of(handed, job))}
        whens = [when for when, text in lines if text == command]
        assert (len(whens), whens[1]) == (2, "@reboot")
    for job in handed.calendar.jobs:
        if job.trigger in {"change", "each"}:  # asked for within the hour anyway
            assert [when for when, text in lines if text.endswith(_end_of(handed, job))] != ["@reboot"]


def _end_of(handed: HandedOver, job: Job) -> str:
    return f'{shlex.join(handed.command_of(job))} 2>&1) || echo "$out"'.replace("%", "\\%")


@pytest.mark.parametrize("machine", ["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
@pytest.mark.parametrize("schedule", ["30 2 * * *", "0 3 * * sun", "15,45 */6 * * *"])
def test_where_the_machine_counts_in_another_zone_a_line_fires_within_an_hour_of_every_moment(
    schedule: str, machine: str
) -> None:
    zone = ZoneInfo(machine)
    line = write_schedule(schedule, PARIS, zone, NOW_MS)
    for day in ("2027-03-26", "2027-10-29"):
        begin_ms = round(datetime.datetime.fromisoformat(day).replace(tzinfo=PARIS).timestamp() * 1000)
        wanted = list_firings(schedule, begin_ms, begin_ms + 3 * DAY_MS, PARIS)
        fired = list_firings(line, begin_ms, begin_ms + 4 * DAY_MS, zone)
        assert wanted
        # An hour late is the run of an hour that was skipped: the run itself knows that it is due.
        late_ms = [min(each - moment for each in fired if each >= moment) for moment in wanted]
        assert set(late_ms) <= {0, 30 * 60_000}
        assert late_ms.count(0) >= len(late_ms) - 1


def test_in_the_machines_own_zone_a_line_is_the_schedule_itself() -> None:
    assert write_schedule("30 2 * * mon-fri", PARIS, PARIS, NOW_MS) == "30 2 * * mon-fri"


@pytest.mark.parametrize("schedule", ["0 3 L * *", "0 3 * * fri#2"])
def test_what_only_some_crons_know_is_refused(schedule: str) -> None:
    with pytest.raises(UsageError, match="no words"):
        write_schedule(schedule, PARIS, PARIS, NOW_MS)


def test_a_table_keeps_the_lines_of_others_and_holds_ours_once(tmp_path: pathlib.Path) -> None:
    handed = hand_over(write_stack(tmp_path), tmp_path)
    block = write_table(handed, NOW_MS)
    first = change_table("MAILTO=ops\n5 4 * * * backup-of-others", block, "shop")
    assert first.startswith("MAILTO=ops\n5 4 * * * backup-of-others\n")
    assert change_table(first, block, "shop") == first
    assert change_table(first, "", "shop") == "MAILTO=ops\n5 4 * * * backup-of-others\n"
    assert change_table(first, block.replace("daily", "nightly"), "shop").count("# >>> rebond: shop") == 1


def test_lines_that_were_changed_by_hand_stay(tmp_path: pathlib.Path) -> None:
    block = write_table(hand_over(write_stack(tmp_path), tmp_path), NOW_MS)
    table = block.replace("--class daily", "--class daily --tag mine")
    assert take_out_of_table(table, "shop")[1] is Origin.CHANGED
    with pytest.raises(Refused):
        change_table(table, block, "shop")


def test_a_users_own_table_finds_programs_where_the_machine_has_them(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "rebond"
    program.write_text('#!/bin/sh\necho "$PATH"\nexit 1\n')
    program.chmod(0o755)
    handed = dataclasses.replace(hand_over(write_stack(tmp_path), tmp_path), program=(str(program),))
    line = next(each for each in write_table(handed, NOW_MS).splitlines() if "--class daily" in each)
    command = line.split(maxsplit=5)[5].replace("\\%", "%")

    said = subprocess.run(["/bin/sh", "-c", command], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=True)
    assert said.stdout.decode().strip() == f"/usr/bin:/bin:{PATH}"
