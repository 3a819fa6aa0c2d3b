"""What is said of a log: what is missing, what waits, what a server is set to."""

from pathlib import Path

import msgspec
import pytest
from tests.unit.operations.wal.archived import HISTORY_2, Archived, set_stage

from rebond.operations.wal.branches import find_missing
from rebond.operations.wal.coverage import survey_wal
from rebond.operations.wal.fetching import read_ways
from rebond.operations.wal.holes import LogOnServer
from rebond.operations.wal.ledger import WalLedger, WalNotes
from rebond.operations.wal.standing import Standing, describe, judge, judge_server
from rebond.operations.wal.tails import find_tail_end, list_tails, put_tail
from rebond.sources.postgres.wal_facts import Archiver, Slot, Waiting, WalFacts
from rebond.sources.postgres.wal_names import parse_history
from rebond.testing.manual_clock import ManualClock
from rebond.testing.wal_segments import SEGMENT_BYTES, SYSTEM_ID, name_segment
from rebond.units import format_moment

GOOD = {"wal_level": "replica", "archive_mode": "on", "archive_command": "rebond-wal push", "archive_timeout": "1min"}
SLOTS = {"wal_level": "replica", "max_slot_wal_keep_size": "20GB", "idle_replication_slot_timeout": "0"}


def facts(settings: dict[str, str], **words: object) -> WalFacts:
    made = WalFacts(
        version=150_018,
        system_id=str(SYSTEM_ID),
        timeline=1,
        is_in_recovery=False,
        lsn="0/500000",
        segment_bytes=SEGMENT_BYTES,
        settings=settings,
        archiver=Archiver(archived=3, last="x", last_age=5.0),
        slots=[],
        waiting=Waiting(),
    )
    return msgspec.structs.replace(made, **words)


@pytest.fixture
def stage(tmp_path: Path) -> Archived:
    return set_stage(tmp_path)


def slot(**words: object) -> Slot:
    return msgspec.structs.replace(
        Slot(name="rebond", kind="physical", is_active=True, restart_lsn="0/500000", wal_status="reserved"), **words
    )


def list_names(timeline: int, first: int, last: int) -> list[str]:
    return [name_segment(timeline, number) for number in range(first, last + 1)]


def look(
    stage: Archived,
    found: WalFacts | None = None,
    notes: WalNotes | None = None,
    *,
    now_ms: int = 0,
    tail_lsn: int = 0,
    has_base: bool | None = None,
) -> Standing:
    return judge(
        "database",
        coverage=survey_wal(stage.open(), SYSTEM_ID),
        facts=found,
        notes=notes or WalNotes(),
        since_ms=0,
        way="archive-command",
        now_ms=now_ms,
        tail_lsn=tail_lsn,
        has_base=has_base,
        ways=read_ways(stage.open(), survey_wal(stage.open(), SYSTEM_ID), list_tails(stage.open(), SYSTEM_ID)),
        tails=list_tails(stage.open(), SYSTEM_ID),
    )


def test_a_log_without_a_hole_has_no_findings_and_says_how_far_it_is_behind(stage: Archived) -> None:
    stage.push(1, [1, 2, 3])
    standing = look(stage, facts(GOOD))

    assert standing.findings == ()
    assert standing.frontier == 4 * SEGMENT_BYTES
    assert standing.behind_bytes == SEGMENT_BYTES
    assert describe(standing, 0)["frontier"] == "0/400000"


def test_a_hole_and_a_history_that_is_missing_are_gaps(stage: Archived) -> None:
    stage.push(1, [1, 4])
    stage.push(2, [5])
    standing = look(stage)

    assert standing.has_gaps
    assert describe(standing, 0)["gaps"] == [f"{name_segment(1, 2)}–{name_segment(1, 3)}", "00000002.history"]


def list_between(standing: Standing) -> list[object]:
    return [each.values["gap"] for each in standing.findings if each.code == "wal-gap-between"]


def test_what_is_missing_between_two_timelines_is_a_gap(stage: Archived) -> None:
    stage.push(1, [1, 2])
    stage.push_history()  # it left in segment 5
    stage.push(2, [7])
    standing = look(stage)

    assert list_between(standing) == [
        f"{name_segment(1, 3)}–{name_segment(1, 4)}",
        f"{name_segment(2, 5)}–{name_segment(2, 6)}",
    ]
    assert not list_between(look(stage, has_base=True))  # that one begins behind it
    stage.push(2, [5, 6])
    stage.push(1, [3, 4])
    assert not look(stage).findings
    stage.push(1, [5, 6])  # the old one went on
    assert not look(stage).findings


def test_a_whole_timeline_between_two_others_may_be_missing(stage: Archived) -> None:
    stage.push(1, [3, 4])
    third = HISTORY_2 + b"\n2\t0/700100\tno recovery target specified\n"
    stage.push_history()
    stage.push_history(3, third)
    stage.push(3, [7])
    assert list_between(look(stage)) == [f"{name_segment(2, 5)}–{name_segment(2, 6)}"]


def test_what_clean_up_left_of_an_earlier_timeline_has_no_gap_behind_it(stage: Archived) -> None:
    stage.push(1, [1])
    stage.push_history()
    stage.push(2, [7])
    coverage = survey_wal(stage.open(), SYSTEM_ID)
    ways = {1: (), 2: parse_history(HISTORY_2)}
    (since_ms,) = coverage.timelines[2].begins_ms
    assert [each.is_recent for each in find_missing(coverage, ways, (), since_ms=since_ms)] == [True, True]
    assert [each.is_recent for each in find_missing(coverage, ways, (), since_ms=since_ms + 1)] == [False, False]


def test_what_is_missing_before_the_beginning_of_a_segment_is_a_gap(stage: Archived) -> None:
    stage.push(1, [1, 2])
    put_tail(stage.open("writer"), SYSTEM_ID, name_segment(1, 3), b"x", 0, sequence=3)
    assert not look(stage).has_gaps
    put_tail(stage.open("writer"), SYSTEM_ID, name_segment(1, 5), b"x", 0, sequence=5)
    assert describe(look(stage), 0)["gaps"] == [f"{name_segment(1, 3)}–{name_segment(1, 4)}"]

    stage.push_history()
    put_tail(stage.open("writer"), SYSTEM_ID, name_segment(2, 6), b"x", 0, sequence=6)
    assert name_segment(2, 5) in list_between(look(stage))


def test_a_history_that_a_later_one_proves_is_missing_and_no_gap(stage: Archived) -> None:
    stage.push(1, [3, 4])
    stage.push(2, [5, 6])
    stage.push_history(3, HISTORY_2 + b"\n2\t0/700100\tno recovery target specified\n")
    standing = look(stage)

    assert [each.code for each in standing.findings] == ["wal-history"]
    assert "00000002.history is missing" in standing.findings[0].message
    assert not standing.has_gaps


def waiting(*names: str, age: float = 900.0) -> Waiting:
    return Waiting(count=len(names), oldest_age=age, oldest=f"{min(names)}.ready", names=list(names))


def test_what_waits_its_turn_on_the_server_is_no_gap_and_is_not_counted_as_saved(stage: Archived) -> None:
    stage.push(1, [1, 4])
    young = facts(GOOD, waiting=waiting(*list_names(1, 2, 3), age=5.0), kept=list_names(1, 1, 5))
    standing = look(stage, young)

    assert standing.findings == ()
    assert standing.frontier == 2 * SEGMENT_BYTES  # 4 leads nowhere yet
    assert standing.behind_bytes == 3 * SEGMENT_BYTES
    assert describe(standing, 0)["gaps"] == []
    assert describe(standing, 0)["waits"] == [f"{name_segment(1, 2)}–{name_segment(1, 3)}"]


def test_what_waits_for_long_is_told_as_that(stage: Archived) -> None:
    stage.push(1, [1, 4])
    standing = look(stage, facts(GOOD, waiting=waiting(*list_names(1, 2, 3)), kept=list_names(1, 1, 5)))

    assert [each.code for each in standing.findings] == ["wal-late", "wal-waits"]
    assert not standing.has_gaps
    assert "it waits there to be archived" in standing.findings[0].message


@pytest.mark.parametrize(
    ("found", "said", "hint"),
    [
        (None, "is not known, for it was not asked", "While the server still has them"),
        (facts(GOOD), "is not known, for its user may not look into pg_wal", "While the server still has them"),
        (facts(GOOD, kept=list_names(1, 1, 5)), "The server still has it in pg_wal, and will not bring", "Push it by"),
        (facts(GOOD, kept=list_names(1, 4, 5)), "never came, and the server does not have it.", "save the component"),
    ],
    ids=["not asked", "not shown", "kept", "gone"],
)
def test_a_gap_is_told_with_what_is_known_of_it_on_the_server(
    stage: Archived, found: WalFacts | None, said: str, hint: str
) -> None:
    stage.push(1, [1, 4])
    (told,) = look(stage, found).findings

    assert told.code == "wal-gap"
    assert told.message.startswith(f"The write-ahead log of database has a gap: {name_segment(1, 2)}–")
    assert said in told.message
    assert hint in told.hint


def test_a_hole_is_told_in_parts_that_lie_in_one_place_each(stage: Archived) -> None:
    stage.push(1, [1, 9])
    here = facts(GOOD, lsn="0/900000", waiting=waiting(*list_names(1, 7, 8), age=5.0), kept=list_names(1, 5, 9))
    standing = look(stage, here)

    assert [each.values["gap"] for each in standing.findings] == [
        f"{name_segment(1, 2)}–{name_segment(1, 4)}",
        f"{name_segment(1, 5)}–{name_segment(1, 6)}",
    ]
    assert describe(standing, 0)["waits"] == [f"{name_segment(1, 7)}–{name_segment(1, 8)}"]


def test_what_was_not_finished_when_the_server_was_asked_waits_since_then(stage: Archived) -> None:
    stage.push(1, [1, 2, 3, 6])
    asked_before = facts(GOOD, lsn="0/480000", kept=list_names(1, 1, 5))

    assert [each.values["gap"] for each in look(stage, asked_before).findings] == []
    assert look(stage, asked_before).frontier == 4 * SEGMENT_BYTES


def test_what_waits_on_another_cluster_or_for_another_archive_says_nothing_of_this_one(stage: Archived) -> None:
    stage.push(1, [1, 4])
    names = list_names(1, 2, 3)
    other = facts(GOOD, system_id="5", waiting=waiting(*names, age=5.0), kept=names)
    streamed = judge(
        "database",
        coverage=survey_wal(stage.open(), SYSTEM_ID),
        facts=facts(SLOTS, slots=[slot()], waiting=waiting(*names, age=5.0), kept=names),
        notes=WalNotes(),
        since_ms=0,
        way="receive",
    )

    assert [each.code for each in look(stage, other).findings] == ["wal-gap", "wal-foreign"]
    assert "it was not asked" in look(stage, other).findings[0].message
    assert [each.code for each in streamed.findings] == ["wal-gap"]
    assert "The server still has it in pg_wal" in streamed.findings[0].message


def test_a_history_that_waits_its_turn_is_no_gap(stage: Archived) -> None:
    stage.push(1, [1])
    stage.push(2, [2])
    here = facts(GOOD, timeline=2, lsn="0/300000", waiting=waiting("00000002.history", age=5.0))

    assert look(stage, here).findings == ()
    assert [each.code for each in look(stage, facts(GOOD, timeline=2, lsn="0/300000")).findings] == ["wal-gap"]


def test_a_base_leads_on_over_what_is_on_its_way(stage: Archived) -> None:
    stage.push(1, [1, 4])
    here = facts(GOOD, waiting=waiting(*list_names(1, 2, 3), age=5.0), kept=list_names(1, 1, 5))
    coverage = survey_wal(stage.open(), SYSTEM_ID)

    assert LogOnServer(coverage, here, archives=True).with_what_waits().timelines[1].ranges == ((1, 4),)
    assert LogOnServer(coverage, here, archives=False).with_what_waits().timelines[1].ranges == ((1, 1), (4, 4))


def test_nothing_at_all_is_a_finding_and_no_gap(stage: Archived) -> None:
    standing = look(stage)

    assert [each.code for each in standing.findings] == ["wal-nothing"]
    assert not standing.has_gaps


def test_another_cluster_than_the_one_that_was_saved_is_told(stage: Archived) -> None:
    stage.push(1, [1])

    assert [each.code for each in look(stage, facts(GOOD, system_id="5")).findings] == ["wal-foreign"]


def test_what_failed_last_is_told_until_something_comes_again(stage: Archived) -> None:
    stage.push(1, [1])
    clock = ManualClock()
    ledger = WalLedger(stage.caches / "notes", clock, lambda _: survey_wal(stage.open(), SYSTEM_ID))
    ledger.note_failure(name_segment(1, 2), "no room")
    (found,) = look(stage, notes=ledger._notes).findings
    assert found.code == "wal-failing"
    assert found.values["moment"] == format_moment(clock.now_ms())
    assert "{moment}" in found.template
    ledger.note_pushed(name_segment(1, 2), SYSTEM_ID)

    assert look(stage, notes=ledger._notes).findings == ()


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (facts({**GOOD, "archive_mode": "off"}), "wal-archive-mode"),
        (facts({**GOOD, "archive_command": ""}), "wal-archive-command"),
        (facts({**GOOD, "archive_command": "(disabled)"}), "wal-archive-command"),
        (facts({**GOOD, "archive_timeout": "0"}), "wal-archive-timeout"),
        (facts({**GOOD, "wal_level": "minimal"}), "wal-wal-level"),
        (facts(GOOD, archiver=Archiver(failed=9, last_failed="x", last_failed_age=2.0)), "wal-archiver-fails"),
        (
            facts(GOOD, archiver=Archiver(failed=9, last_failed="x", last_failed_age=2.0, last_age=60.0)),
            "wal-archiver-fails",
        ),
        (facts(GOOD, waiting=Waiting(count=3, oldest="x.ready", oldest_age=900.0)), "wal-waits"),
        (  # its archiver dies each time, which is counted nowhere, and we may not look at what waits
            facts(GOOD, waiting=None, lsn="0/600000", archiver=Archiver(last=name_segment(1, 2), last_age=900.0)),
            "wal-silent",
        ),
    ],
)
def test_a_server_that_does_not_archive_is_told_why(found: WalFacts, code: str) -> None:
    assert [each.code for each in judge_server("database", found, "archive-command")] == [code]


def test_a_failure_that_is_over_is_not_told() -> None:
    over = facts(GOOD, archiver=Archiver(failed=9, last_failed="x", last_failed_age=60.0, last_age=2.0))

    assert judge_server("database", over, "archive-command") == []


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (facts(SLOTS, slots=[slot(wal_status="lost")]), "wal-slot"),
        (facts({**SLOTS, "max_slot_wal_keep_size": "-1"}, slots=[slot()]), "wal-max-slot-wal-keep-size"),
        (facts({**SLOTS, "idle_replication_slot_timeout": "1d"}, slots=[slot()]), "wal-idle-replication-slot-timeout"),
        (facts(SLOTS, slots=[slot(is_active=False)], lsn="0/600000", kept=list_names(1, 6, 8)), "wal-slot"),
        (facts(SLOTS, slots=[slot(is_active=False)], lsn="0/600000", kept=list_names(2, 5, 8)), "wal-not-received"),
        (facts(SLOTS, slots=[slot(is_active=False)], kept=list_names(1, 3, 4)), "wal-not-received"),  # it is idle
        (facts(SLOTS), "wal-no-slot"),
        (facts(SLOTS, slots=[slot(is_active=False, restart_lsn="0/300000")]), "wal-not-received"),
        (facts(SLOTS, slots=[slot(restart_lsn="0/100000", safe_bytes=1 << 20)]), "wal-slot-short"),
    ],
)
def test_a_slot_that_may_fill_the_disk_or_was_lost_is_told(found: WalFacts, code: str) -> None:
    assert [each.code for each in judge_server("database", found, "receive")] == [code]
    assert judge_server("database", facts(SLOTS, slots=[slot(safe_bytes=1 << 30)]), "receive") == []


def test_a_slot_is_known_by_its_name_or_by_having_been_used() -> None:
    theirs = facts(SLOTS, slots=[slot(name="of_a_standby"), slot(name="far_away", is_active=False)])
    assert [each.code for each in judge_server("database", theirs, "receive")] == ["wal-no-slot"]
    (found,) = judge_server("database", theirs, "receive", "far_away")
    assert (found.code, found.values["slot"]) == ("wal-not-received", "far_away")


def test_a_server_that_is_far_ahead_of_the_vault_is_told_whatever_it_counts(stage: Archived) -> None:
    stage.push(1, [1, 2, 3])
    newest_ms = look(stage).newest_ms
    ahead = facts(GOOD, lsn="0/700000")

    assert look(stage, ahead, now_ms=newest_ms + 60_000).findings == ()
    (found,) = look(stage, ahead, now_ms=newest_ms + 7_500_000).findings
    assert found.code == "wal-behind"
    assert "3.15 MB" in found.message
    assert "2 h 5 min" in found.message


def test_pieces_of_the_segment_that_is_not_whole_count_as_saved(stage: Archived) -> None:
    stage.push(1, [1, 2, 3])
    piece = b"x" * 1000
    put_tail(stage.open("writer"), SYSTEM_ID, name_segment(1, 4), piece, 0, sequence=4)
    put_tail(stage.open("writer"), SYSTEM_ID, name_segment(1, 4), piece * 3, 2000, sequence=4)  # the middle is missing

    end = find_tail_end(stage.open("keeper"), SYSTEM_ID, name_segment(1, 4))
    standing = look(stage, facts(SLOTS, lsn="0/400500"), tail_lsn=4 * SEGMENT_BYTES + end)

    assert end == 1000
    assert standing.frontier == 4 * SEGMENT_BYTES + 1000
    assert standing.behind_bytes == 0x500 - 1000


def test_a_server_that_is_not_received_is_told_with_the_reason(stage: Archived) -> None:
    ledger = WalLedger(stage.caches / "refused.json", ManualClock(), lambda _: survey_wal(stage.open(), SYSTEM_ID))
    ledger.note_failure("", "it went back", is_refused=True)
    (told,) = [each for each in look(stage, None, ledger._notes).findings if each.code == "wal-failing"]
    assert told.template.startswith("The log of {component} is not received")
    assert told.values["reason"] == "it went back"
    ledger.note_failure(name_segment(1, 1), "no room")
    (told,) = [each for each in look(stage, None, ledger._notes).findings if each.code == "wal-failing"]
    assert told.values["name"] == name_segment(1, 1)
