"""Walking a tree: every directory once, depth first, in the order of the bytes of the names."""

import errno
import os
import stat
import time
from collections import Counter
from collections.abc import Iterator, Mapping

from rebond.entries import Entry, EntryKind
from rebond.errors import SourceError, SourceUnfit, SourceUnreachable
from rebond.sources.files.chain import Chain, Level, open_directory
from rebond.sources.files.describing import Describer, pack_stamp, size_of
from rebond.sources.files.excluding import Rule, Rules, Scope
from rebond.sources.files.listing import Contents, DirectoryListing, is_fresh, read_directory
from rebond.sources.files.noticing import (
    notice_fault,
    notice_lost_place,
    notice_marked_root,
    notice_marker,
    notice_mount_point,
    notice_root_deleted,
    notice_unreadable_directory,
)
from rebond.sources.files.paths import join_path, show_path
from rebond.sources.files.rule_files import Report

_ROOT_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class FileTree:
    """A directory, or a single file, as a source. Implements ``rebond.entries.Tree``.

    ``root`` may be a symbolic link: the one link that is followed, because it was named. What is
    noticed on the way goes to ``report``, from the thread that walks. A directory that is another
    mount or cannot be read is kept, empty, with its own metadata. With ``one_file_system`` nothing
    is read on other devices than the root's.
    """

    def __init__(
        self,
        root: bytes,
        rules: Rules,
        *,
        one_file_system: bool,
        report: Report,
        allow_empty: bool = False,
    ) -> None:
        """Look at the root. Raises ``SourceUnreachable`` when nothing is there, ``SourceUnfit`` when it is no use."""
        self.root = os.path.realpath(os.path.abspath(root))
        self._root_prefix = os.path.join(self.root, b"")
        self._named = show_path(root)
        self._rules = rules
        self._one_file_system = one_file_system
        self._report = report
        self._allow_empty = allow_empty
        self._describer = Describer(report)
        self._left_out: Counter[Rule] = Counter()
        self._root_kind = self._check_root()

    @property
    def left_out(self) -> Mapping[Rule, int]:
        """How many things each rule has left out so far; a directory counts once."""
        return self._left_out

    def listings(self) -> Iterator[DirectoryListing]:
        """Yield every directory once. A listing is usable until the next one is asked for.

        Raises ``SourceUnfit`` at once when there is nothing in the root, or nothing that the rules
        leave, unless ``allow_empty``. May be called again: each call is a walk of its own.
        """
        if self._root_kind == EntryKind.FILE:
            yield from self._list_single_file()
        else:
            yield from self._walk()

    def _check_root(self) -> EntryKind:
        try:
            status = os.stat(self.root)
        except OSError as error:
            raise SourceUnreachable(
                "There is nothing to save at {path}: {reason}",
                hint="Check the path, and that what it lies on is mounted.",
                path=self._named,
                reason=os.strerror(error.errno or 0),
            ) from error
        if stat.S_ISDIR(status.st_mode):
            return EntryKind.DIRECTORY
        if stat.S_ISREG(status.st_mode):
            return EntryKind.FILE
        raise SourceUnfit(
            "{path} is neither a directory nor a file.",
            hint="Name the directory that it lies in.",
            path=self._named,
        )

    def _open_root(self) -> int:
        try:
            return os.open(self.root, _ROOT_FLAGS)
        except PermissionError as error:
            raise SourceUnfit(
                "{path} may not be read.",
                hint="Run the backup as a user who may read it.",
                path=self._named,
            ) from error
        except OSError as error:
            raise SourceUnreachable(
                "{path} cannot be opened: {reason}",
                hint="Check that what it lies on is mounted and answers.",
                path=self._named,
                reason=os.strerror(error.errno or 0),
            ) from error

    # --- the walk ----------------------------------------------------------------------------

    def _walk(self) -> Iterator[DirectoryListing]:
        fd = self._open_root()
        status = os.fstat(fd)
        self._device = status.st_dev
        root = Level(name=b"", fd=fd, device=status.st_dev, inode=status.st_ino)
        chain = Chain(root)
        path = b""
        listing: DirectoryListing | None = None
        try:
            listing = self._visit(root, self._rules.start(self.root, self._report), path, 0, status)
            while True:
                if listing is not None:
                    yield listing
                    listing.retire()
                level = chain.levels[-1]
                if level.directories:
                    name = level.directories.pop()
                    below = join_path(path, name)
                    child, listing = self._descend(level, name, below, len(chain.levels))
                    if child is not None:
                        chain.push(child)
                        path = below
                elif len(chain.levels) == 1:
                    self._look_whether_deleted(fd, status)
                    return
                else:
                    listing = None
                    path = path[: max(0, len(path) - len(level.name) - 1)]
                    self._go_back(chain, path)
        finally:
            if listing is not None:
                listing.retire()
            chain.close()

    def _look_whether_deleted(self, root: int, before: os.stat_result) -> None:
        """Tell when the root went meanwhile, and so perhaps what had not been read of it."""
        try:
            if before.st_nlink and not os.fstat(root).st_nlink:  # some file systems count no links at all
                self._report(notice_root_deleted(self.root))
        except OSError as error:
            self._report(notice_unreadable_directory(self.root, error))

    def _go_back(self, chain: Chain, path: bytes) -> None:
        """Return to the parent, which is at ``path``; give up on the rest of it when it has been moved away."""
        if not chain.pop() and chain.top.directories:
            self._report(notice_lost_place(self._full(path)))
            chain.top.directories = []

    def _descend(
        self, parent: Level, name: bytes, path: bytes, depth: int
    ) -> tuple[Level | None, DirectoryListing | None]:
        """Open and list a subdirectory. One that cannot be opened has a listing but no level."""
        try:
            fd = open_directory(name, parent.fd)
        except OSError as error:
            return None, self._visit_unreadable(parent, name, path, depth, error)
        status = os.fstat(fd)
        level = Level(name=name, fd=fd, device=status.st_dev, inode=status.st_ino)
        return level, self._visit(level, parent.scope.enter(name), path, depth, status)

    def _visit(self, level: Level, scope: Scope, path: bytes, depth: int, status: os.stat_result) -> DirectoryListing:
        """List one open directory and leave the names of its subdirectories in ``level``."""
        if self._one_file_system and level.device != self._device:
            level.scope = scope
            contents = Contents()
            self._report(notice_mount_point(self._full(path)))
        else:
            contents = self._read(level, scope, path, depth)
        contents.directories.reverse()
        level.directories = contents.directories
        modified_ns, changed_ns = status.st_mtime_ns, status.st_ctime_ns
        stamp = pack_stamp((*status[:7], modified_ns, changed_ns))
        return DirectoryListing(
            self._root_prefix,
            path,
            depth,
            level.fd,
            b"" if is_fresh(modified_ns, changed_ns, time.time_ns()) else stamp,
            contents,
            self._describer,
            self._report,
        )

    def _visit_unreadable(
        self, parent: Level, name: bytes, path: bytes, depth: int, error: OSError
    ) -> DirectoryListing | None:
        """Keep a directory that may not be opened as an empty one; drop one that has gone."""
        full_path = self._full(path)
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):  # a stale handle may be a share that went away
            self._report(notice_fault(full_path, error))
            return None
        self._report(notice_unreadable_directory(full_path, error))
        try:
            entry, _ = self._describer.describe_named(name, parent.fd, lambda: full_path)
        except OSError as fault:
            self._report(notice_fault(full_path, fault))
            return None
        return DirectoryListing(
            self._root_prefix, path, depth, -1, b"", Contents(), self._describer, self._report, entry=entry
        )

    def _read(self, level: Level, scope: Scope, path: bytes, depth: int) -> Contents:
        """Read a directory, report what could not be read in it, and take out what the rules leave out."""
        contents = self._list(level.fd)
        if contents.faults or contents.fault is not None:
            self._report_faults(contents, path, depth)
        is_empty = not contents.names and not contents.directories
        rules = self._rules
        watched = rules.watched_names
        if not watched.isdisjoint(contents.names) or not watched.isdisjoint(contents.directories):
            scope = self._obey_files(level.fd, scope, contents, path, depth)
        if scope.layers:
            self._apply_patterns(scope, contents)
        if rules.larger_than_bytes is not None:
            self._drop_large(contents, rules.larger_than_bytes)
        level.scope = scope
        if depth == 0 and not contents.names and not contents.directories and not self._allow_empty:
            raise self._refuse_empty(was_empty=is_empty)
        return contents

    def _list(self, fd: int) -> Contents:
        """Return what is in an open directory, with stamps. Faults are returned, never raised."""
        return read_directory(fd)

    def _refuse_empty(self, *, was_empty: bool) -> SourceUnfit:
        """Return the error for an empty snapshot: mostly it is a volume that was not mounted."""
        if was_empty:
            return SourceUnfit(
                "{path} is empty.",
                hint="Check that what belongs there is mounted; --allow-empty saves it all the same.",
                path=self._named,
            )
        return SourceUnfit(
            "The rules leave nothing of {path}.",
            hint="See 'rebond explain PATH' for one of its files; --allow-empty saves it all the same.",
            path=self._named,
        )

    def _obey_files(self, fd: int, scope: Scope, contents: Contents, path: bytes, depth: int) -> Scope:
        """Act on the files by which a directory says what is to be saved of it."""
        marker = scope.find_marker(fd, contents.names, contents.directories)
        if marker is not None:
            if depth == 0:
                self._report(notice_marked_root(self._full(path), marker))
            else:
                self._report(notice_marker(self._full(path), marker))
                self._left_out[scope.marker_rule(marker)] += 1
                contents.keep_only(marker)
                return scope
        return scope.arrive(fd, path, contents.names, contents.directories, self._report)

    def _apply_patterns(self, scope: Scope, contents: Contents) -> None:
        if contents.names:
            excluded = scope.find_excluded(contents.names, are_directories=False, tally=self._left_out)
            if excluded:
                contents.drop(excluded)
        if contents.directories:
            excluded = scope.find_excluded(contents.directories, are_directories=True, tally=self._left_out)
            if excluded:
                contents.directories = [name for name in contents.directories if name not in excluded]

    def _drop_large(self, contents: Contents, limit: int) -> None:
        excluded = {name for name, stamp in zip(contents.names, contents.stamps, strict=True) if size_of(stamp) > limit}
        if excluded:
            self._left_out[self._rules.size_rule()] += len(excluded)
            contents.drop(excluded)

    def _report_faults(self, contents: Contents, path: bytes, depth: int) -> None:
        full_path = self._full(path)
        for name, error in contents.faults:
            self._report(notice_fault(join_path(full_path, name), error))
        if contents.fault is not None:
            if depth == 0 and not contents.names and not contents.directories:
                raise SourceError(
                    "{path} cannot be listed: {reason}",
                    hint="Check that what it lies on is mounted and answers.",
                    path=self._named,
                    reason=os.strerror(contents.fault.errno or 0),
                ) from contents.fault
            self._report(notice_unreadable_directory(full_path, contents.fault))

    # --- a root that is a single file --------------------------------------------------------

    def _list_single_file(self) -> Iterator[DirectoryListing]:
        """Yield one directory that never existed, with the file in it."""
        parent, name = os.path.split(self.root)
        fd = os.open(parent, _ROOT_FLAGS)
        try:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            contents = Contents()
            contents.names = [name]
            contents.stamps = [pack_stamp((*status[:7], status.st_mtime_ns, status.st_ctime_ns))]
            if is_fresh(status.st_mtime_ns, status.st_ctime_ns, time.time_ns()):
                contents.fresh = {name}
            entry = Entry(
                name=b"",
                kind=EntryKind.DIRECTORY,
                mode=0o755,
                uid=status.st_uid,
                gid=status.st_gid,
                modified_ns=status.st_mtime_ns,
            )
            listing = DirectoryListing(
                os.path.join(parent, b""), b"", 0, fd, b"", contents, self._describer, self._report, entry=entry
            )
            try:
                yield listing
            finally:
                listing.retire()
        finally:
            os.close(fd)

    def _full(self, path: bytes) -> bytes:
        return self._root_prefix + path if path else self.root
