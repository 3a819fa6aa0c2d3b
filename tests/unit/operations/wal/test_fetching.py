"""Out of the vault: what is there, what is proven absent, and everything else, which is never called absent."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.unit.operations.wal.archived import HISTORY_2, Archived, segment_file, set_stage

from rebond.errors import RebondError, RoleTooSmall, StoreError, VaultDamaged, WalGap
from rebond.operations.wal import fetching
from rebond.operations.wal.archiving import WalFile
from rebond.operations.wal.coverage import Coverage, find_stored, list_clusters, prove_wal, survey_wal
from rebond.operations.wal.fetching import fetch_wal, read_history
from rebond.operations.wal.tails import list_tails, put_tail
from rebond.sources.postgres.wal_names import Switch, parse_history, stream_of_cluster, stream_of_segments
from rebond.testing.damage import flip_byte
from rebond.testing.faulty_store import FaultyStore, unreachable
from rebond.testing.wal_segments import SEGMENT_BYTES, SYSTEM_ID, make_segment, name_segment
from rebond.vault.access import Vault


@pytest.fixture
def stage(tmp_path: Path) -> Archived:
    return set_stage(tmp_path)


def fetch(stage: Archived, name: str) -> bytes | None:
    return fetch_wal(stage.open(), SYSTEM_ID, name)


def test_behind_the_last_segment_there_is_nothing(stage: Archived) -> None:
    stage.push(1, [3, 4])

    assert fetch(stage, name_segment(1, 5)) is None
    assert fetch(stage, "00000002.history") is None
    assert fetch(stage, "00000001.history") is None
    assert fetch_wal(stage.open(), 1, name_segment(1, 3)) is None


def test_a_hole_is_a_gap_and_no_end(stage: Archived) -> None:
    stage.push(1, [3, 5])

    with pytest.raises(WalGap, match=name_segment(1, 4)):
        fetch(stage, name_segment(1, 4))


def test_what_a_later_timeline_needs_of_an_earlier_one_is_a_gap_when_it_is_missing(stage: Archived) -> None:
    stage.push(1, [2, 3])
    stage.push_history()  # it left in segment 5, so 4 is missing
    stage.push(2, [5, 6])

    with pytest.raises(WalGap):
        fetch(stage, name_segment(1, 4))
    assert fetch(stage, name_segment(1, 5)) is None  # the child has it
    assert fetch(stage, name_segment(2, 7)) is None


def test_a_stream_that_goes_on_between_two_looks_leaves_no_gap(
    stage: Archived, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.push(1, [3, 4])
    looks: dict[str, Callable[[Vault, int], object]] = {"list_tails": list_tails, "survey_wal": survey_wal}
    looked: list[str] = []

    def look(name: str, vault: Vault, system_id: int) -> object:
        if len(looked) == 1:  # the segment that is asked for is whole by now, and the next one has begun
            stage.push(1, [5])
            put_tail(stage.open("writer"), SYSTEM_ID, name_segment(1, 6), make_segment(1, 6)[:4000], 0, sequence=6)
        looked.append(name)
        return looks[name](vault, system_id)

    for each in looks:
        monkeypatch.setattr(fetching, each, partial(look, each))
    assert fetch(stage, name_segment(1, 5)) == make_segment(1, 5)
    assert set(looked) == set(looks)


def test_a_beginning_of_a_later_segment_is_behind_the_end_too(stage: Archived) -> None:
    stage.push(1, [3, 4])
    put_tail(stage.open("writer"), SYSTEM_ID, name_segment(1, 6), make_segment(1, 6)[:4000], 0, sequence=6)

    with pytest.raises(WalGap, match=rf"{name_segment(1, 5)}.*{name_segment(1, 6)}"):
        fetch(stage, name_segment(1, 5))
    assert fetch(stage, name_segment(1, 6)) == make_segment(1, 6)[:4000].ljust(SEGMENT_BYTES, b"\0")
    assert fetch(stage, name_segment(1, 7)) is None


def test_a_beginning_is_served_also_where_nothing_whole_ever_came(stage: Archived) -> None:
    put_tail(stage.open("writer"), SYSTEM_ID, name_segment(1, 3), make_segment(1, 3)[:4000], 0, sequence=3)

    assert fetch(stage, name_segment(1, 3)) == make_segment(1, 3)[:4000].ljust(SEGMENT_BYTES, b"\0")
    assert fetch(stage, name_segment(1, 4)) is None


def test_what_comes_while_it_is_looked_for_is_not_called_the_end(
    stage: Archived, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.push(1, [3, 4])

    def come_and_survey(vault: Vault, system_id: int) -> Coverage:
        stage.push(1, [5])
        return survey_wal(vault, system_id)

    monkeypatch.setattr(fetching, "survey_wal", come_and_survey)
    assert fetch(stage, name_segment(1, 5)) == make_segment(1, 5)


def test_a_timeline_whose_beginning_is_missing_has_a_gap(stage: Archived) -> None:
    stage.push(1, [4])
    stage.push_history()
    stage.push(2, [6])

    with pytest.raises(WalGap):
        fetch(stage, name_segment(2, 5))


def test_a_history_that_is_missing_before_a_later_timeline_is_a_gap(stage: Archived) -> None:
    stage.push(1, [4])
    stage.push_history(3, HISTORY_2 + b"2\t0/600100\tx\n")

    with pytest.raises(WalGap, match=r"00000002\.history"):
        fetch(stage, "00000002.history")
    assert fetch(stage, "00000004.history") is None


def test_segments_of_a_timeline_without_its_history_are_a_gap(stage: Archived) -> None:
    stage.push(2, [5])

    with pytest.raises(WalGap):
        fetch(stage, "00000002.history")


def test_an_unfinished_segment_is_served_where_it_is_the_last(stage: Archived) -> None:
    stage.push(1, [3, 4])
    stage.archive().push(segment_file(1, 5, partial=True))

    assert fetch(stage, name_segment(1, 5)) == make_segment(1, 5)
    assert [each.code for each in stage.heard] == ["wal-partial"]


@pytest.mark.parametrize("verb", ["stat", "read", "list"])
def test_a_store_that_does_not_answer_is_never_taken_for_an_end(stage: Archived, verb: str) -> None:
    stage.push(1, [3, 4])
    vaults = stage.open()
    stage.store = FaultyStore(stage.made.store, fail_when=lambda asked, _: unreachable() if asked == verb else None)
    vault = stage.open()
    missing = name_segment(1, 4 if verb == "read" else 5)

    with pytest.raises(StoreError):
        fetch_wal(vault, SYSTEM_ID, missing)
    assert fetch_wal(vaults, SYSTEM_ID, name_segment(1, 5)) is None


def test_a_listing_that_is_cut_is_never_taken_for_an_end(stage: Archived) -> None:
    stage.push(1, [3, 4, 6])
    stage.store = FaultyStore(stage.made.store, listing_fails_after=1)

    with pytest.raises(StoreError):
        fetch(stage, name_segment(1, 5))


def test_a_segment_that_rotted_is_damage_and_no_end(stage: Archived) -> None:
    stage.push(1, [3])
    (place,) = find_stored(stage.open(), stream_of_segments(SYSTEM_ID, 1), name_segment(1, 3))
    flip_byte(stage.made.store, place.name, -2000)

    with pytest.raises(VaultDamaged):
        fetch(stage, name_segment(1, 3))


@pytest.mark.parametrize("role", ["writer", "keeper"])
def test_a_key_that_may_not_read_is_told_so_whatever_is_asked_for(stage: Archived, role: str) -> None:
    stage.push(1, [3])

    for name in (name_segment(1, 3), name_segment(1, 4), "00000002.history"):
        with pytest.raises(RoleTooSmall):
            fetch_wal(stage.open(role), SYSTEM_ID, name)


def test_two_writers_that_archived_the_same_are_one(stage: Archived) -> None:
    stage.push(1, [3, 4])
    stage.push(1, [4, 5], role="other")

    assert fetch(stage, name_segment(1, 4)) == make_segment(1, 4)
    assert survey_wal(stage.open(), SYSTEM_ID).timelines[1].ranges == ((3, 5),)


def test_two_writers_that_archived_different_contents_are_not_chosen_between(stage: Archived) -> None:
    stage.push(1, [3])
    stage.archive("other").push(segment_file(1, 3, seed=1))

    with pytest.raises(VaultDamaged, match="Two writers"):
        fetch(stage, name_segment(1, 3))


@pytest.mark.parametrize("role", ["owner", "writer", "keeper"])
def test_what_is_there_is_known_to_every_role(stage: Archived, role: str) -> None:
    stage.push(1, [250, 251, 255, 256, 257, 300])
    stage.push_history()
    stage.push(2, [5])
    stage.archive().push(segment_file(1, 301, partial=True))
    vault = stage.open(role)
    coverage = survey_wal(vault, SYSTEM_ID)

    assert list_clusters(vault) == [SYSTEM_ID]
    assert coverage.timelines[1].ranges == ((250, 251), (255, 257), (300, 300))
    assert coverage.timelines[1].holes() == [(252, 254), (258, 299)]
    assert coverage.missing(1, 250, 256) == [252, 253, 254]
    assert coverage.missing(3, 1, 2) == [1, 2]
    assert coverage.segment_bytes == SEGMENT_BYTES
    assert coverage.histories == (2,)
    assert {each.name for each in coverage.files} == {"00000002.history", f"{name_segment(1, 301)}.partial"}


def test_few_objects_are_looked_at_however_many_there_are(stage: Archived) -> None:
    stage.push(1, range(10, 60))
    reads: list[str] = []
    stage.store = FaultyStore(
        stage.made.store, fail_when=lambda verb, name: reads.append(name) if verb == "read" else None
    )
    survey_wal(stage.open("writer"), SYSTEM_ID)

    assert len([name for name in reads if name.startswith("streams/")]) <= 6


def test_holes_that_clean_up_made_are_told_from_those_that_matter(stage: Archived) -> None:
    stage.push(1, [1, 4])
    stage.made.clock.sleep(86_400)
    since_ms = stage.made.clock.now_ms()
    stage.push(1, [5, 8])

    assert survey_wal(stage.open(), SYSTEM_ID).timelines[1].holes(since_ms=since_ms) == [(6, 7)]


@pytest.mark.parametrize("role", ["owner", "writer"])
def test_a_range_is_proven_by_reading_each_object_of_it(stage: Archived, role: str) -> None:
    stage.push(1, [3, 4, 5])
    start, stop = 3 * SEGMENT_BYTES + 40, 6 * SEGMENT_BYTES

    assert prove_wal(stage.open(role), SYSTEM_ID, 1, start, stop, SEGMENT_BYTES) == (
        stream_of_segments(SYSTEM_ID, 1),
        3,
        5,
    )
    with pytest.raises(WalGap, match=name_segment(1, 6)):
        prove_wal(stage.open(role), SYSTEM_ID, 1, start, stop + 1, SEGMENT_BYTES)
    (place,) = find_stored(stage.open(), stream_of_segments(SYSTEM_ID, 1), name_segment(1, 4))
    flip_byte(stage.made.store, place.name, -2000)
    with pytest.raises(VaultDamaged):
        prove_wal(stage.open(role), SYSTEM_ID, 1, start, stop, SEGMENT_BYTES)


@pytest.mark.parametrize("role", ["owner", "writer"])
def test_a_range_of_a_later_timeline_is_proven_only_with_its_history(stage: Archived, role: str) -> None:
    stage.push(2, [5, 6])
    wanted = (SYSTEM_ID, 2, 5 * SEGMENT_BYTES, 6 * SEGMENT_BYTES, SEGMENT_BYTES)
    with pytest.raises(WalGap, match=r"00000002\.history"):
        prove_wal(stage.open(role), *wanted)
    stage.push_history()
    assert prove_wal(stage.open(role), *wanted) == (stream_of_segments(SYSTEM_ID, 2), 5, 5)
    (place,) = find_stored(stage.open(), stream_of_cluster(SYSTEM_ID), "00000002.history")
    flip_byte(stage.made.store, place.name, -20)
    with pytest.raises(VaultDamaged):
        prove_wal(stage.open(role), *wanted)


def test_the_history_of_a_timeline_is_read(stage: Archived) -> None:
    stage.push_history()

    assert read_history(stage.open(), SYSTEM_ID, 2) == (Switch(1, 0x500100),)
    assert read_history(stage.open(), SYSTEM_ID, 1) == ()
    with pytest.raises(WalGap):
        read_history(stage.open(), SYSTEM_ID, 3)


def test_a_history_that_is_none_is_not_taken(stage: Archived) -> None:
    with pytest.raises(RebondError):
        stage.archive().push(WalFile(name="00000002.history", content=b"what\nis this\n", system_id=SYSTEM_ID))

    assert stage.names() == []


def test_a_history_that_is_missing_is_what_a_later_one_begins_with(stage: Archived) -> None:
    third = HISTORY_2 + b"\n2\t0/7000028\tno recovery target specified\n"
    fourth = third + b"\n3\t0/9000028\tno recovery target specified\n"
    stage.push(1, [3, 4])
    stage.push_history(4, fourth)

    assert fetch(stage, "00000003.history") == third
    assert fetch(stage, "00000002.history") == HISTORY_2
    assert read_history(stage.open(), SYSTEM_ID, 2) == parse_history(HISTORY_2)
    assert fetch(stage, "00000005.history") is None
    stage.push(7, [12])
    with pytest.raises(WalGap, match=r"00000006\.history"):  # it began elsewhere: nobody can tell where from
        fetch(stage, "00000006.history")


def test_later_histories_that_tell_two_ways_to_a_timeline_prove_none(stage: Archived) -> None:
    other = b"1\t0/4000028\tanother server\n"
    for timeline, begin in ((3, HISTORY_2), (4, other)):
        stage.push_history(timeline, begin + b"\n2\t0/7000028\tno recovery target specified\n")
    with pytest.raises(WalGap, match=r"00000002\.history"):
        fetch(stage, "00000002.history")
