"""Writing new plain files below directories that another process of the same restore has made."""

import os
from pathlib import Path

from rebond.entries import Entry
from rebond.errors import RestoreError
from rebond.findings import Finding
from rebond.sources.files.directory_table import KnownDirectories
from rebond.sources.files.landed_directories import OpenDirectories
from rebond.sources.files.landed_files import Buffer
from rebond.sources.files.landed_metadata import OwnerLosses
from rebond.sources.files.overwriting import Outcome, Overwrite
from rebond.sources.files.target import Target
from rebond.sources.files.writing_files import FileWriter


class PlainFiles:
    """Writes files whose content is all here, where nothing lies yet. What is not simple it leaves to others."""

    def __init__(self, target: bytes, directories: Path, *, keeps_owner: bool) -> None:
        """Open the target, and what ``FileLanding.list_directories`` gave.

        Raises ``OSError`` when the target cannot be had or is another one by now, ``RestoreError``.
        """
        self._target = Target(
            target, overwrite=Overwrite.NEVER, report=_ignore, keeps_owner=keeps_owner, is_dry_run=False
        )
        self._known = KnownDirectories.open(directories)
        fd = -1
        try:
            root = self._known.get(0)
            fd = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            status = os.fstat(fd)
            if (status.st_dev, status.st_ino) != (root.device, root.inode):
                raise FileNotFoundError("the target was replaced")
        except BaseException:
            self._known.close()
            if fd >= 0:
                os.close(fd)
            raise
        self._target.directories = OpenDirectories(fd)
        self._files = FileWriter(self._target)

    def write(self, directory: int, entry: Entry, content: Buffer) -> bool:
        """Write a file into the directory of that place.

        ``False``, and nothing is there of it, when it must be done in another way.
        """
        if entry.xattrs or entry.flags or entry.holes or len(content) != entry.size:
            return False
        try:
            return self._files.write_whole(self._known.get(directory), entry, content) is Outcome.CREATED
        except RestoreError:
            return False  # whoever tries next says why

    def take_owner_losses(self) -> OwnerLosses:
        """Return which owners could not be set since the last time."""
        return self._target.metadata.take_owner_losses()

    def close(self) -> None:
        """Give the directories back."""
        self._target.directories.close()
        self._known.close()


def _ignore(_: Finding) -> None:
    """Drop a finding: the file is tried again by the process that reports."""
