"""Finding what fits in many snapshots, in little memory."""

import fnmatch
import tracemalloc
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.operations.restored import RestoredVault

from rebond.operations import finding
from rebond.operations.browsing import list_entries
from rebond.operations.finding import find_versions
from rebond.operations.sorted_rows import SortedRows
from rebond.testing.memory_tree import MemoryTree
from rebond.vault.reading import SnapshotReader

PATHS = st.sampled_from([f"{d}{n}" for d in ("", "a/", "a-b/", "a/x/", "a/x/y/") for n in ("b", "c", "c.b")])
STATES = st.lists(st.dictionaries(PATHS, st.sampled_from((b"1", b"2"))), min_size=1, max_size=4)


@pytest.fixture
def place(tmp_path: Path) -> RestoredVault:
    return RestoredVault(tmp_path)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(states=STATES, pattern=st.sampled_from(("*", "*b", "site/a/*", "a*")))
def test_what_is_found_is_what_each_snapshot_lists(
    tmp_path_factory: pytest.TempPathFactory, states: list[dict[str, bytes]], pattern: str
) -> None:
    place = RestoredVault(tmp_path_factory.mktemp("find"))
    records = [place.save(MemoryTree(files, {path: content[0] for path, content in files.items()})) for files in states]
    expected = set()
    for record in records:
        with SnapshotReader(place.vault(), record) as reader:
            for each in list_entries(reader, recursive=True):
                shown, is_root = each.shown.decode(), not each.path
                if not is_root and fnmatch.fnmatchcase(shown if "/" in pattern else shown.rsplit("/")[-1], pattern):
                    expected.add((each.shown, record.snapshot, each.entry.size if each.entry else None))

    found = list(find_versions(place.vault(), records, pattern))

    told = [(each.path, record.snapshot, each.entry.size) for each in found for record in each.snapshots]
    assert len(told) == len(set(told))
    assert set(told) == expected
    order = [(each.path, [records.index(record) for record in each.snapshots]) for each in found]
    assert order == sorted(order, key=lambda each: (each[0], each[1][0]))
    assert all(positions == sorted(positions) for _, positions in order)


def test_what_is_found_is_not_held_in_memory(place: RestoredVault, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = MemoryTree()
    for number in range(4000):
        tree.write(f"d{number // 200}/{number:06d}", b"%d" % number)
    record = place.save(tree)
    monkeypatch.setattr(finding, "SortedRows", partial(SortedRows, 100_000))
    assert sum(1 for _ in find_versions(place.vault(), [record], "nothing")) == 0  # what comes once has come
    vault = place.vault()

    tracemalloc.start()
    try:
        count = sum(1 for _ in find_versions(vault, [record], "0*"))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert count == 4000
    assert peak_bytes < 2_500_000  # as objects they were 4 MB
