"""Keys on disk behave as a dictionary does, and take no memory of the process's own."""

import errno
import os
import pathlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebond.errors import RestoreError
from rebond.operations.key_table import KeyTable, key_of


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2**63)), max_size=120))
@settings(max_examples=200, deadline=None)
def test_it_says_what_a_dictionary_says(wanted: list[tuple[int, int]]) -> None:
    table, known = KeyTable(None), dict[bytes, int]()
    for name, number in wanted:
        key = key_of(b"%d" % name)
        assert table.get(key) == known.get(key)
        assert table.keep(key, number) == known.get(key)
        known.setdefault(key, number)
    assert {key: table.get(key) for key in known} == known
    assert len(table) == len(known)
    table.close()
    table.close()


def test_it_grows_and_keys_of_one_slot_are_told_apart(tmp_path: pathlib.Path) -> None:
    table = KeyTable(tmp_path)
    keys = [random.Random(number).randbytes(16) for number in range(20_000)]
    assert [table.keep(key, place * 7) for place, key in enumerate(keys)] == [None] * len(keys)
    assert [table.get(key) for key in keys] == [place * 7 for place in range(len(keys))]
    assert [table.keep(key, 1) for key in keys[:100]] == [place * 7 for place in range(100)]
    assert table.get(bytes(16)) is None
    assert table.keep(bytes(16), 0) is None
    assert table.get(bytes(16)) == 0
    assert not [*tmp_path.iterdir()]
    table.close()


def test_an_identity_of_another_length_is_one_too() -> None:
    assert key_of(bytes(16)) == bytes(16)
    assert len({key_of(b"a"), key_of(b"b"), key_of(bytes(17))}) == 3
    assert len(key_of(b"a")) == 16


def test_a_disk_without_room_is_told_before_anything_is_written_to_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write to a file in memory for which a disk has no room ends the process."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(RestoreError, match="No space left"):
        KeyTable(tmp_path).keep(bytes(16), 1)


def test_a_million_keys_take_no_memory_of_its_own(tmp_path: pathlib.Path) -> None:
    """As a dictionary, with names, a million hard links took 240 MB."""
    table, number = KeyTable(tmp_path), random.Random(5)
    before = own_memory()
    for place in range(200_000):
        table.keep(number.randbytes(16), place)
    assert own_memory() - before < 4 << 20
    table.close()


def own_memory() -> int:
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) for each in lines if each.startswith("RssAnon")) << 10
