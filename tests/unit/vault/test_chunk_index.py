"""The local chunk index: what was added is found, and what was damaged is never believed."""

import errno
import os
import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebond.errors import CacheDamaged
from rebond.vault import chunk_index, chunk_runs
from rebond.vault.chunk_index import ChunkIndex
from rebond.vault.chunk_runs import BLOCK_SIZE, ROW_SIZE, ROWS_PER_BLOCK, Run, merge_runs, write_run

RNG = random.Random(3)


def an_id(number: int) -> bytes:
    return random.Random(number).randbytes(32)


def a_place(number: int) -> int:
    return number % 7 << 24 | number


def filled(directory: Path, count: int, start: int = 0) -> ChunkIndex:
    index = ChunkIndex(directory)
    for number in range(start, start + count):
        index.add(an_id(number), a_place(number))
    index.flush()
    return index


@pytest.mark.parametrize("count", [1, ROWS_PER_BLOCK - 1, ROWS_PER_BLOCK, ROWS_PER_BLOCK + 1, 1000])
def test_every_row_is_found_again_after_reopening(tmp_path: Path, count: int) -> None:
    written = filled(tmp_path, count)
    index = ChunkIndex(tmp_path, written.runs)

    assert [list(index.find(an_id(n))) for n in range(count)] == [[a_place(n)] for n in range(count)]
    assert [list(index.find(an_id(n))) for n in range(count, count + 100)] == [[]] * 100
    index.expect_many_finds()
    assert [list(index.find(an_id(n))) for n in range(count)] == [[a_place(n)] for n in range(count)]


def test_ids_with_more_places_than_are_looked_through_at_first_are_found_whole(tmp_path: Path) -> None:
    index = filled(tmp_path, 1000)
    many = range(0, 1000, 20)
    for number in many:
        for place in range(90):
            index.add(an_id(number), 1 << 40 | place)
    index.flush()
    index = ChunkIndex(tmp_path, index.runs)
    index.expect_finds(1000 // chunk_index.ROWS_LOADED_PER_FIND)
    assert index._loaded is None
    for number in many:
        assert sorted(index.find(an_id(number))) == sorted([a_place(number), *(1 << 40 | n for n in range(90))])
    rest = set(range(1000)).difference(many)
    assert [list(index.find(an_id(n))) for n in rest] == [[a_place(n)] for n in rest]


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), max_size=400),
    flushes=st.sets(st.integers(0, 400)),
    block=st.sampled_from([3, ROWS_PER_BLOCK]),
)
def test_runs_in_whatever_number_and_order_give_back_every_place_of_every_id(
    rows: list[tuple[int, int]], flushes: set[int], block: int
) -> None:
    known: dict[int, set[int]] = {}
    with TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunk_runs, "ROWS_PER_BLOCK", block)
        patch.setattr(chunk_runs, "BLOCK_ROWS_SIZE", block * ROW_SIZE)
        patch.setattr(chunk_runs, "BLOCK_SIZE", block * ROW_SIZE + 4)
        index = ChunkIndex(Path(scratch))
        for position, (chunk, place) in enumerate(rows):
            # Ids of which many begin alike, so that they share heads, blocks and borders.
            index.add(b"\x07" * 8 + bytes([chunk % 3]) * 7 + bytes([chunk]) + bytes(16), place)
            known.setdefault(chunk, set()).add(place)
            if position in flushes:
                index.flush()
        for is_held in (False, True):
            if is_held:
                index.expect_finds(1 + index.row_count // chunk_index.ROWS_HELD_PER_FIND)
            for chunk in range(41):
                found = list(index.find(b"\x07" * 8 + bytes([chunk % 3]) * 7 + bytes([chunk]) + bytes(16)))
                assert set(found) == known.get(chunk, set())
        index.close()


def test_what_was_learnt_last_is_offered_first(tmp_path: Path) -> None:
    index = ChunkIndex(tmp_path)
    for place in (5, 1 << 24, 9 << 24):
        index.add(an_id(1), place)
        index.flush()

    assert list(index.find(an_id(1))) == [9 << 24, 1 << 24, 5]
    merged = tmp_path / "99999999.run"
    runs = [Run(tmp_path / name) for name, *_ in index.runs]
    write_run(merged, merge_runs(runs))
    assert list(Run(merged).find(an_id(1)[:16])) == [9 << 24, 1 << 24, 5]


def test_runs_of_like_size_are_merged_and_swept_only_when_told(tmp_path: Path) -> None:
    index = ChunkIndex(tmp_path)
    for number in range(8):
        index.add(an_id(number), number)
        index.flush()

    assert len(index.runs) < 8
    assert len(list(tmp_path.glob("*.run"))) > len(index.runs)
    index.sweep()
    assert sorted(path.name for path in tmp_path.glob("*.run")) == sorted(name for name, *_ in index.runs)
    assert [list(index.find(an_id(n))) for n in range(8)] == [[n] for n in range(8)]


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_bit_anywhere_in_a_run_is_noticed(tmp_path: Path, seed: int) -> None:
    runs = filled(tmp_path, 400).runs
    path = tmp_path / runs[0][0]
    content = bytearray(path.read_bytes())
    content[random.Random(seed).randrange(len(content))] ^= 1 << seed % 8
    path.write_bytes(content)

    with pytest.raises(CacheDamaged):
        ChunkIndex(tmp_path, runs)


@pytest.mark.parametrize("left", [0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, 2 * BLOCK_SIZE, 3 * BLOCK_SIZE + 5])
def test_a_run_that_lost_its_end_is_noticed_also_between_blocks(tmp_path: Path, left: int) -> None:
    runs = filled(tmp_path, ROWS_PER_BLOCK * 4).runs
    path = tmp_path / runs[0][0]
    path.write_bytes(path.read_bytes()[:left])

    with pytest.raises(CacheDamaged):
        ChunkIndex(tmp_path, runs)


@pytest.mark.parametrize("sign", ["a flipped bit", "a bad sector"])
def test_a_run_that_is_damaged_after_it_was_opened_is_named_with_a_status_and_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign: str
) -> None:
    index = ChunkIndex(tmp_path, filled(tmp_path, 400).runs)
    path = tmp_path / index.runs[0][0]
    if sign == "a flipped bit":
        path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
    else:
        monkeypatch.setattr(os, "pread", refuse_to_read)

    for ask in (lambda: index.find(an_id(3)), lambda: index.expect_finds(10), index.expect_many_finds):
        with pytest.raises(CacheDamaged) as told:
            ask()
        assert str(path) in told.value.message
        assert "Run the command again" in told.value.hint
        assert told.value.exit_status == 1


def refuse_to_read(*_: object) -> bytes:
    raise OSError(5, "Input/output error")


def test_a_merge_that_fails_once_does_not_make_a_run_of_every_row_that_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_index, "PENDING_LIMIT", 10)
    index = ChunkIndex(tmp_path)
    for number in range(30):
        index.add(an_id(number), number)

    def fail(_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(chunk_index, "merge_runs", fail)
        for number in range(30, 45):
            index.add(an_id(number), number)
    assert [count for _, count, _ in index.runs] == [10, 10, 10, 10]
    assert [list(index.find(an_id(n))) for n in range(45)] == [[n] for n in range(45)]


def test_a_host_without_room_keeps_what_is_new_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_index, "PENDING_LIMIT", 10)
    index = ChunkIndex(tmp_path)
    attempts = []

    def fail(path: Path, rows: object) -> int:
        attempts.append(path)
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as full:
        full.setattr(chunk_index, "write_run", fail)
        for number in range(100):
            index.add(an_id(number), number)
    assert len(attempts) < 6
    assert [list(index.find(an_id(n))) for n in range(100)] == [[n] for n in range(100)]
    index.flush()
    assert sum(count for _, count, _ in index.runs) == 100


def test_merging_rows_yields_each_once_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_runs, "_MERGE_BATCH_ROWS", 8)
    every = sorted(RNG.randbytes(ROW_SIZE) for _ in range(2000))
    runs = []
    for number in range(3):
        rows = sorted({*every[number::3], *every[:900:2]})
        write_run(tmp_path / f"{number}.run", rows)
        runs.append(Run(tmp_path / f"{number}.run"))

    assert list(merge_runs(runs)) == every


def tabled(directory: Path, tables: int, chunks: int) -> ChunkIndex:
    index = ChunkIndex(directory)
    for place in range(tables):
        index.add_table(b"".join(an_id(place * chunks + n) for n in range(chunks)), place)
    return index


def test_chunks_of_unsorted_tables_are_found_before_and_after_an_index_is_made_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_index, "TABLE_FINDS", 30)
    index = tabled(tmp_path, 5, 20)
    index.add_table(an_id(7), 99)  # the same chunk in one more place, learnt last

    for _ in range(3):
        assert [list(index.find(an_id(n))) for n in range(20, 100)] == [[n // 20] for n in range(20, 100)]
        assert list(index.find(an_id(7))) == [99, 0]
        assert list(index.find(an_id(1000))) == []


def test_an_id_that_lies_across_two_others_is_not_taken_for_one(tmp_path: Path) -> None:
    index = ChunkIndex(tmp_path)
    index.add_table(an_id(1) + an_id(2), 5)

    assert list(index.find((an_id(1) + an_id(2))[8:40])) == []


def test_tables_become_runs_when_the_index_is_flushed(tmp_path: Path) -> None:
    index = tabled(tmp_path, 3, 50)
    index.flush()

    again = ChunkIndex(tmp_path, index.runs)
    assert [list(again.find(an_id(n))) for n in range(150)] == [[n // 50] for n in range(150)]


def test_an_index_that_left_its_directory_writes_nothing_there_and_finds_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_index, "LOADED_LIMIT", 40)
    index = tabled(tmp_path, 5, 30)
    index.leave_directory()
    index.sort_tables()

    assert [list(index.find(an_id(n))) for n in range(150)] == [[n // 30] for n in range(150)]
    assert list(tmp_path.iterdir()) == []
    index.close()


def test_where_no_temporary_directory_can_be_had_it_stays_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(chunk_index, "LOADED_LIMIT", 40)
    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    index = tabled(tmp_path, 5, 30)
    index.leave_directory()
    index.sort_tables()

    assert [list(index.find(an_id(n))) for n in range(150)] == [[n // 30] for n in range(150)]


def test_what_is_taken_into_memory_tells_the_same_as_the_runs(tmp_path: Path) -> None:
    """Also of chunks that lie in several segments of one run, and of several runs."""
    rng = random.Random(4)
    ids = [rng.randbytes(32) for _ in range(900)]
    index = ChunkIndex(tmp_path)
    for turn in range(3):
        for number, each in enumerate(ids):
            for copy in range(1 + (number % 7 == turn)):
                index.add(each, turn << 24 | number // 9 + copy)
        index.flush()
    on_disk = [list(index.find(each)) for each in ids]
    assert index.row_count == sum(map(len, on_disk)) > 2700
    index.expect_finds(len(ids) // 10)
    assert [list(index.find(each)) for each in ids] == on_disk
    index.expect_many_finds()
    assert [list(index.find(each)) for each in ids] == on_disk
    index.expect_no_finds()
    assert index._loaded is None
    assert all(run._held is None for run in index._runs)
    assert [list(index.find(each)) for each in ids] == on_disk
    assert list(index.find(bytes(32))) == []
    index.close()


@pytest.mark.parametrize("is_held", [False, True])
def test_a_place_that_is_wanted_is_found_whichever_run_was_asked_before(tmp_path: Path, is_held: bool) -> None:
    index = ChunkIndex(tmp_path)
    for first in (0, 100, 200):
        for number in range(first, first + 100):
            index.add(an_id(number), a_place(number))
            index.add(an_id(number), a_place(number + 1000))  # in another segment too
        index.flush()
    assert len(index.runs) == 3
    if is_held:
        index.expect_finds(150)
    numbers = [*range(300), *RNG.sample(range(300), 300)]

    wanted = {a_place(number) for number in range(300)}
    assert [index.find_among(an_id(number), wanted) for number in numbers] == [a_place(number) for number in numbers]
    assert index.find_among(an_id(7), {a_place(8), a_place(1007)}) == a_place(1007)
    assert index.find_among(an_id(7), {a_place(8)}) is None
    assert index.find_among(an_id(300), wanted) is None


def test_a_run_that_answered_last_and_was_merged_away_is_asked_no_more(tmp_path: Path) -> None:
    index = ChunkIndex(tmp_path)
    for first in (0, 10, 20):
        for number in range(first, first + 10):
            index.add(an_id(number), a_place(number))
        index.flush()
    assert index.find_among(an_id(5), {a_place(5)}) == a_place(5)
    for number in range(30, 40):
        index.add(an_id(number), a_place(number))
    index.flush()  # the fourth of a size: they become one
    index.sweep()

    assert len(index.runs) == 1
    assert index.find_among(an_id(5), {a_place(5)}) == a_place(5)
    assert index.find_among(an_id(35), {a_place(35)}) == a_place(35)


def test_many_at_once_are_told_the_same_as_one_after_the_other(tmp_path: Path) -> None:
    """What of many lies at one place is judged once, and never for a chunk that lies elsewhere as well."""
    rng = random.Random(5)
    ids = [rng.randbytes(32) for _ in range(400)]
    index = ChunkIndex(tmp_path)
    for number, each in enumerate(ids[:300]):
        index.add(each, number // 100)
        if number % 7 == 0:
            index.add(each, 5)
    index.flush()
    for number, each in enumerate(ids[200:350]):  # some of them anew, and not yet written
        index.add(each, 7 + number % 2)
    asked: list[tuple[int, ...]] = []

    def choose(places: Sequence[int]) -> int:
        asked.append(tuple(places))
        return max(places, default=-1)

    one_by_one = [choose(index.find(each)) for each in ids]
    for is_loaded in (False, True):
        if is_loaded:
            index.expect_many_finds()
        asked.clear()
        assert index.choose_each(iter(ids), choose) == one_by_one
    assert len(asked) < 250
    assert set(one_by_one) == {-1, 0, 1, 5, 7, 8}
    index.close()
