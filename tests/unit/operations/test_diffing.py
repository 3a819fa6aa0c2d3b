"""What changed between two snapshots, and since a snapshot."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Never

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.operations.restored import RestoredVault, a_tree
from tests.unit.vault.written_trees import Thing, ThingTree

from rebond.entries import Entry, EntryKind
from rebond.errors import SourceUnfit
from rebond.operations import diffing
from rebond.operations.backup import BackupRequest, ComponentToSave, back_up
from rebond.operations.browsing import Located, children
from rebond.operations.diffing import Change, diff_live, diff_snapshots, list_not_compared
from rebond.sources.files.excluding import Rules
from rebond.sources.files.scanning import FileTree
from rebond.testing.memory_tree import MemoryListing, MemoryTree
from rebond.testing.vaults import Notebook
from rebond.vault.frames import LEVELS
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord


@pytest.fixture
def place(tmp_path: Path) -> RestoredVault:
    return RestoredVault(tmp_path)


def changes(place: RestoredVault, before: SnapshotRecord, after: SnapshotRecord) -> list[str]:
    with SnapshotReader(place.vault(), before) as old, SnapshotReader(place.vault(host="b"), after) as new:
        return [f"{each.change.value} {os.fsdecode(each.path)}" for each in diff_snapshots(old, new)]


def test_what_a_snapshot_was_made_without_is_not_compared(place: RestoredVault) -> None:
    def one(content: bytes) -> ThingTree:
        return ThingTree((b"", [(b"a", Thing(content, stamp=content))]))

    def fail(_: object) -> Never:
        raise SourceUnfit("It is not there.")

    whole = place.save_all({"db": one(b"1"), "site": one(b"1")}).record
    by_wish = place.save_all({"site": one(b"2")}, lacks=("db",)).record
    failed = ComponentToSave(name="db", root=b"/db", open_tree=fail)
    request = BackupRequest(
        components=(failed, ComponentToSave(name="site", root=b"/site", open_tree=lambda _: one(b"2"))),
        stack="test",
        host="here",
        level=LEVELS["fast"],
        allows_partial=True,
    )
    partial = back_up(place.vault(), request, Notebook()).record
    gone = place.save_all({"site": one(b"2")}).record

    for part in (by_wish, partial):
        assert changes(place, whole, part) == ["M site/a"]
        assert changes(place, part, whole) == ["M site/a"]
        with SnapshotReader(place.vault(), whole) as old, SnapshotReader(place.vault(), part) as new:
            assert [(name, each.snapshot) for name, each in list_not_compared(old, new)] == [("db", part.snapshot)]
    assert [each for each in changes(place, whole, gone) if "site" not in each] == ["- db", "- db/a"]


def test_each_kind_of_change_has_its_letter(place: RestoredVault) -> None:
    before = place.save(
        ThingTree(
            (b"", [(b"gone", Thing(b"1")), (b"kind", Thing(b"2")), (b"same", Thing(b"3")), (b"text", Thing(b"4"))]),
            (b"left", [(b"a", Thing(b"a"))]),
        )
    )
    after = place.save(
        ThingTree(
            (
                b"",
                [
                    (b"kind", Thing(kind=EntryKind.SYMLINK, stamp=b"2")),
                    (b"new", Thing(b"55")),
                    (b"same", Thing(b"3")),
                    (b"text", Thing(b"5", stamp=b"2")),
                ],
            ),
            (b"right", [(b"a", Thing(b"a"))]),
        )
    )

    assert changes(place, before, after) == [
        "- site/gone",
        "- site/kind",
        "+ site/kind",
        "- site/left",
        "- site/left/a",
        "+ site/new",
        "+ site/right",
        "+ site/right/a",
        "M site/text",
    ]
    assert changes(place, before, before) == []


def test_a_directory_that_became_a_file_is_told_on_both_sides(place: RestoredVault) -> None:
    before = place.save(ThingTree((b"", []), (b"x", [(b"y", Thing(b"y"))])))
    after = place.save(ThingTree((b"", [(b"x", Thing(b"x"))])))

    assert changes(place, before, after) == ["- site/x", "- site/x/y", "+ site/x"]
    assert changes(place, after, before) == ["- site/x", "+ site/x", "+ site/x/y"]


def test_a_component_that_came_or_went_or_was_not_saved(place: RestoredVault) -> None:
    one = place.save_all({"one": ThingTree((b"", [(b"a", Thing(b"a"))]))}).record
    both = place.save_all({"one": ThingTree((b"", [(b"a", Thing(b"a"))])), "two": ThingTree((b"", []))}).record
    partial = place.save_all(
        {"one": ThingTree((b"", [(b"a", Thing(b"a"))])), "two": ThingTree()}, allows_partial=True
    ).record

    assert changes(place, one, both) == ["+ two"]
    assert changes(place, both, one) == ["- two"]
    assert changes(place, partial, both) == []  # it was there, and could not be saved: nobody knows what changed
    assert changes(place, one, partial) == []


PATHS = st.sampled_from([f"{d}{n}" for d in ("", "a/", "a.b/", "a/x/") for n in "bcd"])


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=st.dictionaries(PATHS, st.binary(max_size=2)), after=st.dictionaries(PATHS, st.binary(max_size=2)))
def test_the_files_that_differ_are_exactly_those_named(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    place = RestoredVault(tmp_path_factory.mktemp("diff"))
    runs = enumerate((before, after), 1)
    records = [place.save(MemoryTree(files, dict.fromkeys(files, number))) for number, files in runs]

    found = changes(place, *records)

    expected = {f"- site/{path}" for path in before.keys() - after.keys()}
    expected |= {f"+ site/{path}" for path in after.keys() - before.keys()}
    both = before.keys() & after.keys()
    expected |= {f"{'U' if before[path] == after[path] else 'M'} site/{path}" for path in both}
    directories = {"site", "site/a", "site/a.b", "site/a/x"}
    assert {line for line in found if line[2:] not in directories} == expected
    assert len(found) == len(set(found))


def live(place: RestoredVault, record: SnapshotRecord, root: Path) -> list[str]:
    path = os.fsencode(root)
    tree = FileTree(path, Rules(), one_file_system=False, report=place.findings.append, allow_empty=True)
    with SnapshotReader(place.vault(), record) as reader:
        found = diff_live(reader, reader.components[0], tree)
        return [f"{each.change.value} {os.fsdecode(each.path)}" for each in found]


def test_what_changed_since_is_found_without_reading_contents(place: RestoredVault) -> None:
    root = place.scratch / "root"
    for path in ("keep/a", "edit/a", "mode/a", "gone/a/b", "kind", "turned/a"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    record = place.save_files(root)
    assert live(place, record, root) == []

    (root / "edit/a").write_text("longer than before")
    (root / "mode/a").chmod(0o600)
    shutil.rmtree(root / "gone")
    (root / "kind").unlink()
    (root / "kind").symlink_to("keep")
    shutil.rmtree(root / "turned")
    (root / "turned").write_text("a file now")
    (root / "new/sub").mkdir(parents=True)
    (root / "new/sub/x").write_text("x")

    assert sorted(live(place, record, root)) == sorted(
        [
            "M site/edit/a",
            "U site/mode/a",
            "- site/gone",
            "- site/gone/a",
            "- site/gone/a/b",
            "T site/kind",
            "- site/turned",
            "- site/turned/a",
            "+ site/turned",
            "+ site/new",
            "+ site/new/sub",
            "+ site/new/sub/x",
        ]
    )


def test_a_file_that_became_a_directory_since(place: RestoredVault) -> None:
    root = place.scratch / "root"
    root.mkdir()
    (root / "x").write_text("x")
    record = place.save_files(root)
    (root / "x").unlink()
    (root / "x").mkdir()
    (root / "x/y").write_text("y")

    assert sorted(live(place, record, root)) == ["+ site/x", "+ site/x/y", "- site/x"]


def test_names_that_are_not_text_are_compared_by_their_bytes(place: RestoredVault) -> None:
    root = place.scratch / "root"
    root.mkdir()
    path = os.fsencode(root) + b"/\xff\xfe\n"
    with open(path, "wb") as file:
        file.write(b"1")
    record = place.save_files(root)
    with open(path, "wb") as file:
        file.write(b"longer")

    assert live(place, record, root) == ["M site/" + os.fsdecode(b"\xff\xfe\n")]


def test_large_directories_are_walked_side_by_side(place: RestoredVault) -> None:
    tree = a_tree(3000, 0)
    before = place.save(tree)
    tree.write("d0/zzz", b"z")
    tree.remove("d4/004")

    found = changes(place, before, place.save(tree))

    assert [line for line in found if not line.endswith(("d0", "d4", "site"))] == ["+ site/d0/zzz", "- site/d4/004"]


def test_a_large_directory_is_compared_in_little_memory(place: RestoredVault, monkeypatch: pytest.MonkeyPatch) -> None:
    before = MemoryTree()
    for number in range(3000):
        before.write(f"{number:06d}", b"")
    record = place.save(before)
    after = MemoryTree(dict.fromkeys(sorted(before.files)[1::2], b""), dict.fromkeys(before.files, 1))
    taken, ahead = 0, 0

    def count_taken(reader: SnapshotReader, parent: Located) -> Iterator[Located]:
        nonlocal taken
        for item in children(reader, parent):
            taken += 1
            yield item

    class Counting(MemoryListing):
        def describe(self, position: int) -> Entry | None:
            nonlocal ahead
            ahead = max(ahead, taken - 2 * position)  # of each two names that were stored one is left
            return super().describe(position)

    monkeypatch.setattr(diffing, "children", count_taken)
    monkeypatch.setattr("rebond.testing.memory_tree.MemoryListing", Counting)
    with SnapshotReader(place.vault(), record) as reader:
        found = diff_live(reader, reader.components[0], after)
        first = next(found)
        gc.collect()  # what other tests left behind is not held by this one
        held = sum(type(each) is Located for each in gc.get_objects())
        rest = list(found)

    assert ahead <= 3  # it is read as far as the live directory was
    assert held < 10  # nor are those kept that are told at its end
    assert [each.path for each in (first, *rest)] == [b"site/%06d" % number for number in range(0, 3000, 2)]
    assert {each.change for each in (first, *rest)} == {Change.REMOVED}
