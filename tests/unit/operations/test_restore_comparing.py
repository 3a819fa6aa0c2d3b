"""After a restore: what the snapshot does not have is set aside, and what was written is what was saved."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.operations.restored import RestoredVault

from rebond.findings import Severity
from rebond.operations.restore import RestoreOutcome, restore
from rebond.operations.restore_planning import RestoreRequest
from rebond.operations.selection import Selection
from rebond.sources.files.overwriting import Overwrite
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import Notebook

FILES = {"a": b"1" * 5000, "d/b": b"22", "d/deep/c": b"", "e/f": b"f"}


class Restored(RestoredVault):
    """A snapshot, and a target that it was restored into once."""

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        tree = MemoryTree()
        for path, content in FILES.items():
            tree.write(path, content)
        self.record = self.save(tree)
        self.target = scratch / "target"
        self.restore(self.record)

    def again(self, *, surplus: Callable[[bytes], None] | None = None, **words: object) -> RestoreOutcome:
        wishes = {"overwrite": Overwrite.CHANGED, **words}
        request = RestoreRequest(target=os.fsencode(self.target), **wishes)  # type: ignore[arg-type]
        return restore(self.vault(), self.record, request, Notebook(), surplus=surplus)


@pytest.fixture
def place(tmp_path: Path) -> Restored:
    return Restored(tmp_path)


def below_target(place: Restored) -> set[str]:
    return {path.relative_to(place.target).as_posix() for path in place.target.rglob("*") if not path.is_dir()}


def test_what_the_snapshot_does_not_have_is_set_aside_with_its_path(place: Restored) -> None:
    site = place.target / "site"
    (site / "d" / "new").write_text("mine")
    (site / "whole" / "tree").mkdir(parents=True)
    (site / "whole" / "tree" / "x").write_text("x")
    (place.target / "beside").write_text("no component")
    heard: list[bytes] = []

    outcome = place.again(sets_aside=True, surplus=heard.append)

    assert outcome.compared is not None
    aside = Path(os.fsdecode(outcome.compared.aside)).relative_to(place.target).as_posix()
    assert sorted(heard) == [b"site/d/new", b"site/whole"]
    assert outcome.compared.surplus == 2
    assert below_target(place) == {
        *(f"site/{name}" for name in FILES),
        *("beside", f"{aside}/site/d/new", f"{aside}/site/whole/tree/x"),
    }
    assert (place.target / aside).stat().st_mode & 0o777 == 0o700


def test_a_dry_run_names_it_and_moves_nothing(place: Restored) -> None:
    (place.target / "site" / "new").write_text("mine")
    heard: list[bytes] = []

    place.again(sets_aside=True, dry_run=True, surplus=heard.append)

    assert heard == [b"site/new"]
    assert (place.target / "site" / "new").read_text() == "mine"


def test_what_is_excluded_or_not_wholly_wanted_is_nobodys_surplus(place: Restored) -> None:
    for name in ("site/kept.log", "site/d/kept", "site/e/gone"):
        (place.target / name).write_text("mine")

    place.again(sets_aside=True, selection=Selection.from_flags(["/e"], ["*.log"]))

    assert (place.target / "site" / "kept.log").exists(), "its directory was not asked for"
    assert (place.target / "site" / "d" / "kept").exists()
    assert not (place.target / "site" / "e" / "gone").exists()
    place.again(sets_aside=True, selection=Selection.from_flags([], ["*.log"]))
    assert (place.target / "site" / "kept.log").exists(), "it was excluded"
    assert not (place.target / "site" / "d" / "kept").exists()


def test_nothing_behind_a_link_is_moved(place: Restored, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "precious").write_text("not below the target")
    os.rename(place.target / "site" / "d", tmp_path / "d")
    (place.target / "site" / "d").symlink_to(elsewhere)

    outcome = place.again(sets_aside=True)

    assert (elsewhere / "precious").read_text() == "not below the target"
    assert outcome.is_doubtful


def test_a_directory_keeps_the_time_that_was_saved(place: Restored) -> None:
    before = (place.target / "site" / "d").stat().st_mtime_ns
    (place.target / "site" / "d" / "new").write_text("mine")

    place.again(sets_aside=True)

    assert (place.target / "site" / "d").stat().st_mtime_ns == before


def test_what_was_written_is_read_back(place: Restored) -> None:

    outcome = place.again(overwrite=Overwrite.ALWAYS, reads_back=True)

    assert outcome.compared is not None
    assert (outcome.compared.files, outcome.compared.different) == (4, 0)
    assert outcome.compared.read_bytes == sum(map(len, FILES.values()))
    assert outcome.findings == ()


@pytest.mark.parametrize("spoilt", ["one bit", "longer", "gone"])
def test_what_is_not_as_it_was_saved_is_named(place: Restored, spoilt: str) -> None:
    file = place.target / "site" / "a"
    before = file.stat()
    file.write_bytes({"one bit": b"1" * 4999 + b"0", "longer": b"1" * 5001}.get(spoilt, b""))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    if spoilt == "gone":
        file.unlink()
        file.symlink_to("d/b")

    outcome = place.again(overwrite=Overwrite.NEVER, reads_back=True)

    found = [each for each in outcome.findings if each.code == "not-as-saved"]
    assert [each.subject for each in found] == ["site/a"]
    assert found[0].severity is Severity.DAMAGE


def test_what_something_else_is_in_the_way_of_is_told_once(place: Restored) -> None:
    file = place.target / "site" / "a"
    file.unlink()
    (file / "of somebody").mkdir(parents=True)

    outcome = place.again(overwrite=Overwrite.CHANGED, reads_back=True)

    assert [(each.code, each.subject) for each in outcome.findings if each.severity is not Severity.NOTE] == [
        ("in-the-way", "site/a")
    ]
    assert outcome.compared is not None
    assert (outcome.compared.files, outcome.compared.different) == (3, 0)  # the others are read back


def test_files_with_holes_are_compared_by_their_data(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (source / "holes").open("wb") as file:
        file.seek(5_000_000)
        file.write(b"data" * 1000)
        file.truncate(9_000_000)
    vault = RestoredVault(tmp_path)
    record = vault.save_files(source)
    vault.restore(record)

    outcome = vault.restore(record, overwrite=Overwrite.CHANGED, reads_back=True)

    assert outcome.compared is not None
    assert (outcome.compared.files, outcome.compared.different) == (1, 0)
    assert outcome.compared.read_bytes < 100_000


def test_what_was_stripped_is_read_back_where_it_lies(tmp_path: Path) -> None:
    place = RestoredVault(tmp_path)
    one, two = MemoryTree(), MemoryTree()
    for path, content in FILES.items():
        one.write(path, content)
    two.write("d/b", b"another, of the same place")
    two.write("top", b"above what is stripped by two")
    record = place.save_all({"one": one, "two": two}).record

    for strip, files in ((1, 5), (2, 3), (3, 1)):
        outcome = place.restore(record, strip=strip, to=f"by {strip}", reads_back=True)
        assert outcome.compared is not None
        assert (outcome.compared.files, outcome.compared.different) == (files, 0)
        assert {each.code for each in outcome.findings} <= {"name-taken"}


def test_what_was_stripped_and_is_not_as_it_was_saved_is_named(tmp_path: Path) -> None:
    place = RestoredVault(tmp_path)
    tree = MemoryTree()
    for path, content in FILES.items():
        tree.write(path, content)
    record = place.save(tree)
    place.restore(record, strip=2)
    (tmp_path / "target" / "deep" / "c").write_bytes(b"not empty")

    outcome = place.restore(record, strip=2, overwrite=Overwrite.NEVER, reads_back=True)

    assert [each.subject for each in outcome.findings if each.severity is Severity.DAMAGE] == ["site/d/deep/c"]


def test_a_dry_run_reads_nothing_back(place: Restored) -> None:
    (place.target / "site" / "a").write_text("still the old version: nothing was written yet")

    outcome = place.again(reads_back=True, dry_run=True)

    assert outcome.compared is None
    assert outcome.findings == ()
