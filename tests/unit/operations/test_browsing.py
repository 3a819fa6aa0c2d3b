"""Looking into a snapshot: ls, cat and find, on names of every kind."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.operations.restored import RestoredVault, a_tree
from tests.unit.vault.written_trees import Thing, ThingTree

from rebond.entries import EntryKind
from rebond.errors import UnknownName, UsageError, VaultDamaged
from rebond.operations.browsing import content_of, list_entries, locate, read_file
from rebond.operations.finding import find_versions
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.recording_store import RecordingStore
from rebond.vault.decoded_segments import DecodedSegment
from rebond.vault.kept_segments import KeptSegments
from rebond.vault.reading import SnapshotReader

ODD = b"\xff\xfe not text\n*?[x]"
ODD_TEXT = os.fsdecode(ODD)


@pytest.fixture
def place(tmp_path: Path) -> RestoredVault:
    return RestoredVault(tmp_path)


@pytest.fixture
def reader(place: RestoredVault) -> Iterator[SnapshotReader]:
    content = random.Random(1).randbytes(500_000)
    things = ThingTree(
        (b"", [(b"file", Thing(b"top")), (ODD, Thing(b"odd")), (b"to file", Thing(kind=EntryKind.SYMLINK))]),
        (b"a", [(b"b.c", Thing(b"point"))]),
        (b"a/b", [(b"c", Thing(b"deep")), (b"large", Thing(content))]),
        (b"site", [(b"x", Thing(b"x"))]),
    )
    with SnapshotReader(place.vault(), place.save(things)) as reader:
        yield reader


def paths(found: Iterator[object]) -> list[bytes]:
    return [item.shown for item in found]  # type: ignore[attr-defined]


def test_ls_shows_components_directories_and_files(reader: SnapshotReader) -> None:
    assert paths(list_entries(reader)) == [b"site"]
    assert paths(list_entries(reader, "/")) == [b"site"]
    assert paths(list_entries(reader, "a")) == [b"site/a/b", b"site/a/b.c"]
    assert paths(list_entries(reader, "site/a/")) == [b"site/a/b", b"site/a/b.c"]
    assert paths(list_entries(reader, "file")) == [b"site/file"]
    assert paths(list_entries(reader, "a", recursive=True)) == [
        b"site/a/b",
        b"site/a/b/c",
        b"site/a/b/large",
        b"site/a/b.c",
    ]
    assert len(paths(list_entries(reader, recursive=True))) == 11


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b/c", b"site/a/b/c"),
        ("site/a/b/c", b"site/a/b/c"),
        ("/site/a/b/c", b"site/a/b/c"),
        ("a//b/c", b"site/a/b/c"),
        ("site/site/x", b"site/site/x"),
        ("site", b"site"),
        (ODD_TEXT, b"site/" + ODD),
        ("/site/" + ODD_TEXT, b"site/" + ODD),
    ],
)
def test_a_path_is_found_as_it_is_below_its_component_and_as_it_was_on_the_machine(
    reader: SnapshotReader, text: str, expected: bytes
) -> None:
    assert locate(reader, text).shown == expected


@pytest.mark.parametrize("text", ["no", "a/no", "a/b/c/no", "file/no", "/elsewhere/a", "a/../file", "."])
def test_what_is_not_there_is_said_so_with_the_place_to_look(reader: SnapshotReader, text: str) -> None:
    with pytest.raises(UnknownName) as raised:
        locate(reader, text)
    assert "rebond ls SNAPSHOT" in raised.value.hint


def test_with_several_components_the_component_must_be_named(place: RestoredVault) -> None:
    record = place.save_all({"one": a_tree(3), "two": a_tree(3)}).record
    with SnapshotReader(place.vault(), record) as reader:
        assert locate(reader, "two/d1/001").shown == b"two/d1/001"
        with pytest.raises(UnknownName, match="d1/001"):
            locate(reader, "d1/001")


def test_cat_gives_the_file_itself(reader: SnapshotReader) -> None:
    assert b"".join(read_file(reader, "a/b/large")) == random.Random(1).randbytes(500_000)
    assert b"".join(read_file(reader, ODD_TEXT)) == b"odd"


@pytest.mark.parametrize("text", ["a", "site", "to file"])
def test_cat_of_what_is_not_a_file_is_refused(reader: SnapshotReader, text: str) -> None:
    with pytest.raises(UsageError, match="not a file"):
        list(read_file(reader, text))


@pytest.mark.parametrize(
    "runs",
    [[], [(0, 10)], [(5000, 300)], [(1, 1), (70_000, 200_000)], [(0, 4096), (8192, 4096), (300_000, 700_000)]],
)
def test_cat_of_a_sparse_file_is_the_file(place: RestoredVault, runs: list[tuple[int, int]]) -> None:
    size = 1 << 20
    content = bytearray(size)
    for offset, length in runs:
        content[offset : offset + length] = random.Random(offset).randbytes(length)
    edges = [0, *(edge for offset, length in runs for edge in (offset, offset + length)), size]
    holes = tuple((start, end - start) for start, end in zip(edges[::2], edges[1::2], strict=True) if end > start)
    record = place.save(ThingTree((b"", [(b"sparse", Thing(bytes(content), holes=holes))])))

    with SnapshotReader(place.vault(), record) as reader:
        assert b"".join(read_file(reader, "sparse")) == content
    place.restore(record)
    assert place.found() == {"site/sparse": bytes(content)}


def test_cat_of_a_damaged_file_ends_with_an_error(place: RestoredVault) -> None:
    record = place.save(ThingTree((b"", [(b"large", Thing(random.Random(1).randbytes(500_000)))])))
    for info in list(place.store.list_objects("packs/")):
        content = bytearray(place.store.read(info.name))
        content[2000] ^= 1
        place.store.delete(info.name)
        place.store.put_if_absent(info.name, bytes(content))

    with SnapshotReader(place.vault(), record) as reader, pytest.raises(VaultDamaged):
        list(read_file(reader, "large"))


def test_find_tells_versions_and_the_snapshots_that_hold_each(place: RestoredVault) -> None:
    tree = MemoryTree()
    tree.write("conf/app.ini", b"one")
    tree.write("conf/other", b"other")
    first = place.save(tree)
    tree.write("more/app.ini", b"new place")
    second = place.save(tree)
    tree.write("conf/app.ini", b"two")
    third = place.save(tree)
    tree.remove("conf/app.ini")
    records = [first, second, third, place.save(tree)]

    found = list(find_versions(place.vault(), records, "app.ini"))

    assert [(version.path, len(version.snapshots), version.entry.size) for version in found] == [
        (b"site/conf/app.ini", 2, 3),
        (b"site/conf/app.ini", 1, 3),
        (b"site/more/app.ini", 3, 9),
    ]
    assert found[0].snapshots == (first, second)
    assert found[1].snapshots == (third,)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.ini", {b"site/a/x.ini", b"site/x.ini"}),
        ("site/a/*.ini", {b"site/a/x.ini"}),
        ("/site/x.ini", {b"site/x.ini"}),
        ("a", {b"site/a"}),
        ("none", set()),
        (os.fsdecode(b"\xff*"), {b"site/\xff"}),
    ],
)
def test_find_compares_names_or_whole_paths(place: RestoredVault, pattern: str, expected: set[bytes]) -> None:
    tree = ThingTree(
        (b"", [(b"x.ini", Thing(b"1")), (b"\xff", Thing(b"2"))]), (b"a", [(b"x.ini", Thing(b"3")), (b"y", Thing(b"4"))])
    )
    record = place.save(tree)

    assert {version.path for version in find_versions(place.vault(), [record], pattern)} == expected


def test_find_looks_once_into_what_did_not_change(place: RestoredVault) -> None:
    tree = a_tree(300, 30)
    records = [place.save(tree) for _ in range(3)]
    asked: list[bytes] = []

    class Counting(SnapshotReader):
        def read_object(self, object_id: bytes) -> bytes:
            asked.append(object_id)
            return super().read_object(object_id)

    found = list(find_versions(place.vault(), records, "*9", open_reader=Counting))

    assert len(found) == 30
    assert all(len(version.snapshots) == 3 for version in found)
    assert len(asked) == len(set(asked)) == 6


def test_find_reads_the_index_once_for_all_snapshots(place: RestoredVault) -> None:
    records = [place.save(a_tree(20 + number, 300, seed=number)) for number in range(8)]
    store = RecordingStore(place.store)
    found = list(find_versions(place.vault(store), records, "*1"))

    assert [(version.path, len(version.snapshots)) for version in found] == [
        (b"site/d1", 8),
        (b"site/d1/001", 8),
        (b"site/d1/011", 8),
        (b"site/d1/021", 6),
    ]
    assert len([each for each in store.names("list") if each.startswith("index/")]) <= 2

    alone = find_versions(
        place.vault(), records, "*1", open_reader=lambda vault, record, _: SnapshotReader(vault, record)
    )
    assert found == list(alone)


def test_find_goes_on_with_other_copies_where_a_snapshots_own_are_lost(place: RestoredVault) -> None:
    records = [place.save(a_tree(20, 300)), place.save(a_tree(22, 300))]
    for name in [each.name for each in place.store.list_objects("index/")]:
        place.store.delete(name)  # the packs speak for themselves
    assert [len(version.snapshots) for version in find_versions(place.vault(), records, "*1")] == [2, 2, 2, 1]


def test_find_and_diff_and_ls_go_to_any_depth(place: RestoredVault) -> None:
    path = b"/".join([b"d"] * 1500)
    levels: list[tuple[bytes, list[tuple[bytes, Thing]]]] = [(path[: 2 * depth + 1], []) for depth in range(1499)]
    record = place.save(ThingTree((b"", []), *levels, (path, [(b"deep", Thing(b"deep"))])))

    assert len(list(find_versions(place.vault(), [record], "deep"))) == 1
    with SnapshotReader(place.vault(), record) as reader:
        assert sum(1 for _ in list_entries(reader, recursive=True)) == 1502
        assert b"".join(read_file(reader, (path + b"/deep").decode())) == b"deep"


def test_many_files_of_one_segment_are_read_by_opening_it_once(place: RestoredVault) -> None:
    tree = MemoryTree()
    for number in range(200):
        tree.write(f"{number:03d}", b"%d" % number)
    opened: list[int] = []

    class Counting(SnapshotReader):
        def fetch(self, place: int, *words: Any, is_tree: bool = False, **more: Any) -> DecodedSegment:
            opened.extend(() if is_tree else (place,))
            return super().fetch(place, *words, is_tree=is_tree, **more)

    kept = KeptSegments()
    with Counting(place.vault(), place.save(tree)) as reader:
        found = {
            each.path.decode(): b"".join(content_of(reader, each.entry, kept))
            for each in list_entries(reader, recursive=True)
            if each.path and each.entry is not None
        }

    assert found == tree.files
    assert len(opened) == len(set(opened))
