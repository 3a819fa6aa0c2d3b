"""What a checklist concludes from what was seen."""

import pathlib
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.unit.runbook.page_of import load

from rebond.runbook.answers import LOOKS, look
from rebond.runbook.facts import DrilledPart, DrillFacts, HistoryFacts, RunFacts, Saved, SnapshotFacts, VaultFacts
from rebond.runbook.observing import DAY_MS, Disk, Sight
from rebond.runbook.questions import ASKED, CHECKLISTS

NOW_MS = 1_770_000_000_000
HOUR_MS = 3_600_000
CONFIGURATION = """\
version = 1
[stack]
name = "shop"
[vault]
url = "vault"
[component.media]
kind = "files"
path = "media"
rto = "1min"
[objective]
lost-server = { rto = "2h" }
"""


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = pathlib.Path(tmp_path_factory.mktemp("stack"), "rebond.toml")
    path.write_text(CONFIGURATION)
    return load(path).configuration


def run(kind: str, age_ms: int, status: int = 0, *options: str) -> RunFacts:
    return RunFacts(
        kind=kind, class_name="", began_ms=NOW_MS - age_ms, seconds=1.0, status=status, options=tuple(options)
    )


def snapshot(name: str, size: int, *, is_whole: bool = True) -> SnapshotFacts:
    saved = Saved(name="media", kind="files", files=1, bytes=size)
    return SnapshotFacts(id=name, time_ms=NOW_MS, class_name="daily", is_whole=is_whole, components=(saved,))


def drill(age_ms: int, verdict: str, seconds: float, scenario: str = "") -> DrillFacts:
    return DrillFacts(
        began_ms=NOW_MS - age_ms,
        verdict=verdict,
        snapshot="b",
        scenario=scenario,
        rto_seconds=seconds,
        rpo_seconds=None,
        parts={"media": DrilledPart(bytes=1, seconds=seconds)},
    )


def seen(configuration: Any, which: str, code: str, **what: Any) -> bool | None:
    sight = Sight(
        configuration=configuration,
        history=HistoryFacts(runs=what.pop("runs", ()), drills=what.pop("drills", ())),
        vault=VaultFacts(snapshots=what.pop("snapshots", ())),
        now_ms=NOW_MS,
        zone=ZoneInfo("UTC"),
        **what,
    )
    return look(which, code, sight).is_ticked


def test_every_question_that_is_looked_at_is_one_that_is_asked() -> None:
    for which in ASKED:
        assert set(LOOKS[which]) <= {each.code for each in CHECKLISTS[which]}
    for questions in CHECKLISTS.values():
        assert len({each.code for each in questions}) == len(questions)


@pytest.mark.parametrize(
    ("age_ms", "due_ms", "expected"),
    [
        (20 * HOUR_MS, NOW_MS + HOUR_MS, True),
        (23 * HOUR_MS, NOW_MS - HOUR_MS // 2, True),
        (26 * HOUR_MS, NOW_MS - 2 * HOUR_MS, False),
        (23 * HOUR_MS, None, True),
        (25 * HOUR_MS, None, False),
    ],
)
def test_a_backup_is_young_until_the_next_one_was_due_for_an_hour(
    configuration: Any, age_ms: int, due_ms: int | None, expected: bool
) -> None:
    assert seen(configuration, "after", "young", runs=(run("backup", age_ms),), due_ms=due_ms) is expected


@pytest.mark.parametrize(
    ("place", "advice", "expected"),
    [
        ('in = "docker:web"', {}, True),
        ('in = "docker:web"', {"tools": ["docker is missing"]}, None),
        ('volume = "media"', {"tools": ["docker is missing"]}, None),
        ('in = "docker:web"', {"tools": ["docker is missing"], "services": ["web does not answer"]}, False),
        ("", {"tools": ["git is missing"]}, True),
    ],
)
def test_services_that_nobody_could_ask_are_not_ticked(
    tmp_path: pathlib.Path, place: str, advice: dict[str, list[str]], expected: bool | None
) -> None:
    path = tmp_path / "rebond.toml"
    path.write_text(CONFIGURATION.replace('path = "media"\n', f'path = "/media"\n{place}\n'))
    inside = load(path).configuration

    assert seen(inside, "before", "services", advice=advice, was_examined=True) is expected


def test_a_backup_that_failed_is_not_hidden_by_an_older_good_one(configuration: Any) -> None:
    runs = (run("backup", 2 * HOUR_MS), run("backup", HOUR_MS, 22))

    assert seen(configuration, "after", "ended", runs=runs) is False
    assert seen(configuration, "after", "ended", runs=runs[:1]) is True


def test_a_status_of_3_is_a_snapshot_that_somebody_has_to_look_at(configuration: Any) -> None:
    assert seen(configuration, "after", "ended", runs=(run("backup", 1, 3),)) is False


@pytest.mark.parametrize(
    ("sizes", "expected"), [((100, 90), True), ((100, 79), False), ((100, 300), True), ((5,), None)]
)
def test_a_snapshot_that_shrank_is_no_tick(configuration: Any, sizes: tuple[int, ...], expected: bool | None) -> None:
    snapshots = tuple(snapshot("ab"[number], size) for number, size in enumerate(sizes))

    assert seen(configuration, "after", "size", snapshots=snapshots) is expected


def test_the_newest_snapshot_has_to_be_whole_not_some_older_one(configuration: Any) -> None:
    snapshots = (snapshot("a", 1), snapshot("b", 1, is_whole=False))

    assert seen(configuration, "after", "whole", snapshots=snapshots) is False


def test_looking_at_the_structure_is_not_reading_back(configuration: Any) -> None:
    backup = run("backup", HOUR_MS)

    assert seen(configuration, "after", "verified", runs=(backup, run("verify", 1))) is False
    assert seen(configuration, "after", "verified", runs=(backup, run("verify", 1, 0, "percent"))) is True
    assert seen(configuration, "after", "verified", runs=(run("verify", 2 * HOUR_MS, 0, "percent"), backup)) is False
    assert seen(configuration, "maintenance", "verified", runs=(run("verify", 8 * DAY_MS, 0, "percent"),)) is False


def test_a_drill_counts_when_it_passed_and_is_of_this_month(configuration: Any) -> None:
    assert seen(configuration, "maintenance", "drilled") is False
    assert seen(configuration, "maintenance", "drilled", drills=(drill(DAY_MS, "pass", 1),)) is True
    assert seen(configuration, "maintenance", "drilled", drills=(drill(DAY_MS, "partial", 1),)) is False
    assert seen(configuration, "maintenance", "drilled", drills=(drill(40 * DAY_MS, "pass", 1),)) is False


def test_a_drill_of_a_part_proves_no_whole_and_may_show_that_there_is_none(configuration: Any) -> None:
    whole, older = drill(2 * DAY_MS, "pass", 1), drill(40 * DAY_MS, "pass", 1)
    sample = replace(drill(DAY_MS, "pass", 1), is_sample=True)
    service = drill(DAY_MS, "pass", 1, "lost-service")
    kept = (snapshot("b", 1),)

    for part in (sample, service):
        assert seen(configuration, "maintenance", "drilled", drills=(part,)) is False
        assert seen(configuration, "maintenance", "drilled", drills=(older, part)) is False
        assert seen(configuration, "maintenance", "drilled", drills=(whole, part)) is True
        assert seen(configuration, "after", "drilled", drills=(part,), snapshots=kept) is False
        failed = replace(part, verdict="fail")
        assert seen(configuration, "maintenance", "drilled", drills=(whole, failed)) is False
        assert seen(configuration, "after", "drilled", drills=(whole, failed), snapshots=kept) is False


def test_an_objective_that_is_missed_now_is_not_held_by_what_a_drill_measured(configuration: Any) -> None:
    drills = (drill(DAY_MS, "pass", 59),)

    assert seen(configuration, "maintenance", "objectives", drills=drills, missed=["media"]) is False
    assert seen(configuration, "maintenance", "objectives", drills=drills, missed=[]) is True
    assert seen(configuration, "maintenance", "objectives", missed=["media"]) is False


def test_only_the_drill_of_the_newest_snapshot_proves_it(configuration: Any) -> None:
    drills = (drill(HOUR_MS, "pass", 1),)

    assert seen(configuration, "after", "drilled", drills=drills) is None
    assert seen(configuration, "after", "drilled", drills=drills, snapshots=(snapshot("b", 1),)) is True
    assert (
        seen(configuration, "after", "drilled", drills=drills, snapshots=(snapshot("b", 1), snapshot("c", 1))) is False
    )


@pytest.mark.parametrize(
    ("drills", "expected"),
    [
        ((), None),
        ((drill(DAY_MS, "pass", 59),), True),
        ((drill(DAY_MS, "pass", 61),), False),
        ((drill(2 * DAY_MS, "pass", 61), drill(DAY_MS, "pass", 59)), True),
        ((drill(2 * DAY_MS, "pass", 7300, "lost-server"), drill(DAY_MS, "pass", 59, "lost-service")), False),
        ((drill(2 * DAY_MS, "pass", 7300, "lost-server"), drill(DAY_MS, "pass", 59)), True),  # as `status` says it
    ],
)
def test_objectives_are_held_by_what_was_measured_last(
    configuration: Any, drills: tuple[DrillFacts, ...], expected: bool | None
) -> None:
    assert seen(configuration, "maintenance", "objectives", drills=drills) is expected


@pytest.mark.parametrize(
    ("free", "total", "expected"),
    [(2 * 10**9, 10**10, True), (9 * 10**8, 2 * 10**9, False), (9 * 10**10, 10**12, False)],
)
def test_room_is_more_than_a_tenth_and_more_than_a_gigabyte(
    configuration: Any, free: int, total: int, expected: bool
) -> None:
    disks = [
        Disk(path="/a", free_bytes=10**12, total_bytes=10**12),
        Disk(path="/b", free_bytes=free, total_bytes=total),
    ]

    assert seen(configuration, "after", "room", disks=disks) is expected


def test_a_folder_that_others_may_read_is_named(configuration: Any) -> None:
    shut = Disk(path="/a", free_bytes=1, total_bytes=1, mode=0o40700)
    agape = Disk(path="/b", free_bytes=1, total_bytes=1, mode=0o40750)

    assert seen(configuration, "after", "permissions", vault_folders=[shut]) is True
    assert seen(configuration, "after", "permissions", vault_folders=[shut, agape]) is False


def test_a_run_of_this_week_that_failed_is_told_and_one_that_was_interrupted_is_not(configuration: Any) -> None:
    assert seen(configuration, "maintenance", "failed", runs=(run("backup", DAY_MS, 22),)) is False
    assert seen(configuration, "maintenance", "failed", runs=(run("backup", 8 * DAY_MS, 22),)) is True
    assert seen(configuration, "maintenance", "failed", runs=(run("backup", DAY_MS, 130),)) is True


def test_a_notice_that_nobody_sends_did_not_arrive(tmp_path: pathlib.Path) -> None:
    (tmp_path / "rebond.toml").write_text(CONFIGURATION + '[notify]\nfailure = [{ to = { file = "mail" } }]\n')
    told = load(tmp_path / "rebond.toml").configuration

    assert seen(told, "after", "notice") is False
    assert seen(told, "after", "notice", sends_notices=True) is None


def test_what_nobody_asked_the_doctor_is_not_ticked(configuration: Any) -> None:
    assert seen(configuration, "before", "vault") is None
    assert seen(configuration, "before", "vault", was_examined=True) is True
    assert seen(configuration, "before", "vault", was_examined=True, advice={"vault": ["it is gone"]}) is False
    assert seen(configuration, "before", "vault", was_examined=True, advice={"clock": ["it is slow"]}) is True


@pytest.mark.parametrize(
    ("copies", "media", "sites", "expected"), [(2, 2, 2, True), (1, 2, 2, False), (2, 2, 1, False)]
)
def test_three_copies_two_media_and_one_elsewhere(
    configuration: Any, copies: int, media: int, sites: int, expected: bool
) -> None:
    assert seen(configuration, "maintenance", "copies", copies=copies, media=media, sites=sites) is expected


def test_a_backup_that_is_dated_ahead_of_the_clock_is_not_young(configuration: Any) -> None:
    ahead = run("backup", age_ms=-400 * 86_400_000)

    assert seen(configuration, "after", "young", runs=(ahead,)) is False
    assert seen(configuration, "after", "young", runs=(ahead,), due_ms=NOW_MS + 500 * 86_400_000) is False
