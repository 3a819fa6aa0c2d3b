"""The directories of a target on disk: each is had again as it was made, and very many take little memory."""

import os
import tracemalloc
from pathlib import Path

import pytest
from msgspec.structs import astuple

from rebond.entries import Entry, EntryKind
from rebond.errors import UsageError
from rebond.sources.files import directory_table
from rebond.sources.files.directory_table import KnownDirectories, MadeDirectories
from rebond.sources.files.landed_directories import Directory
from rebond.sources.files.landing import FileLanding
from rebond.sources.files.overwriting import Overwrite


def an_entry(name: bytes, **words: object) -> Entry:
    return Entry(name=name, kind=EntryKind.DIRECTORY, mode=0o750, user="ann", modified_ns=-5, **words)  # type: ignore[arg-type]


def describe(directory: Directory) -> dict[str, object]:
    own = {name: getattr(directory, name) for name in Directory.__slots__ if name not in ("parent", "is_checked")}
    return {**own, "entry": astuple(directory.entry)}


def make_chain(made: MadeDirectories, depth: int) -> list[Directory]:
    chain = [Directory(None, b"", an_entry(b"called otherwise"))]
    for number in range(depth):
        chain.append(Directory(chain[-1], b"d%d" % number, an_entry(b"d%d" % number, xattrs=((b"user.a", b"1"),))))
    for number, each in enumerate(chain):
        each.device, each.inode, each.gid = 7, 1 << 63 | number, number
        each.exists, each.is_new, each.gives_lists = number % 2 == 0, number % 3 == 0, number % 5 == 0
        each.mode_before = 0o500 if number % 7 == 0 else None
        made.add(each)
    return chain


def test_each_is_had_again_as_it_was_made_here_and_by_others(tmp_path: Path) -> None:
    made = MadeDirectories(tmp_path)
    chain = make_chain(made, 2_500)  # more than are at hand, and deeper than any recursion may go
    made.flush()
    assert made.path is not None
    others = KnownDirectories.open(made.path)

    for each in reversed(chain):
        for found in (made.get(each.place), others.get(each.place)):
            assert describe(found) == describe(each)
            assert (found.parent is None) == (each.parent is None)
    assert others.get(chain[-1].place).path == chain[-1].path
    assert [describe(each) for each in made.deepest_first()] == [describe(each) for each in reversed(chain)]
    assert [each.path for each in made.deepest_first()] == [each.path for each in reversed(chain)]
    made.close()
    others.close()


def test_very_many_directories_take_little_memory(tmp_path: Path) -> None:
    made = MadeDirectories(tmp_path)
    root = Directory(None, b"", an_entry(b""))
    made.add(root)
    tracemalloc.start()
    try:
        for number in range(20_000):
            made.add(Directory(root, b"folder-%d" % number, an_entry(b"folder-%d" % number)))
        count = sum(1 for _ in made.deepest_first())
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    made.close()

    assert count == 20_001
    assert peak_bytes < 2_500_000  # as objects they were 9 MB


def test_what_was_had_again_gets_its_metadata_and_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_table, "_MOST_AT_HAND", 1)
    target = tmp_path / "t"
    with FileLanding(os.fsencode(target), overwrite=Overwrite.NEVER, report=print) as landing:
        below = [landing.begin(an_entry(b""))]
        for name in (b"a", b"b", b"c"):
            made = landing.make_directory(below[-1], an_entry(name))
            assert made is not None
            below.append(made)
        places = [each.place for each in below]
        for place in places:
            file = Entry(name=b"f", kind=EntryKind.FILE, size=1, mode=0o600)
            assert landing.write_whole_file(landing.find_directory(place), file, b"x").name == "CREATED"
        with pytest.raises(UsageError):
            landing.list_directories()
        landing.finish()

    assert (target / "a/b/c/f").read_bytes() == b"x"
    assert {os.stat(path).st_mode & 0o777 for path in (target / "a", target / "a/b", target / "a/b/c")} == {0o750}
    assert os.stat(target / "a/b").st_mtime_ns == -5
