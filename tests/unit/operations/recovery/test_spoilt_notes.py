"""What a part of a restore in place noted was spoilt: that is said with its way out, and is nobody's bug."""

import os
import pathlib

import pytest

from rebond.errors import RestoreError
from rebond.operations.recovery.file_part import FilePart, FilesPlace, Wish
from rebond.operations.recovery.left_behind import find_spoilt_note

RUN = "0a" * 8


@pytest.fixture
def notes(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / RUN / "parts" / "site"
    folder.mkdir(parents=True)
    return folder


def part_of(notes: pathlib.Path) -> FilePart:
    place = FilesPlace(name="site", kind="files", top=os.fsencode(notes / "live"))
    return FilePart(place, Wish(), run=RUN, folder=notes, source=None)


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"\x81"])
@pytest.mark.parametrize(
    ("note", "act"), [("places", "accept"), ("places", "discard"), ("swap", "take_back"), ("swap", "put")]
)
def test_a_note_that_is_none_is_told_with_its_way_out(notes: pathlib.Path, content: bytes, note: str, act: str) -> None:
    (notes / note).write_bytes(content)

    with pytest.raises(RestoreError) as caught:
        getattr(part_of(notes), act)()

    assert str(notes / note) in caught.value.message
    assert f"--leave {RUN}" in caught.value.hint
    assert (notes / note).read_bytes() == content


def test_a_part_whose_notes_are_spoilt_has_brought_nothing_that_is_known(notes: pathlib.Path) -> None:
    (notes / "places").write_bytes(b"\0")
    assert not part_of(notes).has_brought()


@pytest.mark.parametrize("note", ["places", "swap", "databases"])
def test_a_spoilt_note_is_found_among_the_parts_of_a_run(notes: pathlib.Path, note: str) -> None:
    assert find_spoilt_note(notes.parents[1]) is None
    (notes / note).write_bytes(b"\0")
    found = find_spoilt_note(notes.parents[1])
    assert found is not None
    assert str(notes / note) in found.message
