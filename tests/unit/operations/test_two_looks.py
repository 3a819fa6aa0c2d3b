"""Files are looked at before and after the moment of the databases; what either look saw is in the snapshot."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.operations.restored import RestoredVault
from tests.unit.vault.small_segments import TINY

from rebond.entries import Listing, Tree
from rebond.errors import SourceError
from rebond.findings import Finding, Severity
from rebond.operations.backup import BackupOutcome, BackupRequest, ComponentToSave, Moment, back_up
from rebond.operations.verify import verify
from rebond.sources.files.excluding import Rules
from rebond.sources.files.scanning import FileTree
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import Notebook
from rebond.vault import tree_writing, trees

Act = Callable[[], object]
Report = Callable[[Finding], None]


@pytest.fixture
def place(tmp_path: Path) -> RestoredVault:
    return RestoredVault(tmp_path)


@pytest.fixture
def media(tmp_path: Path) -> Path:
    root = tmp_path / "media"
    for name in ("a/1", "a/2", "b/3", "b/deep/4", "5"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 50)
        os.utime(path, ns=(10**18, 10**18))
    return root


def save(
    place: RestoredVault,
    media: Path,
    meanwhile: Act,
    *,
    wrap: Callable[[FileTree], Tree] = lambda tree: tree,
    notebook: Notebook | None = None,
    **words: object,
) -> BackupOutcome:
    """Save files and a database; ``meanwhile`` is what happens at the moment of the database."""
    root = os.fsencode(media)

    def open_database(_report: Report) -> Tree:
        meanwhile()
        tree = MemoryTree()
        tree.write("rows", b"rows")
        return tree

    def open_files(report: Report) -> Tree:
        return wrap(FileTree(root, Rules(), one_file_system=False, report=report))

    components = (
        ComponentToSave(name="media", root=root, open_tree=open_files, is_looked_at_twice=True),
        ComponentToSave(name="db", root=b"", open_tree=open_database, kind="sqlite", moment=Moment.WHEN_READ),
    )
    request = BackupRequest(components=components, stack="test", host="here", level=TINY, **words)  # type: ignore[arg-type]
    return back_up(place.vault(), request, notebook or Notebook())


def bring_back(place: RestoredVault, outcome: BackupOutcome, to: str = "target") -> dict[str, bytes]:
    place.restore(outcome.record, to=to)
    found = place.found(to)
    del found["db/rows"]
    return {name.removeprefix("media/"): content for name, content in found.items()}


def contents(root: Path) -> dict[str, bytes]:
    return {str(each.relative_to(root)): each.read_bytes() for each in root.rglob("*") if each.is_file()}


def test_what_was_written_after_the_first_look_and_what_was_deleted_since_are_both_there(
    place: RestoredVault, media: Path
) -> None:
    before = contents(media)

    def meanwhile() -> None:
        (media / "a" / "new").write_bytes(b"new")
        (media / "c").mkdir()
        (media / "c" / "newer").write_bytes(b"newer")
        (media / "a" / "2").unlink()
        (media / "5").unlink()
        shutil.rmtree(media / "b")

    outcome = save(place, media, meanwhile)

    assert bring_back(place, outcome) == before | {"a/new": b"new", "c/newer": b"newer"}
    files = {each.name: each for each in outcome.record.catalog.components}["media"]
    assert (files.files, files.bytes) == (7, sum(map(len, before.values())) + 8)
    assert not outcome.is_doubtful
    assert outcome.record.catalog.moment_ms is not None
    assert verify(place.vault(), read_data_percent=100).ok


def test_everything_that_is_deleted_meanwhile_stays(place: RestoredVault, media: Path) -> None:
    before = contents(media)

    def meanwhile() -> None:
        shutil.rmtree(media)
        media.mkdir()
        (media / "only").write_bytes(b"only")

    assert bring_back(place, save(place, media, meanwhile)) == before | {"only": b"only"}


def test_a_file_that_changes_meanwhile_is_saved_as_it_is_after_the_moment(place: RestoredVault, media: Path) -> None:
    outcome = save(place, media, lambda: (media / "a" / "1").write_bytes(b"changed"))
    assert bring_back(place, outcome)["a/1"] == b"changed"


class Vanishing:
    """A tree of which a file is deleted when its second listing has been made, before it is read."""

    looks = 0

    def __init__(self, tree: FileTree, path: Path) -> None:
        self._tree = tree
        self._path = path

    def listings(self) -> Iterator[Listing]:
        Vanishing.looks += 1
        for listing in self._tree.listings():
            if Vanishing.looks == 2 and self._path.name.encode() in listing.names:
                self._path.unlink()
            yield listing


def test_a_file_that_vanishes_under_the_second_look_is_kept_as_the_first_had_it(
    place: RestoredVault, media: Path
) -> None:
    before = contents(media)
    Vanishing.looks = 0
    notebook = Notebook()
    outcome = save(
        place,
        media,
        lambda: (media / "a" / "1").write_bytes(b"another"),
        wrap=lambda tree: Vanishing(tree, media / "a" / "1"),
        notebook=notebook,
    )
    assert bring_back(place, outcome) == before


def test_a_file_that_becomes_a_directory_meanwhile_is_one_name_still(place: RestoredVault, media: Path) -> None:
    def meanwhile() -> None:
        (media / "5").unlink()
        (media / "5").mkdir()
        (media / "5" / "inside").write_bytes(b"inside")

    assert bring_back(place, save(place, media, meanwhile))["5/inside"] == b"inside"
    assert verify(place.vault(), read_data_percent=100).ok


def test_the_next_run_reads_nothing_again_and_keeps_nothing_that_is_gone(
    place: RestoredVault, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = time.time_ns()
    monkeypatch.setattr("rebond.sources.files.scanning.time.time_ns", lambda: now_ns + 3600 * 10**9)
    save(place, media, (media / "5").unlink)
    again = save(place, media, lambda: None)

    totals = dict(again.totals)["media"]
    assert (totals.files, totals.read_files) == (4, 0)
    assert bring_back(place, again) == contents(media)
    assert [each.name for each in (place.scratch / "caches").rglob("*.partial")] == []


def test_what_both_looks_notice_is_told_once_and_what_passes_is_not(place: RestoredVault, media: Path) -> None:
    class Noticing:
        looks = 0

        def __init__(self, tree: FileTree, report: Report) -> None:
            self._tree, self._report = tree, report

        def listings(self) -> Iterator[Listing]:
            Noticing.looks += 1
            for code in ("unreadable", "vanished") if Noticing.looks == 1 else ("unreadable",):
                self._report(a_finding(code))
            yield from self._tree.listings()

    notebook = Notebook()
    root = os.fsencode(media)
    components = (
        ComponentToSave(
            name="media",
            root=root,
            open_tree=lambda report: Noticing(FileTree(root, Rules(), one_file_system=False, report=report), report),
            is_looked_at_twice=True,
        ),
        ComponentToSave(name="db", root=b"", open_tree=lambda _: one_file(), moment=Moment.WHEN_READ),
    )
    outcome = back_up(place.vault(), BackupRequest(components=components, stack="s", host="h", level=TINY), notebook)

    assert [each.code for each in outcome.findings] == ["unreadable"]
    assert [each.code for each in notebook.findings] == ["unreadable"]


def a_finding(code: str) -> Finding:
    return Finding(code=code, severity=Severity.WARNING, subject="x", template="x")


def one_file() -> MemoryTree:
    tree = MemoryTree()
    tree.write("rows", b"rows")
    return tree


def test_without_a_database_files_are_looked_at_once(place: RestoredVault, media: Path) -> None:
    looks = []
    root = os.fsencode(media)

    def open_tree(report: Report) -> Tree:
        looks.append(1)
        return FileTree(root, Rules(), one_file_system=False, report=report)

    component = ComponentToSave(name="media", root=root, open_tree=open_tree, is_looked_at_twice=True)
    outcome = back_up(
        place.vault(), BackupRequest(components=(component,), stack="s", host="h", level=TINY), Notebook()
    )
    assert looks == [1]
    assert outcome.record.catalog.moment_ms is None


def test_a_database_that_is_opened_at_its_moment_is_read_after_the_second_look(
    place: RestoredVault, media: Path
) -> None:
    steps: list[str] = []

    class Opened:
        def __init__(self) -> None:
            steps.append("moment")

        def listings(self) -> Iterator[Listing]:
            steps.append("read")
            return one_file().listings()

        def close(self) -> None:
            steps.append("closed")

    root = os.fsencode(media)

    def open_files(report: Report) -> Tree:
        steps.append("files")
        return FileTree(root, Rules(), one_file_system=False, report=report)

    components = (
        ComponentToSave(name="db", root=b"", open_tree=lambda _: Opened(), moment=Moment.WHEN_OPENED),
        ComponentToSave(name="media", root=root, open_tree=open_files, is_looked_at_twice=True),
        ComponentToSave(name="old", root=b"", open_tree=lambda _: one_file(), moment=Moment.WHEN_READ),
    )
    outcome = back_up(place.vault(), BackupRequest(components=components, stack="s", host="h", level=TINY), Notebook())

    assert steps == ["files", "moment", "files", "read", "closed"]
    assert [each.name for each in outcome.record.catalog.components] == ["db", "media", "old"]


def test_after_a_long_first_look_a_short_one_follows_before_the_moment(
    place: RestoredVault, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rebond.operations.saving.LONG_LOOK_SECONDS", -1.0)
    before = contents(media)
    looks = []

    def look(tree: FileTree) -> Tree:
        looks.append(1)
        if len(looks) == 2:
            (media / "short-lived").write_bytes(b"short")
        return tree

    outcome = save(place, media, (media / "short-lived").unlink, wrap=look)

    assert len(looks) == 3
    assert bring_back(place, outcome) == before | {"short-lived": b"short"}
    assert [each.name for each in (place.scratch / "caches").rglob("*.partial")] == []


@pytest.mark.parametrize("allows_partial", [False, True])
def test_files_that_went_away_between_the_looks_fail_their_component(
    place: RestoredVault, media: Path, allows_partial: bool
) -> None:
    if not allows_partial:
        with pytest.raises(SourceError):
            save(place, media, lambda: shutil.rmtree(media))
        return
    outcome = save(place, media, lambda: shutil.rmtree(media), allows_partial=True)

    assert [(each.name, each.complete) for each in outcome.record.catalog.components] == [
        ("media", False),
        ("db", True),
    ]
    assert verify(place.vault(), read_data_percent=100).ok


def test_many_names_in_one_directory_are_joined_slice_by_slice(place: RestoredVault, tmp_path: Path) -> None:
    root = tmp_path / "many"
    root.mkdir()
    for number in range(2100):
        (root / f"{number:05}").write_bytes(b"%d" % number)

    def meanwhile() -> None:
        for number in range(0, 2100, 7):
            (root / f"{number:05}").unlink()
        for number in range(2100, 2150):
            (root / f"{number - 1000:05}x").write_bytes(b"new")

    outcome = save(place, root, meanwhile)

    back = bring_back(place, outcome)
    assert {name for name in back if not name.endswith("x")} == {f"{number:05}" for number in range(2100)}
    assert sum(name.endswith("x") for name in back) == 50
    assert all(content == b"%d" % int(name) for name, content in back.items() if not name.endswith("x"))


def test_a_subdirectory_that_only_the_first_look_saw_is_kept_beside_many_files(
    place: RestoredVault, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_writing, "_MOST_GATHERED", 60)
    for name, value in (("PAGE_THRESHOLD", 50), ("PAGE_LEAST", 5), ("PAGE_MOST", 10)):
        monkeypatch.setattr(trees, name, value)
    for number in range(200):
        (media / "b" / f"x{number:03d}").write_bytes(b"%d" % number)
    before = contents(media)

    outcome = save(place, media, lambda: shutil.rmtree(media / "b" / "deep"))

    assert bring_back(place, outcome) == before
