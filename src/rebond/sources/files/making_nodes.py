"""Links, pipes, sockets, devices, and second names of files."""

import errno
import os
import stat
from contextlib import suppress

from rebond.entries import Entry, EntryKind
from rebond.findings import Finding, Severity
from rebond.sources.files.landed_directories import Directory
from rebond.sources.files.landed_files import part_name
from rebond.sources.files.overwriting import Outcome, type_bits
from rebond.sources.files.paths import check_name, join_path, show_path
from rebond.sources.files.target import Target

_DEVICES = (EntryKind.CHARACTER, EntryKind.BLOCK)


class NodeMaker:
    """Makes everything that is neither a directory nor a plain file."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def make(self, directory: Directory, entry: Entry) -> Outcome:
        """Make a symbolic link, a pipe, a socket or a device."""
        check_name(entry.name)
        target = self._target
        try:
            if target.is_dry_run:
                return target.foresee(directory, entry)
            directory_fd = target.directories.fd_of(directory)
            try:
                self._make_under(entry.name, directory, directory_fd, entry)
            except FileExistsError:
                outcome = target.meet(directory, directory_fd, entry)
                return self._replace(directory, directory_fd, entry) if outcome is None else outcome
        except OSError as error:
            if entry.kind in _DEVICES and error.errno == errno.EPERM:
                return self._note_device(directory, entry)
            return target.fail(directory, entry.name, error)
        return Outcome.CREATED

    def link(self, directory: Directory, name: bytes, first_directory: Directory, first_name: bytes) -> Outcome:
        """Give a finished file a second name. ``FAILED`` where the file system cannot (reported)."""
        check_name(name)
        check_name(first_name)
        target = self._target
        if target.is_dry_run:
            return self._foresee_link(directory, name)
        first_fd = -1
        try:
            # A copy of the descriptor, because the next question may close the original.
            first_fd = os.dup(target.directories.fd_of(first_directory))
            directory_fd = target.directories.fd_of(directory)
            try:
                _link(first_name, first_fd, name, directory_fd)
            except FileExistsError:
                return self._replace_by_link(directory, directory_fd, name, first_fd, first_name)
        except OSError as error:
            return target.fail(directory, name, error)
        finally:
            if first_fd >= 0:
                os.close(first_fd)
        return Outcome.CREATED

    def _make_under(self, name: bytes, directory: Directory, directory_fd: int, entry: Entry) -> None:
        """Make the thing under ``name`` with its metadata, or leave nothing. Raises ``OSError``."""
        if entry.kind is EntryKind.SYMLINK:
            os.symlink(entry.target, name, dir_fd=directory_fd)
        else:
            device = entry.device if entry.kind in _DEVICES else 0
            os.mknod(name, type_bits(entry.kind) | 0o600, device, dir_fd=directory_fd)
        try:
            self._complete(name, directory, directory_fd, entry)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=directory_fd)
            raise

    def _complete(self, name: bytes, directory: Directory, directory_fd: int, entry: Entry) -> None:
        path = directory.path
        apply = self._target.metadata.apply
        if entry.kind is EntryKind.SYMLINK:
            status = os.stat(name, dir_fd=directory_fd, follow_symlinks=False)
            where = b"/proc/self/fd/%d/%b" % (directory_fd, name)
            apply(where, entry, lambda: join_path(path, entry.name), status=status, may_have_lists=False)
            return
        # To open a pipe or a device is to use it; a descriptor that is only a place does no harm.
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory_fd)
        try:
            status = os.fstat(fd)
            if stat.S_IFMT(status.st_mode) != type_bits(entry.kind):
                raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
            where = b"/proc/self/fd/%d" % fd
            apply(
                where,
                entry,
                lambda: join_path(path, entry.name),
                status=status,
                may_have_lists=directory.gives_lists,
            )
        finally:
            os.close(fd)

    def _replace(self, directory: Directory, directory_fd: int, entry: Entry) -> Outcome:
        part = part_name(entry.name)
        with suppress(FileNotFoundError):
            os.unlink(part, dir_fd=directory_fd)  # what a restore that was cut has left
        self._make_under(part, directory, directory_fd, entry)
        os.rename(part, entry.name, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
        return Outcome.REPLACED

    def _replace_by_link(
        self, directory: Directory, directory_fd: int, name: bytes, first_fd: int, first_name: bytes
    ) -> Outcome:
        first = os.stat(first_name, dir_fd=first_fd, follow_symlinks=False)
        there = os.stat(name, dir_fd=directory_fd, follow_symlinks=False)
        if os.path.samestat(first, there):
            return Outcome.SAME
        # Nothing looks like this entry: only the very same file would do.
        outcome = self._target.meet(directory, directory_fd, Entry(name=name, kind=EntryKind.FILE, size=-1))
        if outcome is not None:
            return outcome
        part = part_name(name)
        with suppress(FileNotFoundError):
            os.unlink(part, dir_fd=directory_fd)
        _link(first_name, first_fd, part, directory_fd)
        os.rename(part, name, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
        return Outcome.REPLACED

    def _foresee_link(self, directory: Directory, name: bytes) -> Outcome:
        try:
            return self._target.foresee(directory, Entry(name=name, kind=EntryKind.FILE, size=-1))
        except OSError as error:
            return self._target.fail(directory, name, error)

    def _note_device(self, directory: Directory, entry: Entry) -> Outcome:
        shown = show_path(join_path(directory.path, entry.name))
        self._target.report(
            Finding(
                code="device-not-made",
                severity=Severity.WARNING,
                subject=shown,
                template="The device {path} was not restored: only root may make one.",
                hint_template="Run the restore as root if it is needed.",
                values={"path": shown},
            )
        )
        return Outcome.FAILED


def _link(first_name: bytes, first_fd: int, name: bytes, directory_fd: int) -> None:
    os.link(first_name, name, src_dir_fd=first_fd, dst_dir_fd=directory_fd, follow_symlinks=False)
