"""What a part of a restore in place noted was spoilt: that is said with its way out, and is nobody's bug."""

import os
import pathlib

import msgspec
import pytest

from rebond.errors import RestoreError
from rebond.operations.recovery.file_part import FilePart, FilesPlace, Wish
from rebond.operations.recovery.left_behind import find_spoilt_note
from rebond.operations.recovery.remembered_places import Places
from rebond.operations.recovery.swapping import Swap

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


@pytest.fixture
def taken_back(notes: pathlib.Path) -> pathlib.Path:
    """A part that was put and taken back; the mark that says so cannot be looked at any more, as on a bad disk."""
    folders = {name: notes / name for name in ("live", "new", "old", "added")}
    for name in ("live", "new"):
        folders[name].mkdir()
        (folders[name] / "file").write_text(name)
    paths = {name: os.fsencode(path) for name, path in folders.items()}
    swap = Swap(place=paths["live"], new=paths["new"], old=paths["old"], added=paths["added"], asides=[b""], puts=[b""])
    (notes / "swap").write_bytes(msgspec.msgpack.encode(swap))
    (notes / "places").write_bytes(
        msgspec.msgpack.encode(Places(place=paths["live"], beside=os.fsencode(notes / "beside"), made=[]))
    )
    part_of(notes).set_aside()
    part_of(notes).put()
    assert (folders["live"] / "file").read_text() == "new"
    part_of(notes).take_back()
    assert (folders["live"] / "file").read_text() == "live"
    (notes / "taken-back").unlink()
    (notes / "taken-back").symlink_to("x" * 300)  # no name may be so long: whoever looks has an error
    return folders["live"] / "file"


@pytest.mark.parametrize("act", ["take_back", "discard"])
def test_a_mark_that_cannot_be_looked_at_is_not_taken_for_none(
    notes: pathlib.Path, taken_back: pathlib.Path, act: str
) -> None:
    """Taken back once more, the version of before would be moved away as if it were the restored one."""
    with pytest.raises(RestoreError) as caught:
        getattr(part_of(notes), act)()

    assert str(notes / "taken-back") in caught.value.message
    assert taken_back.read_text() == "live"
