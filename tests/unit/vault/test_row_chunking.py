"""Cutting rows: nothing is lost, and what changes anywhere leaves most chunks as they were."""

import io
import random

import pytest
from pyfastcdc import FastCDC

import rebond.vault.row_chunking
from rebond.vault.row_chunking import SIZES, RowChunker

SEED = 7


class Given:
    """Content in memory that gives fewer bytes than it is asked for."""

    def __init__(self, content: bytes) -> None:
        self._stream = io.BytesIO(content)

    def read(self, size: int, /) -> bytes:
        return self._stream.read(min(size, 5000))

    def readinto(self, buffer: memoryview, /) -> int:
        return self._stream.readinto(memoryview(buffer)[:5000])

    def changed(self) -> bool:
        return False

    def close(self) -> None:
        pass


def make_rows(count: int) -> list[bytes]:
    dice = random.Random(3)
    return [b"%d\t%s\n" % (number, dice.randbytes(250).hex().encode()) for number in range(count)]


@pytest.mark.parametrize("size", [0, 1, 4095, 100_000, 2_000_000])
def test_the_pieces_joined_are_the_content_also_where_their_size_changes(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = ((100_000, (1 << 10, 4 << 10, 32 << 10)), (1_000_000, (4 << 10, 16 << 10, 128 << 10)), (1 << 62, (8 << 10, 64 << 10, 1 << 20)))  # fmt: skip  # noqa: E501
    monkeypatch.setattr(rebond.vault.row_chunking, "SIZES", sizes)
    content = random.Random(size).randbytes(size)
    pieces = list(RowChunker(SEED).cut(Given(content)))
    assert b"".join(pieces) == content
    assert all(pieces)


@pytest.mark.parametrize("size", [8191, 8193, 32_767, 262_144, 262_145, 900_000])
def test_rows_are_cut_where_the_library_cuts_a_stream_whatever_comes_at_once(size: int) -> None:
    """What earlier backups stored has to be found again."""
    content = b"".join(make_rows(size // 500 + 1))[:size]
    least, average, most = SIZES[0][1]
    cutter = FastCDC(avg_size=average, min_size=least, max_size=most, normalized_chunking=2, seed=SEED)
    pieces = list(RowChunker(SEED).cut(Given(content)))
    assert pieces == [bytes(each.data) for each in cutter.cut_stream(io.BytesIO(content))]


def test_rows_that_change_anywhere_leave_most_of_the_table_as_it_was() -> None:
    rows = make_rows(8000)
    changed = [row.replace(b"a", b"b", 1) if number % 100 == 50 else row for number, row in enumerate(rows)]
    before = set(RowChunker(SEED).cut(Given(b"".join(rows))))
    after = list(RowChunker(SEED).cut(Given(b"".join(changed))))
    new_bytes = sum(len(each) for each in after if each not in before)
    assert new_bytes < 0.4 * sum(map(len, rows))


def test_newest_rows_cost_what_they_are() -> None:
    rows = make_rows(8000)
    before = set(RowChunker(SEED).cut(Given(b"".join(rows[:-80]))))
    after = list(RowChunker(SEED).cut(Given(b"".join(rows))))
    assert sum(len(each) for each in after if each not in before) < 0.03 * sum(map(len, rows))
