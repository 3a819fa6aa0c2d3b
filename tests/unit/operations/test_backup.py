"""The verb backup: one whole snapshot, or an error; and what it says of itself."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.operations.restored import RestoredVault, a_tree
from tests.unit.vault.small_segments import TINY
from tests.unit.vault.written_trees import Thing, ThingTree

from rebond.entries import Listing, Tree
from rebond.errors import SourceError, SourceUnfit, SourceUnreachable, StoreFull, UsageError
from rebond.findings import Finding, Severity
from rebond.operations import kept_findings
from rebond.operations.backup import BackupOutcome, BackupRequest, ComponentToSave, back_up
from rebond.operations.kept_findings import KeptFindings
from rebond.operations.snapshots import list_snapshots
from rebond.progress import Advance
from rebond.sources.files.excluding import Rules
from rebond.sources.files.noticing import notice_unreadable_directory
from rebond.sources.files.scanning import FileTree
from rebond.testing.faulty_store import FaultyStore
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import Notebook
from rebond.vault.reading import SnapshotReader


@pytest.fixture
def place(tmp_path: Path) -> RestoredVault:
    return RestoredVault(tmp_path)


def run(
    place: RestoredVault, trees: dict[str, Tree | Exception], notebook: Notebook | None = None, **words: object
) -> BackupOutcome:
    def opener(tree: Tree | Exception) -> Tree:
        if isinstance(tree, Exception):
            raise tree
        return tree

    components = tuple(
        ComponentToSave(name=name, root=b"/" + name.encode(), open_tree=lambda _, tree=tree: opener(tree))  # type: ignore[misc]
        for name, tree in trees.items()
    )
    request = BackupRequest(components=components, stack="test", host="here", level=TINY, **words)  # type: ignore[arg-type]
    return back_up(place.vault(), request, notebook or Notebook())


def test_a_snapshot_says_what_was_asked_and_what_it_holds(place: RestoredVault) -> None:
    trees: dict[str, Tree | Exception] = {"one": a_tree(4, 1000), "two": a_tree(2, 500, seed=2)}
    outcome = run(place, trees, class_="daily", tags=("a", "b"), note="a note", held="why")

    catalog = outcome.record.catalog
    assert (catalog.class_, catalog.tags, catalog.held) == ("daily", ["a", "b"], "why")
    assert (catalog.host, catalog.stack) == ("here", "test")
    assert [(c.name, c.files, c.bytes, c.complete) for c in catalog.components] == [
        ("one", 4, 4000, True),
        ("two", 2, 1000, True),
    ]
    assert 4000 <= catalog.components[0].added_bytes < 10_000
    assert catalog.sequence == 1
    assert catalog.parent == b""
    assert not outcome.is_doubtful
    assert outcome.stored_bytes == sum(info.size for info in place.store.list_objects("packs/"))
    with SnapshotReader(place.vault(), outcome.record) as reader:
        assert reader.part.note == "a note"
    second = run(place, {"one": a_tree(4, 1000)})
    assert second.record.catalog.parent == outcome.record.snapshot
    assert second.record.catalog.previous == outcome.record.content_hash


def test_nothing_to_save_and_equal_names_are_refused(place: RestoredVault) -> None:
    with pytest.raises(UsageError):
        run(place, {})
    tree = a_tree(1)
    components = tuple(ComponentToSave(name="same", root=root, open_tree=lambda _: tree) for root in (b"/a", b"/b"))
    with pytest.raises(UsageError, match="same"):
        back_up(place.vault(), BackupRequest(components=components, stack="s", host="h"), Notebook())
    assert list_snapshots(place.vault()) == []


@pytest.mark.parametrize("how", ["missing", "empty", "a pipe"])
def test_a_source_that_is_not_there_is_an_error_and_never_an_empty_snapshot(place: RestoredVault, how: str) -> None:
    root = place.scratch / "root"
    if how == "empty":
        root.mkdir()
    if how == "a pipe":
        os.mkfifo(root)
    path = str(root).encode()
    component = ComponentToSave(
        name="site",
        root=path,
        open_tree=lambda report: FileTree(path, Rules(), one_file_system=False, report=report),
    )

    for allows_partial in (False, True):
        request = BackupRequest(components=(component,), stack="s", host="h", allows_partial=allows_partial)
        with pytest.raises(SourceError) as raised:
            back_up(place.vault(), request, Notebook())
        assert raised.value.hint
    assert list_snapshots(place.vault()) == []


@pytest.mark.parametrize("when", ["at once", "on the way"])
def test_a_component_that_fails_ends_the_run_or_makes_it_partial(place: RestoredVault, when: str) -> None:
    class Breaking(MemoryTree):
        def listings(self) -> Iterator[Listing]:
            yield from super().listings()
            hint = "Mount {path}."
            raise SourceUnreachable("{path} went away: {reason}", path="/disk", reason="pulled out", hint=hint)

    bad: Tree | Exception = SourceUnreachable("{path} is not there.", path="/disk", hint="Mount {path}.")
    if when == "on the way":
        bad = Breaking({"x": b"x"}, {"x": 1})

    with pytest.raises(SourceUnreachable):
        run(place, {"good": a_tree(2), "bad": bad})
    assert list_snapshots(place.vault()) == []
    notebook = Notebook()
    outcome = run(place, {"good": a_tree(2), "bad": bad}, notebook, allows_partial=True)

    assert [(c.name, c.complete) for c in outcome.record.catalog.components] == [("good", True), ("bad", False)]
    assert outcome.is_doubtful
    (finding,) = notebook.findings
    assert finding.message.startswith("The component bad is not in this snapshot: /disk ")
    assert finding.hint == "Mount /disk."
    assert outcome.record.catalog.problems == 1
    place.restore(outcome.record)
    assert set(place.found()) == {f"good/{path}" for path in a_tree(2).files}


def test_a_partial_run_of_which_nothing_is_left_is_an_error(place: RestoredVault) -> None:
    error = SourceUnreachable("It is not there.", hint="Mount it.")

    with pytest.raises(SourceError, match="No component"):
        run(place, {"one": error, "two": error}, allows_partial=True)


def test_what_could_not_be_read_is_counted_and_kept_in_the_snapshot(place: RestoredVault) -> None:
    things = [(b"%02d" % n, Thing(b"x" * 10, fails_at=0, step=5)) for n in range(7)] + [(b"good", Thing(b"good"))]

    outcome = run(place, {"site": ThingTree((b"", things))})

    assert outcome.is_doubtful
    assert outcome.record.catalog.problems == 7
    with SnapshotReader(place.vault(), outcome.record) as reader:
        problems = reader.part.problems
    assert [(p.code, p.component, p.subject) for p in problems] == [
        ("source-unreadable", "site", b"%02d" % n) for n in range(7)
    ]


@pytest.mark.parametrize("how", ["a file", "a folder of files", "a folder of folders", "files that fail"])
def test_a_component_of_which_nothing_could_be_read_is_an_error_and_never_an_empty_snapshot(
    place: RestoredVault, how: str
) -> None:
    code = {"a folder of folders": "unreadable-directory", "files that fail": "source-unreadable"}.get(
        how, "unreadable"
    )
    refused = Finding(code=code, severity=Severity.WARNING, subject="/site/x", template="no")

    def open_tree(report: Callable[[Finding], None]) -> Tree:
        report(refused)
        return MemoryTree({}, {})

    unread = ComponentToSave(name="site", root=b"/site", open_tree=open_tree)
    good = ComponentToSave(name="good", root=b"/good", open_tree=lambda _: a_tree(2))

    for components in ((unread,), (good, unread)):
        with pytest.raises(SourceUnfit, match="site"):
            back_up(place.vault(), BackupRequest(components=components, stack="s", host="h"), Notebook())
    assert list_snapshots(place.vault()) == []
    request = BackupRequest(components=(good, unread), stack="s", host="h", allows_partial=True)
    record = back_up(place.vault(), request, Notebook()).record
    assert [(c.name, c.complete) for c in record.catalog.components] == [("good", True), ("site", False)]


def test_an_empty_disk_with_the_folder_that_is_roots_alone_is_saved_as_it_is(place: RestoredVault) -> None:
    def open_tree(report: Callable[[Finding], None]) -> Tree:
        report(notice_unreadable_directory(b"/site/lost+found", PermissionError(13, "no")))
        return MemoryTree({}, {})

    component = ComponentToSave(name="site", root=b"/site", open_tree=open_tree)
    outcome = back_up(place.vault(), BackupRequest(components=(component,), stack="s", host="h"), Notebook())

    assert outcome.is_doubtful
    assert outcome.record.is_complete


def test_a_million_findings_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_findings, "MOST_OF_EACH", 3)
    kept = KeptFindings()

    for severity in (Severity.WARNING, Severity.NOTE, Severity.DAMAGE):
        for number in range(10):
            kept.add(Finding(code="x", severity=severity, subject=str(number), template="x"), "site")

    assert kept.problems == 20
    assert [finding.severity for finding in kept.findings()] == [
        *[Severity.WARNING] * 3, *[Severity.NOTE] * 3, *[Severity.DAMAGE] * 3,
    ]  # fmt: skip


def test_a_clock_that_went_back_is_told_and_one_that_was_ahead_is_not_told_for_years(place: RestoredVault) -> None:
    """What is dated back is listed before what it follows: 'latest' stays the older one."""
    year = 365 * 86_400.0

    def codes() -> list[str]:
        return [each.code for each in run(place, {"site": a_tree(2)}).findings]

    assert codes() == []
    place.clock.jump(-10 * year)
    assert codes() == ["clock-behind"]
    assert codes() == ["clock-behind"], "the night after, too"
    place.clock.jump(10 * year)
    assert codes() == []
    place.clock.jump(-300)
    assert codes() == [], "machines differ by minutes"


def test_notes_alone_are_no_doubt(place: RestoredVault) -> None:
    def open_tree(report: Callable[[Finding], None]) -> Tree:
        report(Finding(code="vanished", severity=Severity.NOTE, subject="x", template="x vanished"))
        return a_tree(2)

    component = ComponentToSave(name="site", root=b"/site", open_tree=open_tree)
    outcome = back_up(place.vault(), BackupRequest(components=(component,), stack="s", host="h"), Notebook())

    assert not outcome.is_doubtful
    assert outcome.record.catalog.problems == 0
    assert len(outcome.findings) == 1


def threads() -> set[str]:
    ours = ("seal", "put", "heart", "restore")
    return {thread.name for thread in threading.enumerate() if thread.name.startswith(ours)}


class Interrupting(Notebook):
    """Somebody presses Ctrl-C on the way."""

    def advanced(self, advance: Advance) -> None:
        super().advanced(advance)
        if len(self.advances) == 2:
            raise KeyboardInterrupt


def test_an_interrupted_run_ends_cleanly_and_the_next_goes_on(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rebond.vault.walk_progress._REPORT_EVERY_SECONDS", 0.0)
    monkeypatch.setattr("rebond.vault.sealing_pipeline.LEAST_PACK", 1)
    tree = a_tree(200)

    with pytest.raises(KeyboardInterrupt):
        run(place, {"site": tree}, Interrupting())

    assert threads() == set()
    assert list_snapshots(place.vault()) == []
    tree.reads.clear()
    outcome = run(place, {"site": tree})
    assert len(tree.reads) <= len(tree.files)
    place.restore(outcome.record)
    assert len(place.found()) == 200


@pytest.mark.parametrize("prefix", ["packs/", "index/", "sessions/", "references/", "snapshots/"])
def test_a_store_that_is_full_ends_the_run_with_its_own_error_and_the_next_one_works(
    place: RestoredVault, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rebond.vault.committing.EMBED_LIMIT", 0)
    first = run(place, {"site": a_tree(5)})
    store = FaultyStore(place.store)
    full = StoreFull("No room (planned by a test).", hint="Nothing.")
    store.fail_when = lambda verb, name: full if verb == "put" and name.startswith(prefix) else None
    tree = a_tree(60)
    component = ComponentToSave(name="site", root=b"/site", open_tree=lambda _: tree)
    request = BackupRequest(components=(component,), stack="test", host="here", level=TINY)

    with pytest.raises(StoreFull):
        back_up(place.vault(store), request, Notebook())

    assert threads() == set()
    assert [record.name for record in list_snapshots(place.vault())] == [first.record.name]
    outcome = back_up(place.vault(), request, Notebook())
    place.restore(outcome.record)
    assert len(place.found()) == 60


def test_progress_rises_and_tells_bytes(place: RestoredVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rebond.vault.walk_progress._REPORT_EVERY_SECONDS", 0.0)
    notebook = Notebook()

    run(place, {"site": a_tree(50)}, notebook)

    files = [advance.files for advance in notebook.advances]
    assert files == sorted(files)
    assert max(advance.bytes for advance in notebook.advances) > 0
    assert {advance.phase for advance in notebook.advances} == {"backup"}
