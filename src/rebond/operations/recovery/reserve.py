"""A little room that a run keeps for itself beside its journal, so that a full disk does not end the way back."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from rebond.durable_files import replace_durably, write_durably
from rebond.errors import RestoreError

_RESERVE = "reserve"
_RESERVE_BYTES = 64 << 10  # for the lines and notes that one way back writes
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def keep_reserve(folder: Path) -> None:
    """Take the room in the folder of a run. Raises ``OSError``."""
    write_durably(os.fspath(folder / _RESERVE), os.urandom(_RESERVE_BYTES))  # zeros take no room on some disks


@contextlib.contextmanager
def reserve_kept(folder: Path) -> Iterator[None]:
    """Take the room before what the block does, and give it free where that fails. Raises ``OSError``."""
    keep_reserve(folder)
    try:
        yield
    except BaseException:
        give_up_reserve(folder)
        raise


def give_up_reserve(folder: Path) -> bool:
    """Give the room free; say whether it was still kept."""
    with contextlib.suppress(OSError):
        os.unlink(folder / _RESERVE)
        return True
    return False


def write_with_reserve(folder: Path, write: Callable[[], None]) -> None:
    """Write; where the disk is full, give up the reserve of the run and write once more. Raises ``OSError``."""
    try:
        write()
    except OSError as error:
        if error.errno not in _FULL or not give_up_reserve(folder):
            raise
        write()


def write_note(path: Path, content: bytes, *, component: str) -> None:
    """Write a note of a component, below the folder of its run, whole or not at all. Raises ``RestoreError``."""
    try:
        write_with_reserve(path.parents[2], lambda: replace_durably(os.fspath(path), content))
    except OSError as error:
        raise RestoreError(
            "{component} could not be brought back at {path}: {reason}",
            hint="Check the rights and the room there.",
            component=component,
            path=str(path),
            reason=error.strerror or str(error),
        ) from error
