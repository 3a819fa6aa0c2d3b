"""Into the vault: what is taken, what is refused, and what is never replaced."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.operations.wal.archived import HISTORY_2, Archived, segment_file, set_stage

from rebond.errors import Refused, SourceUnfit, StoreError, StoreFull, UsageError
from rebond.operations.wal.archiving import WalFile, adopt
from rebond.operations.wal.fetching import fetch_wal
from rebond.testing.faulty_store import FaultyStore, unreachable
from rebond.testing.wal_segments import SYSTEM_ID, make_segment, name_segment


@pytest.fixture
def stage(tmp_path: Path) -> Archived:
    return set_stage(tmp_path)


def test_a_segment_comes_back_byte_for_byte(stage: Archived) -> None:
    stage.push(1, [1, 2])

    assert fetch_wal(stage.open(), SYSTEM_ID, name_segment(1, 2)) == make_segment(1, 2)


def test_the_same_segment_again_is_success_and_another_content_is_refused_and_changes_nothing(stage: Archived) -> None:
    stage.push(1, [1])
    before = {name: stage.made.store.read(name) for name in stage.names()}

    stage.push(1, [1])
    with pytest.raises(Refused, match="another content"):
        stage.archive().push(segment_file(1, 1, seed=1))

    assert {name: stage.made.store.read(name) for name in stage.names()} == before
    assert fetch_wal(stage.open(), SYSTEM_ID, name_segment(1, 1)) == make_segment(1, 1)


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(make_segment(1, 1)[:-1], id="short"),
        pytest.param(make_segment(1, 1) + b"\0", id="long"),
        pytest.param(b"", id="empty"),
        pytest.param(bytes(1 << 20), id="zeros"),
        pytest.param(make_segment(1, 2), id="another number"),
        pytest.param(make_segment(2, 1), id="a later timeline"),
        pytest.param(make_segment(1, 1, page_timeline=0), id="no timeline"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(stage: Archived, spoilt: bytes) -> None:
    with pytest.raises(SourceUnfit):
        stage.archive().push(replace(segment_file(1, 1), content=spoilt))

    assert stage.names() == []


def test_the_first_segment_of_a_timeline_may_begin_with_pages_of_the_one_before(stage: Archived) -> None:
    content = make_segment(2, 5, page_timeline=1)
    stage.archive().push(replace(segment_file(2, 5), content=content))

    assert fetch_wal(stage.open(), SYSTEM_ID, name_segment(2, 5)) == content


def test_a_segment_of_another_cluster_than_its_directory_is_refused(stage: Archived) -> None:
    with pytest.raises(Refused, match="data directory"):
        stage.archive().push(replace(segment_file(1, 1), system_id=SYSTEM_ID + 1))

    assert stage.names() == []


def test_another_cluster_is_refused_until_it_is_adopted(stage: Archived) -> None:
    stage.push(1, [1])
    foreign = WalFile(name=name_segment(1, 1), content=make_segment(1, 1, system_id=5), system_id=5, place="here/9")

    with pytest.raises(Refused, match="not the one that shop/database archives"):
        stage.archive().push(foreign)
    adopt(stage.open("writer"), "shop/database", 5, 1, "here/9")
    stage.archive().push(foreign)

    assert fetch_wal(stage.open(), 5, name_segment(1, 1)) == make_segment(1, 1, system_id=5)
    with pytest.raises(Refused):
        stage.push(1, [2])


def test_a_history_of_another_cluster_is_refused(stage: Archived) -> None:
    stage.push(1, [1])

    with pytest.raises(Refused, match="not the one"):
        stage.archive().push(WalFile(name="00000002.history", content=HISTORY_2, system_id=5))


def test_a_copy_of_the_server_may_not_archive_until_it_is_adopted(stage: Archived) -> None:
    stage.push(1, [1, 2])

    with pytest.raises(Refused, match="another data directory"):
        stage.archive().push(segment_file(1, 3, place="here/2"))
    stage.archive().push(segment_file(1, 2, place="here/2"))  # it may say again what is there

    assert fetch_wal(stage.open(), SYSTEM_ID, name_segment(1, 3)) is None
    adopt(stage.open("writer"), "shop/database", SYSTEM_ID, 1, "here/2")
    stage.archive().push(segment_file(1, 3, place="here/2"))
    with pytest.raises(Refused, match="another data directory"):
        stage.archive().push(segment_file(1, 4, place="here/1"))


def test_a_standby_that_was_promoted_archives_its_own_timeline(stage: Archived) -> None:
    stage.push(1, [4, 5])
    stage.push_history()
    stage.archive().push(segment_file(2, 5, place="elsewhere/7"))

    assert fetch_wal(stage.open(), SYSTEM_ID, name_segment(2, 5)) == make_segment(2, 5)


def test_a_standby_that_was_promoted_archives_the_end_of_the_timeline_that_it_left(stage: Archived) -> None:
    stage.push(1, [4])
    stage.push_history()
    stage.archive().push(segment_file(1, 5, place="elsewhere/7", partial=True))  # before any of its own
    with pytest.raises(Refused, match="another data directory"):
        stage.archive().push(segment_file(1, 5, place="elsewhere/7"))
    stage.archive().push(segment_file(2, 5, place="elsewhere/7"))
    stage.archive().push(segment_file(1, 5, place="elsewhere/7"))  # by hand: the dead server never archived it

    assert fetch_wal(stage.open(), SYSTEM_ID, name_segment(1, 5)) == make_segment(1, 5)
    with pytest.raises(Refused, match="another data directory"):
        stage.archive().push(segment_file(2, 6, place="here/1"))  # the old one has not gone further


def test_histories_labels_and_unfinished_segments_are_kept_and_never_replaced(stage: Archived) -> None:
    archive = stage.archive()
    kept = {
        "00000002.history": HISTORY_2,
        "000000010000000000000002.00000028.backup": b"START WAL LOCATION: 0/200028\n",
        f"{name_segment(1, 5)}.partial": make_segment(1, 5),
    }
    for name, content in kept.items():
        archive.push(WalFile(name=name, content=content, system_id=SYSTEM_ID))
    for name, content in kept.items():
        archive.push(WalFile(name=name, content=content, system_id=SYSTEM_ID))
        assert fetch_wal(stage.open(), SYSTEM_ID, name) == content
    with pytest.raises(Refused):
        stage.push_history(content=b"1\t0/600100\tanother\n")

    assert fetch_wal(stage.open(), SYSTEM_ID, "00000002.history") == HISTORY_2


@pytest.mark.parametrize("name", ["postgresql.conf", "00000001000000000000000", "0000000g.history", "../../x", ""])
def test_names_that_postgres_never_archives_are_refused(stage: Archived, name: str) -> None:
    with pytest.raises(UsageError):
        stage.archive().push(WalFile(name=name, content=make_segment(1, 1), system_id=SYSTEM_ID))

    assert stage.names() == []


def test_nothing_is_said_to_be_archived_that_the_store_did_not_take(stage: Archived) -> None:
    stage.push(1, [1])
    faulty = FaultyStore(stage.made.store, fail_when=lambda verb, _: unreachable() if verb == "put" else None)
    stage.store = faulty

    with pytest.raises(StoreError):
        stage.push(1, [2])
    faulty.fail_when, faulty.room_bytes = None, 0
    with pytest.raises(StoreFull):
        stage.push(1, [2])
    faulty.room_bytes = None
    stage.push(1, [2])

    assert fetch_wal(stage.open(), SYSTEM_ID, name_segment(1, 2)) == make_segment(1, 2)


def test_an_answer_that_was_lost_is_no_harm(stage: Archived) -> None:
    stage.push(1, [1])
    stage.store = FaultyStore(stage.made.store, lose_answer_at_write=0)
    with pytest.raises(StoreError):
        stage.push(1, [2])

    stage.store = stage.made.store
    stage.push(1, [2])

    assert fetch_wal(stage.open(), SYSTEM_ID, name_segment(1, 2)) == make_segment(1, 2)
