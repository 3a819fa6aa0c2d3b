"""A fetch that was cut: what a killed process left is gone on with, what a power cut left is fetched again."""

import os
from pathlib import Path

import pytest
from tests.unit.operations.restored import RestoredVault

from rebond.operations.recovery import earlier_fetches
from rebond.operations.recovery.earlier_fetches import choose_overwriting, read_boot
from rebond.operations.recovery.file_part import FilePart, FilesPlace, Wish
from rebond.operations.recovery.parts import Source
from rebond.sources.files.overwriting import Overwrite
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import Notebook

CONTENT = b"of the snapshot"


@pytest.fixture
def part(tmp_path: Path) -> FilePart:
    place = RestoredVault(tmp_path)
    tree = MemoryTree()
    tree.write("page", CONTENT)
    record = place.save(tree)
    (tmp_path / "live").mkdir()
    (tmp_path / "state" / "run" / "site").mkdir(parents=True)
    files = FilesPlace(name="site", kind="files", top=os.fsencode(tmp_path / "live"))
    source = Source(vault=place.vault(), record=record)
    return FilePart(files, Wish(), run="run", folder=tmp_path / "state" / "run" / "site", source=source)


def empty_out(tmp_path: Path) -> Path:
    """Leave the one fetched file as a disk may: as long and as old as it should be, and nothing in it."""
    (page,) = [each for each in tmp_path.rglob("page") if each.is_file()]
    status = page.stat()
    page.write_bytes(bytes(len(CONTENT)))
    os.utime(page, ns=(status.st_atime_ns, status.st_mtime_ns))
    return page


def test_after_a_power_cut_nothing_that_was_fetched_is_believed(
    part: FilePart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part.fetch(Notebook())
    page = empty_out(tmp_path)
    monkeypatch.setattr(earlier_fetches, "read_boot", lambda: b"another start")

    part.fetch(Notebook())

    assert page.read_bytes() == CONTENT


def test_what_a_killed_process_fetched_is_not_fetched_again(part: FilePart, tmp_path: Path) -> None:
    part.fetch(Notebook())
    page = empty_out(tmp_path)

    part.fetch(Notebook())

    assert page.read_bytes() == bytes(len(CONTENT))


@pytest.mark.parametrize("noted", [None, b"", b"before"])
def test_where_nobody_knows_when_it_was_fetched_it_is_fetched_again(
    noted: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "file").touch()
    if noted is not None:
        (tmp_path / "boot").write_bytes(noted)
        monkeypatch.setattr(earlier_fetches, "read_boot", lambda: b"" if not noted else b"now")

    assert choose_overwriting(tmp_path, os.fsencode(tmp_path / "target")) is Overwrite.ALWAYS


def test_a_machine_tells_its_starts_apart() -> None:
    assert len(read_boot()) == 36  # a UUID
