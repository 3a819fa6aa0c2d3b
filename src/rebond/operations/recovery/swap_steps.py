"""Carrying out a swap, each half by itself, and undoing it. Every function may be called again after a crash."""

import contextlib
import os
from collections.abc import Iterator

from rebond.operations.recovery.directory_states import apply_state
from rebond.operations.recovery.moving import MOVER, Mover, move
from rebond.operations.recovery.swapping import Swap, join
from rebond.sources.files.system_calls import sync_file_system


def set_aside(swap: Swap, mover: Mover = MOVER) -> None:
    """Move the live version aside. Raises ``OSError``."""
    for path in swap.asides:
        source, target = join(swap.place, path), join(swap.old, path)
        if os.path.lexists(target) and not _is_being_moved(target):
            continue  # done before the crash; what lies in its place now is dealt with by ``put``
        move(source, target, mover)
    _sync(swap)


def put(swap: Swap, mover: Mover = MOVER) -> None:
    """Move the new version into its place, and give directories that stayed their look. Raises ``OSError``."""
    for path in swap.puts:
        source, target = join(swap.new, path), join(swap.place, path)
        if os.path.lexists(source) and os.path.lexists(target) and not _is_being_moved(target):
            move(target, _find_free(join(swap.added, path)), mover)
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
    for path in reversed(swap.puts):
        source, target = join(swap.place, path), join(swap.new, path)
        if not os.path.lexists(target):
            move(source, target, mover)
    _take_added_away(swap, mover)
    for path in reversed(swap.asides):
        source, target = join(swap.old, path), join(swap.place, path)
        if not os.path.lexists(source):
            continue
        if os.path.lexists(target) and not _is_being_moved(target):
            move(target, _find_free(join(swap.added, path)), mover)
        move(source, target, mover)
    for change in reversed(swap.changes):
        with contextlib.suppress(FileNotFoundError):
            apply_state(join(swap.place, change.path), change.old)
    for path in reversed(swap.made):
        with contextlib.suppress(OSError):  # something else lies there now
            os.rmdir(path)
    _sync(swap)


def _take_added_away(swap: Swap, mover: Mover) -> None:
    """Move what somebody added to directories that stayed: it was not there before."""
    known = {*swap.asides, *swap.puts}
    for staying in swap.stays:
        directory, others = join(swap.place, staying.path), set(staying.others)
        try:
            names = os.listdir(directory)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name in names:
            path = join(staying.path, name)
            is_way = path in {each.path for each in swap.stays}
            if name not in others and path not in known and not is_way:
                move(join(swap.place, path), _find_free(join(swap.added, path)), mover)


def was_written_since(swap: Swap, since_ns: int) -> bool:
    """Say whether anything that was put was changed, added to or taken away after ``since_ns``."""
    for path in swap.puts:
        if any(changed_ns > since_ns for changed_ns in _changes_below(join(swap.place, path))):
            return True
        if not os.path.lexists(join(swap.place, path)):
            return True
    for change in swap.changes:
        with contextlib.suppress(FileNotFoundError):
            if os.lstat(join(swap.place, change.path)).st_mtime_ns > since_ns:
                return True
    return False


def _changes_below(path: bytes) -> Iterator[int]:
    pending = [path]
    while pending:
        here = pending.pop()
        try:
            yield os.lstat(here).st_ctime_ns
            with os.scandir(here) as entries:
                pending += [each.path for each in entries]
        except OSError:  # no directory, or gone since: then the directory above has changed
            continue


def _is_being_moved(target: bytes) -> bool:
    """Say whether a copy to another file system was cut after it had its name."""
    return os.path.lexists(target + b".rebond-moving-done")


def _find_free(path: bytes) -> bytes:
    number, found = 1, path
    while os.path.lexists(found):
        number += 1
        found = path + b".%d" % number
    return found


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
