"""The throw-away place of a drill goes, whatever was put into it."""

import os
import pathlib
import signal
import subprocess

import pytest

from rebond.clock import SystemClock
from rebond.errors import RestoreError
from rebond.history.running import list_marks
from rebond.stack.drills.place import PLACES, VARIABLE, DrillPlace, read_environment


@pytest.mark.parametrize("directories", [0, 3, 40])
def test_a_place_goes_whole_and_what_its_links_lead_to_stays(tmp_path: pathlib.Path, directories: int) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    with DrillPlace(tmp_path / "state", {"TMPDIR": str(tmp_path)}, SystemClock()) as place:
        for number in range(directories):
            folder = place.stack / "tree" / str(number)
            (folder / "below").mkdir(parents=True)
            (folder / "below" / "file").write_text("")
            (folder / "to outside").symlink_to(outside)
            folder.chmod(0o500 if number % 2 else 0)
        (place.stack / "to outside").symlink_to(outside)
        (place.stack / "file").write_text("")
    assert not place.folder.exists()
    assert (outside / "kept").read_text() == "kept"
    assert not list_marks(tmp_path / "state" / PLACES)


def test_a_program_that_was_started_this_moment_is_known_by_its_environment(tmp_path: pathlib.Path) -> None:
    """The kernel shows no environment of a process while its program is being loaded."""
    for _ in range(100):
        with subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"], VARIABLE: str(tmp_path)}) as started:
            try:
                assert VARIABLE.encode() in read_environment(started.pid, SystemClock())
            finally:
                started.kill()


def test_the_folder_that_cannot_be_written_is_the_one_that_is_named(tmp_path: pathlib.Path) -> None:
    state, temporary = tmp_path / "state", tmp_path / "temporary"
    state.mkdir()
    temporary.mkdir()
    (state / PLACES.partition("/")[0]).write_text("no folder")
    with pytest.raises(RestoreError) as caught:
        DrillPlace(state, {"TMPDIR": str(temporary)}, SystemClock())
    assert str(state) in caught.value.message
    assert str(temporary) not in caught.value.message
    assert not list(temporary.iterdir())


def test_what_was_started_with_the_mark_of_a_place_ends_with_it(tmp_path: pathlib.Path) -> None:
    with DrillPlace(tmp_path / "state", {"TMPDIR": str(tmp_path)}, SystemClock()) as place:
        started = subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"], VARIABLE: place.mark})
    try:
        assert started.wait(timeout=20) == -signal.SIGTERM
    finally:
        started.kill()
