"""A directory that stays in its place while another version of it is put there, and back."""

import os
import pathlib
import struct

import pytest

from rebond.operations.recovery.directory_states import apply_state, read_state

ACCESS_LIST, DEFAULT_LIST = "system.posix_acl_access", "system.posix_acl_default"
_ENTRIES = ((1, 7, -1), (2, 7, 1000), (4, 5, -1), (16, 7, -1), (32, 5, -1))  # the user 1000 may do everything
LETS_IN = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *each) for each in _ENTRIES)


@pytest.fixture
def place(tmp_path: pathlib.Path) -> pathlib.Path:
    """A directory; where its file system has no such attributes at all, the test is skipped with that reason."""
    folder = tmp_path / "place"
    folder.mkdir(mode=0o750)
    try:
        os.setxattr(tmp_path, "user.probe", b"")
        os.setxattr(tmp_path, ACCESS_LIST, LETS_IN)
    except OSError as error:
        pytest.skip(f"no attributes on this file system: {error.strerror}")
    return folder


def test_a_list_that_came_since_lets_nobody_in_any_more(place: pathlib.Path) -> None:
    saved = read_state(os.fsencode(place))
    for name in (ACCESS_LIST, DEFAULT_LIST):
        os.setxattr(place, name, LETS_IN)
    os.setxattr(place, "user.since", b"1")
    live = read_state(os.fsencode(place))
    assert live.mode != saved.mode  # what the mask of the list says

    apply_state(os.fsencode(place), saved)
    assert read_state(os.fsencode(place)) == saved

    apply_state(os.fsencode(place), live)
    assert read_state(os.fsencode(place)) == live


def test_what_the_system_sets_for_itself_stays(place: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    saved = read_state(os.fsencode(place))
    monkeypatch.setattr(os, "listxattr", lambda *_, **__: ["security.selinux", "trusted.overlay.opaque", "user.since"])
    monkeypatch.setattr(os, "getxattr", lambda *_, **__: b"label")
    monkeypatch.setattr(os, "removexattr", lambda _, name, **__: asked.append(name))

    apply_state(os.fsencode(place), saved)

    assert asked == ["user.since"]
