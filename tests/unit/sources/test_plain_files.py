"""Plain files written by another process than the one that made the directories."""

import os
import pathlib

import pytest

from rebond.entries import Entry, EntryKind
from rebond.findings import Finding
from rebond.sources.files.landed_directories import Directory
from rebond.sources.files.landing import FileLanding
from rebond.sources.files.overwriting import Overwrite
from rebond.sources.files.plain_files import PlainFiles

ROOT = Entry(name=b"", kind=EntryKind.DIRECTORY, mode=0o755)


class Two:
    """A landing that made ``t/d``, and plain files that know both by their places."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.target = folder / "t"
        self.found: list[Finding] = []
        self.landing = FileLanding(
            bytes(self.target), overwrite=Overwrite.NEVER, report=self.found.append, scratch=folder
        )
        self.root = self.landing.begin(ROOT)
        made = self.landing.make_directory(self.root, Entry(name=b"d", kind=EntryKind.DIRECTORY, mode=0o750))
        assert isinstance(made, Directory)
        self.directory = made
        self.plain = PlainFiles(bytes(self.target), self.landing.list_directories(), keeps_owner=True)

    def write(self, entry: Entry, content: bytes) -> bool:
        """Write into ``t/d``."""
        return self.plain.write(self.directory.place, entry, content)


@pytest.fixture
def two(tmp_path: pathlib.Path) -> Two:
    return Two(tmp_path)


def a_file(name: bytes = b"f", size: int = 3, **words: object) -> Entry:
    owner = {"uid": os.geteuid(), "gid": os.getegid()}
    given = {"mode": 0o640, "modified_ns": 1_700_000_000_123_456_789, **owner, **words}
    return Entry(name=name, kind=EntryKind.FILE, size=size, **given)  # type: ignore[arg-type]


def test_a_new_file_has_its_content_and_metadata(two: Two) -> None:
    assert two.write(a_file(), b"abc")
    assert two.plain.write(0, a_file(b"top", mode=0o4755), memoryview(b"abc"))

    status = (two.target / "d/f").stat()
    assert (two.target / "d/f").read_bytes() == b"abc"
    assert (status.st_mode & 0o7777, status.st_mtime_ns) == (0o640, 1_700_000_000_123_456_789)
    assert (two.target / "top").stat().st_mode & 0o7777 == 0o4755


@pytest.mark.parametrize(
    "words",
    [
        {"xattrs": ((b"user.a", b"1"),)},
        {"flags": 0x10},
        {"holes": ((0, 3),)},
        {"size": 4},
    ],
)
def test_what_is_not_simple_is_left_and_nothing_of_it_is_there(two: Two, words: dict[str, object]) -> None:
    assert not two.write(a_file(**{"size": 3, **words}), b"abc")  # type: ignore[arg-type]
    assert os.listdir(two.target / "d") == []


def test_what_lies_there_already_stays_as_it_is(two: Two) -> None:
    (two.target / "d/f").write_text("older")

    assert not two.write(a_file(), b"abc")
    assert (two.target / "d/f").read_text() == "older"


def test_nothing_is_written_into_a_directory_that_was_replaced(two: Two, tmp_path: pathlib.Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (two.target / "d").rmdir()
    (two.target / "d").symlink_to(tmp_path / "elsewhere")

    assert not two.write(a_file(), b"abc")
    assert os.listdir(tmp_path / "elsewhere") == []

    (two.target / "d").unlink()
    (two.target / "d").mkdir()
    assert not two.write(a_file(), b"abc")
    assert os.listdir(two.target / "d") == []


@pytest.mark.parametrize("name", [b"..", b".", b"", b"a/b", b"../x", b"a\0b"])
def test_a_name_that_leads_elsewhere_is_left(two: Two, name: bytes) -> None:
    assert not two.write(a_file(name), b"abc")
    assert sorted(os.listdir(two.target)) == ["d"]


def test_another_target_than_the_one_that_was_begun_is_refused(two: Two) -> None:
    os.rename(two.target, two.target.with_name("moved"))
    two.target.mkdir()

    with pytest.raises(FileNotFoundError):
        PlainFiles(bytes(two.target), two.landing.list_directories(), keeps_owner=True)


@pytest.mark.root
def test_owners_are_given_and_what_could_not_be_given_is_counted_once(two: Two) -> None:
    assert two.write(a_file(uid=12345, gid=54321), b"abc")

    status = (two.target / "d/f").stat()
    assert (status.st_uid, status.st_gid) == (12345, 54321)
    assert two.plain.take_owner_losses() == (0, b"", "")

    two.landing.add_owner_losses((3, b"first", "Operation not permitted"))
    two.landing.add_owner_losses((2, b"later", "other"))
    two.landing.finish()
    [finding] = two.found
    assert finding.values["count"] == 5
    assert "first" in str(finding.values["path"])
