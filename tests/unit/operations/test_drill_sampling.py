"""A part of a component for a drill of every day: chosen by chance along ways down, each directory read once."""

import gc
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.operations.restored import RestoredVault

from rebond.operations.browsing import Located, children, root_of, walk
from rebond.operations.drills import sampling
from rebond.operations.drills.sampling import DESCENTS, choose_sample
from rebond.testing.memory_tree import MemoryTree
from rebond.vault.reading import SnapshotReader


@pytest.fixture
def place(tmp_path: Path) -> RestoredVault:
    return RestoredVault(tmp_path)


def chosen(reader: SnapshotReader, seed: int) -> tuple[set[str], int]:
    selection, size_bytes = choose_sample(reader, reader.components[0], random.Random(seed))
    paths = {item.path.decode() for item in walk(reader, root_of(reader.components[0])) if not item.directory}
    return {path for path in paths if selection.includes_path(b"site", path.encode(), is_directory=False)}, size_bytes


def test_of_a_small_component_all_is_chosen(place: RestoredVault) -> None:
    tree = MemoryTree()
    for path in ("a", "b/c", "b/d/e"):
        tree.write(path, path.encode())
    with SnapshotReader(place.vault(), place.save(tree)) as reader:
        assert chosen(reader, 1) == ({"a", "b/c", "b/d/e"}, 9)


def test_of_a_large_directory_a_part_is_drawn_in_one_pass_and_little_memory(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = MemoryTree()
    for number in range(3000):
        tree.write(f"many/{number:06d}", b"1")
    passes: Counter[bytes] = Counter()
    held: list[int] = []

    def count(reader: SnapshotReader, parent: Located) -> Iterator[Located]:
        passes[parent.path] += 1
        yield from children(reader, parent)
        gc.collect()
        held.append(sum(type(each) is Located for each in gc.get_objects()))

    monkeypatch.setattr(sampling, "children", count)
    with SnapshotReader(place.vault(), place.save(tree)) as reader:
        draws = [chosen(reader, seed)[0] for seed in range(2)]

    assert set(passes.values()) == {2}  # once for each draw
    assert max(held) < 100
    assert all(len(each) == DESCENTS * 8 for each in draws)
    assert len(set.union(*draws)) > 300  # another part each time


def test_every_subdirectory_has_the_same_chance(place: RestoredVault) -> None:
    tree = MemoryTree()
    for number in range(100):
        tree.write(f"{number:02d}/file", b"1")
    with SnapshotReader(place.vault(), place.save(tree)) as reader:
        counts = Counter(path for seed in range(100) for path in chosen(reader, seed)[0])

    assert len(counts) == 100
    assert all(8 < each < 36 for each in counts.values())  # 21 are expected
