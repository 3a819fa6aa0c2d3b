"""What comes back: every byte, once, under its own name or not at all."""

import errno
import os
import random
import resource
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.operations.restored import RestoredVault, a_tree, below
from tests.unit.vault.written_trees import Thing, ThingTree
from tests.unit.vault.written_vault import move_packs

from rebond import spool
from rebond.entries import Entry, Listing
from rebond.errors import RestoreError, TargetNotEmpty, TargetUnsafe, UnknownName
from rebond.findings import Severity
from rebond.operations import landing_files, restore_planning
from rebond.operations.restore import RestoreOutcome
from rebond.operations.verify import verify
from rebond.progress import Advance
from rebond.sources.files.landing import FileLanding
from rebond.sources.files.overwriting import Overwrite
from rebond.store.forwarding import ForwardingStore
from rebond.testing.memory_tree import MemoryListing, MemoryTree
from rebond.testing.vaults import Notebook
from rebond.vault import reading_plan


@pytest.fixture(params=["by this process alone", "with processes"])
def place(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RestoredVault:
    monkeypatch.setattr(restore_planning, "_PROCESSES_FROM", 0 if request.param == "with processes" else 1 << 40)
    return RestoredVault(tmp_path)


class CountingStore(ForwardingStore):
    """Counts what is read of packs, each by its place."""

    def __init__(self, inner: object) -> None:
        super().__init__(inner)  # type: ignore[arg-type]
        self.reads: list[tuple[str, int]] = []

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        if name.startswith("packs/"):
            self.reads.append((name, start))
        return self.inner.read(name, start=start, length=length)


def codes(outcome: RestoreOutcome) -> list[str]:
    return [finding.code for finding in outcome.findings]


def big_tree() -> MemoryTree:
    """Small files around large ones of many chunks, so that chunks of a file lie in many segments."""
    tree = a_tree()
    tree.write("d2/large", random.Random(1).randbytes(1_500_000))
    tree.write("d9/larger", random.Random(2).randbytes(2_500_000))
    tree.write("d9/twice", tree.files["d2/large"])
    tree.write("empty", b"")
    return tree


def test_everything_comes_back_and_each_segment_is_read_once(place: RestoredVault) -> None:
    tree = big_tree()
    record = place.save(tree)
    store = CountingStore(place.store)

    outcome = place.restore(record, store=store)

    assert place.found() == below("site", tree.files)
    assert len(set(store.reads)) > 15
    assert len(store.reads) == len(set(store.reads))
    assert outcome.findings == ()
    assert outcome.files == len(tree.files)
    assert outcome.size_bytes == sum(len(c) for c in tree.files.values())
    assert outcome.directories == 7


def test_a_plan_too_large_for_memory_gives_the_same(place: RestoredVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_plan, "_ROWS_IN_MEMORY", 7)
    monkeypatch.setattr(spool, "_BUFFER_BYTES", 100)
    monkeypatch.setattr(spool, "_WINDOW_BYTES", 300)
    monkeypatch.setattr(reading_plan, "_ROWS_TOGETHER", 2)
    monkeypatch.setattr(landing_files, "_FILES_AHEAD", 3)
    tree = big_tree()
    for number in range(30):
        tree.write(f"same/{number}", b"the same content")

    outcome = place.restore(place.save(tree))

    assert place.found() == below("site", tree.files)
    assert outcome.files == len(tree.files)
    assert outcome.findings == ()


def test_progress_counts_up_to_all_files_and_bytes(place: RestoredVault) -> None:
    tree = big_tree()
    notebook = Notebook()

    place.restore(place.save(tree), observer=notebook)

    counted = [advance.files for advance in notebook.advances]
    assert counted == sorted(counted)
    assert counted[-1] == len(tree.files) - 1, "all but the empty one, which costs nothing"
    assert notebook.advances[-1].bytes == sum(len(c) for c in tree.files.values())


class SpoilingStore(ForwardingStore):
    """Flips a bit in every copy of what ``is_spoilt`` (name, start) says."""

    def __init__(self, inner: object, spoilt: set[tuple[str, int]]) -> None:
        super().__init__(inner)  # type: ignore[arg-type]
        self.spoilt = spoilt

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        content = self.inner.read(name, start=start, length=length)
        if (name, start) in self.spoilt:
            return content[:-1] + bytes([content[-1] ^ 1])
        return content


def test_a_damaged_segment_costs_the_files_in_it_and_no_other(place: RestoredVault) -> None:
    tree = big_tree()
    record = place.save(tree)
    counting = CountingStore(place.store)
    place.restore(record, store=counting, to="first")
    lost_at_most_once = 0
    for number, spoilt in enumerate(random.Random(3).sample(sorted(set(counting.reads)), 6)):
        outcome = place.restore(record, store=SpoilingStore(place.store, {spoilt}), to=f"target{number}")

        found = place.found(f"target{number}")
        missing = set(below("site", tree.files)) - set(found)
        named = {finding.subject for finding in outcome.findings}
        assert found.items() <= below("site", tree.files).items(), "nothing half, nothing else"
        if "directory-damaged" in codes(outcome):
            continue
        assert missing == named
        assert outcome.files == len(found)
        assert outcome.is_damaged == bool(missing)
        lost_at_most_once += bool(missing)
    assert lost_at_most_once


@pytest.mark.parametrize("after_reads", [{0}, {5}, {16}, {5, 10}])
def test_packs_that_a_keeper_moves_meanwhile_are_found_where_they_are_now(
    place: RestoredVault, after_reads: set[int]
) -> None:
    tree = big_tree()
    record = place.save(tree)

    class MovingStore(CountingStore):
        def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
            if name.startswith("packs/") and len(self.reads) in after_reads:
                self.reads.append(("moved", 0))
                place.clock.advance(61)
                move_packs(place.store, place.created.credentials)
            return super().read(name, start=start, length=length)

    outcome = place.restore(record, store=MovingStore(place.store))

    assert place.found() == below("site", tree.files)
    assert outcome.findings == ()


def test_one_file_out_of_many_costs_few_reads(place: RestoredVault) -> None:
    tree = a_tree(files=400, size=2000)
    record = place.save(tree)
    place.restore(record, to="warm")
    store = CountingStore(place.store)

    place.restore(record, store=store, include=["/site/d3/123"])

    assert place.found() == {"site/d3/123": tree.files["d3/123"]}
    assert len(store.reads) <= 4


@pytest.mark.parametrize(
    ("include", "exclude", "wanted"),
    [
        (["d1"], [], "site/d1/"),
        (["/d1/"], [], "site/d1/"),
        (["site/d1"], [], "site/d1/"),
        (["/site/d1/*"], [], "site/d1/"),
        (["*1"], ["/d2"], None),
        ([], ["d1", "d2", "d3", "d4"], "site/d0/"),
        (["site"], [], "site/"),
    ],
)
def test_what_is_included_and_not_excluded_comes_back(
    place: RestoredVault, include: list[str], exclude: list[str], wanted: str | None
) -> None:
    tree = a_tree()
    everything = below("site", tree.files)

    place.restore(place.save(tree), include=include, exclude=exclude)

    if wanted is None:
        expected = {p for p in everything if (p.endswith("1") or "/d1/" in p) and "/d2/" not in p}
    else:
        expected = {p for p in everything if p.startswith(wanted)}
    assert set(place.found()) == expected


def test_names_with_signs_of_patterns_can_be_included(place: RestoredVault) -> None:
    tree = MemoryTree()
    for path in ("a*b/x", "a!b/x", "[c]/x", "d\\e/x", "plain/x"):
        tree.write(path, path.encode())
    record = place.save(tree)

    for number, (pattern, paths) in enumerate(
        {
            "/a\\*b/x": {"site/a*b/x"},
            "/a[^x]b/x": {"site/a*b/x", "site/a!b/x"},
            "/\\[c\\]/x": {"site/[c]/x"},
            "/d\\\\e/x": {"site/d\\e/x"},
            "/?lain/x": {"site/plain/x"},
            "/s*te/[[:alpha:]]lain": {"site/plain/x"},
        }.items()
    ):
        place.restore(record, include=[pattern], to=f"target{number}")
        assert set(place.found(f"target{number}")) == paths, pattern


def test_nothing_that_fits_is_an_error_and_leaves_no_directory(place: RestoredVault) -> None:
    record = place.save(a_tree())

    with pytest.raises(UnknownName):
        place.restore(record, include=["no such thing"])

    assert not (place.scratch / "target").exists()


def test_components_are_restored_side_by_side_and_can_be_chosen(place: RestoredVault) -> None:
    one, two = a_tree(5, seed=1), a_tree(5, seed=2)
    record = place.save_all({"one": one, "two": two}).record

    place.restore(record)
    place.restore(record, components=("two",), to="chosen")
    with pytest.raises(UnknownName):
        place.restore(record, components=("three",), to="none")

    assert place.found() == below("one", one.files) | below("two", two.files)
    assert place.found("chosen") == below("two", two.files)
    assert not (place.scratch / "none").exists()


def test_strip_takes_levels_away(place: RestoredVault) -> None:
    tree = MemoryTree({"top": b"t", "a/b/c": b"c", "a/d": b"d"}, {"top": 1, "a/b/c": 1, "a/d": 1})
    record = place.save(tree)

    for strip, expected in (
        (1, tree.files),
        (2, {"b/c": b"c", "d": b"d"}),
        (3, {"c": b"c"}),
    ):
        outcome = place.restore(record, strip=strip, to=f"target{strip}")
        assert place.found(f"target{strip}") == expected
        assert outcome.files == len(expected)
        assert outcome.findings == ()


def test_an_empty_folder_comes_back_as_its_target_too(place: RestoredVault) -> None:
    record = place.save_all({"one": MemoryTree(), "two": MemoryTree({"a": b"a"}, {"a": 1})}).record

    for strip in (0, 1):
        outcome = place.restore(record, components=("one",), strip=strip, to=f"target{strip}")
        assert (outcome.files, outcome.findings) == (0, ())
    with pytest.raises(UnknownName):
        place.restore(record, components=("one",), strip=2, to="none")


def test_two_things_that_stripping_brings_to_one_place_are_never_mixed(place: RestoredVault) -> None:
    one, two = MemoryTree(), MemoryTree()
    for number, tree in enumerate((one, two)):
        for path in ("same/small", "same/large", "same/empty"):
            size = {"s": 10, "l": 400_000, "e": 0}[path[5]]
            tree.write(path, random.Random(number).randbytes(size))
        tree.write(f"own{number}", b"%d" % number)
    record = place.save_all({"one": one, "two": two}).record

    outcome = place.restore(record, strip=1)

    assert place.found() == one.files | {"own1": b"1"}
    assert sorted(codes(outcome)) == ["name-taken"] * 3
    assert sorted(f.subject for f in outcome.findings) == ["two/same/empty", "two/same/large", "two/same/small"]
    assert outcome.is_doubtful
    assert outcome.files == 5


def test_a_dry_run_names_everything_and_writes_nothing(place: RestoredVault) -> None:
    tree = big_tree()
    record = place.save(tree)

    outcome = place.restore(record, dry_run=True)

    assert not (place.scratch / "target").exists()
    assert outcome.files == len(tree.files)
    (place.scratch / "target").mkdir()
    (place.scratch / "target" / "mine").write_bytes(b"mine")
    place.restore(record, dry_run=True, overwrite=Overwrite.ALWAYS)
    assert place.found() == {"mine": b"mine"}


@pytest.mark.parametrize("overwrite", list(Overwrite))
def test_a_dry_run_foresees_what_stays_as_it_is(place: RestoredVault, tmp_path: Path, overwrite: Overwrite) -> None:
    source = tmp_path / "source"
    (source / "d").mkdir(parents=True)
    for name in ("same", "other", "blocked", "void", "d/new", "first"):
        (source / name).write_text(f"what {name} holds")
    (source / "empty").touch()
    os.link(source / "first", source / "second")
    (source / "e").mkdir()
    (source / "e" / "below").write_text("where a file lies")
    record = place.save_files(source)
    shutil.copytree(source, tmp_path / "target" / "site", copy_function=shutil.copy2)
    there = tmp_path / "target" / "site"
    (there / "other").write_text("mine")
    (there / "d" / "new").unlink()
    for name in ("blocked", "void"):
        (there / name).unlink()
        (there / name).mkdir()
    (there / "blocked" / "mine").touch()
    shutil.rmtree(there / "e")
    (there / "e").touch()

    foreseen = place.restore(record, dry_run=True, overwrite=overwrite)
    real = place.restore(record, overwrite=overwrite)

    assert (foreseen.files, foreseen.size_bytes) == (real.files, real.size_bytes)
    assert foreseen.directories == real.directories
    assert foreseen.findings == real.findings
    assert [f.code for f in real.findings] == {
        Overwrite.NEVER: ["in-the-way", "kept"],
        Overwrite.CHANGED: ["in-the-way"] * 2,
        Overwrite.ALWAYS: ["in-the-way"],
    }[overwrite]


class MeetingStore(ForwardingStore):
    """Something comes to lie where a file is to be restored, as soon as its directory is there."""

    def __init__(self, inner: object, path: Path) -> None:
        super().__init__(inner)  # type: ignore[arg-type]
        self._path = path

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        if self._path.parent.is_dir() and not self._path.exists():
            self._path.write_bytes(b"somebody's")
        return self.inner.read(name, start=start, length=length)


def test_a_restore_into_an_empty_target_that_meets_something_there_is_not_called_good(place: RestoredVault) -> None:
    """Two names that a file system takes for one come to that, too: the second is not there as it was saved."""
    record = place.save(a_tree())
    met = place.scratch / "target/site/d1/001"

    outcome = place.restore(record, store=MeetingStore(place.store, met))

    assert met.read_bytes() == b"somebody's"
    assert codes(outcome) == ["met-in-target"]
    assert outcome.is_doubtful
    assert outcome.files == 39


def test_a_target_that_is_not_empty_is_refused_unless_told(place: RestoredVault) -> None:
    record = place.save(a_tree())
    (place.scratch / "target").mkdir()
    (place.scratch / "target" / "mine").write_bytes(b"mine")

    with pytest.raises(TargetNotEmpty):
        place.restore(record)

    assert place.found() == {"mine": b"mine"}


@pytest.mark.parametrize("overwrite", list(Overwrite))
def test_what_lies_there_is_kept_or_replaced_as_told(place: RestoredVault, overwrite: Overwrite) -> None:
    tree = big_tree()
    record = place.save(tree)
    place.restore(record)
    site = place.scratch / "target" / "site"
    for path in ("d0/000", "d2/large", "empty"):
        (site / path).write_bytes(b"mine")
    (site / "d9/larger").unlink()
    (site / "more").write_bytes(b"more")

    outcome = place.restore(record, overwrite=overwrite)

    expected = below("site", tree.files) | {"site/more": b"more"}
    if overwrite is Overwrite.NEVER:
        expected |= {"site/d0/000": b"mine", "site/d2/large": b"mine", "site/empty": b"mine"}
        assert codes(outcome) == ["kept"]
        assert outcome.files == 1
    else:
        assert outcome.files == len(tree.files)
        assert outcome.findings == ()
    assert place.found() == expected


def test_a_target_below_a_link_that_was_named_is_used(place: RestoredVault) -> None:
    tree = a_tree(5)
    (place.scratch / "real").mkdir()
    (place.scratch / "link").symlink_to("real")

    place.restore(place.save(tree), to="link/target")

    assert place.found("real/target") == below("site", tree.files)


def test_second_names_share_one_file_again(place: RestoredVault) -> None:
    source = place.scratch / "source"
    source.mkdir()
    for name, size in (("small", 100), ("large", 1_500_000)):
        (source / name).write_bytes(random.Random(size).randbytes(size))
        os.link(source / name, source / f"{name} again")
    (source / "link").symlink_to("small")
    os.link(source / "link", source / "link again", follow_symlinks=False)

    outcome = place.restore(place.save_files(source))

    site = place.scratch / "target" / "site"
    assert outcome.files == 4
    assert outcome.size_bytes == 1_500_100
    for name in ("small", "large"):
        assert (site / name).samefile(site / f"{name} again")
        assert (site / name).read_bytes() == (source / name).read_bytes()
    assert os.lstat(site / "link").st_ino == os.lstat(site / "link again").st_ino


def linked_things() -> ThingTree:
    content = random.Random(1).randbytes(300_000)
    things = [(name, Thing(content, link=(1, 1))) for name in (b"a", b"b", b"c")]
    things += [(name, Thing(b"", link=(1, 2))) for name in (b"e", b"f")]
    return ThingTree((b"", things))


def test_where_there_are_no_second_names_each_gets_the_content(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    record = place.save(linked_things())
    monkeypatch.setattr(os, "link", refuse)

    outcome = place.restore(record)

    content = random.Random(1).randbytes(300_000)
    assert place.found() == {"site/a": content, "site/b": content, "site/c": content, "site/e": b"", "site/f": b""}
    assert outcome.files == 5
    assert outcome.findings == ()


def test_a_second_name_is_never_given_to_a_file_that_was_there_before(place: RestoredVault) -> None:
    record = place.save(linked_things())
    site = place.scratch / "target" / "site"
    site.mkdir(parents=True)
    (site / "a").write_bytes(b"mine")
    (site / "e").write_bytes(b"mine")

    outcome = place.restore(record, overwrite=Overwrite.NEVER)

    content = random.Random(1).randbytes(300_000)
    assert place.found() == {
        "site/a": b"mine", "site/b": content, "site/c": content, "site/e": b"mine", "site/f": b"",
    }  # fmt: skip
    assert outcome.files == 3


def test_second_names_of_a_damaged_file_are_named_too(place: RestoredVault) -> None:
    record = place.save(linked_things())
    counting = CountingStore(place.store)
    place.restore(record, store=counting, include=["e"], to="tree only")
    trees = set(counting.reads)
    place.restore(record, store=counting, to="first")

    outcome = place.restore(record, store=SpoilingStore(place.store, set(counting.reads) - trees))

    assert place.found() == {"site/e": b"", "site/f": b""}
    assert sorted(f.subject for f in outcome.findings) == ["site/a", "site/b", "site/c"]
    assert outcome.files == 2


def test_a_sparse_file_keeps_its_holes(place: RestoredVault) -> None:
    source = place.scratch / "source"
    source.mkdir()
    with open(source / "sparse", "wb") as file:
        file.truncate(1 << 40)
        for offset in (1 << 33, 1 << 39):
            file.seek(offset)
            file.write(random.Random(offset).randbytes(300_000))
    with open(source / "only a hole", "wb") as file:
        file.truncate(1 << 30)

    outcome = place.restore(place.save_files(source))

    site = place.scratch / "target" / "site"
    assert outcome.findings == ()
    assert outcome.size_bytes < 1 << 20
    assert (site / "only a hole").stat().st_size == 1 << 30
    assert (site / "sparse").stat().st_size == 1 << 40
    assert (site / "sparse").stat().st_blocks * 512 < 2 << 20
    with open(site / "sparse", "rb") as file:
        for offset in (1 << 33, 1 << 39):
            file.seek(offset)
            assert file.read(300_000) == random.Random(offset).randbytes(300_000)


def test_a_tree_comes_back_also_when_only_its_end_is_wanted_however_deep_that_lies(place: RestoredVault) -> None:
    path = b"/".join([b"d"] * 600)
    levels: list[tuple[bytes, list[tuple[bytes, Thing]]]] = [(path[: 2 * depth + 1], []) for depth in range(599)]
    record = place.save(ThingTree((b"", []), *levels, (path, [(b"deep", Thing(b"deep"))])))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(450)  # instead of a tree so deep that nothing else can remove it
    try:
        outcome = place.restore(record, include=["deep"])
    finally:
        sys.setrecursionlimit(limit)

    assert (outcome.files, outcome.directories) == (1, 601)
    assert outcome.findings == ()
    assert place.found() == {"site/" + path.decode() + "/deep": b"deep"}


def free(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    real = os.statvfs

    def pretend(path: object) -> os.statvfs_result:
        found = list(real(path))  # type: ignore[arg-type]
        found[1], found[4] = 1, free_bytes  # f_frsize, f_bavail
        return os.statvfs_result(found)

    monkeypatch.setattr(os, "statvfs", pretend)


def test_a_target_without_room_is_refused_before_anything_is_written(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = a_tree()
    record = place.save(tree)
    free(monkeypatch, 10_000)

    with pytest.raises(RestoreError, match="room for"):
        place.restore(record)

    assert not (place.scratch / "target").exists()
    place.restore(record, include=["d1/001"], to="a part")
    assert len(place.found("a part")) == 1


def test_holes_and_second_names_need_no_room(place: RestoredVault, monkeypatch: pytest.MonkeyPatch) -> None:
    source = place.scratch / "source"
    source.mkdir()
    (source / "a").write_bytes(bytes(6000))
    os.link(source / "a", source / "b")
    with open(source / "sparse", "wb") as file:
        file.truncate(1 << 40)
    record = place.save_files(source)
    free(monkeypatch, 10_000)

    assert place.restore(record).files == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_a_target_that_fails_ends_the_restore_and_leaves_nothing_half(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    tree = big_tree()
    record = place.save(tree)
    real = FileLanding.write_at
    asked = []

    def fill_up(self: FileLanding, file: object, offset: int, content: bytes) -> None:
        asked.append(offset)
        if len(asked) > 5:
            raise RestoreError("No room left in {target}.", target="here")
        real(self, file, offset, content)  # type: ignore[arg-type]

    monkeypatch.setattr(FileLanding, "write_at", fill_up)

    with pytest.raises(RestoreError, match="No room"):
        place.restore(record, workers=workers)

    found = place.found()
    assert found.items() <= below("site", tree.files).items()
    assert not [path for path in found if ".rebond" in path]


def test_a_file_that_is_too_large_for_the_target_costs_no_other(place: RestoredVault) -> None:
    tree = big_tree()
    record = place.save(tree)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        outcome = place.restore(record)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    large = {"d2/large", "d9/larger", "d9/twice"}
    assert sorted(str(finding.values["path"]) for finding in outcome.findings) == sorted(
        f"site/{path}" for path in large
    )
    assert set(codes(outcome)) == {"not-restored"}
    assert place.found() == below("site", {path: content for path, content in tree.files.items() if path not in large})
    assert outcome.files == len(tree.files) - len(large)


class Interrupting(Notebook):
    """Somebody presses Ctrl-C after some of 19 segments; up to seven more may be under way by then."""

    def advanced(self, advance: Advance) -> None:
        super().advanced(advance)
        if len(self.advances) == 3:
            raise KeyboardInterrupt


def test_an_interrupted_restore_leaves_nothing_half_and_can_be_repeated(place: RestoredVault) -> None:
    tree = big_tree()
    record = place.save(tree)

    with pytest.raises(KeyboardInterrupt):
        place.restore(record, observer=Interrupting())

    found = place.found()
    assert len(found) < len(tree.files)
    assert found.items() <= below("site", tree.files).items()
    place.restore(record, overwrite=Overwrite.CHANGED)
    assert place.found() == below("site", tree.files)


def test_a_path_that_would_lead_elsewhere_is_left_out_and_the_rest_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = RestoredVault(tmp_path)
    tree = big_tree()
    record = place.save(tree)
    whole, create = FileLanding.write_whole_file, FileLanding.create_file

    def refuse(self: FileLanding, directory: Any, entry: Any, *rest: Any) -> object:
        if entry.name in (b"000", b"large"):
            raise TargetUnsafe("{path} would lead elsewhere.", path=entry.name.decode())
        return (whole if rest else create)(self, directory, entry, *rest)

    monkeypatch.setattr(FileLanding, "write_whole_file", refuse)
    monkeypatch.setattr(FileLanding, "create_file", refuse)

    outcome = place.restore(record)

    assert set(below("site", tree.files)) - set(place.found()) == {"site/d0/000", "site/d2/large"}
    assert codes(outcome) == ["target-unsafe"] * 2
    assert all(finding.severity is Severity.WARNING for finding in outcome.findings)
    assert outcome.files == len(tree.files) - 2


def test_a_file_that_goes_away_under_the_restore_is_not_written_in_part(place: RestoredVault) -> None:
    """It was there and was to be kept when its first piece came; it is gone when its second comes."""
    tree = MemoryTree()
    tree.write("large", random.Random(5).randbytes(1_500_000))
    record = place.save(tree)
    site = place.scratch / "target" / "site"
    site.mkdir(parents=True)
    (site / "large").write_bytes(b"mine")

    class Removing(Notebook):
        def advanced(self, advance: Advance) -> None:
            (site / "large").unlink(missing_ok=True)

    place.restore(record, overwrite=Overwrite.NEVER, observer=Removing(), workers=1)

    assert place.found() == {}


class FaultyWriterTree(MemoryTree):
    """What a faulty or hostile writer stores: files that say that they are larger than what is stored of them."""

    def listings(self) -> Iterator[Listing]:
        return (OverstatingListing(self, listing.path.decode()) for listing in super().listings())


class OverstatingListing(MemoryListing):
    def read_whole(self, position: int, most_bytes: int) -> tuple[Entry, bytes] | None:
        found = super().read_whole(position, most_bytes)
        if found is None or found[0].name == b"right":
            return found
        return msgspec.structs.replace(found[0], size=len(found[1]) + 3), found[1]


def test_a_file_of_which_less_is_stored_than_it_says_is_damage_and_never_restored_shorter(place: RestoredVault) -> None:
    tree = FaultyWriterTree()
    for name, content in ("less", b"12345"), ("nothing", b""), ("right", b"right"):
        tree.write(name, content)
    record = place.save(tree)

    outcome = place.restore(record)

    assert place.found() == {"site/right": b"right"}
    assert codes(outcome) == ["file-damaged"] * 2
    assert outcome.is_damaged
    checked = verify(place.vault())
    assert not checked.ok
    assert {reached.path for one in checked.damage for reached in one.paths} == {b"less", b"nothing"}


def test_a_lost_tree_object_costs_its_directory_only(place: RestoredVault) -> None:
    tree = a_tree(200, 20)
    record = place.save(tree)
    listed = CountingStore(place.store)
    place.restore(record, store=listed, to="first", dry_run=True)
    for number, spoilt in enumerate(sorted(set(listed.reads))):
        outcome = place.restore(record, store=SpoilingStore(place.store, {spoilt}), to=f"target{number}")
        assert outcome.is_damaged
        assert place.found(f"target{number}").items() <= below("site", tree.files).items()


def test_lengths_that_lie_are_damage_and_not_a_wrong_file(tmp_path: Path) -> None:
    plan = reading_plan.ReadingPlan(tmp_path)
    for number in range(9):
        plan.add(number % 2, number // 3, number * 10, 10, bytes([number]) * 32)

    parts = list(plan.segments())

    assert [place for place, _ in parts] == [0, 1]
    assert [(c.file_number, c.offset) for c in parts[0][1]] == [(0, 0), (0, 20), (1, 40), (2, 60), (2, 80)]


def test_a_scratch_directory_without_room_is_said_to_be_so(tmp_path: Path) -> None:
    scratch = tmp_path / "gone"
    scratch.mkdir()
    plan = reading_plan.ReadingPlan(scratch)
    scratch.rmdir()

    for number in range(reading_plan._ROWS_IN_MEMORY - 1):
        plan.add(1, number, 0, 1, bytes(32))
    with pytest.raises(RestoreError, match="cannot be kept"):
        plan.add(1, 0, 0, 1, bytes(32))


def test_what_very_many_files_share_is_given_back_in_small_parts(tmp_path: Path) -> None:
    plan = reading_plan.ReadingPlan(tmp_path)
    for number in range(25_000):
        plan.add(7, number, 0, 10, b"%032d" % number)

    parts = [[each.file_number for each in chunks] for _, chunks in plan.segments()]

    assert [number for part in parts for number in part] == list(range(25_000))
    assert max(map(len, parts)) <= 10_000  # several parts are objects in memory at once, and each has half a kilobyte
