"""Marks beside the socket: files of the log that stand in the vault before the server asked to have them archived.

A mark has the name of the file and its time, to the nanosecond. The shell part of ``rebond-wal`` compares the two and
need not start an interpreter, nor ask anybody. No mark is ever needed: without one the daemon is asked.
"""

import contextlib
import errno
import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

LOG = logging.getLogger("rebond.wal")
ONLY_COMPONENT = "-"  # stands for the component where there is one alone: the program need not name it
EARLIER, LATER = ".earlier", ".later"  # two files of one second: a shell that cannot tell them apart trusts no mark
_FOLDER_MODE, _FILE_MODE = 0o755, 0o644
_SOME_SECOND_NS = 1_000_000_000 * 1_000_000_000


def folder_of_marks(socket: Path) -> Path:
    """Return where the marks of a daemon lie, one folder for each component."""
    return socket.with_name(f"{socket.name}.stands")


class WalMarks:
    """The marks of one component. They are truths about the vault: one that stays behind does no harm."""

    def __init__(self, socket: Path, component: str, *, is_only: bool) -> None:
        """Make the folder anew. Where that cannot be there are no marks, and the log says so."""
        above = folder_of_marks(socket)
        self._folder = above / component
        self._names: set[str] = set()
        self._is_open = False
        try:
            self._make(above, is_only=is_only)
            self._is_open = True
        except OSError as error:
            LOG.warning("no marks can be left at %s, so each file is asked for: %s", above, error)

    def _make(self, above: Path, *, is_only: bool) -> None:
        above.mkdir(exist_ok=True)
        if above.is_symlink() or above.stat().st_uid != os.geteuid():
            raise PermissionError(errno.EACCES, "it is somebody else's", str(above))
        above.chmod(_FOLDER_MODE)  # whatever this process masks
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        self._folder.chmod(_FOLDER_MODE)
        self._write(EARLIER, _SOME_SECOND_NS)
        self._write(LATER, _SOME_SECOND_NS + 1_000)
        short = above / ONLY_COMPONENT
        short.unlink(missing_ok=True)
        if is_only:
            short.symlink_to(self._folder.name)

    def put(self, name: str, modified_ns: int) -> None:
        """Say of a file, as it was at a time, that it stands in the vault."""
        if self._is_open:
            with contextlib.suppress(OSError):  # no room: the server asks
                self._write(name, modified_ns)
                self._names.add(name)

    def _write(self, name: str, modified_ns: int) -> None:
        """The file has its time before it has its name."""
        temporary = self._folder / f".new-{name}"
        temporary.write_bytes(b"")
        temporary.chmod(_FILE_MODE)
        os.utime(temporary, ns=(modified_ns, modified_ns))
        temporary.replace(self._folder / name)

    def keep(self, names: Iterable[str]) -> None:
        """Take away the marks of all others: the server has had its answer."""
        for name in self._names.difference(names):
            self._names.discard(name)
            with contextlib.suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Take all marks away: who answers next may answer for another vault."""
        if self._is_open:
            self._is_open = False
            shutil.rmtree(self._folder, ignore_errors=True)
            with contextlib.suppress(OSError):
                above = self._folder.parent
                if (above / ONLY_COMPONENT).is_symlink():
                    (above / ONLY_COMPONENT).unlink()
                above.rmdir()
