"""How one thing in a snapshot is shown."""

import os
import stat

from rebond.cli.output.speech import show_path
from rebond.entries import EntryKind
from rebond.operations.browsing import Located
from rebond.units import format_iso, format_moment
from rebond.vault.trees import StoredEntry

FILE_TYPES = {
    EntryKind.FILE: stat.S_IFREG,
    EntryKind.DIRECTORY: stat.S_IFDIR,
    EntryKind.SYMLINK: stat.S_IFLNK,
    EntryKind.FIFO: stat.S_IFIFO,
    EntryKind.SOCKET: stat.S_IFSOCK,
    EntryKind.CHARACTER: stat.S_IFCHR,
    EntryKind.BLOCK: stat.S_IFBLK,
}
KIND_NAMES = {kind: kind.name.lower() for kind in EntryKind}


def located_document(found: Located) -> dict[str, object]:
    """Return the documented shape of one thing in a snapshot."""
    entry = found.entry
    return {
        "path": os.fsdecode(found.shown),
        "component": found.component.name,
        **(entry_document(entry) if entry is not None else {}),
    }


def entry_document(entry: StoredEntry) -> dict[str, object]:
    """Return what is known of an entry; paths and targets as text."""
    return {
        "kind": KIND_NAMES[EntryKind(entry.kind)],
        "mode": f"{entry.mode:04o}",
        "user": entry.user or str(entry.uid),
        "group": entry.group or str(entry.gid),
        "uid": entry.uid,
        "gid": entry.gid,
        "size": entry.size,
        "modified": format_iso(entry.modified_ns // 1_000_000),
        "target": os.fsdecode(entry.target) or None,
    }


def long_line(found: Located) -> str:
    """Return a line as ``ls -l`` writes it."""
    entry = found.entry
    if entry is None:
        return show_path(found.shown)
    mode = stat.filemode(FILE_TYPES[EntryKind(entry.kind)] | entry.mode)
    owner = f"{entry.user or entry.uid} {entry.group or entry.gid}"
    moment = format_moment(entry.modified_ns // 1_000_000)
    arrow = f" -> {show_path(entry.target)}" if entry.target else ""
    return f"{mode} {owner:<16} {entry.size:>14} {moment} {show_path(found.shown)}{arrow}"
