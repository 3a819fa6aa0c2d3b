"""What to do about things that are in the target already, and what came of each thing."""

import enum
import os
import stat

from rebond.entries import Entry, EntryKind


class Overwrite(enum.StrEnum):
    """What may be replaced. A directory is never replaced by something else unless it is empty."""

    NEVER = "never"  # what is there stays as it is
    CHANGED = "changed"  # what has the same size, time and mode stays
    ALWAYS = "always"


class Outcome(enum.StrEnum):
    """What came of one thing."""

    CREATED = "created"
    REPLACED = "replaced"
    SAME = "same"  # it was there already and did not differ
    KEPT = "kept"  # it was there already and may not be replaced
    FAILED = "failed"  # reported


_TYPES = {
    EntryKind.FILE: stat.S_IFREG,
    EntryKind.DIRECTORY: stat.S_IFDIR,
    EntryKind.SYMLINK: stat.S_IFLNK,
    EntryKind.FIFO: stat.S_IFIFO,
    EntryKind.SOCKET: stat.S_IFSOCK,
    EntryKind.CHARACTER: stat.S_IFCHR,
    EntryKind.BLOCK: stat.S_IFBLK,
}


def type_bits(kind: EntryKind) -> int:
    """Return the type bits of a mode."""
    return _TYPES[kind]


def is_same(entry: Entry, status: os.stat_result, directory_fd: int) -> bool:
    """Say whether what is there looks like ``entry``, without reading content. Raises ``OSError``."""
    if stat.S_IFMT(status.st_mode) != _TYPES[entry.kind]:
        return False
    if entry.kind is EntryKind.SYMLINK:
        return os.readlink(entry.name, dir_fd=directory_fd) == entry.target
    if stat.S_IMODE(status.st_mode) != entry.mode:
        return False
    if entry.kind is EntryKind.FILE:
        return status.st_size == entry.size and status.st_mtime_ns == entry.modified_ns
    if entry.kind in (EntryKind.CHARACTER, EntryKind.BLOCK):
        return status.st_rdev == entry.device
    return True
