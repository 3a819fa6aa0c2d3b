"""What of a live tree has to stay: the same whether sizes are asked for or names alone."""

import os
import pathlib

import pytest

from rebond.sources.files.excluding import Rules
from rebond.stack.live_trees import look_at_live


def plant(root: pathlib.Path) -> None:
    for name in (
        "own/a/file",
        "own/b/file",
        "mixed/logs/x.log",
        "mixed/kept",
        "git/.gitignore",
        "git/made",
        "git/code",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made\n" if path.name == ".gitignore" else "")
    (root / "apart").mkdir()
    (root / "apart" / ".nobackup").write_text("")
    (root / "apart" / "big").write_text("x" * 100)
    os.symlink("own", root / "mixed" / "link.log")


@pytest.mark.parametrize("larger_than_bytes", [None, 1 << 40])
def test_directories_that_hold_what_the_rules_leave_out_stay_with_those_names(
    tmp_path: pathlib.Path, larger_than_bytes: int | None
) -> None:
    plant(tmp_path)
    rules = Rules.from_flags(exclude=["*.log"], gitignore=True, larger_than_bytes=larger_than_bytes)

    shape = look_at_live(os.fsencode(tmp_path), lambda: rules, False, lambda _: True)

    assert shape.is_known
    assert shape.mixed == {
        b"": frozenset(),
        b"mixed": {b"link.log"},
        b"mixed/logs": {b"x.log"},
        b"git": {b"made"},
        b"apart": {b"big"},
    }


def test_files_that_are_too_large_stay(tmp_path: pathlib.Path) -> None:
    plant(tmp_path)
    (tmp_path / "own" / "a" / "file").write_text("x" * 100)
    shape = look_at_live(os.fsencode(tmp_path), lambda: Rules(larger_than_bytes=50), False, lambda _: True)
    assert shape.mixed[b"own/a"] == {b"file"}
    assert b"own/b" not in shape.mixed


def test_what_cannot_matter_is_not_gone_into(tmp_path: pathlib.Path) -> None:
    plant(tmp_path)
    rules = Rules.from_flags(exclude=["*.log"])
    shape = look_at_live(os.fsencode(tmp_path), lambda: rules, False, lambda path: not path.startswith(b"mixed"))
    assert b"mixed/logs" not in shape.mixed
    assert shape.mixed[b"apart"] == {b"big"}
