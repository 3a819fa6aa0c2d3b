"""Putting a tree back: fast, by several threads, and never outside of the target or through a link.

Everything is done relative to an open directory that was itself opened without following links, so a
link that somebody plants during the restore is an error and never a detour. What is not complete does
not lie under its final name if it replaces something or is written in pieces. Nothing can be read by
others before it has its final mode.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

from rebond.entries import Entry
from rebond.errors import UsageError
from rebond.sources.files.directory_table import MadeDirectories
from rebond.sources.files.landed_directories import Directory
from rebond.sources.files.landed_files import Buffer, LandedFile
from rebond.sources.files.landed_metadata import OwnerLosses
from rebond.sources.files.making_directories import DirectoryMaker
from rebond.sources.files.making_nodes import NodeMaker
from rebond.sources.files.overwriting import Outcome, Overwrite
from rebond.sources.files.rule_files import Report
from rebond.sources.files.target import Target
from rebond.sources.files.writing_files import FileWriter

__all__ = ["Directory", "FileLanding", "LandedFile", "Outcome", "Overwrite"]


class FileLanding:
    """Writes one tree below ``target``. One restore at a time writes there; several threads may take part.

    Call ``begin`` for the root; ``make_directory`` before anything that lies in it; ``finish`` when all
    is written, which sets what must come last (directories, deepest first; immutable flags), brings
    everything to the disk, and reports in sums what could not be set. ``close`` always.

    A fault of one path is reported and is its ``Outcome.FAILED``. ``TargetUnsafe`` is raised when a
    path would lead through a link or outside: nothing was written for that path, and others may go
    on. ``FileTooLarge`` concerns one file; other ``RestoreError``s (no room, read-only) concern the whole target.

    With ``dry_run`` nothing is touched, and the outcomes are those that would come. Without
    ``keeps_owner`` everything belongs to the user who restores. With ``was_empty`` nothing lay in the target before,
    so whatever is met there is told by its path. Which directories were made is kept in a file in ``scratch``, else
    where temporary files go. Birth times cannot be set.
    """

    def __init__(
        self,
        target: bytes,
        *,
        overwrite: Overwrite,
        report: Report,
        keeps_owner: bool = True,
        dry_run: bool = False,
        was_empty: bool = False,
        scratch: Path | None = None,
    ) -> None:
        self._target = Target(
            target,
            overwrite=overwrite,
            report=report,
            keeps_owner=keeps_owner,
            is_dry_run=dry_run,
            was_empty=was_empty,
        )
        self._scratch = scratch
        self._nodes = NodeMaker(self._target)
        self._files: FileWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin(self, entry: Entry) -> Directory:
        """Make the target, or open what is there; ``entry`` is the root's. Raises ``RestoreError``.

        The target may be reached through links, and be one: the user named it.
        """
        self._made = MadeDirectories(self._scratch)
        self._maker = DirectoryMaker(self._target, self._made)
        try:
            root = self._maker.open_root(entry)
        except BaseException:
            self._made.close()
            raise
        self._files = FileWriter(self._target)
        return root

    def make_directory(self, parent: Directory, entry: Entry) -> Directory | None:
        """Make a directory, or go into the one that is there; ``None`` when it cannot be had (reported).

        Its metadata is set by ``finish``; until then only this user may enter a new one. Raises
        ``TargetUnsafe`` for a name that leads outside, or when a link lies under the name.
        """
        return self._maker.make(parent, entry)

    def find_directory(self, place: int) -> Directory:
        """Return a directory that was made, by its place. Raises ``RestoreError``."""
        return self._made.get(place)

    def list_directories(self) -> Path:
        """Return the file of all directories that were made so far, for ``PlainFiles``. Only where ``scratch`` is."""
        if self._made.path is None:
            raise UsageError("A landing without a folder of its own lists its directories for nobody.")
        self._made.flush()
        return self._made.path

    def write_whole_file(self, directory: Directory, entry: Entry, content: Buffer) -> Outcome:
        """Write a file whose content is all here. Raises ``RestoreError``, ``TargetUnsafe``."""
        return self._begun.write_whole(directory, entry, content)

    def create_file(self, directory: Directory, entry: Entry) -> LandedFile | Outcome:
        """Begin a file whose pieces come in any order; an ``Outcome`` when there is nothing to write."""
        return self._begun.create(directory, entry)

    def write_at(self, file: LandedFile, offset: int, content: Buffer) -> None:
        """Write a piece of a file; what of it lies in the entry's holes is left out.

        Raises ``FileTooLarge`` where only this file cannot go on, else ``RestoreError``.
        """
        self._begun.write_at(file, offset, content)

    def finish_file(self, file: LandedFile) -> Outcome:
        """Give a file its size (holes at its end too), its metadata and its name."""
        return self._begun.finish(file)

    def abandon_file(self, file: LandedFile) -> None:
        """Give up a file; what was there before stays."""
        self._begun.abandon(file)

    def take_back(self, directory: Directory, name: bytes) -> None:
        """Remove what ``PlainFiles`` may have left half written in a process that was lost, before it is written again.

        Only for a target in which nothing lay before. Raises ``RestoreError``, ``TargetUnsafe``.
        """
        self._begun.take_back(directory, name)

    def add_owner_losses(self, losses: OwnerLosses) -> None:
        """Take in which owners ``PlainFiles`` could not set in another process."""
        self._target.metadata.add_owner_losses(losses)

    def make_link(self, directory: Directory, name: bytes, first_directory: Directory, first_name: bytes) -> Outcome:
        """Give a finished file a second name. ``FAILED`` (reported): the caller may write it once more instead."""
        return self._nodes.link(directory, name, first_directory, first_name)

    def make_special(self, directory: Directory, entry: Entry) -> Outcome:
        """Make a symbolic link, a pipe, a socket or a device."""
        return self._nodes.make(directory, entry)

    def finish(self) -> None:
        """Set what must come last, bring everything to the disk, report sums. Raises ``RestoreError``."""
        if not self._target.is_dry_run:
            self._begun.close()
            self._maker.finish()
            self._target.require_in_place()
        self._target.report_sums()

    def close(self) -> None:
        """Take away what was not finished and give everything back; calling twice does no harm."""
        if self._files is not None:
            self._files.close()
            self._target.directories.close()
            self._made.close()
            self._files = None

    @property
    def _begun(self) -> FileWriter:
        if self._files is None:
            raise UsageError("A landing must begin with the root, and cannot be used after its end.")
        return self._files
