"""Whether something is there is answered, or not known: pathlib says no of what may not be looked at, since 3.14."""

import ast
import os
import pathlib
from collections.abc import Callable

import pytest

import rebond
from rebond.presence import is_file, is_folder, is_taken, is_there

ALL = (is_there, is_folder, is_file, is_taken)
CANNOT_BE_LOOKED_AT = "x" * 300  # of root too: no name may be so long
SOURCES = pathlib.Path(rebond.__file__).parent
ASKED_OF_A_PATH = {"exists", "is_dir", "is_file", "is_symlink"}


@pytest.fixture
def place(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "hidden").symlink_to(CANNOT_BE_LOOKED_AT)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("file", (True, False, True, True)),
        ("folder", (True, True, False, True)),
        ("link", (True, False, True, True)),
        ("dangling", (False, False, False, True)),
        ("round", (False, False, False, True)),
        ("nothing", (False, False, False, False)),
        ("file/below", (False, False, False, False)),
        ("nothing/below", (False, False, False, False)),
    ],
)
def test_what_is_there_is_said(place: pathlib.Path, name: str, answers: tuple[bool, ...]) -> None:
    assert tuple(ask(place / name) for ask in ALL) == answers
    assert tuple(ask(os.fsencode(place / name)) for ask in ALL) == answers


@pytest.mark.parametrize("ask", [is_there, is_folder, is_file])
def test_what_cannot_be_looked_at_is_not_said_to_be_away(
    place: pathlib.Path, ask: Callable[[pathlib.Path], bool]
) -> None:
    with pytest.raises(OSError, match="too long"):
        ask(place / "hidden")
    assert is_taken(place / "hidden")


def test_a_name_that_cannot_be_looked_at_is_not_free(place: pathlib.Path) -> None:
    with pytest.raises(OSError, match="too long"):
        is_taken(place / CANNOT_BE_LOOKED_AT)


def test_what_undoes_a_restore_never_takes_not_known_for_no() -> None:
    """A mark of a run that a bad disk hides is no step that is still to be done: it would be done twice."""
    asked = [
        f"{path.relative_to(SOURCES)}:{node.lineno}"
        for path in sorted((SOURCES / "operations" / "recovery").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ASKED_OF_A_PATH
        and not node.args
        and not node.keywords
    ]
    assert asked == []
