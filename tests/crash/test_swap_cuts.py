"""A swap that is killed before any line of it, on one file system and across two: undone or gone on with, all is there.

Versions change places by renaming, or by copying where something is mounted inside; then a move has a middle.
"""

import errno
import os
import pathlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from tests.bounded import run_apart
from tests.crash.cuts import NO_END, choose_points, is_piece

from rebond.operations.recovery import moving, swap_steps
from rebond.operations.recovery.moving import MOVER, Mover
from rebond.operations.recovery.swapping import LiveShape, Swap, SwapQuestion, plan_swap

SQLITE = "SQLite format 3\0"
OLD = {"app.py": "old", "gone.py": "old", "lib/x.py": "old x", "lib/deep/y.py": "old y", "shop.db": f"{SQLITE}old"}
NEW = {"app.py": "new", "fresh.py": "new", "lib/x.py": "new x", "lib/z.py": "new z", "shop.db": f"{SQLITE}new"}
MINE = {"app.py": "mine", "shop.db-wal": "of mine", "fresh.py": "mine too"}
KILLED = 9
POINTS_AT_MOST = 6000
EVERY = 47  # a point takes some ten milliseconds: by itself, some of them


class AcrossDisks(Mover):
    """Every rename to another folder fails as between two file systems."""

    def rename(self, source: bytes, target: bytes) -> None:
        """Rename what lies beside its target."""
        if os.path.dirname(source) != os.path.dirname(target):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
        super().rename(source, target)


MOVERS: tuple[Mover, ...] = (MOVER, AcrossDisks())
on_each = pytest.mark.parametrize("mover", MOVERS, ids=["one-disk", "two-disks"])


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches the disk is judged elsewhere; here processes are killed, not machines."""
    monkeypatch.setattr(os, "sync", lambda: None)
    monkeypatch.setattr(swap_steps, "sync_file_system", lambda _: None)


class Ground:
    """A live tree, one to be put in its place, and the swap of both."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.place = folder / "place"
        write(self.place, OLD)
        write(folder / "new", NEW)
        self.swap = self._plan()

    def _plan(self) -> Swap:
        place, new, old, added = (os.fsencode(self.folder / name) for name in ("place", "new", "old", "added"))
        shape = LiveShape(mixed={})
        question = SwapQuestion(place=place, new=new, old=old, added=added, shape=shape, is_wanted=lambda _: True)
        return plan_swap(question)

    def forward(self, mover: Mover) -> None:
        swap_steps.set_aside(self.swap, mover)
        swap_steps.put(self.swap, mover)

    def back(self, mover: Mover) -> None:
        swap_steps.take_back(self.swap, mover)

    def left(self) -> list[str]:
        """Return what lies beside the place once all is taken back, but for what was brought."""
        return [*read(self.folder / "old"), *read(self.folder / "added")]


def write(folder: pathlib.Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def read(folder: pathlib.Path) -> dict[str, str]:
    return {str(each.relative_to(folder)): each.read_text() for each in folder.rglob("*") if each.is_file()}


def killed(act: Callable[[], None], at: int) -> bool:
    """Do something in a process that ends before the N-th line of what moves things; say whether it did."""
    traced = {moving.__file__, swap_steps.__file__}
    left = at

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in traced:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os._exit(KILLED)
        return trace

    def be_traced() -> None:
        sys.settrace(trace)
        act()

    return run_apart(be_traced) == KILLED


def grounds(prepare: Callable[[Ground], None], act: Callable[[Ground], None]) -> Iterator[tuple[int, Ground]]:
    """Yield a ground for each point at which something was cut; ends when it came to its end."""
    for point in choose_points(1, POINTS_AT_MOST, EVERY):
        with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
            ground = Ground(pathlib.Path(folder))
            prepare(ground)
            if not killed(lambda ground=ground: act(ground), point):  # type: ignore[misc]
                return
            yield point, ground
    assert is_piece(), NO_END


@on_each
def test_cut_anywhere_it_is_gone_on_with(mover: Mover) -> None:
    for point, ground in grounds(lambda _: None, lambda ground: ground.forward(mover)):
        ground.forward(mover)
        assert read(ground.place) == NEW, point
        assert read(ground.folder / "old") == OLD, point
        assert read(ground.folder / "added") == {}, point


@on_each
def test_cut_anywhere_it_is_undone(mover: Mover) -> None:
    for point, ground in grounds(lambda _: None, lambda ground: ground.forward(mover)):
        ground.back(mover)
        assert (read(ground.place), ground.left()) == (OLD, []), point


@on_each
def test_cut_while_it_is_undone_it_is_undone_again(mover: Mover) -> None:
    for point, ground in grounds(lambda ground: ground.forward(mover), lambda ground: ground.back(mover)):
        ground.back(mover)
        assert (read(ground.place), ground.left()) == (OLD, []), point
        assert read(ground.folder / "new") == NEW, point


@on_each
@pytest.mark.parametrize("is_undone", [False, True])
def test_what_somebody_wrote_while_it_lay_cut_is_kept_and_mixed_with_nothing(mover: Mover, is_undone: bool) -> None:
    for point, ground in grounds(lambda _: None, lambda ground: ground.forward(mover)):
        if (ground.place / "app.py").exists():
            continue
        write(ground.place, MINE)
        if is_undone:
            ground.back(mover)
        else:
            ground.forward(mover)
        assert read(ground.place) == (OLD if is_undone else NEW), point
        assert set(MINE.values()) <= set(read(ground.folder).values()), point
        if not is_undone:
            assert read(ground.folder / "old").items() >= OLD.items(), point
