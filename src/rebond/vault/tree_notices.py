"""What is noticed about single paths while a tree is kept."""

from rebond.errors import SourceError
from rebond.findings import Finding, Severity
from rebond.units import format_size


def notice_cut_read(path: bytes, error: SourceError) -> Finding:
    """Return the finding for a file that failed while it was read."""
    shown = _show(path)
    return Finding(
        code="source-unreadable",
        severity=Severity.WARNING,
        subject=shown,
        template="{path} was left out, because reading it failed: {reason}",
        hint_template=error.hint_template,
        values={**error.values, "path": shown, "reason": error},
    )


def notice_change(path: bytes) -> Finding:
    """Return the finding for a file that changed while it was read."""
    shown = _show(path)
    return Finding(
        code="changed-while-read",
        severity=Severity.WARNING,
        subject=shown,
        template="{path} changed while it was read; what was read is saved.",
        hint_template="Save it while nothing writes to it, or with the program that owns it.",
        values={"path": shown},
    )


def notice_became_directory(path: bytes) -> Finding:
    """Return the finding for a name that stands for two things: a directory took its place meanwhile."""
    shown = _show(path)
    return Finding(
        code="replaced",
        severity=Severity.WARNING,
        subject=shown,
        template="{path} became a directory while it was being saved, and may be missing from this snapshot.",
        hint_template="Run the backup again while nothing moves there.",
        values={"path": shown},
    )


def notice_kept_from_before(path: bytes) -> Finding:
    """Return the finding for an unreadable file of which an earlier run stored the same content."""
    shown = _show(path)
    return Finding(
        code="kept-from-before",
        severity=Severity.NOTE,
        subject=shown,
        template="{path} is in this snapshot all the same: it has not changed since it was stored.",
        values={"path": shown},
    )


def notice_gone_on(path: bytes, taken_bytes: int) -> Finding:
    """Return the finding for a large file that a run which was cut had read in part."""
    shown = _show(path)
    return Finding(
        code="gone-on",
        severity=Severity.NOTE,
        subject=shown,
        template="{path} was gone on with: a run that was cut had read and stored {size} of it.",
        values={"path": shown, "size": format_size(taken_bytes)},
    )


def _show(path: bytes) -> str:
    return path.lstrip(b"/").decode(errors="backslashreplace")
