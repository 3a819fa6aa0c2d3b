"""What a part of a snapshot comes to before it is brought back: what a dry run says, for the price of its tree."""

import random
from pathlib import Path

import pytest
from tests.unit.operations.restored import RestoredVault, a_tree

from rebond.testing.memory_tree import MemoryTree
from rebond.vault.reading import SnapshotReader


@pytest.fixture
def place(tmp_path: Path) -> RestoredVault:
    return RestoredVault(tmp_path)


def tree_with_large_files() -> MemoryTree:
    tree = a_tree()
    for number in range(5):
        tree.write(f"d{number}/large", random.Random(number).randbytes(700_000))
    tree.write("d1/empty", b"")
    return tree


@pytest.mark.parametrize("choice", [{"include": ["/site/d1"]}, {"exclude": ["large"]}, {"include": ["00*", "/d2"]}, {}])
def test_it_counts_what_a_dry_run_counts(place: RestoredVault, choice: dict[str, list[str]]) -> None:
    record = place.save(tree_with_large_files())

    measured = place.restore(record, dry_run=True, only_measures=True, **choice)  # type: ignore[arg-type]
    planned = place.restore(record, dry_run=True, **choice)  # type: ignore[arg-type]

    assert measured.files > 0
    assert (measured.files, measured.bytes) == (planned.files, planned.bytes)
    assert measured.directories == planned.directories
    assert not (place.scratch / "target").exists()


def test_it_looks_for_no_content(place: RestoredVault, monkeypatch: pytest.MonkeyPatch) -> None:
    record = place.save(tree_with_large_files())
    asked: list[bytes] = []
    find = SnapshotReader.find_place

    def find_and_count(reader: SnapshotReader, chunk_id: bytes) -> int:
        asked.append(chunk_id)
        return find(reader, chunk_id)

    monkeypatch.setattr(SnapshotReader, "find_place", find_and_count)

    place.restore(record, dry_run=True, only_measures=True, include=["/site/d1"])
    assert asked == []
    place.restore(record, dry_run=True, include=["/site/d1"])
    assert len(asked) > 8
