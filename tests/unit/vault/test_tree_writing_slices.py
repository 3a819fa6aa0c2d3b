"""However a tree changed since the last run, a run with a cache comes to the same tree as one without."""

import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.vault.written_trees import Host, Killed, Written

from rebond.entries import Listing
from rebond.testing.memory_tree import MemoryTree
from rebond.vault import tree_writing

NAMES = st.sampled_from([f"{d}{n}" for d in ("", "a/", "a.b/", "a/x/") for n in "abcdefghijklmnopq"])
EDITS = st.lists(st.tuples(st.sampled_from(["write", "remove", "touch"]), NAMES), max_size=8)


class CutTree(MemoryTree):
    """A tree whose walk kills the process after some directories."""

    cut_after = 0

    def listings(self) -> Iterator[Listing]:
        for number, listing in enumerate(super().listings()):
            if number >= self.cut_after:
                raise Killed
            yield listing


def edit(tree: MemoryTree, edits: list[tuple[str, str]], seed: int) -> None:
    for number, (verb, path) in enumerate(edits):
        if verb == "remove":
            tree.files.pop(path, None)
        elif verb == "touch" and path in tree.files:
            tree.versions[path] += 1
        elif path not in {p.split("/")[0] for p in tree.files} and verb == "write":
            tree.write(path, b"%d.%d" % (seed, number) * (number % 3))
    clear_collisions(tree)


def clear_collisions(tree: MemoryTree) -> None:
    """No name is a file and a directory at once."""
    for path in list(tree.files):
        if any(other.startswith(path + "/") for other in tree.files):
            del tree.files[path]


def check_same_as_fresh(host: Host, tree: MemoryTree, fresh_at: Path) -> None:
    warm = host.run(tree)
    cold_host = Host(fresh_at)
    cold = cold_host.run(tree)
    cold_host.cache.close()
    assert warm.tree == cold.tree
    assert (warm.totals.files, warm.totals.bytes, warm.totals.directories) == (
        cold.totals.files,
        cold.totals.bytes,
        cold.totals.directories,
    )
    assert host.files(warm) == tree.files


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_writing, "SLICE_ENTRIES", 4)
    monkeypatch.setattr(tree_writing, "_REMEMBERED_AFTER", 9)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(start=st.sets(NAMES, min_size=1), rounds=st.lists(EDITS, min_size=1, max_size=4))
def test_after_any_edits_the_tree_is_the_one_of_a_run_without_a_cache(
    start: set[str], rounds: list[list[tuple[str, str]]]
) -> None:
    with TemporaryDirectory() as scratch:
        tree = MemoryTree()
        for path in start:
            tree.write(path, path.encode() * 5)
        clear_collisions(tree)
        host = Host(Path(scratch) / "host")
        host.run(tree)
        for number, edits in enumerate(rounds):
            edit(tree, edits, number)
            check_same_as_fresh(host, tree, Path(scratch) / f"fresh-{number}")
        host.cache.close()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    start=st.sets(NAMES, min_size=1),
    rounds=st.lists(st.tuples(EDITS, st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
)
def test_runs_that_were_killed_never_mix_what_they_left_into_a_wrong_tree(
    start: set[str], rounds: list[tuple[list[tuple[str, str]], int, int]], seed: int
) -> None:
    rng = random.Random(seed)
    with TemporaryDirectory() as scratch:
        tree = CutTree()
        tree.cut_after = 1000
        for path in start:
            tree.write(path, path.encode() * 5)
        clear_collisions(tree)
        host = Host(Path(scratch) / "host")
        host.run(tree)
        for number, (edits, cut_after, lost) in enumerate(rounds):
            edit(tree, edits, number)
            tree.cut_after = cut_after
            before = set(host.kept.chunks)
            try:
                host.run(tree)
            except Killed:
                for name in (
                    rng.sample(sorted(set(host.kept.chunks) - before), k=0 if lost < 5 else 1)
                    if set(host.kept.chunks) - before
                    else []
                ):
                    host.forbid(name)
            for partial in host.partials:
                if lost % 3 == 2:
                    content = partial.read_bytes()
                    partial.write_bytes(content[: rng.randrange(len(content) + 1)])
            tree.cut_after = 1000
            if lost % 2:
                check_same_as_fresh(host, tree, Path(scratch) / f"fresh-{number}")
        check_same_as_fresh(host, tree, Path(scratch) / "fresh")
        host.cache.close()


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(start=st.sets(NAMES, min_size=3), edits=EDITS, damage=st.integers(0, 10**6), flip=st.booleans())
def test_a_damaged_cache_costs_reading_and_never_truth(
    start: set[str], edits: list[tuple[str, str]], damage: int, flip: bool
) -> None:
    with TemporaryDirectory() as scratch:
        tree = MemoryTree()
        for path in start:
            tree.write(path, path.encode() * 5)
        clear_collisions(tree)
        host = Host(Path(scratch) / "host")
        host.run(tree)
        content = bytearray(host.committed.read_bytes())
        position = damage % len(content)
        if flip:
            content[position] ^= 1 << damage % 8
            host.committed.write_bytes(content)
        else:
            host.committed.write_bytes(content[:position])
        edit(tree, edits, 7)
        check_same_as_fresh(host, tree, Path(scratch) / "fresh")
        host.cache.close()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(start=st.sets(NAMES, min_size=3), edits=EDITS, which=st.integers(0, 10**6))
def test_entries_whose_segments_are_gone_are_stored_again(
    start: set[str], edits: list[tuple[str, str]], which: int
) -> None:
    with TemporaryDirectory() as scratch:
        tree = MemoryTree()
        for path in start:
            tree.write(path, path.encode() * 5)
        clear_collisions(tree)
        host = Host(Path(scratch) / "host")
        first = host.run(tree)
        edit(tree, edits, 3)
        second = host.run(tree)
        gone = sorted(set(first.uses) | set(second.uses))
        host.forbid(gone[which % len(gone)])
        check_same_as_fresh(host, tree, Path(scratch) / "fresh")
        host.cache.close()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(start=st.sets(NAMES, min_size=1), rounds=st.lists(EDITS, min_size=1, max_size=3))
def test_whatever_was_edited_an_unchanged_tree_is_then_taken_over_slice_by_slice(
    start: set[str], rounds: list[list[tuple[str, str]]]
) -> None:
    with TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        tree = MemoryTree()
        for path in start:
            tree.write(path, path.encode() * 5)
        clear_collisions(tree)
        host = Host(Path(scratch) / "host")
        host.run(tree)
        for number, edits in enumerate(rounds):
            edit(tree, edits, number)
            host.run(tree)
        saved, unchanged = count_saved_slices(host, tree, patch)
        assert saved == 0
        assert unchanged.added_bytes == 0
        host.cache.close()


def count_saved_slices(host: Host, tree: MemoryTree, patch: pytest.MonkeyPatch) -> tuple[int, Written]:
    """Run over a tree that did not change: how many slices with names were not simply taken over."""
    tree.reads.clear()
    saved: list[tuple[object, ...]] = []
    save_slice = tree_writing.TreeWriter._save_slice

    def note(self: tree_writing.TreeWriter, listing: Listing, *rest: object) -> None:
        saved.append((listing, *rest))
        save_slice(self, listing, *rest)  # type: ignore[arg-type]

    patch.setattr(tree_writing.TreeWriter, "_save_slice", note)
    unchanged = host.run(tree)
    assert tree.reads == []
    return len([parts for parts in saved if len(parts[0].names)]), unchanged  # type: ignore[attr-defined]


def test_when_the_first_slice_empties_and_the_next_changes_the_one_after_is_still_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = MemoryTree()
    for name in "abcdefghijkl":
        tree.write(f"d/{name}", name.encode())
    host = Host(tmp_path)
    host.run(tree)
    for name in "abcd":
        tree.remove(f"d/{name}")
    tree.write("d/e", b"changed")
    host.run(tree)
    host.run(tree)

    saved, unchanged = count_saved_slices(host, tree, monkeypatch)

    assert saved == 0
    assert host.files(unchanged) == tree.files
