"""Setting the metadata of what was restored: owner, attributes, mode, times, flags, in the order that works.

The order is forced by the kernel: a change of owner clears capabilities and the set-user-ID bit, so it
comes first; attributes can be set only while the owner may still write, so they come before the mode; an
access control list changes the mode's group bits, so the mode comes after it; nothing may follow the
immutable flag.
"""

import errno
import os
import stat
import threading
from collections.abc import Callable

from msgspec import Struct

from rebond.entries import Entry, EntryKind
from rebond.findings import Finding, Severity
from rebond.sources.files.paths import show_path
from rebond.sources.files.rule_files import Report
from rebond.sources.files.system_calls import (
    LOCKING_FLAGS,
    RESTORABLE_FLAGS,
    read_inode_flags,
    write_inode_flags,
)

ACCESS_LIST = b"system.posix_acl_access"
DEFAULT_LIST = b"system.posix_acl_default"
_SET_ID = stat.S_ISUID | stat.S_ISGID
_ABSENT = frozenset({errno.ENODATA, errno.EOPNOTSUPP, errno.ENOSYS})

PathOf = Callable[[], bytes]


class _Loss(Struct):
    """Something that could not be set, how often, and where first."""

    count: int = 0
    first: bytes = b""
    reason: str = ""


OwnerLosses = tuple[int, bytes, str]  # how many owners could not be set, of what first, and why


class MetadataWriter:
    """Sets metadata, and sums up what could not be set: one finding for each kind of loss."""

    def __init__(self, *, keeps_owner: bool) -> None:
        self.uid = os.geteuid()
        self._groups = frozenset({os.getegid(), *os.getgroups()})
        self._keeps_owner = keeps_owner
        self._owners = _Loss()
        self._attributes = _Loss()
        self._flags = _Loss()
        self._lock = threading.Lock()

    def wants_owner(self, entry: Entry, gid: int) -> bool:
        """Say whether something that belongs to us and the group ``gid`` should belong to somebody else."""
        return self._keeps_owner and (entry.uid != self.uid or entry.gid != gid)

    def apply(
        self, where: int | bytes, entry: Entry, path: PathOf, *, status: os.stat_result, may_have_lists: bool
    ) -> None:
        """Set everything but the locking flags. Raises ``OSError`` when the mode or the time cannot be set.

        ``where`` is a descriptor, or a path through ``/proc`` for what cannot be opened; ``status``
        is how the thing came out; ``may_have_lists`` says that it may have inherited access lists.
        """
        mode = self.settle_owner(where, entry, path, uid=status.st_uid, gid=status.st_gid)
        if entry.kind is EntryKind.SYMLINK:
            self._set_attributes(where, entry, path)
            os.utime(where, ns=(entry.modified_ns, entry.modified_ns), follow_symlinks=False)
            return
        if may_have_lists:
            _drop_access_lists(where, entry)
        self._set_attributes(where, entry, path)
        os.chmod(where, mode)
        if isinstance(where, int) and entry.flags & ~LOCKING_FLAGS:
            self.set_flags(where, entry.flags & ~LOCKING_FLAGS, path)
        os.utime(where, ns=(entry.modified_ns, entry.modified_ns))

    def settle_owner(self, where: int | bytes, entry: Entry, path: PathOf, *, uid: int, gid: int) -> int:
        """Give the thing to its owner; return the mode that it may have then.

        What could not be given away loses its set-user-ID or set-group-ID bit: it would otherwise
        run with the rights of somebody whom nobody chose.
        """
        if self._keeps_owner and (entry.uid != uid or entry.gid != gid):
            uid, gid = self._change_owner(where, entry, path, uid, gid)
        mode = entry.mode
        if not mode & _SET_ID or entry.kind is EntryKind.DIRECTORY:
            return mode
        if uid != entry.uid:
            mode &= ~stat.S_ISUID
        if gid != entry.gid:
            mode &= ~stat.S_ISGID
        return mode

    def _change_owner(self, where: int | bytes, entry: Entry, path: PathOf, uid: int, gid: int) -> tuple[int, int]:
        follows = isinstance(where, int) or entry.kind is not EntryKind.SYMLINK
        wanted_gid = entry.gid if self.uid == 0 or entry.gid in self._groups else -1
        wanted_uid = entry.uid if self.uid == 0 else -1
        if wanted_uid != -1 or wanted_gid not in (-1, gid):
            try:
                os.chown(where, wanted_uid, wanted_gid, follow_symlinks=follows)
            except OSError as error:
                self._note(self._owners, path, error)
                return uid, gid
        uid = uid if wanted_uid == -1 else wanted_uid
        gid = gid if wanted_gid == -1 else wanted_gid
        if (uid, gid) != (entry.uid, entry.gid):
            self._note(self._owners, path, PermissionError(errno.EPERM, os.strerror(errno.EPERM)))
        return uid, gid

    def _set_attributes(self, where: int | bytes, entry: Entry, path: PathOf) -> None:
        follows = isinstance(where, int) or entry.kind is not EntryKind.SYMLINK
        for name, value in entry.xattrs:
            try:
                os.setxattr(where, name, value, follow_symlinks=follows)
            except OSError as error:
                self._note(self._attributes, path, error)

    def set_flags(self, fd: int, flags: int, path: PathOf) -> None:
        """Add inode flags to an open file or directory; what is refused is summed up."""
        try:
            now = read_inode_flags(fd)
            if now is None:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
            if now & RESTORABLE_FLAGS != now & RESTORABLE_FLAGS | flags:
                write_inode_flags(fd, now | flags)
        except OSError as error:
            self._note(self._flags, path, error)

    def _note(self, loss: _Loss, path: PathOf, error: OSError) -> None:
        with self._lock:
            loss.count += 1
            if loss.count == 1:
                loss.first = path()
                loss.reason = os.strerror(error.errno or 0)

    def take_owner_losses(self) -> OwnerLosses:
        """Return which owners could not be set, and forget it: another process reports it."""
        with self._lock:
            loss, self._owners = self._owners, _Loss()
        return loss.count, loss.first, loss.reason

    def add_owner_losses(self, losses: OwnerLosses) -> None:
        """Take in what another process could not set."""
        count, first, reason = losses
        with self._lock:
            if count and not self._owners.count:
                self._owners.first, self._owners.reason = first, reason
            self._owners.count += count

    def report_losses(self, report: Report) -> None:
        """Report each kind of loss once, and forget it."""
        # An ordinary user cannot give files away and does not expect to; root does.
        if self._owners.count:
            report(
                Finding(
                    code="owner-not-set",
                    severity=Severity.WARNING if self.uid == 0 else Severity.NOTE,
                    subject=show_path(self._owners.first),
                    template="The owner of {count} files or directories could not be set, first that of {path}: "
                    "{reason}",
                    hint_template="Restore as root, onto a file system that keeps owners.",
                    values=_values_of(self._owners),
                )
            )
        if self._attributes.count:
            report(
                Finding(
                    code="attribute-not-set",
                    severity=Severity.WARNING,
                    subject=show_path(self._attributes.first),
                    template="{count} extended attributes could not be set, first one of {path}: {reason}",
                    hint_template="Restore as root, onto a file system that keeps extended attributes.",
                    values=_values_of(self._attributes),
                )
            )
        if self._flags.count:
            report(
                Finding(
                    code="flag-not-set",
                    severity=Severity.WARNING,
                    subject=show_path(self._flags.first),
                    template="The inode flags of {count} files or directories could not be set, first those of {path}: "
                    "{reason}",
                    hint_template="Restore as root, onto a file system of the same kind.",
                    values=_values_of(self._flags),
                )
            )
        self._owners, self._attributes, self._flags = _Loss(), _Loss(), _Loss()


def _values_of(loss: _Loss) -> dict[str, object]:
    return {"count": loss.count, "path": show_path(loss.first), "reason": loss.reason}


def _drop_access_lists(where: int | bytes, entry: Entry) -> None:
    """Take off the lists that a new thing inherited from its directory."""
    wanted = {name for name, _ in entry.xattrs}
    lists = (ACCESS_LIST, DEFAULT_LIST) if entry.kind is EntryKind.DIRECTORY else (ACCESS_LIST,)
    for name in lists:
        if name not in wanted:
            try:
                os.removexattr(where, name)
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise


def has_default_list(fd: int) -> bool:
    """Say whether new things in this open directory inherit an access list."""
    try:
        return bool(os.getxattr(fd, DEFAULT_LIST))
    except OSError:
        return False


def read_umask() -> int:
    """Return the process's mask without changing it, as other threads may be creating files."""
    try:
        with open("/proc/self/status", "rb") as file:
            for line in file:
                if line.startswith(b"Umask:"):
                    return int(line[6:], 8)
    except OSError:
        pass  # no /proc: the old way below
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
