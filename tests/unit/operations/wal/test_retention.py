"""What goes of a log and what stays: the window, the base that reaches it, and each older base's own."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.operations.wal.archived import Archived, segment_file, set_stage

from rebond.errors import RoleTooSmall, VaultDamaged
from rebond.identifiers import SessionId, SnapshotId
from rebond.operations.backup import BackupRequest, back_up
from rebond.operations.components import ComponentToSave, Conclusion, Moment, WalNeed
from rebond.operations.wal.coverage import survey_wal
from rebond.operations.wal.retention import BaseNeed, carry_out, choose_doomed, find_floors, plan_wal
from rebond.operations.wal.tails import put_tail, read_tail
from rebond.testing.damage import truncate_object
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import Notebook
from rebond.testing.wal_segments import SEGMENT_BYTES, SYSTEM_ID, make_segment, name_segment
from rebond.vault.frames import LEVELS
from rebond.vault.marks import MarkBody, put_mark
from rebond.vault.protocol_rules import MarkPurpose
from rebond.vault.sessions import SessionJournal
from rebond.vault.snapshots import list_snapshot_names

DAY_SECONDS = 86_400
WINDOW_MS = 7 * DAY_SECONDS * 1000


@pytest.fixture
def stage(tmp_path: Path) -> Archived:
    return set_stage(tmp_path)


def take_base(stage: Archived, first: int, last: int, timeline: int = 1) -> None:
    """Save a data directory that needs these segments."""
    tree = MemoryTree()
    tree.write("PG_VERSION", b"15\n")
    need = WalNeed(
        system_id=SYSTEM_ID,
        timeline=timeline,
        start_lsn=first * SEGMENT_BYTES + 40,
        stop_lsn=last * SEGMENT_BYTES + 80,
        segment_bytes=SEGMENT_BYTES,
    )
    component = ComponentToSave(
        name="database",
        root=b"",
        open_tree=lambda _: tree,
        moment=Moment.WHEN_READ,
        conclude=lambda _: Conclusion(needs=(need,)),
    )
    request = BackupRequest(components=(component,), stack="shop", host="here", level=LEVELS["fast"])
    outcome = back_up(stage.open("writer"), request, Notebook())
    assert outcome.record.catalog.needs, outcome.findings


def live(stage: Archived, days: int, first: int, last: int, timeline: int = 1) -> None:
    """Let days pass, and some segments come at the end of them."""
    stage.made.clock.sleep(days * DAY_SECONDS)
    stage.push(timeline, range(first, last + 1))


def ranges(stage: Archived, timeline: int = 1) -> tuple[tuple[int, int], ...]:
    return survey_wal(stage.open(), SYSTEM_ID).timelines[timeline].ranges


def clean(stage: Archived) -> int:
    return carry_out(stage.open("keeper"), plan_wal(stage.open("keeper"), SYSTEM_ID, WINDOW_MS))


def test_the_window_stays_from_the_base_that_reaches_its_beginning_and_of_older_bases_their_own(
    stage: Archived,
) -> None:
    stage.push(1, range(1, 5))
    take_base(stage, 2, 3)
    live(stage, 3, 5, 10)
    take_base(stage, 8, 9)
    live(stage, 8, 11, 14)  # the window begins a day before these
    take_base(stage, 13, 14)
    live(stage, 1, 15, 16)

    assert clean(stage) == 5
    assert ranges(stage) == ((2, 3), (8, 16))
    assert clean(stage) == 0


def test_without_a_base_older_than_the_window_nothing_goes(stage: Archived) -> None:
    stage.push(1, range(1, 5))
    live(stage, 20, 5, 8)
    take_base(stage, 6, 7)
    live(stage, 1, 9, 9)

    plan = plan_wal(stage.open("keeper"), SYSTEM_ID, WINDOW_MS)

    assert (plan.doomed, plan.reason) == ((), "no base is older than the window")
    assert clean(stage) == 0


def test_what_came_within_the_window_stays_whatever_is_needed(stage: Archived) -> None:
    stage.push(1, range(5, 8))
    take_base(stage, 6, 7)
    live(stage, 8, 1, 4)  # came late

    assert clean(stage) == 1
    assert ranges(stage) == ((1, 4), (6, 7))


def test_the_log_of_a_base_in_the_trash_stays_and_such_a_base_reaches_no_window(stage: Archived) -> None:
    stage.push(1, range(1, 4))
    take_base(stage, 2, 2)
    owner = stage.open()
    (record,) = list_snapshot_names(stage.made.store)
    live(stage, 8, 4, 6)
    body = MarkBody(
        purpose=MarkPurpose.FORGET.value, time_ms=stage.made.clock.now_ms(), reason="x", names=[record.name]
    )
    put_mark(stage.made.store, owner.credentials, body)

    assert clean(stage) == 0
    assert ranges(stage) == ((1, 6),)


def test_a_later_timeline_stays_and_an_earlier_one_goes_below_its_bases(stage: Archived) -> None:
    stage.push(1, range(1, 6))
    take_base(stage, 1, 2)
    stage.push_history()
    stage.push(2, range(5, 7))
    take_base(stage, 6, 6, timeline=2)
    live(stage, 8, 7, 9, timeline=2)

    clean(stage)

    assert ranges(stage) == ((1, 2),)
    assert ranges(stage, 2) == ((6, 9),)


def test_a_backup_that_runs_keeps_what_came_since_it_began(stage: Archived) -> None:
    stage.push(1, range(1, 4))
    stage.made.clock.sleep(2 * DAY_SECONDS)
    vault = stage.open("writer")
    journal = SessionJournal(vault.store, vault.credentials, SnapshotId(bytes(16)), SessionId(bytes(16)), vault.clock)
    journal.open("here", "backup")
    stage.push(1, range(4, 7))
    take_base(stage, 6, 6)
    live(stage, 30, 7, 7)

    assert clean(stage) == 3  # older by more than a day than its beginning
    assert ranges(stage) == ((4, 7),)
    journal.finish()
    assert clean(stage) == 2
    assert ranges(stage) == ((6, 7),)


def test_a_writer_deletes_nothing(stage: Archived) -> None:
    stage.push(1, [1])

    with pytest.raises(RoleTooSmall):
        plan_wal(stage.open("writer"), SYSTEM_ID, WINDOW_MS)


def test_a_record_that_cannot_be_read_stops_it(stage: Archived) -> None:
    stage.push(1, range(1, 4))
    take_base(stage, 3, 3)
    live(stage, 8, 4, 5)
    (name,) = [info.name for info in stage.made.store.list_objects("snapshots/")]
    truncate_object(stage.made.store, name, -10)

    with pytest.raises(VaultDamaged, match="No log was deleted"):
        clean(stage)
    assert ranges(stage) == ((1, 5),)


def test_pieces_of_a_segment_that_is_whole_go_and_those_of_the_last_one_stay(stage: Archived) -> None:
    stage.push(1, range(1, 4))
    take_base(stage, 3, 3)
    writer = stage.open("writer")
    for number in (4, 5):
        put_tail(writer, SYSTEM_ID, name_segment(1, number), make_segment(1, number), 0, sequence=number)
    live(stage, 8, 4, 4)

    clean(stage)

    owner = stage.open()
    assert read_tail(owner, SYSTEM_ID, name_segment(1, 4), SEGMENT_BYTES) is None
    assert read_tail(owner, SYSTEM_ID, name_segment(1, 5), SEGMENT_BYTES) == make_segment(1, 5)


def test_histories_stay_for_ever(stage: Archived) -> None:
    stage.push(1, range(1, 4))
    stage.push_history()
    take_base(stage, 3, 3)
    live(stage, 400, 4, 5)

    clean(stage)

    assert survey_wal(stage.open(), SYSTEM_ID).histories == (2,)


NEED = BaseNeed(system_id=1, timeline=1, first=10, last=12, whole_ms=100)


def test_the_floor_is_the_newest_base_that_stood_when_the_window_began() -> None:
    later = replace(NEED, first=20, last=21, whole_ms=200, snapshot="later")

    assert find_floors([NEED, later], 250) == {1: 20}
    assert find_floors([NEED, later], 199) == {1: 10}
    assert find_floors([NEED, replace(later, is_listed=False)], 250) == {1: 10}
    assert find_floors([NEED, later], 99) is None


def test_a_base_that_spans_two_timelines_keeps_both() -> None:
    needs = [NEED, replace(NEED, timeline=2, first=12, last=14)]
    floors = find_floors(needs, 100)

    assert floors == {1: 10}
    times = dict.fromkeys(range(5, 20), 50)
    assert choose_doomed(times, 1, floors=floors or {}, needs=needs, before_ms=60) == [5, 6, 7, 8, 9]
    assert choose_doomed(times, 2, floors=floors or {}, needs=needs, before_ms=60) == []


def test_an_earlier_timeline_that_was_written_on_keeps_what_its_own_base_needs_for_the_window() -> None:
    of_old = BaseNeed(system_id=1, timeline=1, first=10, last=11, whole_ms=100, snapshot="a")
    of_mistake = BaseNeed(
        system_id=1, timeline=2, first=13, last=14, whole_ms=130, snapshot="b"
    )  # promoted, and given up again
    needs = [of_old, of_mistake]
    floors = find_floors(needs, 150) or {}
    assert floors == {2: 13}
    written_on = {number: 10 * number for number in range(5, 30)}
    assert choose_doomed(written_on, 1, floors=floors, needs=needs, before_ms=150) == [5, 6, 7, 8, 9]
    assert choose_doomed(written_on, 1, floors=floors, needs=[of_mistake], before_ms=150) == []
    ended = {number: 10 * number for number in range(5, 14)}
    assert choose_doomed(ended, 1, floors=floors, needs=needs, before_ms=150) == [5, 6, 7, 8, 9, 12, 13]


def test_a_copy_that_was_pushed_twice_goes_as_one(stage: Archived) -> None:
    stage.push(1, range(1, 4))
    stage.archive("other").push(segment_file(1, 1))
    take_base(stage, 3, 3)
    live(stage, 8, 4, 5)

    assert clean(stage) == 3
    assert ranges(stage) == ((3, 5),)
