"""Byte strings on disk: what is given comes back, and no more of it is in memory than a window."""

import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from rebond.errors import RestoreError
from rebond.spool import Spool, SpoolReader


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path, "kept")
    yield spool
    spool.close()


def make_contents() -> list[bytes]:
    contents = [random.Random(n).randbytes(n * 37 % 3000) for n in range(900)]
    contents[500] = random.Random(0).randbytes(300_000)  # larger than what is read at once
    return contents


def test_it_gives_back_what_it_was_given_in_any_order(spool: Spool) -> None:
    contents = make_contents()
    places = [spool.add(content) for content in contents]
    order = list(range(900)) + random.Random(1).sample(range(900), 300)

    assert [spool.get(places[number]) for number in order] == [contents[number] for number in order]
    assert places[0] == 0
    assert places == sorted(places)
    assert spool.get(spool.add(b"more")) == b"more"


def test_it_gives_all_back_from_the_last_to_the_first(spool: Spool) -> None:
    contents = make_contents()
    kept = [(spool.add(content), content) for content in contents]
    found = []
    for place, content in spool.backwards():
        spool.get(random.Random(place).choice(kept)[0])  # whoever looks elsewhere meanwhile does no harm
        found.append((place, content))

    assert found == kept[::-1]
    assert list(Spool(None).backwards()) == []


def test_others_read_what_was_flushed_and_a_file_that_was_cut_is_no_content(spool: Spool, tmp_path: Path) -> None:
    places = [spool.add(b"first"), spool.add(b"second")]
    spool.flush()
    reader = SpoolReader(tmp_path / "kept")

    assert [reader.get(place) for place in places] == [b"first", b"second"]
    with (tmp_path / "kept").open("r+b") as file:
        file.truncate(places[1] + 6)
    again = SpoolReader(tmp_path / "kept")
    with pytest.raises(RestoreError, match="cannot be kept"):
        again.get(places[1])
    again.close()
    reader.close()
    reader.close()


def test_two_of_one_name_are_refused(spool: Spool, tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="cannot be kept"):
        Spool(tmp_path, "kept")
    assert spool.add(b"") == 0


def test_very_many_take_little_memory(spool: Spool) -> None:
    tracemalloc.start()
    try:
        for number in range(50_000):
            spool.add(b"%040d" % number)
        first = spool.get(0)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert first == b"%040d" % 0
    assert peak_bytes < 3_000_000  # eight bytes for each were 400 kB, and each as an object 4 MB
