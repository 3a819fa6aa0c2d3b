"""Git as its files say it: a repository can name programs that git would run, so git is not called."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

FILE_LIMIT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A working tree. ``remotes`` are names; ``remote`` is the one to push to, empty without any."""

    directory: Path
    remotes: tuple[str, ...] = ()

    @property
    def remote(self) -> str:
        """``origin`` where there is one, else the first."""
        return "origin" if "origin" in self.remotes else next(iter(self.remotes), "")


def find_repository(directory: Path) -> Repository | None:
    """Return the working tree that begins in ``directory``; ``None`` when none does."""
    entry = directory / ".git"
    try:
        folder = _follow(entry) if os.path.isfile(entry) else entry
        if not os.path.isfile(folder / "HEAD"):
            return None
        text = _read(_common(folder) / "config")
    except OSError:
        return None
    return Repository(directory=directory, remotes=_find_remotes(text))


def _follow(file: Path) -> Path:
    """Return the folder that ``.git`` of a worktree or submodule leads to."""
    found = re.match(r"gitdir:\s*(.+)", _read(file))
    return (file.parent / found[1].strip()).resolve() if found else file


def _common(folder: Path) -> Path:
    marker = folder / "commondir"
    return (folder / _read(marker).strip()).resolve() if os.path.isfile(marker) else folder


def _find_remotes(text: str) -> tuple[str, ...]:
    names = re.findall(r'^\s*\[\s*remote\s+"([^"\n]+)"\s*\]', text, re.MULTILINE)
    return tuple(dict.fromkeys(names))


def _read(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(FILE_LIMIT_BYTES)
