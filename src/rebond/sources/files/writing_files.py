"""Writing plain files: small ones in one go, others piece by piece."""

import errno
import os
import stat
from contextlib import suppress

from rebond.durable_files import rename_unless_exists
from rebond.entries import Entry
from rebond.errors import RestoreError
from rebond.sources.files.landed_directories import Directory
from rebond.sources.files.landed_files import (
    CREATE_FLAGS,
    Buffer,
    FileTooLarge,
    LandedFile,
    OpenFiles,
    part_name,
    write_all,
)
from rebond.sources.files.overwriting import Outcome
from rebond.sources.files.paths import check_name, join_path, show_path
from rebond.sources.files.system_calls import FLAG_NO_COPY_ON_WRITE
from rebond.sources.files.target import Target

_NO_NAMES = frozenset({b"", b".", b".."})
_READABLE_BY_ALL = 0o044


class FileWriter:
    """Writes files. Several threads may use it; each piece of a file is written by one."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._files = OpenFiles(target.directories)

    def write_whole(self, directory: Directory, entry: Entry, content: Buffer) -> Outcome:
        """Write a file whose content is all here. The fast way for most files of most trees."""
        name = entry.name
        if b"/" in name or b"\0" in name or name in _NO_NAMES:
            check_name(name)
        target = self._target
        if entry.holes or target.is_dry_run:
            return self._write_pieces(directory, entry, content)
        mode = entry.mode
        # Where everybody may read in the end, an early look gives nothing away, and the file is born
        # with its mode; everything else is born private.
        first_mode = mode & 0o777 if mode & _READABLE_BY_ALL == _READABLE_BY_ALL and not entry.xattrs else 0o600
        try:
            directory_fd = target.directories.fd_of(directory)
            try:
                fd = os.open(name, CREATE_FLAGS, first_mode, dir_fd=directory_fd)
            except FileExistsError:
                return self._replace(directory, directory_fd, entry, content)
            try:
                if content:
                    written = os.write(fd, content)
                    if written < len(content):
                        write_all(fd, memoryview(content)[written:], written)
                if entry.xattrs or entry.flags or not directory.is_checked:
                    self._complete(fd, directory, entry, first_mode)
                else:
                    if first_mode & ~target.umask != mode or target.metadata.wants_owner(entry, directory.gid):
                        os.fchmod(fd, self._settle_owner(fd, directory, entry))
                    os.utime(fd, ns=(entry.modified_ns, entry.modified_ns))
            except BaseException:
                os.unlink(name, dir_fd=directory_fd)
                raise
            finally:
                os.close(fd)
        except OSError as error:
            return target.fail(directory, name, error)
        return Outcome.CREATED

    def take_back(self, directory: Directory, name: bytes) -> None:
        """Remove the plain file of this name, if there is one, which a lost process may have left half written."""
        if b"/" in name or b"\0" in name or name in _NO_NAMES:
            return  # none was written
        try:
            directory_fd = self._target.directories.fd_of(directory)
            if stat.S_ISREG(os.stat(name, dir_fd=directory_fd, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=directory_fd)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._target.stop(join_path(directory.path, name), error) from error

    def create(self, directory: Directory, entry: Entry) -> LandedFile | Outcome:
        """Begin a file whose pieces come later; an ``Outcome`` when there is nothing to write.

        It lies under another name until it is finished.
        """
        check_name(entry.name)
        target = self._target
        try:
            if target.is_dry_run:
                return target.foresee(directory, entry)
            directory_fd = target.directories.fd_of(directory)
            try:
                os.stat(entry.name, dir_fd=directory_fd, follow_symlinks=False)
                replaces = True
            except FileNotFoundError:
                replaces = False
            outcome = target.meet(directory, directory_fd, entry) if replaces else None
            if outcome is not None:
                return outcome
            file = LandedFile(directory, entry, self._create_part(directory_fd, entry.name), replaces=replaces)
            if entry.flags & FLAG_NO_COPY_ON_WRITE:  # can be set only while the file is empty
                target.metadata.set_flags(file.fd, FLAG_NO_COPY_ON_WRITE, lambda: file.path)
        except OSError as error:
            return target.fail(directory, entry.name, error)
        self._files.add(file)
        return file

    def write_at(self, file: LandedFile, offset: int, content: Buffer) -> None:
        """Write a piece; the parts of it that lie in holes are left out.

        Raises ``FileTooLarge`` where only this file cannot go on, else ``RestoreError``.
        """
        with file.lock:
            try:
                fd = self._files.open(file)
                for position, piece in file.pieces(offset, content):
                    write_all(fd, piece, position)
            except OSError as error:
                if error.errno == errno.EFBIG:
                    raise _too_large(file) from error
                raise self._target.stop(file.path, error) from error

    def finish(self, file: LandedFile) -> Outcome:
        """Give a file its size, its metadata and its name."""
        target = self._target
        entry, directory = file.entry, file.directory
        with file.lock:
            try:
                fd = self._files.open(file)
                directory_fd = target.directories.fd_of(directory)
                if os.fstat(fd).st_size != entry.size:
                    os.ftruncate(fd, entry.size)
                self._complete(fd, directory, entry, 0o600)
                met = self._give_name(file, directory_fd)
                if met is not None:
                    self._remove(file)
                    return met
                self._files.forget(file)
            except OSError as error:
                self._remove(file)
                return target.fail(directory, entry.name, error)
        return Outcome.REPLACED if file.replaces else Outcome.CREATED

    def abandon(self, file: LandedFile) -> None:
        """Give up a file; what was there before stays."""
        with file.lock:
            self._remove(file)

    def close(self) -> None:
        """Give up every file that was not finished."""
        for file in self._files.unfinished():
            self.abandon(file)

    def _write_pieces(self, directory: Directory, entry: Entry, content: Buffer) -> Outcome:
        file = self.create(directory, entry)
        if isinstance(file, Outcome):
            return file
        try:
            self.write_at(file, 0, content)
        except BaseException:
            self.abandon(file)
            raise
        return self.finish(file)

    def _replace(self, directory: Directory, directory_fd: int, entry: Entry, content: Buffer) -> Outcome:
        """Write a file beside the one that it replaces, and put it in its place when it is whole."""
        outcome = self._target.meet(directory, directory_fd, entry)
        return self._write_pieces(directory, entry, content) if outcome is None else outcome

    def _give_name(self, file: LandedFile, directory_fd: int) -> Outcome | None:
        """Put a whole file under its name; an ``Outcome`` where something came to lie there that stays."""
        name = file.entry.name
        if not file.replaces:
            try:
                rename_unless_exists(part_name(name), name, directory_fd=directory_fd)
                return None
            except FileExistsError:
                met = self._target.meet(file.directory, directory_fd, file.entry)
            except OSError as error:
                if error.errno != errno.ENOTSUP:
                    raise
                met = self._target.meet(file.directory, directory_fd, file.entry)
            if met is not None:
                return met
        os.rename(part_name(name), name, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
        return None

    def _create_part(self, directory_fd: int, name: bytes) -> int:
        part = part_name(name)
        try:
            return os.open(part, CREATE_FLAGS, 0o600, dir_fd=directory_fd)
        except FileExistsError:
            os.unlink(part, dir_fd=directory_fd)  # what a restore that was cut has left
            return os.open(part, CREATE_FLAGS, 0o600, dir_fd=directory_fd)

    def _complete(self, fd: int, directory: Directory, entry: Entry, first_mode: int) -> None:
        """Set all metadata of a file that may have come out otherwise than foreseen. Raises ``OSError``."""
        target = self._target
        status = os.fstat(fd)
        if not directory.is_checked and not directory.gives_lists:
            # Some mounts choose owner and mode themselves; one look at the first file tells.
            came_out = (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))
            directory.is_checked = came_out == (target.metadata.uid, directory.gid, first_mode & ~target.umask)
        target.metadata.apply(
            fd,
            entry,
            lambda: join_path(directory.path, entry.name),
            status=status,
            may_have_lists=directory.gives_lists,
        )
        target.note_locked(directory, entry)

    def _settle_owner(self, fd: int, directory: Directory, entry: Entry) -> int:
        return self._target.metadata.settle_owner(
            fd,
            entry,
            lambda: join_path(directory.path, entry.name),
            uid=self._target.metadata.uid,
            gid=directory.gid,
        )

    def _remove(self, file: LandedFile) -> None:
        """Close a file and take its part away; it may have gone already."""
        with suppress(OSError):
            self._files.forget(file)
        with suppress(OSError, RestoreError):
            directory_fd = self._target.directories.fd_of(file.directory)
            os.unlink(part_name(file.entry.name), dir_fd=directory_fd)


def _too_large(file: LandedFile) -> FileTooLarge:
    return FileTooLarge(
        "{path} could not be restored: {reason}",
        path=show_path(file.path),
        reason=os.strerror(errno.EFBIG),
    )
