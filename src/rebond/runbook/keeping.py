"""Where the newest runbook of a stack is kept on this machine, so that the next backup saves it."""

from pathlib import Path

KEPT = "runbook"  # below the stack's folder
PREFIX, SUFFIX = "rebond-runbook.", ".md"


def name_kept(language: str) -> Path:
    """Return where the page in a language lies, below the stack's folder."""
    return Path(KEPT) / f"{PREFIX}{language}{SUFFIX}"


def read_kept(stack_folder: Path) -> dict[str, bytes]:
    """Return the kept pages by the names that they have in a snapshot; none where none was written, or can be read."""
    found: dict[str, bytes] = {}
    try:
        for path in sorted((stack_folder / KEPT).glob(f"{PREFIX}*{SUFFIX}")):
            found[path.name] = path.read_bytes()
    except OSError:  # a page that cannot be read must not cost a backup
        return found
    return found


def newest_kept_ms(stack_folder: Path) -> int | None:
    """Return when the newest page was written, in milliseconds since 1970; ``None`` where none is kept."""
    try:
        times = [path.stat().st_mtime_ns for path in (stack_folder / KEPT).glob(f"{PREFIX}*{SUFFIX}")]
    except OSError:
        return None
    return max(times) // 1_000_000 if times else None
