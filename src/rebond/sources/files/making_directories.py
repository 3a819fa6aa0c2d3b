"""Making the directories of a target at the beginning, and finishing them at the end."""

import os
import stat

from rebond.entries import Entry
from rebond.errors import RestoreError
from rebond.sources.files.directory_table import MadeDirectories
from rebond.sources.files.landed_directories import Directory, OpenDirectories, open_below, refuse_link
from rebond.sources.files.landed_metadata import has_default_list
from rebond.sources.files.overwriting import Overwrite
from rebond.sources.files.paths import check_name, show_path
from rebond.sources.files.system_calls import LOCKING_FLAGS, sync_file_system
from rebond.sources.files.target import Target, notice_joined


class DirectoryMaker:
    """Makes directories that only this user may enter, and gives them their metadata when all is in them."""

    def __init__(self, target: Target, made: MadeDirectories) -> None:
        self._target = target
        self._made = made

    def open_root(self, entry: Entry) -> Directory:
        """Make the target, or open what is there. Raises ``RestoreError``."""
        target = self._target
        root = Directory(None, b"", entry)
        fd = -1
        try:
            if not target.is_dry_run:
                root.is_new = _make_target(target.path)
            fd = os.open(target.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            if not (target.is_dry_run and isinstance(error, FileNotFoundError)):
                raise RestoreError(
                    "{target} cannot be used as a directory: {reason}",
                    hint="Name a directory that you may write to, or one that does not exist yet.",
                    target=show_path(target.path),
                    reason=os.strerror(error.errno or 0),
                ) from error
        target.directories = OpenDirectories(fd)
        if fd < 0:
            self._made.add(root)
            return root
        if not target.is_dry_run:
            self._lock_target()
        self._adopt(root, fd)
        return root

    def make(self, parent: Directory, entry: Entry) -> Directory | None:
        """Make a directory, or go into the one that is there; ``None`` when it cannot be had (reported).

        Raises ``TargetUnsafe`` for a name that leads outside, or when a link lies there.
        """
        check_name(entry.name)
        target = self._target
        directory = Directory(parent, entry.name, entry)
        if not parent.exists:
            self._made.add(directory)
            return directory
        try:
            parent_fd = target.directories.fd_of(parent)
            if not target.is_dry_run:
                directory.is_new = _make_one(entry.name, parent_fd)
                if target.was_empty and not directory.is_new:
                    target.report(notice_joined(directory.path))
            try:
                fd = self._enter(directory, parent_fd)
            except NotADirectoryError:
                if not self._may_make_way(parent, entry.name, parent_fd):
                    return None
                fd = self._make_way(directory, parent_fd)
            if fd is None:
                self._made.add(directory)
                return directory
            try:
                self._adopt(directory, fd)
            except BaseException:
                os.close(fd)
                raise
            target.directories.keep(directory, fd)
        except OSError as error:
            target.fail(parent, entry.name, error)
            return None
        return directory

    def finish(self) -> None:
        """Give every directory its metadata, deepest first; then lock what is to be locked; then sync.

        Raises ``RestoreError`` when the disk does not take it.
        """
        target = self._target
        devices: dict[int, Directory] = {}
        for directory in self._made.deepest_first():
            devices[directory.device] = directory
            try:
                self._finish_one(directory)
            except OSError as error:
                target.fail(directory.parent or directory, directory.name, error)
        while target.locked:
            directory, name, flags = target.locked.pop()
            try:
                self._lock_one(directory, name, flags)
            except OSError as error:
                target.fail(directory, name, error)
        for directory in devices.values():
            try:
                sync_file_system(target.directories.fd_of(directory))
            except OSError as error:
                target.fail(directory, b"", error)

    def _lock_target(self) -> None:
        """Keep a second restore out: two would replace each other's half-written files."""
        try:
            self._target.directories.lock()
        except BlockingIOError as error:
            self._target.directories.close()
            raise RestoreError(
                "Another restore is writing to {target}.",
                hint="Wait until it has ended, or restore to another directory.",
                target=show_path(self._target.path),
            ) from error
        except OSError:
            pass  # a file system without locks: there the user must see to it

    def _enter(self, directory: Directory, parent_fd: int) -> int | None:
        """Open the directory under its name; ``None`` in a dry run without one. Raises ``OSError``."""
        try:
            return open_below(directory.name, parent_fd)
        except FileNotFoundError:
            if self._target.is_dry_run:
                return None
            raise
        except PermissionError:
            if self._target.is_dry_run:
                raise
        # A directory of our own that forbids us to enter is opened up until the end.
        fd = os.open(directory.name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent_fd)
        try:
            directory.mode_before = stat.S_IMODE(os.fstat(fd).st_mode)
            os.chmod(b"/proc/self/fd/%d" % fd, directory.mode_before | 0o700)
        finally:
            os.close(fd)
        return open_below(directory.name, parent_fd)

    def _may_make_way(self, parent: Directory, name: bytes, parent_fd: int) -> bool:
        """Say whether what lies where a directory is to be may be removed (else it is reported).

        Raises ``TargetUnsafe`` where it is a link.
        """
        status = os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            raise refuse_link(parent.path, name)
        if self._target.overwrite is Overwrite.NEVER:
            self._target.note_in_the_way(parent, name)
            return False
        return True

    def _make_way(self, directory: Directory, parent_fd: int) -> int | None:
        """Put a directory where something else lies; ``None`` in a dry run. Raises ``OSError``."""
        if self._target.is_dry_run:
            return None
        os.unlink(directory.name, dir_fd=parent_fd)
        directory.is_new = _make_one(directory.name, parent_fd)
        return open_below(directory.name, parent_fd)

    def _adopt(self, directory: Directory, fd: int) -> None:
        """Note what must be known of a directory that is open now. From then on it has its place."""
        status = os.fstat(fd)
        mode = stat.S_IMODE(status.st_mode)
        directory.exists = True
        directory.device, directory.inode = status.st_dev, status.st_ino
        directory.gid = status.st_gid if mode & stat.S_ISGID else os.getegid()
        if not self._target.is_dry_run:
            self._prepare(directory, fd, status)
        self._made.add(directory)

    def _prepare(self, directory: Directory, fd: int, status: os.stat_result) -> None:
        """Make it possible to write into a directory, and see what comes of what is written there."""
        mode = stat.S_IMODE(status.st_mode)
        if directory.is_new and directory.parent is not None:
            directory.gives_lists = directory.parent.gives_lists
        else:
            directory.gives_lists = has_default_list(fd)
        if mode & 0o700 != 0o700 and status.st_uid == self._target.metadata.uid != 0:
            directory.mode_before = mode
            os.fchmod(fd, mode | 0o700)

    def _finish_one(self, directory: Directory) -> None:
        fd = self._target.directories.fd_of(directory)
        if not directory.is_new and self._target.overwrite is Overwrite.NEVER:
            if directory.mode_before is not None:
                os.fchmod(fd, directory.mode_before)
            return
        entry = directory.entry
        may_have_lists = not directory.is_new or directory.gives_lists
        self._target.metadata.apply(
            fd, entry, lambda: directory.path, status=os.fstat(fd), may_have_lists=may_have_lists
        )
        if entry.flags & LOCKING_FLAGS:
            self._target.locked.append((directory, b"", entry.flags & LOCKING_FLAGS))

    def _lock_one(self, directory: Directory, name: bytes, flags: int) -> None:
        directory_fd = self._target.directories.fd_of(directory)
        if not name:
            self._target.metadata.set_flags(directory_fd, flags, lambda: directory.path)
            return
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory_fd)
        try:
            self._target.metadata.set_flags(fd, flags, lambda: directory.path + b"/" + name)
        finally:
            os.close(fd)


def _make_target(path: bytes) -> bool:
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return False
    return True


def _make_one(name: bytes, parent_fd: int) -> bool:
    """Make a directory that only this user may enter; say whether it is new. Raises ``OSError``."""
    try:
        os.mkdir(name, 0o700, dir_fd=parent_fd)
    except FileExistsError:
        return False
    return True
