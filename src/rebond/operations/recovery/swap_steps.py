"""Carrying out a swap, each half by itself, and undoing it. Every function may be called again after a crash."""

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

from rebond.operations.recovery.directory_states import apply_state
from rebond.operations.recovery.moving import MOVER, Mover, finish, move, remove_half, strip_trace
from rebond.operations.recovery.own_touches import Touches, is_own
from rebond.operations.recovery.swapping import Swap, join, look_at
from rebond.sources.files.system_calls import sync_file_system
from rebond.sources.sqlite.companions import COMPANIONS, MEMORY


def set_aside(swap: Swap, mover: Mover = MOVER) -> None:
    """Move the live version aside. Raises ``OSError``."""
    for path in swap.asides:
        source, target = join(swap.place, path), join(swap.old, path)
        finish(source, target, mover)
        if not os.path.lexists(target):  # what lies in the place of one that was moved is dealt with by ``put``
            move(source, target, mover)
    _sync(swap)


def put(swap: Swap, mover: Mover = MOVER) -> None:
    """Move the new version into its place, and give directories that stayed their look. Raises ``OSError``."""
    known = _Known.of(swap)
    for path in swap.puts:
        source, target = join(swap.new, path), join(swap.place, path)
        finish(source, target, mover)
        if os.path.lexists(source):
            for each in (path, *known.list_besides(path)):
                _clear(swap, each, mover)
        move(source, target, mover)
    for change in reversed(swap.changes):  # deepest first: each move changes the time of the directory above
        with contextlib.suppress(FileNotFoundError):
            apply_state(join(swap.place, change.path), change.new)
    _sync(swap)


def is_left(swap: Swap) -> bool:
    """Say whether anything is still to be put."""
    return any(os.path.lexists(join(swap.new, path)) for path in swap.puts)


def take_back(swap: Swap, mover: Mover = MOVER) -> None:
    """Undo ``put`` and ``set_aside`` as far as they came. Raises ``OSError``.

    The restored version goes back to where it was brought to, with what was written to it since. What somebody else
    put into the place of the old version is kept beside it.
    """
    known = _Known.of(swap)
    for path in reversed(swap.puts):
        _take_new_away(swap, known, path, mover)
    _take_added_away(swap, known, mover)
    for path in reversed(swap.asides):
        _put_old_back(swap, known, path, mover)
    for change in reversed(swap.changes):
        with contextlib.suppress(FileNotFoundError):
            apply_state(join(swap.place, change.path), change.old)
    for path in reversed(swap.made):
        with contextlib.suppress(OSError):  # something else lies there now
            os.rmdir(path)
    _sync(swap)


class _Known(NamedTuple):
    """The paths of a swap, to look one up: there may be a million of them."""

    asides: frozenset[bytes]
    puts: frozenset[bytes]
    databases: frozenset[bytes]

    @classmethod
    def of(cls, swap: Swap) -> "_Known":
        return cls(frozenset(swap.asides), frozenset(swap.puts), frozenset(swap.databases))

    def list_besides(self, path: bytes) -> list[bytes]:
        """Return what SQLite may have made beside a database of this swap, by name: it belongs to one version only."""
        if path not in self.databases:
            return []
        return [path + ending for ending in COMPANIONS if path + ending not in self.puts]


def _take_new_away(swap: Swap, known: _Known, path: bytes, mover: Mover) -> None:
    place, new = join(swap.place, path), join(swap.new, path)
    finish(new, place, mover)
    finish(place, new, mover)
    if not os.path.lexists(new):
        for each in known.list_besides(path):
            if not os.path.lexists(join(swap.new, each)):  # the old one must never be read with them
                move(join(swap.place, each), join(swap.new, each), mover)
        move(place, new, mover)
    if path not in known.asides:
        remove_half(place)
        _clear(swap, path, mover)  # nothing lay there


def _put_old_back(swap: Swap, known: _Known, path: bytes, mover: Mover) -> None:
    place, old = join(swap.place, path), join(swap.old, path)
    finish(place, old, mover)
    finish(old, place, mover)
    if os.path.lexists(old):
        for each in (path, *(each for each in known.list_besides(path) if each not in known.asides)):
            _clear(swap, each, mover)
    move(old, place, mover)
    remove_half(place)
    remove_half(old)


def _clear(swap: Swap, path: bytes, mover: Mover) -> None:
    """Keep beside the place what somebody else made in it."""
    there, kept = join(swap.place, path), join(swap.added, path)
    number, free = 1, kept
    finish(there, free, mover)
    while os.path.lexists(free):
        number += 1
        free = kept + b".%d" % number
        finish(there, free, mover)
    move(there, free, mover)


def _take_added_away(swap: Swap, known: _Known, mover: Mover) -> None:
    """Move what somebody added to directories that stayed: it was not there before."""
    not_added = {*known.asides, *known.puts, *(each.path for each in swap.stays)}
    for staying in swap.stays:
        directory, others = join(swap.place, staying.path), set(staying.others)
        try:
            names = os.listdir(directory)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name in dict.fromkeys(map(strip_trace, names)):
            path = join(staying.path, name)
            if name not in others and path not in not_added:
                _clear(swap, path, mover)


def was_written_since(swap: Swap, since_ns: int, own: Touches) -> bool:
    """Say whether anything that was put was changed, added to or taken away after ``since_ns``, but for ``own``."""
    known = _Known.of(swap)
    for path in swap.puts:
        below = _look_below(join(swap.place, path))
        if any(each.st_ctime_ns > since_ns and not is_own(each, own) for each in below):
            return True
        if not os.path.lexists(join(swap.place, path)):
            return True
        if any(_was_logged_since(join(swap.place, each), since_ns) for each in known.list_besides(path)):
            return True
    for change in swap.changes:
        with contextlib.suppress(FileNotFoundError):
            status = os.lstat(join(swap.place, change.path))
            if status.st_mtime_ns > since_ns and not is_own(status, own):
                return True
    return False


def _look_below(path: bytes) -> Iterator[os.stat_result]:
    pending = [path]
    while pending:
        here = pending.pop()
        try:
            yield os.lstat(here)
            with os.scandir(here) as entries:
                pending += [each.path for each in entries]
        except OSError:  # no directory, or gone since: then the directory above has changed
            continue


def _was_logged_since(path: bytes, since_ns: int) -> bool:
    """Say whether SQLite wrote something beside a database: whoever only reads leaves it empty."""
    if path.endswith(MEMORY):
        return False
    status = look_at(path)
    return status is not None and status.st_size > 0 and status.st_ctime_ns > since_ns


def _sync(swap: Swap) -> None:
    """Bring the moves to the disk, on both sides where those are two."""
    devices: set[int] = set()
    for path in (swap.place, swap.old, swap.new, os.path.dirname(swap.place)):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                device = os.fstat(descriptor).st_dev
                if device not in devices:
                    sync_file_system(descriptor)
                    devices.add(device)
            finally:
                os.close(descriptor)
