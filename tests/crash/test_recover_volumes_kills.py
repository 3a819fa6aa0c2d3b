"""A recovery that fills volumes, killed anywhere: gone on with, each is whole; undone, as the engine made it."""

import os
import pathlib
import tempfile
from collections.abc import Iterator

import pytest
from tests.crash.cuts import NO_END, choose_cuts, is_piece
from tests.crash.test_restore_in_place_kills import PLACES as PLACES_OF_FILES
from tests.crash.test_restore_in_place_kills import Places, kill_doing
from tests.scenarios.volumes_gone import VolumesGone

from rebond.operations.recovery import file_part, late_part
from rebond.stack import late_places

POINTS_AT_MOST = 600
EVERY = 37  # each point takes some seconds: by itself, some of them
OF_LATE_PARTS: Places = (
    (late_part.LatePart, "_note"),
    (late_places.ContainerMaker, "make"),
    (late_part.LatePart, "put"),
)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ground() -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        yield pathlib.Path(folder)


@pytest.fixture(scope="module")
def template(ground: pathlib.Path) -> VolumesGone:
    (ground / "template").mkdir()
    return VolumesGone.saved(ground / "template")


@pytest.fixture
def machines(template: VolumesGone, ground: pathlib.Path) -> Iterator[Iterator[VolumesGone]]:
    with tempfile.TemporaryDirectory(dir=ground) as made:
        yield (template.copied(pathlib.Path(made) / str(number)) for number in range(2 * POINTS_AT_MOST))


def _require_whole(machine: VolumesGone, point: int) -> None:
    """See that going on with a run brings everything, and that nothing of it stays when it is accepted."""
    if not any((machine.folder / "state" / "restores").glob("*/plan.json")):
        assert machine.recover().status == 0, point
    else:
        answer = machine.resume()
        assert answer.status in {0, 6}, (point, answer.err)  # 6: it had come to its end
    assert machine.files() == machine.saved_files, point
    machine.program.good("restore", "--accept", "latest", "--yes")
    assert (machine.files(), machine.beside()) == (machine.saved_files, []), point


def test_killed_anywhere_it_is_gone_on_with_or_undone_and_nothing_is_lost(machines: Iterator[VolumesGone]) -> None:
    last = 0
    for (point, goes_on), machine in zip(choose_cuts(1, POINTS_AT_MOST, EVERY), machines, strict=False):
        if not kill_doing(machine.recover, point, (*PLACES_OF_FILES, *OF_LATE_PARTS)):
            break
        last = point
        if goes_on or not any((machine.folder / "state" / "restores").glob("*/plan.json")):
            _require_whole(machine, point)
            continue
        answer = machine.program("restore", "--rollback", "latest", "--yes", "--set-newer-aside")
        assert answer.status == 0, (point, answer.err)
        assert {*machine.files()} <= {"shop_media/from-image", "shop_data/from-image"}, point
        assert machine.beside() == [], point
    else:
        assert is_piece(), NO_END
    assert last > 60 or is_piece()


@pytest.mark.parametrize("point", [1, 3, 5, 10, 11, 12])
def test_killed_around_the_making_of_volumes_what_the_image_brought_is_still_known_for_that(
    machines: Iterator[VolumesGone], point: int
) -> None:
    """Notes of what was there before come first: after the making nobody could tell."""
    machine = next(machines)
    assert kill_doing(machine.recover, point, OF_LATE_PARTS)
    _require_whole(machine, point)


def test_killed_before_what_the_image_brought_is_aside_it_is_set_aside_when_it_is_gone_on_with(
    machines: Iterator[VolumesGone],
) -> None:
    machine = next(machines)
    assert kill_doing(machine.recover, 10, ((file_part.FilePart, "_note"),))  # its moves are planned
    assert "shop_media/from-image" in machine.files()
    _require_whole(machine, 10)
