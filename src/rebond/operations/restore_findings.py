"""What a restore says about single paths."""

from rebond.errors import RestoreError, TargetUnsafe, VaultDamaged
from rebond.findings import Finding, Severity
from rebond.operations.browsing import Located
from rebond.sources.files.target import NOT_RESTORED


def unsafe_path(error: TargetUnsafe) -> Finding:
    """Say that a path was left out because it would have led somewhere else."""
    return Finding(
        code=error.code,
        severity=Severity.WARNING,
        subject=str(error.values.get("path", "")),
        template=error.template,
        hint_template=error.hint_template,
        values=error.values,
    )


def file_too_large(error: RestoreError) -> Finding:
    """Say that a file was left out because the target holds none of that size."""
    return Finding(
        code=NOT_RESTORED,
        severity=Severity.WARNING,
        subject=str(error.values.get("path", "")),
        template=error.template,
        hint_template="No file of that size can be there: restore it to another place with --include.",
        values=error.values,
    )


def damaged_file(path: bytes, error: VaultDamaged) -> Finding:
    """Say that a file could not be put back because the vault is damaged."""
    shown = path.decode(errors="backslashreplace")
    return Finding(
        code="file-damaged",
        severity=Severity.DAMAGE,
        subject=shown,
        template="{path} could not be restored: {reason}",
        hint_template="'rebond find NAME' shows other versions; 'rebond verify --read-data' shows what else is "
        "reached.",
        values={"path": shown, "reason": error},
    )


def name_taken(item: Located) -> Finding:
    """Say that stripping brought two things to one place."""
    shown = show_bytes(item.shown)
    return Finding(
        code="name-taken",
        severity=Severity.WARNING,
        subject=shown,
        template="{path} was not restored: with --strip it would lie where something else was restored already.",
        hint_template="Strip less, or restore it by itself with --include to another place.",
        values={"path": shown},
    )


def damaged_directory(located: Located, error: VaultDamaged) -> Finding:
    """Say that a directory could not be read to its end."""
    shown = show_bytes(located.shown)
    return Finding(
        code="directory-damaged",
        severity=Severity.DAMAGE,
        subject=shown,
        template="The directory {path} could not be restored whole: {reason}",
        hint_template="'rebond find NAME' shows other versions of what was in it.",
        values={"path": shown, "reason": error},
    )


def not_set_aside(path: bytes, error: OSError) -> Finding:
    """Say that something surplus stayed where it is."""
    shown = show_bytes(path)
    return Finding(
        code="not-set-aside",
        severity=Severity.WARNING,
        subject=shown,
        template="{path} is not in the snapshot and could not be set aside: {reason}",
        hint_template="Move it away by hand, or restore into an empty directory.",
        values={"path": shown, "reason": error.strerror or type(error).__name__},
    )


def not_as_saved(item: Located) -> Finding:
    """Say that a file, read back, is not what the snapshot holds."""
    shown = show_bytes(item.shown)
    return Finding(
        code="not-as-saved",
        severity=Severity.DAMAGE,
        subject=shown,
        template="{path} was read back and is not what the snapshot holds.",
        hint_template="Where --overwrite kept it, that is why; else do not trust this disk: restore to another one.",
        values={"path": shown},
    )


def show_bytes(path: bytes) -> str:
    """Return a path as it can be printed anywhere."""
    return path.decode(errors="backslashreplace")
