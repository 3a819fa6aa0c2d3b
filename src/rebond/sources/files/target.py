"""What every part of a landing shares: the target, what may be replaced, and what is noticed."""

import errno
import os
import stat
import threading

from rebond.entries import Entry, EntryKind
from rebond.errors import RestoreError
from rebond.findings import Finding, Severity
from rebond.sources.files.chain import open_directory
from rebond.sources.files.landed_directories import Directory, OpenDirectories
from rebond.sources.files.landed_metadata import MetadataWriter, read_umask
from rebond.sources.files.overwriting import Outcome, Overwrite, is_same
from rebond.sources.files.paths import join_path, show_path
from rebond.sources.files.rule_files import Report
from rebond.sources.files.system_calls import LOCKING_FLAGS

NOT_RESTORED = "not-restored"  # the code of what could not be written
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_MET_HINT = (
    "Another name of the snapshot may be the same to this file system (capitals, accents), or somebody else writes "
    "there. Restore into another place."
)
_FATAL = frozenset({errno.EIO, errno.ENXIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE})


class Target:
    """The directory that a tree is put back into."""

    def __init__(
        self,
        path: bytes,
        *,
        overwrite: Overwrite,
        report: Report,
        keeps_owner: bool,
        is_dry_run: bool,
        was_empty: bool = False,
    ) -> None:
        """``was_empty`` says that nothing lay there before: what is met there all the same is worth a word."""
        self.path = path
        self.overwrite = overwrite
        self.was_empty = was_empty
        self.report = report
        self.is_dry_run = is_dry_run
        self.metadata = MetadataWriter(keeps_owner=keeps_owner)
        self.umask = read_umask()
        self.directories: OpenDirectories
        self.locked: list[tuple[Directory, bytes, int]] = []
        self._kept_count = self._kept_others = 0
        self._kept_first = b""
        self._lock = threading.Lock()

    def require_in_place(self) -> None:
        """Raise ``RestoreError`` where what was written is not to be found at the target."""
        if not self.directories.is_at(self.path):
            raise RestoreError(
                "What was restored does not lie at {path}: that name leads elsewhere now, or nowhere.",
                hint="A disk was mounted or unmounted there meanwhile, or the directory was moved: what was restored "
                "went with it. Look what is mounted there, then restore again.",
                path=show_path(self.path),
            )

    def meet(self, directory: Directory, directory_fd: int, entry: Entry) -> Outcome | None:
        """Decide about what lies under the entry's name; ``None`` when it may be replaced, or has gone.

        Raises ``OSError``.
        """
        name = entry.name
        try:
            status = os.stat(name, dir_fd=directory_fd, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if self.overwrite is Overwrite.NEVER:
            is_other = entry.kind is EntryKind.FILE and entry.size >= 0 and not is_same(entry, status, directory_fd)
            self.note_kept(directory, name, is_other=is_other)
            return Outcome.KEPT
        if stat.S_ISDIR(status.st_mode):
            return self._meet_directory(directory, directory_fd, name)
        if self.overwrite is Overwrite.CHANGED and is_same(entry, status, directory_fd):
            return Outcome.SAME
        return None

    def foresee(self, directory: Directory, entry: Entry) -> Outcome:
        """Return what would come of restoring a thing that is no directory. Raises ``OSError``."""
        if not directory.exists:
            return Outcome.CREATED
        directory_fd = self.directories.fd_of(directory)
        try:
            os.stat(entry.name, dir_fd=directory_fd, follow_symlinks=False)
        except FileNotFoundError:
            return Outcome.CREATED
        return self.meet(directory, directory_fd, entry) or Outcome.REPLACED

    def _meet_directory(self, directory: Directory, directory_fd: int, name: bytes) -> Outcome | None:
        """Make way where an empty directory lies; never remove one that holds something."""
        if self.overwrite is Overwrite.ALWAYS:
            try:
                self._remove_empty(name, directory_fd)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            else:
                return None
        return self.note_in_the_way(directory, name)

    def _remove_empty(self, name: bytes, directory_fd: int) -> None:
        """Remove an empty directory; in a dry run only see that it is one. Raises ``OSError`` as ``rmdir`` does."""
        if not self.is_dry_run:
            os.rmdir(name, dir_fd=directory_fd)
            return
        fd = open_directory(name, directory_fd)
        try:
            if os.listdir(fd):
                raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
        finally:
            os.close(fd)

    def note_locked(self, directory: Directory, entry: Entry) -> None:
        """Remember flags that forbid every further change, for the very end."""
        if entry.flags & LOCKING_FLAGS:
            self.locked.append((directory, entry.name, entry.flags & LOCKING_FLAGS))

    def note_kept(self, directory: Directory, name: bytes, *, is_other: bool) -> None:
        """Remember that something was there already and stays, though it is another than the one that was saved."""
        if self.was_empty and not self.is_dry_run:
            self.report(_met(join_path(directory.path, name)))
            return
        with self._lock:
            if not self._kept_count or (is_other and not self._kept_others):
                self._kept_first = join_path(directory.path, name)
            self._kept_count += 1
            self._kept_others += is_other

    def note_in_the_way(self, directory: Directory, name: bytes) -> Outcome:
        """Report something of another kind that is not removed."""
        shown = show_path(join_path(directory.path, name))
        self.report(
            Finding(
                code="in-the-way",
                severity=Severity.WARNING,
                subject=shown,
                template="{path} was not restored, because something of another kind lies there.",
                hint_template="Move it away, or restore into an empty directory.",
                values={"path": shown},
            )
        )
        return Outcome.FAILED

    def fail(self, directory: Directory, name: bytes, error: OSError) -> Outcome:
        """Report a fault of one path, or raise ``RestoreError`` when it concerns the whole target."""
        path = join_path(directory.path, name)
        if self._concerns_all(error):
            raise self.stop(path, error) from error
        reason = os.strerror(error.errno) if error.errno else str(error)
        shown = show_path(path)
        self.report(
            Finding(
                code=NOT_RESTORED,
                severity=Severity.WARNING,
                subject=shown,
                template="{path} could not be restored: {reason}",
                hint_template="Restore as a user who may write there, onto a file system that can hold it.",
                values={"path": shown, "reason": reason},
            )
        )
        return Outcome.FAILED

    def _concerns_all(self, error: OSError) -> bool:
        if error.errno != errno.EROFS:
            return error.errno in _NO_ROOM or error.errno in _FATAL
        try:  # else something that is mounted below the target may be read only, and all else is not
            return bool(os.statvfs(self.path).f_flag & os.ST_RDONLY)
        except OSError:
            return True

    def stop(self, path: bytes, error: OSError) -> RestoreError:
        """Return the error that ends the restore; ``path`` is what was being written."""
        if error.errno in _NO_ROOM:
            return RestoreError(
                "No room left in {target}.",
                hint="Free some space, then run the same command again with --overwrite changed.",
                target=show_path(self.path),
            )
        return RestoreError(
            "{path} in {target} cannot be written: {reason}",
            hint="Check the disk, or restore to another place.",
            target=show_path(self.path),
            path=show_path(path),
            reason=os.strerror(error.errno) if error.errno else str(error),
        )

    def report_sums(self) -> None:
        """Report what happened many times, once each."""
        self.metadata.report_losses(self.report)
        if self._kept_count:
            if self._kept_others:
                self.report(_kept_other(self._kept_first, self._kept_count, self._kept_others))
            else:
                self.report(_kept(self._kept_first, self._kept_count))
            self._kept_count = self._kept_others = 0


def _met(path: bytes) -> Finding:
    shown = show_path(path)
    return Finding(
        code="met-in-target",
        severity=Severity.WARNING,
        subject=shown,
        template="{path} was not restored: something lies under that name, though the target was empty.",
        hint_template=_MET_HINT,
        values={"path": shown},
    )


def notice_joined(path: bytes) -> Finding:
    """Return the finding for a directory that was there already, though the target was empty."""
    shown = show_path(path)
    return Finding(
        code="joined-in-target",
        severity=Severity.WARNING,
        subject=shown,
        template="The directory {path} was there already, though the target was empty; what is restored joined it.",
        hint_template=_MET_HINT,
        values={"path": shown},
    )


def _kept(path: bytes, count: int) -> Finding:
    shown = show_path(path)
    return Finding(
        code="kept",
        severity=Severity.NOTE,
        subject=shown,
        template="{count} files were there already and were left as they are, first {path}.",
        hint_template="To replace them, use --overwrite changed or --overwrite always.",
        values={"count": count, "path": shown},
    )


def _kept_other(path: bytes, count: int, others: int) -> Finding:
    shown = show_path(path)
    return Finding(
        code="kept",
        severity=Severity.NOTE,
        subject=shown,
        template="{count} files were there already and were left as they are; of another size, time or mode than the "
        "saved ones are {others}, first {path}.",
        hint_template="A restore that was killed leaves such a file. To replace them, use --overwrite changed.",
        values={"count": count, "others": others, "path": shown},
    )
