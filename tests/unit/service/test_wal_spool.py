"""The spool of a stream: what goes on into the vault, and behind which file the stream goes on."""

import os
import shutil
from pathlib import Path

import pytest
from tests.unit.operations.wal.archived import HISTORY_2, Archived, set_stage

from rebond.errors import Refused, SourceUnfit, StoreError
from rebond.operations.wal.archiving import adopt
from rebond.operations.wal.coverage import find_stored, survey_wal
from rebond.operations.wal.fetching import fetch_wal
from rebond.operations.wal.ledger import WalLedger, read_notes
from rebond.operations.wal.standing_findings import say_failing
from rebond.service.wal_anchors import find_anchor
from rebond.service.wal_begun import find_flushed_end
from rebond.service.wal_spool import WalSpool
from rebond.sources.postgres.wal_names import Switch, stream_of_segments
from rebond.testing.faulty_store import FaultyStore, unreachable
from rebond.testing.wal_segments import SEGMENT_BYTES, SYSTEM_ID, make_segment, name_segment

FORK = Switch(1, 5 * SEGMENT_BYTES + 400)


@pytest.fixture
def stage(tmp_path: Path) -> Archived:
    return set_stage(tmp_path)


def open_spool(stage: Archived) -> WalSpool:
    """Return the spool as a new process finds it."""
    vault = stage.open()
    ledger = WalLedger(stage.caches / "notes.json", stage.made.clock, lambda system_id: survey_wal(vault, system_id))
    spool = WalSpool(stage.caches / "spool", stage.archive("owner"), ledger)
    spool.meet(SYSTEM_ID, SEGMENT_BYTES)
    spool.learn(survey_wal(vault, SYSTEM_ID))
    return spool


def receive(spool: WalSpool, timeline: int, number: int, *, part: int = 0) -> str:
    """Write a segment as pg_receivewal does; with ``part`` only its first bytes."""
    name = name_segment(timeline, number)
    content = make_segment(timeline, number)
    if part:
        name, content = f"{name}.partial", content[:part].ljust(SEGMENT_BYTES, b"\0")
    (spool.folder / name).write_bytes(content)
    return name


def names(spool: WalSpool) -> list[str]:
    return sorted(each.name for each in spool.folder.iterdir() if each.name != "state.json")


@pytest.mark.parametrize(
    ("have", "timeline", "history", "anchor"),
    [
        pytest.param({}, 1, (), None, id="nothing yet"),
        pytest.param({1: 4}, 1, (), (1, 4), id="the same timeline"),
        pytest.param({1: 3}, 2, (FORK,), (1, 3), id="the new one left behind what is there"),
        pytest.param({1: 4}, 2, (FORK,), (1, 4), id="just behind it"),
        pytest.param({1: 5}, 2, (FORK,), (2, 4), id="in the segment of the switch"),
        pytest.param({1: 4}, 2, (Switch(1, 5 * SEGMENT_BYTES),), (2, 4), id="the new one left at the end of it"),
        pytest.param({1: 3}, 2, (Switch(1, 5 * SEGMENT_BYTES),), (1, 3), id="the new one left a segment later"),
        pytest.param({1: 9}, 2, (FORK,), (2, 4), id="the old one went on"),
        pytest.param({1: 9, 2: 7}, 2, (FORK,), (2, 7), id="the new one is known"),
        pytest.param({1: 9}, 3, (FORK, Switch(2, 8 * SEGMENT_BYTES)), (2, 4), id="two fail-overs"),
        pytest.param({1: 9, 2: 6}, 3, (FORK, Switch(2, 8 * SEGMENT_BYTES)), (2, 6), id="two, the first is known"),
        pytest.param({7: 9}, 2, (FORK,), None, id="a timeline that is no ancestor"),
    ],
)
def test_the_stream_goes_on_where_nothing_is_left_out(
    have: dict[int, int], timeline: int, history: tuple[Switch, ...], anchor: tuple[int, int] | None
) -> None:
    assert find_anchor(have, timeline, history, SEGMENT_BYTES) == anchor


def test_what_stands_in_the_vault_leaves_the_spool_but_for_the_newest(stage: Archived) -> None:
    spool = open_spool(stage)
    for number in (1, 2, 3):
        receive(spool, 1, number)

    assert spool.push_whole() == 3
    assert names(spool) == [name_segment(1, 3)]
    assert spool.push_whole() == 0
    assert survey_wal(stage.open(), SYSTEM_ID).timelines[1].ranges == ((1, 3),)


def test_nothing_leaves_the_spool_that_the_store_did_not_take(stage: Archived) -> None:
    stage.push(1, [1], role="owner")
    stage.store = FaultyStore(stage.made.store, fail_when=lambda verb, _: unreachable() if verb == "put" else None)
    spool = open_spool(stage)
    for number in (2, 3):
        receive(spool, 1, number)

    with pytest.raises(StoreError):
        spool.push_whole()
    assert names(spool) == [name_segment(1, 2), name_segment(1, 3)]


def test_what_the_vault_refuses_is_known_to_who_asks_how_the_log_stands(stage: Archived) -> None:
    stage.push(1, [1], role="owner")
    spool = open_spool(stage)
    (spool.folder / name_segment(1, 1)).write_bytes(make_segment(1, 1, seed=2))  # another server of this timeline
    with pytest.raises(Refused):
        spool.push_whole()
    spool.note_put("another content")
    notes = read_notes(stage.caches / "notes.json")
    assert (notes.fault_name, notes.fault) == (name_segment(1, 1), "another content")
    spool.note_put("")
    assert not read_notes(stage.caches / "notes.json").fault


def test_what_lies_on_a_full_disk_goes_into_the_vault_and_makes_room(
    stage: Archived, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool(stage)
    for number in (2, 3, 4):
        receive(spool, 1, number)
    again = open_without_asking(stage)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rebond.service.wal_spool.save_state", fail)
    again.learn(survey_wal(stage.open(), SYSTEM_ID))
    with pytest.raises(OSError, match="No space"):
        again.push_whole()
    again.push_whole()
    assert names(again) == [name_segment(1, 4)]
    assert find_ranges(stage) == ((2, 4),)


def test_an_anchor_is_a_name_and_is_never_archived(stage: Archived) -> None:
    stage.push(1, [1, 2], role="owner")
    spool = open_spool(stage)

    assert spool.place_anchor(1, ()) == name_segment(1, 2)
    assert (spool.folder / name_segment(1, 2)).stat().st_size == SEGMENT_BYTES
    assert spool.push_whole() == 0
    receive(spool, 1, 3)
    assert spool.push_whole() == 1
    assert names(spool) == [name_segment(1, 3)]


@pytest.mark.parametrize(
    ("kept_from", "timeline", "history", "anchor"),
    [
        pytest.param(7 * SEGMENT_BYTES + 40, 1, (), (1, 6), id="in the seventh"),
        pytest.param(7 * SEGMENT_BYTES, 1, (), (1, 6), id="at its first byte"),
        pytest.param(3 * SEGMENT_BYTES, 2, (FORK,), (1, 2), id="before the new server left the old one"),
        pytest.param(FORK.lsn, 2, (FORK,), (2, FORK.lsn // SEGMENT_BYTES - 1), id="in the segment of the switch"),
    ],
)
def test_where_the_first_stream_began_is_remembered_until_the_vault_has_something(
    stage: Archived, kept_from: int, timeline: int, history: tuple[Switch, ...], anchor: tuple[int, int]
) -> None:
    spool = open_spool(stage)
    assert spool.place_anchor(timeline, history, kept_from) == name_segment(*anchor)

    # The slot has gone on, and what it let go lay here alone.
    shutil.rmtree(spool.folder)
    spool.begin_anew()
    assert spool.place_anchor(timeline, history, kept_from + 2 * SEGMENT_BYTES) == name_segment(*anchor)
    assert open_spool(stage).place_anchor(timeline, history, kept_from + 2 * SEGMENT_BYTES) == name_segment(*anchor)

    receive(spool, timeline, anchor[1] + 1)
    spool.push_whole()
    assert spool.place_anchor(timeline, history, kept_from + 4 * SEGMENT_BYTES) == name_segment(timeline, anchor[1] + 1)


def test_who_accepts_a_gap_goes_on_where_the_slot_is(stage: Archived) -> None:
    spool = open_spool(stage)
    spool.place_anchor(1, (), 7 * SEGMENT_BYTES)
    spool.forget_place(1, (), 9 * SEGMENT_BYTES)
    assert names(spool) == []
    assert spool.place_anchor(1, (), 9 * SEGMENT_BYTES) == name_segment(1, 8)


def test_a_gap_that_was_accepted_stays_accepted_until_something_behind_it_is_saved(stage: Archived) -> None:
    stage.push(1, [1, 2], role="owner")
    spool = open_spool(stage)
    spool.forget_place(1, (), 9 * SEGMENT_BYTES)
    receive(spool, 1, 9)
    assert open_spool(stage).place_anchor(1, (), 10 * SEGMENT_BYTES) == name_segment(1, 9)

    (spool.folder / name_segment(1, 9)).unlink()  # while the vault did not answer: the slot has let go of it
    assert open_spool(stage).place_anchor(1, (), 10 * SEGMENT_BYTES) == name_segment(1, 8)

    receive(spool, 1, 9)
    spool.push_whole()
    spool.forget_place(1, (), None)
    assert spool.place_anchor(1, ()) == name_segment(1, 9)


def test_what_lies_behind_a_hole_is_not_gone_on_from_and_comes_into_the_vault_once_that_is_filled(
    stage: Archived,
) -> None:
    stage.push(1, [1, 2], role="owner")
    spool = open_spool(stage)
    for number in (3, 5):  # somebody deleted the fourth
        receive(spool, 1, number)
    receive(spool, 1, 6, part=3000)

    assert spool.place_anchor(1, ()) == name_segment(1, 3)
    assert max(each for each in names(spool) if each.startswith("0")) == name_segment(1, 3)
    spool.push_whole()
    spool.push_tails(stage.open())
    assert find_ranges(stage) == ((1, 3),)  # behind the fifth the stream would go on, and the fourth never come
    assert names(spool) == [name_segment(1, 3), f"aside-{name_segment(1, 5)}"]

    receive(spool, 1, 4)
    spool.push_whole()
    assert find_ranges(stage) == ((1, 5),)
    assert open_spool(stage).place_anchor(1, ()) == name_segment(1, 5)


def find_ranges(stage: Archived, timeline: int = 1) -> tuple[tuple[int, int], ...]:
    """Return which segments the vault has of a timeline."""
    return survey_wal(stage.open(), SYSTEM_ID).timelines[timeline].ranges


@pytest.mark.parametrize("is_restarted", [False, True])
def test_what_was_deleted_from_the_middle_comes_again_also_when_the_vault_takes_the_rest_before(
    stage: Archived, is_restarted: bool
) -> None:
    stage.push(1, [1], role="owner")
    spool = open_spool(stage)
    for number in (2, 3, 4):
        receive(spool, 1, number)
    spool.look()
    (spool.folder / name_segment(1, 3)).unlink()
    assert not spool.is_there()
    if is_restarted:
        spool = open_spool(stage)
    else:
        spool.begin_anew()
    for _ in range(2):
        spool.push_whole()  # before anybody knows where the stream goes on, and after that
        assert find_ranges(stage) == ((1, 2),)
        spool.learn(survey_wal(stage.open(), SYSTEM_ID))
        assert spool.place_anchor(1, (), None) == name_segment(1, 2)


def test_what_lies_behind_a_hole_is_freed_by_who_accepts_the_gap(stage: Archived) -> None:
    stage.push(1, [1], role="owner")
    spool = open_spool(stage)
    for number in (3, 4):
        receive(spool, 1, number)
    assert spool.place_anchor(1, ()) == name_segment(1, 1)  # the server does not have the second any more
    spool.forget_place(1, (), 6 * SEGMENT_BYTES)
    spool.push_whole()
    assert find_ranges(stage) == ((1, 1), (3, 4))
    receive(spool, 1, 6)
    spool.push_whole()
    assert find_ranges(stage) == ((1, 1), (3, 4), (6, 6))


def test_a_gap_that_is_accepted_where_the_slot_keeps_nothing_holds_nothing_back(stage: Archived) -> None:
    stage.push(1, [1], role="owner")
    spool = open_spool(stage)
    receive(spool, 1, 3)
    spool.forget_place(1, (), None)
    receive(spool, 1, 5)
    spool.push_whole()
    assert find_ranges(stage) == ((1, 1), (3, 3), (5, 5))


@pytest.mark.parametrize("has_history", [False, True])
def test_what_came_of_a_new_timeline_goes_into_the_vault_without_a_server_where_its_history_is_there(
    stage: Archived, has_history: bool
) -> None:
    """A receiver that begins anew while the server is gone: what lies here behind no hole is all that there is."""
    stage.push(1, range(1, 8), role="owner")
    spool = open_spool(stage)
    if has_history:
        (spool.folder / "00000002.history").write_bytes(HISTORY_2)
    for timeline, number in ((1, 8), (2, 5), (2, 7)):
        receive(spool, timeline, number)
    spool.push_whole()
    held = f"{name_segment(2, 7)}"
    assert [each for each in names(spool) if each.endswith(("5", "7"))] == (
        [held] if has_history else [name_segment(2, 5), held]
    )
    assert spool.place_anchor(2, (FORK,)) == name_segment(2, 5)
    spool.push_whole()
    assert find_ranges(stage, 1) == ((1, 8),)
    assert find_ranges(stage, 2) == ((5, 5),)
    receive(spool, 2, 6)
    spool.push_whole()
    assert find_ranges(stage, 2) == ((5, 7),)


def test_what_lies_aside_and_leads_on_does_not_have_to_come_again(stage: Archived) -> None:
    stage.push(1, [1, 2], role="owner")
    spool = open_spool(stage)
    receive(spool, 1, 3)
    spool.forget_place(1, (), None)
    assert names(spool) == [f"aside-{name_segment(1, 3)}"]
    assert open_spool(stage).place_anchor(1, ()) == name_segment(1, 3)


def test_what_the_vault_has_no_more_is_put_again(stage: Archived) -> None:
    spool = open_spool(stage)
    for number in (1, 2, 3):
        receive(spool, 1, number)
    spool.push_whole()
    stage.made.store.delete(str(find_item(stage, 1, 3)))  # the vault is an older one now
    spool.learn(survey_wal(stage.open(), SYSTEM_ID))
    assert spool.place_anchor(1, ()) == name_segment(1, 3)  # it lies here still
    receive(spool, 1, 4)
    spool.push_whole()
    assert survey_wal(stage.open(), SYSTEM_ID).timelines[1].ranges == ((1, 4),)


def find_item(stage: Archived, timeline: int, number: int) -> str:
    """Return the name of the object with a segment."""
    (info,) = find_stored(stage.open(), stream_of_segments(SYSTEM_ID, timeline), name_segment(timeline, number))
    return info.name


@pytest.mark.parametrize("parts", [(3000, 2000), (2000, 3000)])
def test_of_two_that_are_set_aside_the_longer_is_kept(stage: Archived, parts: tuple[int, int]) -> None:
    stage.push(1, [6], role="owner")
    spool = open_spool(stage)
    for part in parts:
        receive(spool, 1, 7, part=part)
        spool.forget_place(1, (), None)
    spool.push_tails(stage.open())
    tail = fetch_wal(stage.open(), SYSTEM_ID, name_segment(1, 7))
    assert tail == make_segment(1, 7)[:3000].ljust(SEGMENT_BYTES, b"\0")


def test_what_another_cluster_left_is_not_gone_on_from_and_its_history_is_not_taken_for_the_new_one(
    stage: Archived,
) -> None:
    spool = open_spool(stage)
    (spool.folder / "00000002.history").write_bytes(b"1\t0/500190\tbefore\n")
    for number in (3, 4):
        receive(spool, 2, number)
    receive(spool, 2, 5, part=2000)
    spool.push_whole()
    receive(spool, 2, 4, part=2000)  # it did not come into the vault
    spool.meet(SYSTEM_ID + 1, SEGMENT_BYTES)
    assert names(spool) == [f"former-{SYSTEM_ID}"]
    assert sorted(os.listdir(spool.folder / f"former-{SYSTEM_ID}")) == [
        f"{name_segment(2, number)}.partial" for number in (4, 5)
    ]
    assert spool.place_anchor(1, (), SEGMENT_BYTES) == name_segment(1, 0)
    assert spool.push_whole() == 0


def test_whose_log_lies_there_is_known_also_without_the_notes(stage: Archived) -> None:
    spool = open_spool(stage)
    (spool.folder / name_segment(1, 3)).write_bytes(bytes(SEGMENT_BYTES))
    receive(spool, 1, 4, part=2000)
    (spool.folder / "state.json").unlink()
    ledger = WalLedger(stage.caches / "notes.json", stage.made.clock, lambda _: survey_wal(stage.open(), SYSTEM_ID))
    again = WalSpool(spool.folder, stage.archive("owner"), ledger)
    assert (again.state.system_id, again.find_cluster()) == (SYSTEM_ID, SYSTEM_ID)
    receive(again, 1, 4)
    assert again.push_whole() == 1  # also while no server answers


def open_without_asking(stage: Archived) -> WalSpool:
    """Return the spool as a new process finds it that did not ask the vault yet."""
    ledger = WalLedger(stage.caches / "notes.json", stage.made.clock, lambda _: survey_wal(stage.open(), SYSTEM_ID))
    return WalSpool(stage.caches / "spool", stage.archive("owner"), ledger)


def test_what_a_former_cluster_left_is_not_taken_for_the_new_one_where_the_notes_are_gone(stage: Archived) -> None:
    spool = open_spool(stage)
    receive(spool, 1, 50)
    receive(spool, 1, 51, part=3000)
    (spool.folder / "state.json").unlink()
    adopt(stage.open(), "shop/database", SYSTEM_ID + 1, 1, "")
    again = open_without_asking(stage)
    again.meet(SYSTEM_ID + 1, SEGMENT_BYTES)
    assert names(again) == [f"former-{SYSTEM_ID}"]
    assert again.place_anchor(1, (), 3 * SEGMENT_BYTES) == name_segment(1, 2)
    assert again.push_whole() == 0


def test_what_of_a_former_cluster_is_in_the_vault_is_not_said_to_be_lost(
    stage: Archived, caplog: pytest.LogCaptureFixture
) -> None:
    spool = open_spool(stage)
    receive(spool, 1, 1)
    spool.push_whole()
    again = open_without_asking(stage)
    again.meet(SYSTEM_ID + 1, SEGMENT_BYTES)
    assert names(again) == []
    assert not caplog.records


def test_what_has_the_name_of_a_segment_in_the_vault_and_another_content_is_kept(stage: Archived) -> None:
    spool = open_spool(stage)
    receive(spool, 1, 1)
    spool.push_whole()
    other = make_segment(1, 1, seed=2)
    (spool.folder / name_segment(1, 1)).write_bytes(other)
    again = open_without_asking(stage)
    again.meet(SYSTEM_ID + 1, SEGMENT_BYTES)
    assert (again.folder / f"former-{SYSTEM_ID}" / name_segment(1, 1)).read_bytes() == other


def test_a_cluster_that_is_left_twice_loses_nothing(stage: Archived) -> None:
    spool = open_spool(stage)
    stage.store = FaultyStore(stage.made.store, fail_when=lambda verb, _: unreachable() if verb == "stat" else None)
    for seed in (1, 2):
        (spool.folder / name_segment(1, 1)).write_bytes(make_segment(1, 1, seed=seed))
        spool.meet(SYSTEM_ID + 1, SEGMENT_BYTES)
        spool.meet(SYSTEM_ID, SEGMENT_BYTES)
    kept = [spool.folder / each / name_segment(1, 1) for each in names(spool)]
    assert [each.read_bytes() for each in kept] == [make_segment(1, 1, seed=seed) for seed in (1, 2)]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"astray": "no"}', b"\0" * 300])
def test_notes_that_are_spoilt_are_kept_and_nothing_is_received_until_somebody_looked(
    stage: Archived, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    spool = open_spool(stage)
    receive(spool, 1, 3)
    for spoilt in ("state.json.spoilt", "state.json.spoilt-2"):
        (spool.folder / "state.json").write_bytes(content)
        again = open_spool(stage)
        assert (spool.folder / spoilt).read_bytes() == content
        assert f"is kept as {spool.folder / spoilt}" in caplog.text
        with pytest.raises(Refused) as refused:
            open_spool(stage).require_sound_notes()  # the next process too
        assert str(spool.folder / "state.json.spoilt") in refused.value.message
    assert again.push_whole() == 1  # what came goes into the vault meanwhile
    for each in spool.folder.glob("*.spoilt*"):
        each.unlink()
    again.require_sound_notes()


def test_notes_that_cannot_be_read_are_refused_and_not_written_anew(stage: Archived) -> None:
    spool = open_spool(stage)
    (spool.folder / "state.json").rename(spool.folder / "kept")
    (spool.folder / "state.json").mkdir()
    with pytest.raises(SourceUnfit) as refused:
        open_without_asking(stage)
    assert "Do not delete it" in refused.value.hint
    assert (spool.folder / "state.json").is_dir()
    notes = read_notes(stage.caches / "notes.json")
    assert notes.is_refused
    assert str(spool.folder / "state.json") in notes.fault
    assert refused.value.hint in notes.fault


def test_what_fails_behind_a_segment_that_was_put_is_not_said_of_that(stage: Archived) -> None:
    spool = open_spool(stage)
    receive(spool, 1, 3)
    receive(spool, 1, 4, part=2000)
    spool.push_whole()
    spool.push_tails(stage.open())
    spool.note_put("the vault does not answer")
    notes = read_notes(stage.caches / "notes.json")
    assert (notes.fault, notes.fault_name) == ("the vault does not answer", "")
    finding = say_failing("db", notes)
    assert finding.message.startswith("What came of the log of db lies in its spool and is not in the vault, as of ")
    assert finding.message.endswith(": the vault does not answer")
    assert f"Do not delete {spool.folder}" in finding.hint


@pytest.mark.parametrize("name", [name_segment(1, 3), f"{name_segment(1, 4)}.partial"])
def test_a_part_that_is_deleted_is_missed(stage: Archived, name: str) -> None:
    spool = open_spool(stage)
    receive(spool, 1, 3)
    partial = receive(spool, 1, 4, part=2000)
    spool.look()
    assert spool.is_there()
    (spool.folder / partial).rename(spool.folder / partial.removesuffix(".partial"))
    assert spool.is_there()  # it has become whole
    (spool.folder / partial.removesuffix(".partial")).rename(spool.folder / partial)
    (spool.folder / name).unlink()
    assert not spool.is_there()
    spool.begin_anew()
    assert spool.is_there()


def test_what_is_deleted_while_the_rest_is_put_is_missed_afterwards(stage: Archived) -> None:
    spool = open_spool(stage)
    receive(spool, 1, 4)
    receive(spool, 1, 5, part=2000)
    spool.look()
    (spool.folder / "state.json").unlink()
    (spool.folder / f"{name_segment(1, 5)}.partial").unlink()
    assert spool.push_whole() == 1  # which writes the notes anew
    spool.look()
    assert not spool.is_there()


def test_what_became_whole_and_was_put_is_not_missed(stage: Archived) -> None:
    spool = open_spool(stage)
    for number in (4, 5, 6):
        receive(spool, 1, number, part=2000)
        spool.look()
        (spool.folder / f"{name_segment(1, number)}.partial").unlink()
        receive(spool, 1, number)
        spool.push_whole()
        spool.look()
        assert spool.is_there()
    assert names(spool) == [name_segment(1, 6)]


def test_a_beginning_that_lies_aside_is_missed_too(stage: Archived) -> None:
    spool = open_spool(stage)
    receive(spool, 1, 4, part=2000)
    spool.forget_place(1, (), None)
    spool.look()
    assert spool.is_there()
    (spool.folder / f"aside-{name_segment(1, 4)}.partial").unlink()
    assert not spool.is_there()


@pytest.mark.parametrize("size", [1, SEGMENT_BYTES // 2])
def test_an_unfinished_segment_that_a_power_cut_made_short_is_gone_on_from(stage: Archived, size: int) -> None:
    stage.push(1, [1, 2], role="owner")
    spool = open_spool(stage)
    receive(spool, 1, 3, part=3000)
    (partial,) = spool.folder.glob("*.partial")
    os.truncate(partial, size)

    assert spool.place_anchor(1, ()) == name_segment(1, 2)
    assert partial.stat().st_size == SEGMENT_BYTES  # pg_receivewal takes 0 or this, and begins this segment anew
    assert partial.read_bytes() == make_segment(1, 3)[: min(size, 3000)].ljust(SEGMENT_BYTES, b"\0")


def test_what_the_old_server_sent_last_is_kept_and_is_not_gone_on_from(stage: Archived) -> None:
    spool = open_spool(stage)
    for number in (3, 4, 5, 6):
        receive(spool, 1, number)
    receive(spool, 1, 7, part=3000)

    assert spool.place_anchor(2, (FORK,)) == name_segment(2, 4)
    assert max(each for each in names(spool) if each.startswith("0")) == name_segment(2, 4)
    spool.push_whole()
    spool.push_tails(stage.open())

    assert survey_wal(stage.open(), SYSTEM_ID).timelines[1].ranges == ((3, 6),)
    tail = fetch_wal(stage.open(), SYSTEM_ID, name_segment(1, 7))
    assert tail == make_segment(1, 7)[:3000].ljust(SEGMENT_BYTES, b"\0")
    assert names(spool) == [name_segment(2, 4)]


def test_the_pieces_of_a_segment_are_the_segment_so_far(stage: Archived) -> None:
    stage.push(1, [1], role="owner")
    spool = open_spool(stage)
    for part in (100, 100, 2000, 4000):
        receive(spool, 1, 2, part=part)
        spool.push_tails(stage.open())
    again = open_spool(stage)  # a new process begins with the whole of it
    again.push_tails(stage.open())

    content = fetch_wal(stage.open(), SYSTEM_ID, name_segment(1, 2))
    assert content == make_segment(1, 2)[:4000].ljust(SEGMENT_BYTES, b"\0")


def test_what_was_seen_last_of_the_vault_is_remembered(stage: Archived) -> None:
    spool = open_spool(stage)
    receive(spool, 1, 4)
    spool.push_whole()
    (spool.folder / name_segment(1, 4)).unlink()
    ledger = WalLedger(stage.caches / "notes.json", stage.made.clock, lambda _: survey_wal(stage.open(), SYSTEM_ID))
    again = WalSpool(spool.folder, stage.archive("owner"), ledger)  # the vault is not asked

    assert again.place_anchor(1, ()) == name_segment(1, 4)


def test_a_disk_that_is_nearly_full_takes_no_more(stage: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(stage)
    has_room = spool.has_room()
    monkeypatch.setattr("rebond.service.wal_spool_files._LEAST_FREE_BYTES", 1 << 60)

    assert has_room
    assert not spool.has_room()


def test_what_a_server_writes_anew_that_went_back_is_noticed_by_what_lay_here(stage: Archived) -> None:
    spool = open_spool(stage)
    receive(spool, 1, 3)
    spool.place_anchor(1, ())
    spool.push_whole()
    begun = receive(spool, 1, 4, part=2000)
    spool.push_tails(stage.open())
    spool.place_anchor(1, ())
    assert find_flushed_end(spool.folder, 1, SEGMENT_BYTES) == 4 * SEGMENT_BYTES + 2000
    assert find_flushed_end(spool.folder, 2, SEGMENT_BYTES) == 0
    receive(spool, 1, 4, part=3000)  # the same once more, and more of it
    spool.push_tails(stage.open())

    content = bytearray(make_segment(1, 4))
    content[1500] ^= 1
    (spool.folder / begun).unlink()
    (spool.folder / begun[:24]).write_bytes(content)
    behind = receive(spool, 1, 5)
    for _ in range(2):
        with pytest.raises(Refused, match="went back"):
            spool.push_whole()
    assert spool.push_whole() == 0
    assert spool.state.astray == 1
    assert spool.is_there()
    for each in (begun[:24], behind):
        assert find_stored(stage.open(), stream_of_segments(SYSTEM_ID, 1), each) == []
    assert f"other-history-{begun[:24]}" in names(spool)


def test_what_came_of_a_segment_before_the_stream_was_cut_may_end_in_zeros(stage: Archived) -> None:
    spool = open_spool(stage)
    receive(spool, 1, 3)
    (spool.folder / f"{name_segment(1, 4)}.partial").write_bytes(bytes(SEGMENT_BYTES))  # nothing came of it
    spool.place_anchor(1, ())
    (spool.folder / f"{name_segment(1, 4)}.partial").unlink()
    receive(spool, 1, 4)
    assert spool.push_whole() == 2
