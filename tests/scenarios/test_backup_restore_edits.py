"""A real tree is edited in every way between runs; each snapshot, then and later, is the tree as it was."""

import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.operations.restored import RestoredVault

from rebond.operations.backup import BackupRequest, ComponentToSave, back_up
from rebond.sources.files.excluding import Rules
from rebond.sources.files.scanning import FileTree
from rebond.testing.tree_comparing import compare_trees
from rebond.testing.vaults import Notebook

SETTLED_SECONDS = 0.06  # longer than the grain within which a stamp proves nothing


class Edits:
    """Random things that people and programs do to trees."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.rng = random.Random(seed)

    def files(self) -> list[Path]:
        return sorted(p for p in self.root.rglob("*") if p.is_file() and not p.is_symlink())

    def directories(self) -> list[Path]:
        return [self.root, *sorted(p for p in self.root.rglob("*") if p.is_dir() and not p.is_symlink())]

    def a_file(self) -> Path:
        files = self.files()
        return self.rng.choice(files) if files else self.add()

    def a_name(self) -> Path:
        while True:
            name = self.rng.choice(["a", "b", "a.b", "a-b", "A", "é", "z z"]) + str(self.rng.randrange(40))
            path = self.rng.choice(self.directories()) / name
            if not os.path.lexists(path):
                return path

    def add(self) -> Path:
        path = self.a_name()
        path.write_bytes(self.rng.randbytes(self.rng.choice([0, 1, 500, 70_000, 300_000])))
        return path

    def rewrite_in_place(self) -> None:
        path = self.a_file()
        with open(path, "r+b") as file:
            size = file.seek(0, 2)
            file.seek(self.rng.randrange(size + 1))
            file.write(self.rng.randbytes(20))

    def rewrite_and_hide_it(self) -> None:
        """The same size and the same time of modification, as some programs leave them."""
        path = self.a_file()
        status = path.stat()
        content = bytearray(path.read_bytes() or b"")
        if content:
            content[self.rng.randrange(len(content))] ^= 1
        with open(path, "r+b") as file:
            file.write(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def replace(self) -> None:
        """Write beside and rename over it, as editors do."""
        path = self.a_file()
        other = path.with_name("replacement")
        other.write_bytes(self.rng.randbytes(path.stat().st_size))
        os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
        other.rename(path)

    def truncate(self) -> None:
        path = self.a_file()
        os.truncate(path, path.stat().st_size // 2)

    def make_sparse(self) -> None:
        path = self.a_file()
        with open(path, "r+b") as file:
            file.truncate(self.rng.randrange(1, 5) << 20)
            file.seek(1 << 19)
            file.write(b"island")

    def swap(self) -> None:
        """Two files exchange their names: sizes and times come along."""
        one, two, between = self.a_file(), self.a_file(), self.root / "between"
        if one != two:
            one.rename(between)
            two.rename(one)
            between.rename(two)

    def link(self) -> None:
        path = self.a_name()
        if self.files():
            os.link(self.a_file(), path)

    def remove(self) -> None:
        if len(self.files()) > 3:
            self.a_file().unlink()

    def make_directory(self) -> None:
        path = self.a_name()
        path.mkdir()
        for number in range(self.rng.randrange(4)):
            (path / str(number)).write_bytes(self.rng.randbytes(100))

    def move_directory(self) -> None:
        found = self.directories()[1:]
        if found:
            source, target = self.rng.choice(found), self.a_name()
            if source not in target.parents:
                source.rename(target)

    def remove_directory(self) -> None:
        found = self.directories()[1:]
        if len(found) > 2:
            shutil.rmtree(self.rng.choice(found))

    def turn_into_a_directory(self) -> None:
        path = self.a_file()
        path.unlink()
        path.mkdir()
        (path / "inside").write_bytes(b"inside")

    def turn_into_a_link(self) -> None:
        path = self.a_file()
        path.unlink()
        path.symlink_to("somewhere else")

    def change_mode(self) -> None:
        self.a_file().chmod(self.rng.choice([0o600, 0o644, 0o755, 0o400]))

    def change_mode_of_a_directory(self) -> None:
        self.rng.choice(self.directories()).chmod(self.rng.choice([0o700, 0o755, 0o711]))

    def every(self) -> list[Callable[[], object]]:
        return [
            self.add, self.rewrite_in_place, self.rewrite_and_hide_it, self.replace, self.truncate, self.make_sparse,
            self.swap, self.link, self.remove, self.make_directory, self.move_directory, self.remove_directory,
            self.turn_into_a_directory, self.turn_into_a_link, self.change_mode, self.change_mode_of_a_directory,
        ]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_each_snapshot_of_an_edited_tree_is_the_tree_as_it_was(tmp_path: Path, seed: int) -> None:
    place = RestoredVault(tmp_path)
    root = tmp_path / "root"
    root.mkdir()
    edits = Edits(root, seed)
    for _ in range(15):
        edits.add()
    edits.make_directory()
    edits.make_directory()
    for number in range(5):
        for act in edits.rng.choices(edits.every(), k=5 * number):
            act()
        if number % 2:
            time.sleep(SETTLED_SECONDS)  # else what was just written is read again in any case
        record = place.save_files(root)
        place.restore(record, to=f"target{number}")
        differences = compare_trees(os.fsencode(root), os.fsencode(tmp_path / f"target{number}" / "site"))
        assert differences == [], f"seed {seed}, run {number}"
    assert place.findings == []


def test_a_file_that_is_written_to_all_the_time_is_saved_and_said_to_change(tmp_path: Path) -> None:
    place = RestoredVault(tmp_path)
    root = tmp_path / "root"
    root.mkdir()
    (root / "log").write_bytes(b"x" * 3_000_000)
    (root / "quiet").write_bytes(b"quiet")
    log = open(root / "log", "ab")

    class Writing(Notebook):
        def advanced(self, advance: object) -> None:
            log.write(b"more")
            log.flush()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rebond.vault.walk_progress._REPORT_EVERY_SECONDS", 0.0)
        path = os.fsencode(root)
        component = ComponentToSave(
            name="site",
            root=path,
            open_tree=lambda report: FileTree(path, Rules(), one_file_system=False, report=report),
        )
        notebook = Writing()
        outcome = back_up(place.vault(), BackupRequest(components=(component,), stack="test", host="here"), notebook)
    log.close()

    assert {finding.code for finding in outcome.findings} <= {"changed-while-read"}
    place.restore(outcome.record)
    assert place.found()["site/quiet"] == b"quiet"
    saved = place.found()["site/log"]
    assert saved == (root / "log").read_bytes()[: len(saved)]
    assert len(saved) >= 3_000_000
    again = place.save_files(root)
    place.restore(again, to="again")
    assert place.found("again")["site/log"] == (root / "log").read_bytes()
