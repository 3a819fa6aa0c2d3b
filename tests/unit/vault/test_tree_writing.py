"""What becomes of each thing of a tree: its content once, whole, and never somebody else's."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.unit.vault.written_trees import IDENTITY, Host, Thing, ThingTree, Written

from rebond.entries import EntryKind
from rebond.errors import SourceUnfit
from rebond.testing.memory_tree import MemoryListing, MemoryTree
from rebond.vault import tree_writing
from rebond.vault.chunking import LEAST, MOST
from rebond.vault.file_cache import read_records
from rebond.vault.file_contents import WHOLE_READ_LIMIT
from rebond.vault.trees import LIST_THRESHOLD, PAGE_THRESHOLD, StoreObject, store_chunk_rows, store_directory

RANDOM = random.Random(5).randbytes(MOST * 2)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.cache.close()


def codes(written: Written) -> list[str]:
    return [finding.code for finding in written.notebook.findings]


@pytest.mark.parametrize("size", [0, 1, LEAST - 1, LEAST, LEAST + 1, WHOLE_READ_LIMIT - 1, WHOLE_READ_LIMIT])
def test_a_small_file_is_cut_as_the_same_bytes_in_a_stream_are(host: Host, size: int) -> None:
    content = RANDOM[:size]
    tree = ThingTree((b"", [(b"quick", Thing(content)), (b"slow", Thing(content, changes=True, step=70_001))]))

    written = host.run(tree)

    entries = host.entries(written)
    assert entries[b"quick"].chunks == entries[b"slow"].chunks
    assert host.content(written, entries[b"slow"]) == content
    assert entries[b"slow"].size == size


@pytest.mark.parametrize("size", [WHOLE_READ_LIMIT + 1, MOST - 1, MOST, MOST + 1])
def test_a_large_file_comes_back_whole(host: Host, size: int) -> None:
    written = host.run(ThingTree((b"", [(b"file", Thing(RANDOM[:size], step=99_991))])))

    assert host.files(written) == {"file": RANDOM[:size]}


def test_a_file_of_more_chunks_than_an_entry_may_hold_gets_lists(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rebond.vault.trees.LIST_THRESHOLD", 4)
    monkeypatch.setattr("rebond.vault.trees.PAGE_LEAST", 2)
    monkeypatch.setattr("rebond.vault.trees.PAGE_MOST", 3)
    content = RANDOM[: 3 << 20]
    thing = Thing(content)

    written = host.run(ThingTree((b"", [(b"file", thing)])))

    entry = host.entries(written)[b"file"]
    assert entry.chunks == b""
    assert entry.chunk_list is not None
    assert entry.chunk_list[1] > 1
    assert host.content(written, entry) == content
    again = host.run(ThingTree((b"", [(b"file", thing)])))
    assert thing.reads == 1
    assert set(again.uses) <= set(written.uses) | {(again.session, 0)}
    assert host.content(again, entry) == content
    assert LIST_THRESHOLD > 4


def test_a_cached_file_keeps_the_segments_of_its_lists_too(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rebond.vault.trees.LIST_THRESHOLD", 4)
    thing = Thing(RANDOM[: 3 << 20])
    first = host.run(ThingTree((b"", [(b"file", thing)])))
    lists = [
        name
        for name, chunks in host.kept.chunks.items()
        if host.entries(first)[b"file"].chunk_list[0] in chunks  # type: ignore[index]
    ]

    host.forbid(lists[0])
    second = host.run(ThingTree((b"", [(b"file", thing)])))

    assert host.files(second) == {"file": thing.content}


def test_a_directory_of_many_entries_is_paged_and_costs_one_page_when_one_file_is_added(host: Host) -> None:
    tree = MemoryTree()
    for number in range(PAGE_THRESHOLD * 4):
        tree.write(f"d/{number:05d}", b"")
    host.run(tree)
    tree.write("d/00500x", b"")

    second = host.run(tree)

    assert sorted(host.files(second)) == sorted(tree.files)
    changed = sum(len(c) for name in host.segments_of(second.session) for c in host.kept.chunks[name].values())
    assert changed < 200_000  # of about 800,000


def test_no_tree_object_is_larger_than_a_chunk_may_be(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory of very large files, or of files with very many holes, is cut by bytes too."""
    monkeypatch.setattr("rebond.vault.trees.PAGE_BYTES", 20_000)
    holes = tuple((offset * 10, 5) for offset in range(100))
    things = [(b"%03d" % number, Thing(bytes(500), size=1000, holes=holes)) for number in range(100)]

    written = host.run(ThingTree((b"", things)))

    assert sorted(host.entries(written)) == [name for name, _ in things]
    sizes = [len(content) for chunks in host.kept.chunks.values() for content in chunks.values()]
    assert max(sizes) < 21_000


def test_an_entry_of_a_large_file_is_small() -> None:
    rows = [bytes(36)] * (LIST_THRESHOLD + 1)

    chunks, chunk_list = store_chunk_rows(rows, lambda content: bytes(32))

    assert chunks == b""
    assert chunk_list == (bytes(32), 1)
    assert LIST_THRESHOLD * 36 < 4096


def test_names_and_directories_are_sorted_by_their_bytes_together(host: Host) -> None:
    tree = MemoryTree()
    for path in ("a/x", "a.b/x", "a!", "a0", "é/x", "Z", "a b"):
        tree.write(path, path.encode())

    written = host.run(tree)

    assert host.files(written) == tree.files


def test_a_second_name_of_a_file_is_not_read_again_however_large_it_is(host: Host) -> None:
    for size in (1000, WHOLE_READ_LIMIT + 1):
        first = Thing(RANDOM[:size], link=(1, size))
        second = Thing(RANDOM[:size], link=(1, size))

        written = host.run(ThingTree((b"", [(b"first%d" % size, first), (b"second%d" % size, second)])))

        assert (first.reads, second.reads) == (1, 0)
        entries = host.entries(written)
        assert {host.content(written, entry) for entry in entries.values()} == {RANDOM[:size]}
        assert len({entry.hard_link for entry in entries.values()}) == 1


def test_a_second_name_is_read_when_somebody_wrote_to_the_file_in_between(host: Host) -> None:
    first = Thing(b"before", link=(1, 2), stamp=b"1")
    second = Thing(b"after!", link=(1, 2), stamp=b"2")

    written = host.run(ThingTree((b"", [(b"first", first)]), (b"sub", [(b"second", second)])))

    assert host.files(written) == {"first": b"before", "sub/second": b"after!"}


def test_a_second_name_without_a_stamp_is_read_for_itself(host: Host) -> None:
    first = Thing(b"before", link=(1, 2), stamp=b"")
    second = Thing(b"after!", link=(1, 2), stamp=b"")

    written = host.run(ThingTree((b"", [(b"first", first), (b"second", second)])))

    assert host.files(written) == {"first": b"before", "second": b"after!"}


def test_a_file_that_only_claims_to_be_empty_is_read_to_its_end(host: Host) -> None:
    written = host.run(ThingTree((b"", [(b"cpuinfo", Thing(b"processor 0", size=0)), (b"empty", Thing())])))

    assert host.files(written) == {"cpuinfo": b"processor 0", "empty": b""}
    assert host.entries(written)[b"cpuinfo"].size == 11
    assert host.entries(written)[b"empty"].chunks == b""


def test_holes_are_not_stored_and_what_lies_between_them_is(host: Host) -> None:
    data = b"\0" * 5000 + b"A" * 300 + b"\0" * 700 + b"B" * 100 + b"\0" * 900
    thing = Thing(data, holes=((0, 5000), (5300, 700), (6100, 900)), step=123)

    written = host.run(ThingTree((b"", [(b"sparse", thing)])))

    entry = host.entries(written)[b"sparse"]
    assert entry.size == len(data)
    assert entry.holes == thing.holes
    assert host.content(written, entry) == b"A" * 300 + b"B" * 100


def test_a_sparse_file_that_loses_its_end_while_read_has_no_holes_beyond_it(host: Host) -> None:
    data = b"A" * 100 + b"\0" * 400 + b"B" * 50
    thing = Thing(data, size=2000, holes=((100, 400), (900, 1000)), changes=True)

    written = host.run(ThingTree((b"", [(b"sparse", thing)])))

    entry = host.entries(written)[b"sparse"]
    assert entry.size == 550
    assert entry.holes == ((100, 400),)
    assert codes(written) == ["changed-while-read"]


def test_a_file_that_changes_while_it_is_read_is_read_again_next_time(host: Host) -> None:
    thing = Thing(b"half", changes=True)
    host.run(ThingTree((b"", [(b"log", thing)])))
    thing.content, thing.changes = b"half and more", False

    second = host.run(ThingTree((b"", [(b"log", thing)])))

    assert host.files(second) == {"log": b"half and more"}


def test_a_file_that_fails_while_it_is_read_is_named_and_nothing_of_it_is_referred_to(host: Host) -> None:
    content = RANDOM[: 3 << 20]
    things = [(b"bad", Thing(content, fails_at=2 << 20)), (b"good", Thing(b"good"))]

    written = host.run(ThingTree((b"", things)))

    assert codes(written) == ["source-unreadable"]
    assert "bad" in written.notebook.findings[0].message
    assert host.files(written) == {"good": b"good"}
    assert written.totals.files == 1
    assert sum(written.uses.values()) < 1000


def test_a_thing_that_vanishes_is_left_out_and_the_rest_is_kept(host: Host) -> None:
    things = [(b"a", Thing(b"a")), (b"b", Thing(b"b", can_be_described=False)), (b"c", Thing(b"c"))]

    assert sorted(host.files(host.run(ThingTree((b"", things))))) == ["a", "c"]


def test_a_name_that_became_a_directory_is_not_stored_as_one_without_content(host: Host) -> None:
    things = [(b"a", Thing(b"a")), (b"was a link", Thing(kind=EntryKind.DIRECTORY))]

    written = host.run(ThingTree((b"", things)))

    assert list(host.entries(written)) == [b"a"]
    assert codes(written) == ["replaced"]


def test_a_name_that_a_directory_lists_twice_is_stored_once(host: Host) -> None:
    twice = [(b"a", Thing(b"a")), (b"a", Thing(b"a")), (b"b", Thing(b"b"))]

    written = host.run(ThingTree((b"", twice), (b"sub", [(b"x", Thing(b"x"))]), (b"sub", [(b"x", Thing(b"x"))])))

    assert host.files(written) == {"a": b"a", "b": b"b", "sub/x": b"x"}


def test_a_name_listed_as_a_file_and_as_a_directory_is_stored_once(host: Host) -> None:
    both = [(b"a", Thing(b"a")), (b"b", Thing(b"b"))]

    written = host.run(ThingTree((b"", both), (b"a", [(b"x", Thing(b"x"))])))

    assert host.files(written) == {"a/x": b"x", "b": b"b"}
    assert codes(written) == ["replaced"]


def test_kinds_that_change_between_runs_are_what_they_are_now(host: Host) -> None:
    host.run(ThingTree((b"", [(b"a", Thing(b"a")), (b"b", Thing(b"b"))])))
    as_directory = host.run(ThingTree((b"", [(b"b", Thing(kind=EntryKind.SYMLINK, stamp=b"2"))]), (b"a", [])))
    back = host.run(ThingTree((b"", [(b"a", Thing(b"a")), (b"b", Thing(b"b"))])))

    assert {path: entry.kind for path, entry in host.entries(as_directory).items()} == {b"a": "d", b"b": "l"}
    assert host.files(back) == {"a": b"a", "b": b"b"}


def test_a_tree_of_two_thousand_levels_is_kept(host: Host) -> None:
    path = b"/".join([b"d"] * 2000)
    levels: list[tuple[bytes, list[tuple[bytes, Thing]]]] = [(path[: 2 * depth + 1], []) for depth in range(2000)]
    tree = ThingTree((b"", []), *levels[:-1], (path, [(b"deep", Thing(b"deep"))]))

    written = host.run(tree)

    assert host.files(written) == {(path + b"/deep").decode(): b"deep"}
    assert host.run(tree).tree == written.tree


def test_a_tree_without_a_root_is_an_error(host: Host) -> None:
    with pytest.raises(SourceUnfit):
        host.run(ThingTree())


def test_what_is_to_be_left_behind_is_stored_again_and_not_referred_to(host: Host) -> None:
    things = [(b"%02d" % number, Thing(b"content %d" % number)) for number in range(50)]
    first = host.run(ThingTree((b"", things)))

    second = host.run(ThingTree((b"", things)), avoided=list(first.uses))

    assert not set(second.uses) & set(first.uses)
    assert second.tree == first.tree
    assert host.files(second) == {name.decode(): thing.content for name, thing in things}


@pytest.mark.parametrize("fault", ["can_be_described", "can_be_opened", "fails_at"])
def test_an_unchanged_file_that_cannot_be_read_now_is_kept_out_of_the_segment_to_be_left_behind(
    host: Host, fault: str
) -> None:
    good, bad = Thing(b"good"), Thing(RANDOM[: WHOLE_READ_LIMIT + 1])
    first = host.run(ThingTree((b"", [(b"bad", bad), (b"good", good)])))
    setattr(bad, fault, 0 if fault == "fails_at" else False)

    second = host.run(ThingTree((b"", [(b"bad", bad), (b"good", good)])), avoided=list(first.uses))

    assert host.files(second) == {"bad": bad.content, "good": b"good"}
    assert "kept-from-before" in codes(second)
    third = host.run(ThingTree((b"", [(b"bad", bad), (b"good", good)])))
    assert host.files(third) == {"bad": bad.content, "good": b"good"}
    assert codes(third) == []


def test_a_changed_file_that_cannot_be_read_is_not_replaced_by_what_it_was(host: Host) -> None:
    thing = Thing(b"old")
    first = host.run(ThingTree((b"", [(b"a", Thing(b"a")), (b"bad", thing)])))
    thing.stamp, thing.can_be_described = b"2", False

    second = host.run(ThingTree((b"", [(b"a", Thing(b"a")), (b"bad", thing)])), avoided=list(first.uses))

    assert host.files(second) == {"a": b"a"}


def test_an_unreadable_file_whose_segment_is_gone_is_not_referred_to(host: Host) -> None:
    thing = Thing(b"lost")
    first = host.run(ThingTree((b"", [(b"a", Thing(b"a")), (b"bad", thing)])))
    thing.can_be_described = False
    for name in first.uses:
        host.forbid(name)

    second = host.run(ThingTree((b"", [(b"a", Thing(b"a")), (b"bad", thing)])))

    assert host.files(second) == {"a": b"a"}


def test_a_large_slice_that_grew_is_remembered_in_several(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rebond.vault.tree_writing.SLICE_ENTRIES", 10)
    few = [(b"%03d" % number, Thing()) for number in (0, 999)]
    host.run(ThingTree((b"", few)))
    many = [(b"%03d" % number, Thing()) for number in range(1000)]

    host.run(ThingTree((b"", many)))

    assert max(len(record.names) for record, _ in read_records(host.committed, IDENTITY)) <= 10


def test_bytes_in_use_are_counted_for_every_file_that_shares_them(host: Host) -> None:
    written = host.run(ThingTree((b"", [(b"%d" % number, Thing(b"x" * 1000)) for number in range(5)])))

    assert written.totals.bytes == 5000
    assert max(written.uses.values()) == 5000
    assert written.added_bytes < 5000


class LeafListing(MemoryListing):
    """A listing that says so when no subdirectory follows it."""

    @property
    def is_leaf(self) -> bool:
        prefix = self.path.decode() + "/"
        return bool(self.path) and not any(each.rpartition("/")[0].startswith(prefix) for each in self._tree.files)


def test_a_large_directory_is_kept_as_its_entries_come(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered: list[int] = []

    def store(
        names: Sequence[bytes], entries: Sequence[bytes], key: bytes, keep: StoreObject, pages: Sequence[bytes]
    ) -> bytes:
        gathered.append(len(entries))
        return store_directory(names, entries, key, keep, pages)

    tree = MemoryTree()
    for number in range(8000):
        tree.write(f"large/{number:06d}", b"")
    tree.write("with/below/file", b"")
    whole = host.run(tree).tree
    monkeypatch.setattr(tree_writing, "_MOST_GATHERED", PAGE_THRESHOLD)
    monkeypatch.setattr(tree_writing, "store_directory", store)
    monkeypatch.setattr("rebond.testing.memory_tree.MemoryListing", LeafListing)

    other = Host(tmp_path / "other")
    try:
        first = other.run(tree)
        again = other.run(tree)
        tree.write("large/000500", b"changed")
        changed = other.run(tree)
        files = other.files(changed)
    finally:
        other.cache.close()

    assert first.tree == again.tree == whole
    assert len(files) == 8001
    assert files["large/000500"] == b"changed"
    assert max(gathered) <= PAGE_THRESHOLD + 64 + PAGE_THRESHOLD  # and not all 8,000


def test_a_subdirectory_is_never_lost_where_none_should_come(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = MemoryTree()
    for number in range(5000):
        tree.write(f"{number:06d}", b"")
    tree.write("below/file", b"")
    monkeypatch.setattr(tree_writing, "_MOST_GATHERED", PAGE_THRESHOLD)
    monkeypatch.setattr(MemoryListing, "is_leaf", True, raising=False)

    with pytest.raises(AssertionError):
        host.run(tree)
