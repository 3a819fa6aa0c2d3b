"""Units: accepted by systemd, and firing when the calendar says, also where the clock is changed."""

import dataclasses
import datetime
import os
import pathlib
import re
import subprocess
import zoneinfo
from zoneinfo import ZoneInfo

import pytest
from tests.unit.schedule.stack_written import CONFIGURATION, hand_over, load, write_stack

from rebond.errors import Interrupted, UsageError
from rebond.schedule.cron_times import list_firings
from rebond.schedule.installing import apply_files
from rebond.schedule.systemd_calendar import write_calendar
from rebond.schedule.targets import plan_target, plan_target_away, with_commands, write_files
from rebond.schedule.written_files import Origin, judge_text
from rebond.units import UNNAMED_ZONE

IS_ROOT = os.geteuid() == 0
PARIS = ZoneInfo("Europe/Paris")
NOW_MS = round(datetime.datetime(2026, 11, 21, 12, tzinfo=PARIS).timestamp() * 1000)
EXAMPLES = pathlib.Path(__file__).parents[3] / "docs" / "examples"
DAY_MS = 86_400_000
TIMES = ("30 2 * * *", "0 3 * * *", "0 2 * * sun", "30 1-3 * * *", "0 4 1,29 * mon", "15,45 2 28-31 3,10 *")
EVEN = ("*/15 * * * *", "7 * * * *")


def systemd(*arguments: str | pathlib.Path) -> str:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def day_of(text: str) -> int:
    return round(datetime.datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp() * 1000)


def fired(calendar: str, begin_ms: int, end_ms: int) -> set[int]:
    """Return when systemd says that it fires."""
    dated = re.match(r"(\d{4}-\d\d-\d\d) ", calendar)
    if dated and not begin_ms - DAY_MS < day_of(dated[1]) <= end_ms:
        return set()
    base = f"@{begin_ms // 1000}"
    found = set()
    shown = systemd("calendar", f"--base-time={base}", "--iterations=150", calendar)
    for text in re.findall(r"(?:Next elapse|Iter(?:\.|ation) #\d+|\(in UTC\)): \w+ ([\d-]+ [\d:]+) UTC", shown):
        moment = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)
        found.add(round(moment.timestamp() * 1000))
    return {each for each in found if begin_ms < each <= end_ms}


@pytest.mark.judge("systemd-analyze")
@pytest.mark.parametrize("target", ["systemd", "serve"])
@pytest.mark.parametrize("name", ["korrigo", "pivori", "everything"])
def test_systemd_accepts_every_unit(name: str, target: str, tmp_path: pathlib.Path) -> None:
    loaded = write_stack(tmp_path) if name == "everything" else load(EXAMPLES / f"{name}.toml")
    files = write_files(target, loaded, hand_over(loaded, tmp_path), NOW_MS)
    for file_name, text in files.items():
        (tmp_path / file_name).write_text(text)
        assert judge_text(text) is Origin.OURS
    systemd("verify", "--man=no", *(tmp_path / each for each in files))


@pytest.mark.slow
@pytest.mark.judge("systemd-analyze")
@pytest.mark.parametrize("schedule", TIMES)
def test_timers_fire_once_for_each_moment_of_the_calendar_also_when_clocks_change(schedule: str) -> None:
    for day in ("2027-03-26", "2027-10-29", "2028-03-24"):
        begin_ms = day_of(day)
        end_ms = begin_ms + 7 * DAY_MS
        # A timer fires once at a moment, however many of its lines name it.
        found = {each for line in write_calendar(schedule, PARIS, NOW_MS) for each in fired(line, begin_ms, end_ms)}
        assert sorted(found) == list_firings(schedule, begin_ms, end_ms, PARIS)


@pytest.mark.judge("systemd-analyze")
@pytest.mark.parametrize("schedule", EVEN)
def test_what_runs_evenly_goes_on_evenly(schedule: str) -> None:
    begin_ms = round(datetime.datetime(2026, 10, 24, 20, tzinfo=PARIS).timestamp() * 1000)
    (calendar,) = write_calendar(schedule, PARIS, NOW_MS)
    assert sorted(fired(calendar, begin_ms, begin_ms + DAY_MS)) == list_firings(
        schedule, begin_ms, begin_ms + DAY_MS, PARIS
    )


@pytest.mark.judge("systemd-analyze")
@pytest.mark.parametrize("schedule", ["0 5 * * 5L", "0 5 * * fri#2", "0 0 L * *", "5 4 * * 0,6", "0 5 * feb mon-fri"])
def test_words_of_cron_become_words_of_systemd(schedule: str) -> None:
    begin_ms, end_ms = NOW_MS, NOW_MS + 200 * DAY_MS
    found = {each for line in write_calendar(schedule, PARIS, NOW_MS) for each in fired(line, begin_ms, end_ms)}
    assert sorted(found) == list_firings(schedule, begin_ms, end_ms, PARIS)


def test_what_systemd_has_no_words_for_is_refused() -> None:
    with pytest.raises(UsageError, match="no words"):
        write_calendar("0 5 LW * *", PARIS, NOW_MS)


def test_units_are_hardened_and_may_write_where_a_run_has_to(tmp_path: pathlib.Path) -> None:
    loaded = write_stack(tmp_path)
    handed = dataclasses.replace(hand_over(loaded, tmp_path), user="korrigo")
    files = write_files("systemd", loaded, handed, NOW_MS)
    assert sorted(files) == [
        "rebond-shop-boot.service",
        "rebond-shop-daily.service",
        "rebond-shop-daily.timer",
        "rebond-shop-often.service",
        "rebond-shop-often.timer",
        "rebond-shop-secrets.path",
        "rebond-shop-secrets.service",
        "rebond-shop-secrets.timer",
        "rebond-shop-verify-daily.service",
        "rebond-shop-verify-daily.timer",
        "rebond-shop-verify-often.service",
        "rebond-shop-verify-often.timer",
    ]
    service = files["rebond-shop-daily.service"]
    for line in ("ProtectSystem=strict", "PrivateTmp=yes", "NoNewPrivileges=yes", "Nice=10", "User=korrigo"):
        assert f"{line}\n" in service
    (writable,) = re.findall("^ReadWritePaths=(.*)$", service, re.MULTILINE)
    for path in ("state", "cache", "vault", "a shop with 50%%"):
        assert f"-{tmp_path}/{path}" in writable
    assert "After=network-online.target docker.service multi-user.target\n" in service
    assert "Persistent=true\n" in files["rebond-shop-daily.timer"]
    assert f"PathChanged={tmp_path}/a shop with 50%%/conf\n" in files["rebond-shop-secrets.path"]


def test_what_has_an_hour_of_its_own_is_asked_for_at_each_start_and_holds_no_start_back(tmp_path: pathlib.Path) -> None:
    """systemd 252 let a backup of 'trigger = "start"' hold multi-user.target, and began none anew that a reboot cut."""
    loaded = write_stack(tmp_path)
    machine = dataclasses.replace(hand_over(loaded, tmp_path), user="korrigo")
    own = dataclasses.replace(machine, user="")
    for handed, target in ((machine, "multi-user.target"), (own, "multi-user.target" if IS_ROOT else "default.target")):
        files = write_files("systemd", loaded, handed, NOW_MS)
        wanted = {name for name, text in files.items() if name.endswith(".service") and "[Install]" in text}
        assert wanted == {
            "rebond-shop-boot.service",
            "rebond-shop-daily.service",
            "rebond-shop-often.service",
            "rebond-shop-verify-daily.service",
        }
        for name in wanted:
            assert f"WantedBy={target}\n" in files[name]
            (order,) = re.findall("^After=(.*)$", files[name], re.MULTILINE)
            assert target in order.split(), "it comes behind what wants it"


def test_a_run_that_was_told_to_stop_is_no_failure_of_its_unit(tmp_path: pathlib.Path) -> None:
    loaded = write_stack(tmp_path)
    files = write_files("systemd", loaded, hand_over(loaded, tmp_path), NOW_MS)
    assert all(f"SuccessExitStatus={Interrupted.exit_status}\n" in files[each] for each in files if "service" in each)


def test_the_page_of_what_is_may_be_written(tmp_path: pathlib.Path) -> None:
    loaded = write_stack(tmp_path, CONFIGURATION + '[serve]\npage = "/srv/www/status.html"\n')
    assert "/srv/www" in hand_over(loaded, tmp_path).writable


def test_units_are_told_of_in_an_order_that_stops_no_run(tmp_path: pathlib.Path) -> None:
    loaded, units = write_stack(tmp_path), tmp_path / "units"
    handed = hand_over(loaded, tmp_path)
    files = write_files("systemd", loaded, handed, NOW_MS)
    plan = with_commands(plan_target(files, units, handed, "systemd"), files, systemd_runs=True)
    *_, started, asked = plan.commands
    assert "--now" in started
    assert not any(each.endswith(".service") for each in started)
    assert "--now" not in asked
    assert "rebond-shop-daily.service" in asked

    apply_files(plan)
    away = with_commands(plan_target_away(units, handed, "systemd"), {}, systemd_runs=True)
    stopped, left = away.first
    assert "--now" in stopped
    assert not any(each.endswith(".service") for each in stopped)
    assert "--now" not in left, "a backup that runs comes to its end"
    assert "rebond-shop-daily.service" in left

    served = write_files("serve", loaded, handed, NOW_MS)
    plan = with_commands(plan_target(served, tmp_path / "served", handed, "serve"), served, systemd_runs=True)
    assert [each[-3:] for each in plan.commands[1:]] == [("enable", "--now", "rebond-shop.service")]
    apply_files(plan)
    away = with_commands(plan_target_away(tmp_path / "served", handed, "serve"), {}, systemd_runs=True)
    assert [each[-3:] for each in away.first] == [("disable", "--now", "rebond-shop.service")]


def test_a_commit_in_the_log_of_a_database_starts_a_run(tmp_path: pathlib.Path) -> None:
    text = (
        'version = 1\n[stack]\nname = "shop"\n[vault]\nurl = "vault"\n'
        '[component.one]\nkind = "sqlite"\npath = "link.db"\n'
        '[component.many]\nkind = "sqlite"\npaths = ["data/*.db"]\n'
        '[component.page]\nkind = "files"\npath = "page"\n'
        '[class.now]\ntrigger = "change"\ncomponents = "all"\n'
    )
    loaded = write_stack(tmp_path, text)
    pathlib.Path(loaded.root, "link.db").symlink_to("real/shop.db")
    watching = write_files("systemd", loaded, hand_over(loaded, tmp_path), NOW_MS)["rebond-shop-now.path"]
    place = loaded.root
    assert re.findall("^Path.*$", watching, re.MULTILINE) == [
        f"PathChanged={place}/page".replace("%", "%%"),
        *(
            f"PathModified={place}/{each}".replace("%", "%%")
            for each in ("link.db", "real/shop.db-wal", "real/shop.db-journal", "data")
        ),
    ]


def test_a_class_called_like_the_check_of_another_gets_units_of_its_own(tmp_path: pathlib.Path) -> None:
    text = CONFIGURATION + '[class.verify-daily]\nschedule = "0 1 * * *"\ncomponents = "all"\n'
    loaded = write_stack(tmp_path, text)
    files = write_files("systemd", loaded, hand_over(loaded, tmp_path), NOW_MS)
    commands = [line for unit in files.values() for line in unit.splitlines() if line.startswith("ExecStart=")]
    assert len(set(commands)) == len(commands) == 7


def test_a_zone_without_a_name_is_the_machines_own_to_systemd() -> None:
    path = next(path for each in zoneinfo.TZPATH if (path := pathlib.Path(each, "Europe/Paris")).exists())
    with path.open("rb") as file:
        zone = ZoneInfo.from_file(file, key=UNNAMED_ZONE)

    times = write_calendar("30 2 * * *", zone, NOW_MS)
    assert times[0] == "*-*-* 02:30:00"
    assert times[1] == "2027-03-28 03:00:00", "and so where an hour is skipped"
