"""Whether what came back is what was there."""

import hashlib
import os
import pathlib
import stat


def describe_tree(root: pathlib.Path, left_out: tuple[str, ...] = ()) -> dict[str, str]:
    """Return for each path what a comparison needs: kind, mode, time, content."""
    found = {}
    for path in sorted(root.rglob("*")):
        facts = path.lstat()
        name = path.relative_to(root).as_posix()
        if name.startswith(left_out):
            continue
        if path.is_symlink():
            found[name] = f"link to {os.readlink(path)}"
        elif path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = f"file {stat.S_IMODE(facts.st_mode):o} {facts.st_mtime_ns} {digest}"
        else:
            found[name] = f"directory {stat.S_IMODE(facts.st_mode):o} {facts.st_mtime_ns}"
    return found


def require_same(before: dict[str, str], after: dict[str, str]) -> None:
    """End the demonstration when something is not what it was."""
    different = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if different:
        raise SystemExit(f"demo: {len(different)} of {len(before)} paths differ, first {different[:5]}")


def require(holds: bool, otherwise: str) -> None:
    """End the demonstration when something does not hold."""
    if not holds:
        raise SystemExit(f"demo: {otherwise}")
