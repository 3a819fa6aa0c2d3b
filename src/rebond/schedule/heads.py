"""The commit that a working tree stands at, from Git's own files: no program is asked, so it may be asked often."""

import contextlib
import os
from pathlib import Path

_MOST_PARENTS = 40


def describe_head(folder: str) -> str:
    """Return a word that changes with the commit; empty where there is no repository, or no commit yet."""
    own = _find_git_folder(folder)
    if own is None:
        return ""
    common = own
    with contextlib.suppress(OSError):  # a linked working tree has its branches where the others have them
        common = own / (own / "commondir").read_text(encoding="utf-8").strip()
    try:
        head = (own / "HEAD").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
    name = head.removeprefix("ref: ")
    if name == head:
        return head  # no branch
    with contextlib.suppress(OSError, ValueError):
        return f"{name} {(common / name).read_text(encoding='utf-8').strip()}"
    with contextlib.suppress(OSError, ValueError):
        for line in (common / "packed-refs").read_text(encoding="utf-8").splitlines():
            if line.endswith(f" {name}"):
                return f"{name} {line.partition(' ')[0]}"
    return ""


def _find_git_folder(folder: str) -> Path | None:
    current = Path(os.path.realpath(folder))
    for each in (current, *current.parents[:_MOST_PARENTS]):
        git = each / ".git"
        if git.is_dir():
            return git
        with contextlib.suppress(OSError, ValueError):
            words = git.read_text(encoding="utf-8")
            if words.startswith("gitdir: "):
                return each / words.removeprefix("gitdir: ").strip()
    return None
