"""Moves that were cut, and moves to another file system."""

import errno
import os
import pathlib

import pytest

from rebond.operations.recovery.moving import Mover, move, strip_trace


class AcrossDisks(Mover):
    """Every first rename fails as between two file systems; ``cut_at`` names the call that never comes back."""

    def __init__(self, cut_at: int = 0) -> None:
        self.calls = 0
        self._cut_at = cut_at

    def rename(self, source: bytes, target: bytes) -> None:
        self.calls += 1
        if self.calls == self._cut_at:
            raise KeyboardInterrupt
        if not source.endswith(b".rebond-moving"):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        super().rename(source, target)


def plant(folder: pathlib.Path) -> bytes:
    (folder / "a" / "deep").mkdir(parents=True)
    (folder / "a" / "deep" / "f").write_text("content")
    (folder / "a" / "deep" / "f").chmod(0o640)
    os.link(folder / "a" / "deep" / "f", folder / "a" / "second")
    (folder / "a" / "link").symlink_to("nowhere")
    os.mkfifo(folder / "a" / "pipe")
    os.utime(folder / "a" / "deep" / "f", ns=(1_000, 1_700_000_000_000_000_123))
    return os.fsencode(folder / "a")


def describe(top: bytes) -> dict[bytes, tuple[int, int, int]]:
    found = {}
    for directory, names, files in os.walk(top):
        for name in [*names, *files]:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            found[os.path.relpath(path, top)] = (status.st_mode, status.st_nlink, status.st_mtime_ns)
    return found


def test_what_goes_to_another_file_system_is_all_that_it_was(tmp_path: pathlib.Path) -> None:
    source, target = plant(tmp_path), os.fsencode(tmp_path / "b" / "c")
    before = describe(source)
    move(source, target, AcrossDisks())
    after = describe(target)
    assert {path: each for path, each in after.items() if path != b"link"} == {
        path: each for path, each in before.items() if path != b"link"
    }
    assert os.readlink(target + b"/link") == b"nowhere"
    assert not os.path.lexists(source)
    assert sorted(os.listdir(os.path.dirname(target))) == [b"c"]
    move(source, target)  # once more: nothing is left to do


@pytest.mark.parametrize("cut_at", [1, 2])
def test_a_move_that_was_cut_is_gone_on_with(tmp_path: pathlib.Path, cut_at: int) -> None:
    source, target = plant(tmp_path), os.fsencode(tmp_path / "b")
    before = describe(source)
    with pytest.raises(KeyboardInterrupt):
        move(source, target, AcrossDisks(cut_at))
    move(source, target, AcrossDisks())
    assert describe(target).keys() == before.keys()
    assert sorted(os.listdir(tmp_path)) == ["b"]


def test_what_came_to_lie_where_the_original_was_stays(tmp_path: pathlib.Path) -> None:
    source, target = plant(tmp_path), os.fsencode(tmp_path / "b")
    before = describe(source)
    with pytest.raises(KeyboardInterrupt):
        move(source, target, AcrossDisks(2))  # the copy is whole, and has not its name
    (tmp_path / "a").write_text("mine")
    with pytest.raises(FileExistsError):
        move(source, target, AcrossDisks())
    assert describe(target).keys() == before.keys()
    assert (tmp_path / "a").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize("length", [230, 231, 232, 241, 242, 255])
@pytest.mark.parametrize("cut_at", [0, 1, 2])
def test_a_name_may_be_as_long_as_names_are(tmp_path: pathlib.Path, length: int, cut_at: int) -> None:
    names = [letter + "\u00e9" * ((length - 1) // 2) + "e" * ((length - 1) % 2) for letter in "xy"]
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    for name in names:
        (tmp_path / "a" / name).write_text(name[0])
        source, target = os.fsencode(tmp_path / "a" / name), os.fsencode(tmp_path / "b" / name)
        if cut_at:
            with pytest.raises(KeyboardInterrupt):
                move(source, target, AcrossDisks(cut_at))
        move(source, target, AcrossDisks())
    assert os.listdir(tmp_path / "a") == []
    assert {each.name: each.read_text() for each in (tmp_path / "b").iterdir()} == {name: name[0] for name in names}


@pytest.mark.parametrize("length", [231, 232, 255])
def test_what_is_known_by_its_name_on_the_way_alone_is_gone_on_with(tmp_path: pathlib.Path, length: int) -> None:
    folder, other, name = os.fsencode(tmp_path / "a"), os.fsencode(tmp_path / "b"), b"x" * length
    for each in (folder, other):
        os.mkdir(each)
    (tmp_path / "a" / name.decode()).write_text("content")
    with pytest.raises(KeyboardInterrupt):
        move(os.path.join(folder, name), os.path.join(other, name), AcrossDisks(2))
    (on_the_way,) = os.listdir(folder)
    found = strip_trace(on_the_way)
    assert found == name if length <= 231 else found.startswith(name[:200] + b"~")
    move(os.path.join(folder, found), os.path.join(other, found), AcrossDisks())
    assert (os.listdir(folder), [each.read_text() for each in (tmp_path / "b").iterdir()]) == ([], ["content"])


def test_nothing_is_ever_moved_over_something_else(tmp_path: pathlib.Path) -> None:
    source = plant(tmp_path)
    (tmp_path / "b").write_text("mine")
    with pytest.raises(FileExistsError):
        move(source, os.fsencode(tmp_path / "b"))
    assert (tmp_path / "b").read_text() == "mine"
