"""What a part of a snapshot comes to before it is brought back: what a dry run says, for the price of its tree."""

import random
from pathlib import Path

import pytest
from tests.unit.operations.restored import RestoredVault, a_tree

from rebond.operations.browsing import root_of, walk
from rebond.operations.measuring_part import PartMeasure
from rebond.operations.selection import Selection
from rebond.testing.memory_tree import MemoryTree
from rebond.vault import reading
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord


@pytest.fixture
def place(tmp_path: Path) -> RestoredVault:
    return RestoredVault(tmp_path)


def tree_with_large_files() -> MemoryTree:
    tree = a_tree()
    for number in range(5):
        tree.write(f"d{number}/large", random.Random(number).randbytes(700_000))
    tree.write("d1/empty", b"")
    tree.write("d1/deep/down/file", b"some content")
    return tree


def measure(place: RestoredVault, record: SnapshotRecord, *include: str, exclude: tuple[str, ...] = ()) -> PartMeasure:
    with SnapshotReader(place.vault(), record) as reader:
        return PartMeasure(reader, "site", Selection.from_flags(include, exclude))


@pytest.mark.parametrize(
    "choice",
    [
        {"include": ["/site/d1"]},
        {"exclude": ["large"]},
        {"exclude": ["/site/d1/deep", "/d2/large"]},
        {"include": ["/d1"], "exclude": ["/d1/deep/down"]},
        {"include": ["00*", "/d2"]},
        {"include": ["down"], "exclude": ["/d3"]},
        {},
    ],
)
def test_it_counts_what_a_dry_run_counts(place: RestoredVault, choice: dict[str, list[str]]) -> None:
    record = place.save(tree_with_large_files())

    measured = measure(place, record, *choice.get("include", ()), exclude=tuple(choice.get("exclude", ())))
    planned = place.restore(record, dry_run=True, **choice)  # type: ignore[arg-type]

    assert measured.files > 0
    assert (measured.files, measured.bytes) == (planned.files, planned.size_bytes)


def test_nothing_of_a_part_is_told_from_a_part_with_nothing_in_it(place: RestoredVault) -> None:
    record = place.save(tree_with_large_files())
    assert measure(place, record, "/site/absent").is_empty
    assert measure(place, record, exclude=("*",)).files == 0
    assert not measure(place, record, "/site/d1/empty").is_empty


def test_it_looks_for_no_content(place: RestoredVault, monkeypatch: pytest.MonkeyPatch) -> None:
    record = place.save(tree_with_large_files())
    asked: list[bytes] = []
    find = SnapshotReader.find_place

    def find_and_count(reader: SnapshotReader, chunk_id: bytes) -> int:
        asked.append(chunk_id)
        return find(reader, chunk_id)

    monkeypatch.setattr(SnapshotReader, "find_place", find_and_count)

    assert measure(place, record, "/site/d1").files > 0
    assert asked == []
    place.restore(record, dry_run=True, include=["/site/d1"])
    assert len(asked) > 8


@pytest.mark.parametrize("room", [0, 3, 30, 50_000])
def test_what_is_read_again_after_measuring_is_whole_however_little_is_kept(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(reading, "_KEPT_ENTRIES", room)
    record = place.save(tree_with_large_files())
    with SnapshotReader(place.vault(), record) as reader:
        (component,) = reader.components
        before = [(each.path, each.entry) for each in walk(reader, root_of(component))]
        PartMeasure(reader, "site", Selection())
        again = [(each.path, each.entry) for each in walk(reader, root_of(component))]
        PartMeasure(reader, "site", Selection())

    assert again == before
    assert len(before) > 30
