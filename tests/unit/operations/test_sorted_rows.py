"""Rows that are put into order on disk."""

import io
import tempfile
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebond.operations.sorted_rows import SortedRows


@given(rows=st.lists(st.binary(max_size=30)), held_bytes=st.integers(1, 100))
def test_rows_come_back_in_the_order_of_their_bytes(rows: list[bytes], held_bytes: int) -> None:
    with SortedRows(held_bytes) as taken:
        for row in rows:
            taken.add(row)
        assert list(taken) == sorted(rows)


def test_no_more_than_it_may_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[IO[bytes]] = []
    make = tempfile.TemporaryFile

    def count() -> IO[bytes]:
        files.append(make())
        return files[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", count)

    with SortedRows(1000) as taken:
        for number in range(1000):
            taken.add(b"%010d" % (number * 7919 % 1000))
        assert len(files) == 10  # 10,000 bytes, and 1,000 of them at most in memory
        assert list(taken) == [b"%010d" % number for number in range(1000)]
    assert all(each.closed for each in files)


def test_without_room_all_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[IO[bytes]] = []

    def open_full() -> IO[bytes]:
        files.append(open("/dev/full", "w+b", buffering=io.DEFAULT_BUFFER_SIZE))
        return files[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", open_full)
    rows = [b"%04d" % (number * 7919 % 1000) for number in range(1000)]

    with SortedRows(100) as taken:
        for row in rows:
            taken.add(row)
        assert list(taken) == sorted(rows)
    assert len(files) == 1  # it is not tried again
