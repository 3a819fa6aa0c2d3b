"""The files of a spool: what lies aside, what is a mere name, what of another cluster was left there."""

import contextlib
import itertools
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from rebond.durable_files import DIRECTORY_MODE, fsync_directory, make_directories_durably
from rebond.errors import SourceUnfit
from rebond.presence import is_taken
from rebond.sources.postgres.wal_names import is_archived, is_partial, is_segment
from rebond.sources.postgres.wal_pages import HEAD_BYTES, FirstPage, read_first_page

LOG = logging.getLogger("rebond.wal")
ASIDE = "aside-"  # what pg_receivewal is not to go on from, and is not in the vault yet
_FORMER = "former-"  # a directory of what came of another cluster
_ANCHOR_BYTES = 24
_LEAST_FREE_BYTES = 256 << 20
_LEAST_FREE_SHARE = 0.05


def list_names(folder: Path) -> list[str]:
    """Return the names of what is there, in order; none where the directory is gone."""
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def is_of_stream(name: str) -> bool:
    """Say whether a file is one of those that pg_receivewal goes on by: a segment, whole or not."""
    return is_segment(name) or is_partial(name)


def is_anchor(path: Path) -> bool:
    """Say whether a segment was made by us, for its name alone: a true one never begins with zeros."""
    with open(path, "rb") as file:
        return file.read(_ANCHOR_BYTES) == bytes(_ANCHOR_BYTES)


def count_bytes(path: Path) -> int:
    """Return how many bytes of a segment came: what is behind them is zeros."""
    return len(path.read_bytes().rstrip(b"\0"))


def has_room(folder: Path) -> bool:
    """Say whether more may be written there: a disk that fills would take what else lives on it."""
    usage = shutil.disk_usage(folder)
    return usage.free > max(_LEAST_FREE_BYTES, min(_LEAST_FREE_SHARE * usage.total, 4 << 30))


def last_written_ns(folder: Path) -> int:
    """Return when something of a stream was written there last; 0 for never."""
    times = [0]
    for each in filter(is_of_stream, os.listdir(folder)):
        with contextlib.suppress(FileNotFoundError):  # the receiver has just given it its whole name
            times.append(os.stat(folder / each).st_mtime_ns)
    return max(times)


def find_first_page(folder: Path) -> FirstPage | None:
    """Return the first page of some segment that lies there, which says whose it is; ``None`` where none does."""
    for each in list_names(folder):
        if is_of_stream(each.removeprefix(ASIDE)):
            with contextlib.suppress(SourceUnfit), open(folder / each, "rb") as file:  # nothing came yet, or an anchor
                return read_first_page(each, file.read(HEAD_BYTES))
    return None


def leave_former(folder: Path, system_id: int, is_needless: Callable[[str], bool]) -> None:
    """Take out of the way what another cluster left: nothing may go on from it.

    What is not ``is_needless`` is moved into a directory of its own; nothing that lies in such a one is touched.
    """
    kept: list[str] = []
    left = _name_new_folder(folder, system_id)
    for each in [each for each in list_names(folder) if is_archived(each.removeprefix(ASIDE))]:
        if is_needless(each):
            os.unlink(folder / each)
            continue
        make_directories_durably(os.fspath(left), mode=DIRECTORY_MODE)
        os.replace(folder / each, left / each)
        kept.append(each)
    if kept:
        fsync_directory(os.fspath(left))
        LOG.warning("of the former cluster %s did not come into the vault; it lies in %s", ", ".join(kept), left)


def _name_new_folder(folder: Path, system_id: int) -> Path:
    name = f"{_FORMER}{system_id}"
    names = itertools.chain([name], (f"{name}-{count}" for count in itertools.count(2)))
    return next(path for path in map(folder.joinpath, names) if not is_taken(path))
