"""Which moves put a restored tree into the place of a live one: decided here, carried out by ``swap``.

A directory that is wholly this component's is moved at once, however much lies in it. One that also holds what no
restore may touch (what the rules leave out, other components, other file systems) stays, and is gone into.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from rebond.operations.recovery.directory_states import DirectoryState, read_state
from rebond.operations.recovery.mounts import list_mount_points
from rebond.sources.sqlite.companions import COMPANIONS

_SQLITE_MAGIC = b"SQLite format 3\0"

Decides = Callable[[bytes], bool]


class DirectoryChange(msgspec.Struct, frozen=True, kw_only=True):
    """A directory that stays and gets the look of the restored one. ``path`` is relative to the place."""

    path: bytes
    old: DirectoryState
    new: DirectoryState


class Staying(msgspec.Struct, frozen=True, kw_only=True):
    """A directory of this component that stays, and the names in it that are not this component's."""

    path: bytes
    others: list[bytes]


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """The moves of one component, relative to ``place``; an empty path is the place itself.

    ``asides`` go from ``place`` to ``old``, ``puts`` from ``new`` to ``place``; what somebody adds meanwhile or later
    goes to ``added`` when all is taken back. ``made`` are directories above the place that had to be made, outermost
    first. ``databases`` are those of ``puts`` that are files of SQLite, which may come to have others beside them.
    """

    place: bytes
    new: bytes
    old: bytes
    added: bytes
    stays: list[Staying] = []
    asides: list[bytes] = []
    puts: list[bytes] = []
    changes: list[DirectoryChange] = []
    made: list[bytes] = []
    databases: list[bytes] = []


class LiveShape(Struct, frozen=True, kw_only=True):
    """What was found in the live tree. ``mixed`` are directories, relative to the place, that have to stay.

    For each of them, the names in it that are not this component's. ``is_known`` is false where nobody looked: then
    nothing is taken for this component's own but what the snapshot brings.
    """

    mixed: Mapping[bytes, frozenset[bytes]]
    is_known: bool = True


UNKNOWN = LiveShape(mixed={}, is_known=False)


class SwapQuestion(Struct, frozen=True, kw_only=True):
    """What ``plan_swap`` has to know.

    ``is_wanted`` says of a directory whether it is wanted with all that is in it, and not only on the way to
    something. With ``are_databases`` every file is one of SQLite; else those are that look like it.
    """

    place: bytes
    new: bytes
    old: bytes
    added: bytes
    shape: LiveShape
    is_wanted: Decides
    are_databases: bool = False


def plan_swap(question: SwapQuestion) -> Swap:
    """Compare the restored tree with the live one. Raises ``OSError``."""
    status = look_at(question.place)
    if status is None or not stat.S_ISDIR(status.st_mode):
        asides = [] if status is None else [b""]
        return _make_swap(question, asides=asides, puts=[b""])  # always a directory: what is beside it is not its own
    comparison = _Comparison(question)
    comparison.run()
    return _make_swap(
        question,
        asides=comparison.asides,
        puts=comparison.puts,
        changes=comparison.changes,
        stays=comparison.stays,
        databases=comparison.databases,
    )


def close_last(swap: Swap, name: bytes) -> Swap:
    """Let one name leave its place first and come into it last; on the way back too, where all is done backwards."""
    asides = sorted(swap.asides, key=lambda path: path != name)
    return msgspec.structs.replace(swap, asides=asides, puts=sorted(swap.puts, key=lambda path: path == name))


def _make_swap(question: SwapQuestion, **moves: Any) -> Swap:
    return Swap(place=question.place, new=question.new, old=question.old, added=question.added, **moves)


class _Comparison:
    def __init__(self, question: SwapQuestion) -> None:
        self._question = question
        self._shape = question.shape
        self._device = os.lstat(question.place).st_dev
        self._mounts = list_mount_points()
        self.asides: list[bytes] = []
        self.puts: list[bytes] = []
        self.changes: list[DirectoryChange] = []
        self.stays: list[Staying] = []
        self.databases: list[bytes] = []

    def run(self) -> None:
        """Go down both trees together, as far as needed."""
        is_known = self._shape.is_known
        pending: list[tuple[bytes, bool, bool]] = [(b"", is_known, self._question.is_wanted(b""))]
        while pending:
            path, is_ours, is_wanted = pending.pop()
            if is_wanted:
                self._note_change(path)
            pending += self._compare(path, is_ours, is_wanted)

    def _compare(self, path: bytes, is_ours: bool, is_wanted: bool) -> list[tuple[bytes, bool, bool]]:
        """Compare one directory; return the subdirectories to go into."""
        question, below = self._question, []
        others = self._shape.mixed.get(path, frozenset())
        restored = _list(join(question.new, path))
        for name, is_directory in restored.items():
            here = join(path, name) if path else name
            status = look_at(join(question.place, here))
            if status is None:
                self.puts.append(here)
            elif is_directory and stat.S_ISDIR(status.st_mode):
                ours = is_ours and name not in others
                wanted = is_wanted or question.is_wanted(here)
                if ours and wanted and here not in self._shape.mixed and self._can_move(here, status):
                    self._replace(here)
                else:
                    below.append((here, ours, wanted))
            else:
                self._replace(here)
            if not is_directory and self._is_database(here):
                self.databases.append(here)
                self._set_besides_aside(here, restored)
        if is_ours and is_wanted:
            self.stays.append(Staying(path=path, others=sorted(others)))
            for name in _list(join(question.place, path)):
                if name not in restored and name not in others:
                    self._set_aside(join(path, name) if path else name)
        return below

    def _can_move(self, path: bytes, status: os.stat_result) -> bool:
        return status.st_dev == self._device and join(self._question.place, path) not in self._mounts

    def _replace(self, path: bytes) -> None:
        self.asides.append(path)
        self.puts.append(path)

    def _is_database(self, path: bytes) -> bool:
        question = self._question
        return question.are_databases or any(
            _looks_like_sqlite(join(top, path)) for top in (question.new, question.place)
        )

    def _set_besides_aside(self, path: bytes, restored: Mapping[bytes, bool]) -> None:
        for ending in COMPANIONS:
            name = os.path.basename(path) + ending
            if name not in restored and look_at(join(self._question.place, path + ending)) is not None:
                self.asides.append(path + ending)

    def _set_aside(self, path: bytes) -> None:
        """Set aside what the snapshot does not have; of a directory that has to stay, what is this component's."""
        pending = [path]
        while pending:
            here = pending.pop()
            others = self._shape.mixed.get(here)
            if others is None:
                if join(self._question.place, here) not in self._mounts:
                    self.asides.append(here)
                continue
            self.stays.append(Staying(path=here, others=sorted(others)))
            pending += [join(here, name) for name in _list(join(self._question.place, here)) if name not in others]

    def _note_change(self, path: bytes) -> None:
        old = read_state(join(self._question.place, path))
        new = read_state(join(self._question.new, path))
        if old != new:
            self.changes.append(DirectoryChange(path=path, old=old, new=new))


def join(top: bytes, path: bytes) -> bytes:
    """Return where a relative path lies; an empty one is the top itself."""
    return os.path.join(top, path) if path else top


def look_at(path: bytes) -> os.stat_result | None:
    """Return what a path is; ``None`` where nothing is."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _looks_like_sqlite(path: bytes) -> bool:
    status = look_at(path)
    if status is None or not stat.S_ISREG(status.st_mode):
        return False
    # A live file that cannot be read is the likeliest reason for a restore.
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(len(_SQLITE_MAGIC)) == _SQLITE_MAGIC
    return False


def _list(directory: bytes) -> dict[bytes, bool]:
    """Return the names in a directory, sorted, and whether each is a directory and no link; none where it is not."""
    try:
        with os.scandir(directory) as entries:
            return dict(sorted((each.name, each.is_dir(follow_symlinks=False)) for each in entries))
    except (FileNotFoundError, NotADirectoryError):
        return {}
