"""Writing new plain files below directories that another process of the same restore has made."""

import os

from msgspec import Struct

from rebond.entries import Entry, EntryKind
from rebond.errors import RestoreError
from rebond.findings import Finding
from rebond.sources.files.landed_directories import Directory, OpenDirectories
from rebond.sources.files.landed_files import Buffer
from rebond.sources.files.landed_metadata import OwnerLosses
from rebond.sources.files.overwriting import Outcome, Overwrite
from rebond.sources.files.target import Target
from rebond.sources.files.writing_files import FileWriter

_ROOT = Entry(name=b"", kind=EntryKind.DIRECTORY)


class KnownDirectory(Struct, frozen=True):
    """A directory of the target as the process that made it knows it."""

    name: bytes
    device: int
    inode: int
    gid: int
    gives_lists: bool

    @classmethod
    def from_directory(cls, directory: Directory) -> "KnownDirectory":
        """Describe a directory for another process."""
        return cls(directory.name, directory.device, directory.inode, directory.gid, directory.gives_lists)


class PlainFiles:
    """Writes files whose content is all here, where nothing lies yet. What is not simple it leaves to others."""

    def __init__(self, target: bytes, root: KnownDirectory, *, keeps_owner: bool) -> None:
        """Open the target; raises ``OSError`` when it cannot be had or is another one by now."""
        self._target = Target(
            target, overwrite=Overwrite.NEVER, report=_ignore, keeps_owner=keeps_owner, is_dry_run=False
        )
        fd = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        status = os.fstat(fd)
        if (status.st_dev, status.st_ino) != (root.device, root.inode):
            os.close(fd)
            raise FileNotFoundError("the target was replaced")
        top = self._make(None, root)
        self._target.directories = OpenDirectories(top, fd)
        self._directories = [top]
        self._files = FileWriter(self._target)

    def know(self, parent: int, directory: KnownDirectory) -> None:
        """Take in a directory; it has the next number. The target has the number 0."""
        self._directories.append(self._make(self._directories[parent], directory))

    def write(self, directory: int, entry: Entry, content: Buffer) -> bool:
        """Write a file; ``False``, and nothing is there of it, when it must be done in another way."""
        if entry.xattrs or entry.flags or entry.holes or len(content) != entry.size:
            return False
        try:
            return self._files.write_whole(self._directories[directory], entry, content) is Outcome.CREATED
        except RestoreError:
            return False  # whoever tries next says why

    def take_owner_losses(self) -> OwnerLosses:
        """Return which owners could not be set since the last time."""
        return self._target.metadata.take_owner_losses()

    def close(self) -> None:
        """Give the directories back."""
        self._target.directories.close()

    @staticmethod
    def _make(parent: Directory | None, known: KnownDirectory) -> Directory:
        directory = Directory(parent, known.name, _ROOT)
        directory.device, directory.inode, directory.gid = known.device, known.inode, known.gid
        directory.exists, directory.gives_lists = True, known.gives_lists
        return directory


def _ignore(_: Finding) -> None:
    """Drop a finding: the file is tried again by the process that reports."""
