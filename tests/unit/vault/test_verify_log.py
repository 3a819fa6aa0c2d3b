"""Which packs are read next, and what is remembered of those that were."""

import os
from array import array
from pathlib import Path

import pytest

from rebond.file_locks import LockHeld
from rebond.store.memory import MemoryStore
from rebond.testing.manual_clock import ManualClock
from rebond.vault.pack_table import PackTable
from rebond.vault.packs import pack_name
from rebond.vault.primitives import hash_of
from rebond.vault.verify_log import ROW_SIZE, VerifyLog, choose_packs


def packs_of(sizes: list[int]) -> PackTable:
    store = MemoryStore(ManualClock())
    for number, size in enumerate(sizes):
        store.put_if_absent(pack_name(hash_of(bytes([number]))), bytes(size))
    return PackTable.from_store(store)


def test_a_pack_is_found_by_its_hash_and_no_other_is() -> None:
    packs = packs_of([1] * 50)

    assert len(packs) == 50
    assert [packs.find(packs.hash_at(one)) for one in range(50)] == list(range(50))
    assert packs.find(hash_of(b"none")) is None
    assert packs.find(b"\xff" * 32) is None
    assert PackTable().find(bytes(32)) is None


def test_what_is_no_pack_is_not_taken_for_one() -> None:
    store = MemoryStore(ManualClock())
    store.put_if_absent("packs/00/" + "1" * 64, b"")
    store.put_if_absent("packs/11/" + "1" * 63, b"")
    store.put_if_absent("packs/odd", b"")

    assert len(PackTable.from_store(store)) == 0


def test_what_was_read_is_remembered_by_the_next_run(tmp_path: Path) -> None:
    packs = packs_of([10] * 4)
    log = VerifyLog(tmp_path / "deep" / "log")
    log.note(packs.hash_at(1), 500, is_whole=True)
    log.note(packs.hash_at(2), 600, is_whole=True)
    log.note(packs.hash_at(1), 700, is_whole=True)
    log.flush()

    assert list(VerifyLog(tmp_path / "deep" / "log").last_read(packs)) == [0, 700, 600, 0]


def test_a_pack_that_was_damaged_comes_first_again(tmp_path: Path) -> None:
    packs = packs_of([10] * 2)
    log = VerifyLog(tmp_path)
    for time_ms, is_whole in ((100, True), (200, False)):
        log.note(packs.hash_at(0), time_ms, is_whole=is_whole)
    log.flush()

    assert list(log.last_read(packs)) == [0, 0]


def test_what_was_read_by_a_clock_that_was_ahead_is_read_again_and_then_counts(tmp_path: Path) -> None:
    packs = packs_of([10] * 2)
    log = VerifyLog(tmp_path)
    log.note(packs.hash_at(0), 4_000_000_000_000, is_whole=True)
    log.note(packs.hash_at(1), 600, is_whole=True)
    log.flush()
    assert list(log.last_read(packs, 1_000)) == [0, 600]

    log.note(packs.hash_at(0), 900, is_whole=True)
    log.flush()

    assert list(log.last_read(packs, 1_000)) == [900, 600]


def test_a_torn_or_spoiled_row_costs_nothing_but_itself(tmp_path: Path) -> None:
    packs = packs_of([10] * 3)
    log = VerifyLog(tmp_path)
    for one in range(3):
        log.note(packs.hash_at(one), 100 + one, is_whole=True)
    log.flush()
    path = tmp_path / "packs.log"
    content = bytearray(path.read_bytes())
    content[ROW_SIZE + 3] ^= 1
    path.write_bytes(bytes(content) + b"torn")

    assert list(log.last_read(packs)) == [100, 0, 102]
    log.note(packs.hash_at(1), 900, is_whole=True)
    log.flush()
    assert list(log.last_read(packs)) == [100, 900, 102]


def test_the_log_is_written_anew_when_most_of_it_is_of_no_use(tmp_path: Path) -> None:
    packs = packs_of([10] * 2)
    log = VerifyLog(tmp_path)
    for number in range(10_100):
        log.note(packs.hash_at(0), number + 1, is_whole=True)
    log.flush()
    size = os.path.getsize(tmp_path / "packs.log")

    log.shorten(packs)

    assert os.path.getsize(tmp_path / "packs.log") == ROW_SIZE < size
    assert list(log.last_read(packs)) == [10_100, 0]


def test_two_processes_add_to_one_log(tmp_path: Path) -> None:
    packs = packs_of([10] * 2)
    first, second = VerifyLog(tmp_path), VerifyLog(tmp_path)
    first.note(packs.hash_at(0), 1, is_whole=True)
    second.note(packs.hash_at(1), 2, is_whole=True)
    second.flush()
    first.flush()

    assert list(first.last_read(packs)) == [1, 2]


def test_a_directory_that_cannot_be_written_stops_no_check_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    log = VerifyLog(tmp_path / "file")

    for number in range(300):
        log.note(bytes([number % 256]) * 32, 1, is_whole=True)
    log.flush()

    assert isinstance(log.fault, NotADirectoryError | FileExistsError)


def test_a_disk_that_takes_half_of_what_is_noted_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packs = packs_of([10] * 2)
    log = VerifyLog(tmp_path)
    write = os.write
    for ordinal in range(2):
        log.note(packs.hash_at(ordinal), 1, is_whole=True)
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda descriptor, content: write(descriptor, bytes(content)[: ROW_SIZE + 7]))
        log.flush()

    assert log.fault is not None
    assert list(VerifyLog(tmp_path).last_read(packs)) == [1, 0]
    log.note(packs.hash_at(1), 2, is_whole=True)
    log.flush()
    assert list(VerifyLog(tmp_path).last_read(packs)) == [1, 2]


def test_a_process_that_keeps_the_log_to_itself_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []

    def wait(_: int) -> None:
        waited.append(1)
        raise LockHeld(4711)

    monkeypatch.setattr("rebond.vault.verify_log.wait_for_file_lock", wait)
    log = VerifyLog(tmp_path)
    for number in range(300):
        log.note(bytes([number % 256]) * 32, 1, is_whole=True)
    log.flush()

    assert waited == [1]
    assert "4711" in str(log.fault)


def test_those_longest_not_read_come_first_and_the_share_is_of_all_bytes() -> None:
    packs = packs_of([100] * 10)
    times = [50, 0, 20, 90, 0, 10, 80, 70, 60, 40]

    chosen = choose_packs(packs, as_array(times), percent=40, not_since_ms=None)

    assert list(chosen) == [1, 4, 5, 2]


def test_a_small_share_still_reads_one_pack_and_no_share_none() -> None:
    packs = packs_of([1000] * 3)

    assert len(choose_packs(packs, as_array([0, 0, 0]), percent=0.1, not_since_ms=None)) == 1
    assert len(choose_packs(packs, as_array([0, 0, 0]), percent=0, not_since_ms=None)) == 0
    assert len(choose_packs(packs, as_array([0, 0, 0]), percent=100, not_since_ms=None)) == 3


def test_what_was_read_since_is_left_out() -> None:
    packs = packs_of([10] * 4)

    chosen = choose_packs(packs, as_array([5, 100, 99, 0]), percent=100, not_since_ms=100)

    assert sorted(chosen) == [0, 2, 3]


def test_shards_share_the_packs_without_rest_and_without_overlap() -> None:
    packs = packs_of([10] * 60)
    parts = [
        set(choose_packs(packs, as_array([0] * 60), percent=100, not_since_ms=None, shard=(i, 4))) for i in range(4)
    ]

    assert set.union(*parts) == set(range(60))
    assert sum(len(part) for part in parts) == 60
    assert all(parts)


def as_array(times: list[int]) -> "array[int]":
    return array("Q", times)
