"""What is promised beside what is known: the work that could be lost, the drill that counts, what is remarked."""

import pathlib
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from rebond.cli.status.page import make_status_page
from rebond.config.loading import load_configuration
from rebond.config.model import Loaded
from rebond.history.learning import learn
from rebond.history.runs import Run
from rebond.identifiers import DomainId, MemberId, ObjectName, SessionId, SnapshotId
from rebond.operations.drills.outcomes import DrilledComponent, DrillOutcome
from rebond.pages.markdown import write_markdown
from rebond.stack.objectives.log_ends import LogEnd
from rebond.stack.objectives.promises import DrillJudgement, Measure, Promise, judge_drill
from rebond.stack.objectives.status import StackStatus, VaultFacts, gather_status
from rebond.testing.manual_clock import ManualClock
from rebond.vault.snapshots import CatalogPart, ComponentSummary, SnapshotRecord

HOUR_MS = 3_600_000
CONFIGURATION = """
version = 1
[stack]
name = "x"
[component.media]
kind = "files"
path = "media"
rto = "60s"
rpo = "4h"
[component.scratch]
kind = "ephemeral"
volume = "scratch"
[objective.lost-server]
rto = "10m"
[objective.corrupted-data]
rto = "20m"
rpo = "1h"
[class.daily]
schedule = "30 3 * * *"
components = ["media"]
[class.weekly]
schedule = "30 4 * * 0"
components = ["media"]
"""


def record_at(
    time_ms: int,
    *,
    stack: str = "x",
    class_: str = "daily",
    complete: bool = True,
    name: str = "media",
    size: int = 100,
) -> SnapshotRecord:
    component = ComponentSummary(name=name, kind="files", domain=DomainId(bytes(8)), complete=complete, bytes=size)
    return SnapshotRecord(
        name=ObjectName("aaaa"),
        snapshot=SnapshotId(bytes(16)),
        session=SessionId(bytes(16)),
        member=MemberId(bytes(8)),
        domain=DomainId(bytes(8)),
        catalog=CatalogPart(
            sequence=1, time_ms=time_ms, host=socket.gethostname(), stack=stack, class_=class_, components=[component]
        ),
        private_segment=b"",
        content_hash=b"",
    )


def drill_of(began_ms: int, **facts: Any) -> Run:
    return Run(run=str(began_ms), kind="drilled", host="h", began_ms=began_ms, facts=facts)


@pytest.fixture
def loaded(tmp_path: pathlib.Path) -> Loaded:
    (tmp_path / "media").mkdir()
    (tmp_path / "rebond.toml").write_text(CONFIGURATION)
    found = load_configuration(tmp_path / "rebond.toml", {})
    assert found.loaded is not None, found
    return found.loaded


def status_of(
    loaded: Loaded,
    records: Sequence[SnapshotRecord],
    tmp_path: pathlib.Path,
    *,
    drills: Sequence[Run] = (),
    ends: Mapping[str, LogEnd] | None = None,
) -> StackStatus:
    facts = VaultFacts(records=records, main_records=records, can_read=True, canary=None, location="/v")
    return gather_status(
        loaded, facts, drills, learn(drills), ends or {}, folder=tmp_path / "state", clock=ManualClock()
    )


def lost_hours(loaded: Loaded, hours: Sequence[float], tmp_path: pathlib.Path, **words: Any) -> float | None:
    now_ms = ManualClock().now_ms()
    records = [record_at(now_ms - round(each * HOUR_MS)) for each in hours]
    (media,) = status_of(loaded, records, tmp_path, **words).components
    return None if media.rpo.measured_seconds is None else media.rpo.measured_seconds / 3600


@pytest.mark.parametrize(
    ("hours", "lost"),
    [
        ([], None),
        ([1], 1),  # one: what is since then
        ([9, 1], 8),  # right after a backup, its age says nothing of the rhythm
        ([9, 8], 8),
        ([40, 9, 8, 7], 7),  # only the newest three gaps are the rhythm of today
        ([40, 9, 8], 31),
        ([3, 2, 9], 6),  # in whatever order they are listed
        ([-1500, 3], 3),  # dated ahead: of no account beside another
        ([-1500], 1500),  # nor is it new where it is alone
    ],
)
def test_what_could_be_lost_is_the_longest_of_the_newest_gaps(
    loaded: Loaded, tmp_path: pathlib.Path, hours: list[float], lost: float | None
) -> None:
    assert lost_hours(loaded, hours, tmp_path) == lost


def test_only_whole_snapshots_of_this_stack_that_hold_the_component_count(
    loaded: Loaded, tmp_path: pathlib.Path
) -> None:
    now_ms = ManualClock().now_ms()
    others: list[dict[str, Any]] = [{"stack": "other"}, {"complete": False}, {"name": "other"}]
    records = [record_at(now_ms - 7 * HOUR_MS), *(record_at(now_ms - HOUR_MS, **each) for each in others)]
    status = status_of(loaded, records, tmp_path)
    assert [each.name for each in status.components] == ["media"], "of scratch nothing is saved"
    assert status.components[0].rpo.measured_seconds == 7 * 3600
    assert [each.subject for each in status.missed] == ["media"]
    assert [each.code for each in status.remarks] == ["rpo-missed", "rto-unknown"]
    assert [each.code for each in status_of(loaded, [], tmp_path).remarks] == ["never-saved", "rto-unknown"]


@pytest.mark.parametrize(
    ("end", "lost"),
    [
        (lambda now_ms: LogEnd(component="media", until_ms=now_ms - 60_000), 60),
        (lambda now_ms: LogEnd(component="media", until_ms=now_ms + 60_000), 0),
        (lambda now_ms: LogEnd(component="media", until_ms=now_ms - 60_000, is_idle=True), 0),
        (lambda _: LogEnd(component="media", until_ms=None), 5 * 3600),
        (lambda now_ms: LogEnd(component="other", until_ms=now_ms), 5 * 3600),
    ],
)
def test_with_a_log_it_is_what_came_after_its_end(
    loaded: Loaded, tmp_path: pathlib.Path, end: Any, lost: float
) -> None:
    found = end(ManualClock().now_ms())
    hours = lost_hours(loaded, [9, 5], tmp_path, ends={found.component: found})
    assert hours == lost / 3600


def test_a_log_without_a_snapshot_leads_nowhere(loaded: Loaded, tmp_path: pathlib.Path) -> None:
    now_ms = ManualClock().now_ms()
    ends = {"media": LogEnd(component="media", until_ms=now_ms - 9 * HOUR_MS)}
    assert [each.code for each in status_of(loaded, [], tmp_path, ends=ends).remarks] == ["never-saved", "rto-unknown"]
    told = status_of(loaded, [record_at(now_ms - 20 * HOUR_MS)], tmp_path, ends=ends).remarks[0]
    assert told.code == "rpo-missed"
    assert "log" in told.message


def test_the_newest_drill_of_each_scenario_counts_and_no_sample(loaded: Loaded, tmp_path: pathlib.Path) -> None:
    drills = [
        drill_of(1, scenario="corrupted-data", rto_seconds=9.0, rpo_seconds=8.0),
        drill_of(2, rto_seconds=700.0),
        drill_of(3, scenario="lost-server", rto_seconds=500.0),
        drill_of(4, scenario="corrupted-data", rto_seconds=1300.0, rpo_seconds=7.0),
        drill_of(5, scenario="lost-server", rto_seconds=1.0, sample=True),
        drill_of(6, scenario="corrupted-data", rto_seconds=1.0, sample=True),
    ]
    status = status_of(loaded, [], tmp_path, drills=drills)
    assert [(each.subject, each.measure, each.measured_seconds) for each in status.scenarios] == [
        ("lost-server", Measure.RTO, 500.0),
        ("corrupted-data", Measure.RTO, 1300.0),
        ("corrupted-data", Measure.RPO, 7.0),
    ]
    assert status.last_drill is drills[3]
    assert [(each.subject, each.measure) for each in status.missed] == [("corrupted-data", Measure.RTO)]
    assert status_of(loaded, [], tmp_path, drills=drills[:2]).scenarios[0].measured_seconds == 700.0, "of old"
    assert status_of(loaded, [], tmp_path).last_drill is None


@pytest.mark.parametrize(
    ("facts", "words", "mend"),
    [
        ({"rto_seconds": 1300.0}, "opening the vault", "how far away"),
        (
            {"rto_seconds": 1300.0, "components": [{"name": "media", "phases": {"fetch": 700.0}}]},
            "'fetch' of media",
            "n",
        ),
        ({"rto_seconds": 1300.0, "exercise": True}, "people were back", "rebond drill --exercise"),
        ({"rto_seconds": 1300.0, "scenario": "corrupted-data"}, "the search", "queries"),
        ({"rpo_seconds": 9e6, "scenario": "corrupted-data"}, "of work would be lost, and", "rebond schedule show"),
        (
            {"rpo_seconds": 9e6, "scenario": "corrupted-data", "components": [{"name": "media", "age_seconds": 9e6}]},
            "most of it of media",
            "quicker schedule",
        ),
    ],
)
def test_why_a_promise_of_a_disaster_is_missed_is_said_with_what_mends_it(
    loaded: Loaded, tmp_path: pathlib.Path, facts: dict[str, Any], words: str, mend: str
) -> None:
    status = status_of(loaded, [], tmp_path, drills=[drill_of(1, **facts)])
    (found,) = [each for each in status.remarks if each.code == "objective-missed"]
    assert found.subject == (facts.get("scenario") or "lost-server")
    assert words in found.message
    assert mend in found.hint
    assert "{" not in found.message + found.hint


@pytest.mark.parametrize(
    ("took", "codes"),
    [(61.0, ["rto-missed"]), (60.0, []), (30.0, [])],
)
def test_the_time_of_the_last_drill_stands_beside_the_promise(
    loaded: Loaded, tmp_path: pathlib.Path, took: float, codes: list[str]
) -> None:
    facts = {"verdict": "pass", "components": [{"name": "media", "bytes": 100, "phases": {"fetch": took}}]}
    status = status_of(loaded, [record_at(ManualClock().now_ms() - HOUR_MS)], tmp_path, drills=[drill_of(1, **facts)])
    (media,) = status.components
    assert media.rto.measured_seconds == took
    assert [each.code for each in status.remarks] == codes


@pytest.mark.parametrize(("days_until", "codes"), [(59, ["rto-will-break"]), (60, ["rto-will-break"]), (61, [])])
def test_a_promise_that_will_break_within_two_months_is_said(
    loaded: Loaded, tmp_path: pathlib.Path, days_until: int, codes: list[str]
) -> None:
    now_ms, size, per_day = ManualClock().now_ms(), 10_000_000, 100_000
    took = 60 * size / (size + per_day * (days_until - 0.5))
    facts = {"verdict": "pass", "components": [{"name": "media", "bytes": size, "phases": {"fetch": took}}]}
    records = [record_at(now_ms - day * 24 * HOUR_MS, size=size - day * per_day) for day in (2, 1, 0)]
    status = status_of(loaded, records, tmp_path, drills=[drill_of(1, **facts)])
    assert status.components[0].breaks_in_days == days_until
    assert [each.code for each in status.remarks if each.code.startswith("rto")] == codes


def test_classes_and_what_can_be_reached_leave_out_what_is_dated_ahead(loaded: Loaded, tmp_path: pathlib.Path) -> None:
    now_ms = ManualClock().now_ms()
    records = [record_at(now_ms - each * HOUR_MS) for each in (5, 2, -1500)]
    records.append(record_at(now_ms - HOUR_MS, class_="weekly"))
    status = status_of(loaded, records, tmp_path)
    daily, weekly = status.classes
    assert (daily.newest_ms, weekly.newest_ms) == (now_ms - 2 * HOUR_MS, now_ms - HOUR_MS)
    assert daily.next_ms is not None
    assert weekly.next_ms is not None
    assert now_ms < daily.next_ms <= now_ms + 24 * HOUR_MS
    assert daily.next_ms != weekly.next_ms
    assert status.reachable_ms == (now_ms - 5 * HOUR_MS, now_ms - HOUR_MS)
    assert status_of(loaded, [], tmp_path).reachable_ms is None


@pytest.mark.parametrize(
    ("promised", "measured", "missed", "share"),
    [(None, 5.0, False, 0.0), (5, None, False, 0.0), (5, 5.0, False, 1.0), (5, 5.1, True, 1.02), (0, 0.0, False, 0.0)],
)
def test_a_promise_is_missed_by_what_is_longer(
    promised: int | None, measured: float | None, missed: bool, share: float
) -> None:
    promise = Promise(subject="x", measure=Measure.RTO, promised_seconds=promised, measured_seconds=measured)
    assert (promise.is_missed, promise.share) == (missed, share)


DRILLED = """
version = 1
[stack]
name = "x"
[component.media]
kind = "files"
path = "media"
rto = "60s"
rpo = "1h"
[component.db]
kind = "sqlite"
path = "db.sqlite3"
rto = "90s"
rpo = "10m"
"""
SCENARIO = '[objective.lost-server]\nrto = "2m"\nrpo = "2h"\n[objective.corrupted-data]\nrto = "1m"\n'


def judged(folder: pathlib.Path, text: str, *, rto: float = 100.0, rpo: float = 700.0, **words: Any) -> DrillJudgement:
    (folder / "media").mkdir(exist_ok=True)
    (folder / "db.sqlite3").touch()
    (folder / "rebond.toml").write_text(text)
    loaded = load_configuration(folder / "rebond.toml", {}).loaded
    assert loaded is not None
    asked = {key: words.pop(key) for key in ("scenario", "is_exercise") if key in words}
    outcome = DrillOutcome(
        record=record_at(0),
        began_ms=0,
        components=(
            DrilledComponent(name="media", kind="files", phases={"fetch": 50.0}, age_seconds=words.pop("age", 700.0)),
            DrilledComponent(name="db", kind="sqlite", phases={"fetch": 90.0, "load": 1.0}, age_seconds=601.0),
            DrilledComponent(name="unknown", kind="files", phases={"fetch": 9000.0}, age_seconds=9000.0),
        ),
        checks=(),
        phases={},
        rto_seconds=rto,
        rpo_seconds=rpo,
        question_seconds=0.0,
        seconds=rto,
        **words,
    )
    return judge_drill(outcome, loaded.configuration, **asked)


def missed_of(judgement: DrillJudgement) -> list[tuple[str, str]]:
    return [(each.subject, str(each.measure)) for each in judgement.missed]


def test_a_drill_is_judged_by_its_components_where_no_scenario_is_promised(tmp_path: pathlib.Path) -> None:
    judgement = judged(tmp_path, DRILLED)
    assert missed_of(judgement) == [("db", "rto"), ("db", "rpo")]
    assert (judgement.rto.subject, judgement.rto.promised_seconds, judgement.rto.measured_seconds) == ("db", 90, 100.0)
    assert (judgement.rpo.subject, judgement.rpo.promised_seconds) == ("db", 600), "the one that is nearest its promise"
    assert len(judgement.promises) == 4, "what no configuration knows was promised by nobody"
    exercise = judged(tmp_path, DRILLED, is_exercise=True)
    assert missed_of(exercise) == [("db", "rpo"), ("db", "rto")], "of an exercise the whole stands beside the longest"
    assert missed_of(judged(tmp_path, DRILLED, is_exercise=True, rto=89.0)) == [("db", "rpo")]


def test_a_drill_is_judged_by_its_scenario_where_that_is_promised(tmp_path: pathlib.Path) -> None:
    judgement = judged(tmp_path, DRILLED + SCENARIO, rto=121.0, rpo=7201.0)
    assert missed_of(judgement) == [("db", "rto"), ("db", "rpo"), ("lost-server", "rto"), ("lost-server", "rpo")]
    assert missed_of(judged(tmp_path, DRILLED + SCENARIO, rto=120.0, rpo=7200.0)) == [("db", "rto"), ("db", "rpo")]
    other = judged(tmp_path, DRILLED + SCENARIO, scenario="corrupted-data", rto=61.0)
    assert (other.rto.subject, other.rto.is_scenario, other.rto.is_missed) == ("corrupted-data", True, True)
    assert (other.rpo.subject, other.rpo.is_scenario) == ("db", False), "of it no loss is promised"


def test_a_sample_says_nothing_of_time_and_a_chosen_snapshot_nothing_of_loss(tmp_path: pathlib.Path) -> None:
    sample = judged(tmp_path, DRILLED + SCENARIO, is_sample=True)
    assert [each.measured_seconds for each in sample.promises if each.measure is Measure.RTO] == [None, None, None]
    chosen = judged(tmp_path, DRILLED + SCENARIO, age=-1.0, rpo=-1.0)
    assert chosen.rpo.measured_seconds is None
    assert [each.measured_seconds for each in chosen.promises if each.measure is Measure.RPO] == [None, 601.0, None]
    nothing_lost = judged(tmp_path, DRILLED + SCENARIO, age=0.0, rpo=0.0)
    assert [each.measured_seconds for each in nothing_lost.promises if each.measure is Measure.RPO] == [0.0, 601.0, 0.0]


OTHER = """
version = 1
[stack]
name = "x"
[vault]
url = "/srv/vault"
medium = "disk"
[[replica]]
name = "away"
url = "s3://bucket/vault"
medium = "object-store"
site = "elsewhere"
[component.media]
kind = "files"
path = "media"
[component.env]
kind = "secrets"
paths = [".env"]
rpo = "1h"
[class.by-hand]
trigger = "manual"
components = ["media"]
[class.secrets]
trigger = "change"
components = ["env"]
"""


def test_what_is_promised_by_nobody_is_not_remarked_and_what_nobody_starts_has_no_next(tmp_path: pathlib.Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / ".env").write_text("A=1")
    (tmp_path / "rebond.toml").write_text(OTHER)
    loaded = load_configuration(tmp_path / "rebond.toml", {}).loaded
    assert loaded is not None
    now_ms = ManualClock().now_ms()
    records = [record_at(now_ms - hours * HOUR_MS, name="env") for hours in (50, 2)]

    status = status_of(loaded, records, tmp_path)
    assert [(each.name, each.rpo.measured_seconds) for each in status.components] == [("media", None), ("env", 7200)]
    assert [each.code for each in status.remarks] == ["rpo-missed"], "saved at every change: its rhythm says nothing"
    by_hand, secrets = status.classes
    assert (by_hand.next_ms, by_hand.trigger, secrets.trigger) == (None, "manual", "change")
    assert [(each.name, each.medium, each.site, each.snapshots) for each in status.places] == [
        ("vault", "disk", "", 2),
        ("away", "object-store", "elsewhere", None),
    ]
    end = LogEnd(component="env", until_ms=None)
    (_, env) = status_of(loaded, records, tmp_path, ends={"env": end}).components
    assert env.rpo.measured_seconds == 48 * 3600, "with a log its rhythm counts again, where the log says nothing"


def test_a_component_saved_long_ago_was_not_never_saved(loaded: Loaded, tmp_path: pathlib.Path) -> None:
    saved_ms = ManualClock().now_ms() - 100 * 24 * HOUR_MS
    (media,) = status_of(loaded, [record_at(saved_ms, size=700)], tmp_path).components

    assert (media.newest_ms, media.size_bytes) == (saved_ms, 700)
    assert media.rpo.measured_seconds == 100 * 24 * 3600


def test_a_snapshot_that_is_dated_ahead_is_not_the_newest(loaded: Loaded, tmp_path: pathlib.Path) -> None:
    now_ms = ManualClock().now_ms()
    records = [record_at(now_ms - HOUR_MS, size=700), record_at(now_ms + 1000 * HOUR_MS, size=1)]
    status = status_of(loaded, records, tmp_path)

    assert (status.components[0].newest_ms, status.components[0].size_bytes) == (now_ms - HOUR_MS, 700)
    assert len(status.reachable) == 1


def test_another_stack_in_the_same_vault_gives_this_one_no_copies(loaded: Loaded, tmp_path: pathlib.Path) -> None:
    text = (tmp_path / "rebond.toml").read_text().replace("[component.media]", '[vault]\nurl = "v"\n[component.media]')
    (tmp_path / "rebond.toml").write_text(text)
    with_vault = load_configuration(tmp_path / "rebond.toml", {}).loaded
    assert with_vault is not None
    records = [record_at(ManualClock().now_ms() - HOUR_MS, stack="other") for _ in range(7)]
    status = status_of(with_vault, records, tmp_path)

    assert status.reachable_ms is None
    assert [each.snapshots for each in status.places] == [0]


@pytest.mark.parametrize("of_drill", [{"verdict": "fail"}, {"verdict": "pass", "sample": True}])
def test_a_drill_that_brought_nothing_whole_back_keeps_no_promise(
    loaded: Loaded, tmp_path: pathlib.Path, of_drill: dict[str, Any]
) -> None:
    drills = [drill_of(1, stack="x", rto_seconds=3.0, **of_drill)]
    status = status_of(loaded, [record_at(ManualClock().now_ms() - HOUR_MS)], tmp_path, drills=drills)

    assert [each.measured_seconds for each in status.scenarios] == [None, None, None]
    assert status.is_untried


def words_of(status: StackStatus) -> str:
    page = make_status_page(status, "en", say_remark=lambda each: (each.template, ""))
    return write_markdown(page, lambda template: template).split("##")[0]


def test_the_page_says_that_promises_hold_only_where_all_were_tried(loaded: Loaded, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "rebond.toml"
    path.write_text(CONFIGURATION.replace('rto = "60s"\n', "").partition("[objective")[0])
    only_rpo = load_configuration(path, {}).loaded
    path.write_text(path.read_text().replace('rpo = "4h"\n', ""))
    nothing = load_configuration(path, {}).loaded
    assert only_rpo is not None
    assert nothing is not None
    saved, failed = [record_at(ManualClock().now_ms() - HOUR_MS)], [drill_of(1, stack="x", verdict="fail")]

    assert "some were never tried" in words_of(status_of(only_rpo, [], tmp_path))
    assert "Every promise holds" in words_of(status_of(only_rpo, saved, tmp_path))
    assert "The last drill failed" in words_of(status_of(only_rpo, saved, tmp_path, drills=failed))
    assert "Nothing is promised" in words_of(status_of(nothing, saved, tmp_path))


def test_an_exercise_of_people_is_not_said_to_have_restored_everything(loaded: Loaded, tmp_path: pathlib.Path) -> None:
    drills = [drill_of(1, stack="x", verdict="fail"), drill_of(2, stack="x", verdict="pass", exercise=True)]

    last = status_of(loaded, [], tmp_path, drills=drills).last_drill
    assert last is not None
    assert last.began_ms == 1


def test_what_is_kept_apart_is_no_second_moment_to_go_back_to(loaded: Loaded, tmp_path: pathlib.Path) -> None:
    saved_ms = ManualClock().now_ms() - HOUR_MS
    main, apart = [record_at(saved_ms)], [record_at(saved_ms, name="keys")]
    facts = VaultFacts(records=[*main, *apart], main_records=main, can_read=True, canary=None, location="/v")
    status = gather_status(loaded, facts, [], learn([]), {}, folder=tmp_path / "state", clock=ManualClock())

    assert len(status.reachable) == 1
