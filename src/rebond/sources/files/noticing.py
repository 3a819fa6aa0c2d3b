"""What a walk notices about single paths and goes on."""

import errno
import os

from rebond.errors import SourceError
from rebond.findings import Finding, Severity
from rebond.sources.files.paths import show_path

_WITHOUT_ROOM = frozenset({errno.EMFILE, errno.ENFILE})  # ENOMEM is what some servers answer for one file


def notice_fault(path: bytes, error: OSError) -> Finding:
    """Return the finding for a path that could not be read; one that has gone is only a note.

    Raises ``SourceError`` where it is no fault of the path: this process has no room for more.
    """
    _require_room(path, error)
    shown = show_path(path)
    values = {"path": shown, "reason": os.strerror(error.errno) if error.errno else str(error)}
    if error.errno == errno.ENOENT:
        return Finding(
            code="vanished",
            severity=Severity.NOTE,
            subject=shown,
            template="{path} vanished while it was being saved.",
            values=values,
        )
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return Finding(
            code="replaced",
            severity=Severity.WARNING,
            subject=shown,
            template="{path} became something else while it was being saved, and is not in this snapshot.",
            hint_template="Run the backup again while nothing moves there.",
            values=values,
        )
    return Finding(
        code="unreadable",
        severity=Severity.WARNING,
        subject=shown,
        template="{path} could not be read and is not in this snapshot: {reason}",
        hint_template="Give the user of the backup the right to read it, or leave it out with --exclude.",
        values=values,
    )


def _require_room(path: bytes, error: OSError) -> None:
    """Raise ``SourceError`` when this process may open no more: then it would leave out whatever comes next."""
    if error.errno in _WITHOUT_ROOM:
        raise SourceError(
            "{path} could not be read, nor could anything after it: {reason}",
            hint="Raise the limit of open files ('ulimit -n', LimitNOFILE= in systemd).",
            path=show_path(path),
            reason=os.strerror(error.errno or 0),
        ) from error


def notice_unreadable_directory(path: bytes, error: OSError) -> Finding:
    """Return the finding for a directory whose contents, or a part of them, could not be listed.

    Raises ``SourceError`` as ``notice_fault`` does.
    """
    _require_room(path, error)
    shown = show_path(path)
    return Finding(
        code="unreadable-directory",
        severity=Severity.WARNING,
        subject=shown,
        template="What {path} holds could not be listed to its end, and is missing from this snapshot: {reason}",
        hint_template="Give the user of the backup the right to read it, or leave it out with --exclude.",
        values={"path": shown, "reason": os.strerror(error.errno) if error.errno else str(error)},
    )


def notice_lost_attributes(path: bytes, reason: str) -> Finding:
    """Return the finding for a path that is saved without (some of) its extended attributes."""
    shown = show_path(path)
    return Finding(
        code="attributes-unreadable",
        severity=Severity.WARNING,
        subject=shown,
        template="Extended attributes of {path} could not be read and are not in this snapshot: {reason}",
        hint_template="Run the backup as a user who may read them.",
        values={"path": shown, "reason": reason},
    )


def notice_odd_time(path: bytes) -> Finding:
    """Return the finding for a modification time that no snapshot can hold."""
    shown = show_path(path)
    return Finding(
        code="time-out-of-range",
        severity=Severity.NOTE,
        subject=shown,
        template="The modification time of {path} lies outside of the years 1677 to 2554; the nearest is saved.",
        values={"path": shown},
    )


def notice_mount_point(path: bytes) -> Finding:
    """Return the finding for a directory on which another file system is mounted."""
    shown = show_path(path)
    return Finding(
        code="other-file-system",
        severity=Severity.NOTE,
        subject=shown,
        template="What is mounted on {path} is left out by --one-file-system.",
        values={"path": shown},
    )


def notice_marker(path: bytes, marker: bytes) -> Finding:
    """Return the finding for a directory whose contents are left out because of a file in it."""
    shown = show_path(path)
    return Finding(
        code="marked-directory",
        severity=Severity.NOTE,
        subject=shown,
        template="What {path} holds is left out, because {marker} lies in it.",
        values={"path": shown, "marker": show_path(marker)},
    )


def notice_marked_root(path: bytes, marker: bytes) -> Finding:
    """Return the finding for a root that is saved in spite of a file that says otherwise."""
    shown = show_path(path)
    return Finding(
        code="marked-root",
        severity=Severity.NOTE,
        subject=shown,
        template="{path} is saved although {marker} lies in it, because it was named.",
        values={"path": shown, "marker": show_path(marker)},
    )


def notice_root_deleted(path: bytes) -> Finding:
    """Return the finding for a root that was deleted while it was walked: what was in it is only partly saved."""
    shown = show_path(path)
    return Finding(
        code="root-deleted",
        severity=Severity.WARNING,
        subject=shown,
        template="{path} was deleted while it was being saved; what had not been read by then is not in this snapshot.",
        hint_template="Run the backup again, and not while something is put in its place.",
        values={"path": shown},
    )


def notice_lost_place(path: bytes) -> Finding:
    """Return the finding for a directory that was moved away while its subdirectories were being walked."""
    shown = show_path(path)
    return Finding(
        code="moved",
        severity=Severity.WARNING,
        subject=shown,
        template="{path} was moved while it was being saved; some of its subdirectories are not in this snapshot.",
        hint_template="Run the backup again while nothing moves there.",
        values={"path": shown},
    )
