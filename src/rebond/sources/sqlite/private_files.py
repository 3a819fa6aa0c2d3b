"""A private place for a copy on its way: removed always, and by the next run after a crash."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator

from rebond.errors import SourceError
from rebond.private_folders import make_folder, remove_left_behind

PREFIX = "rebond-copy-"
_LARGE = "/var/tmp"  # noqa: S108 - only the place where a private directory is made; /tmp often lies in memory


def choose_place(asked: str | None) -> str:
    """Return where copies are made: what was asked for, else ``TMPDIR``, ``/var/tmp`` or ``/tmp``."""
    if asked or os.environ.get("TMPDIR"):
        return asked or tempfile.gettempdir()
    return _LARGE if os.access(_LARGE, os.W_OK) else tempfile.gettempdir()


@contextlib.contextmanager
def private_directory(place: str) -> Iterator[str]:
    """Make a directory that only we may enter; it is removed however the block ends.

    What a run that was killed left behind is removed first. Raises ``SourceError`` when none can be made.
    """
    remove_left_behind(place, PREFIX)
    try:
        path, fd = make_folder(place, PREFIX)
    except OSError as error:
        raise SourceError(
            "No private directory could be made in {place}: {reason}.",
            hint="Set TMPDIR to a directory with room for a copy.",
            place=place,
            reason=error.strerror or str(error),
        ) from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(fd)
