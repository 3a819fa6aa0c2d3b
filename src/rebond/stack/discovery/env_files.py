"""Files of variables: which there are, and what they name. Values stay in memory."""

import stat
from pathlib import Path

from rebond.config.variable_files import read_variable_file
from rebond.stack.discovery.nearby_folders import NearbyFolders
from rebond.stack.discovery.written_paths import can_be_written

FILE_LIMIT_BYTES = 1_000_000
_TEMPLATES = ("example", "sample", "dist", "template", "tpl")  # in Git, and without secrets
_SKIPPED = {"node_modules", "venv", "vendor", "__pycache__", "site-packages"}
_DEEPEST = 3
_MOST_DIRECTORIES = 2_000


def read_variables(path: Path) -> dict[str, str]:
    """Return the variables of a file; none where it cannot be read, which the configuration says again later."""
    try:
        about = path.stat()
        if about.st_size > FILE_LIMIT_BYTES or not stat.S_ISREG(about.st_mode):
            return {}
        return dict(read_variable_file(path).variables)
    except (OSError, ValueError):
        return {}


def find_env_files(directory: Path) -> tuple[Path, ...]:
    """Return the files of variables at most three folders below, those for examples left out, nearest first."""
    found: list[Path] = []
    for each in NearbyFolders(directory, deepest=_DEEPEST, most=_MOST_DIRECTORIES):
        each.folders[:] = [name for name in each.folders if name not in _SKIPPED and not name.startswith(".")]
        paths = [each.folder / name for name in each.files if _is_env_file(name)]
        found += [path for path in paths if can_be_written(path) and may_hold_text(path)]
    return tuple(sorted(found, key=lambda path: (len(path.parts), str(path))))


def may_hold_text(path: Path) -> bool:
    """Say whether a file is there, or something that cannot be looked at: the first backup says what is wrong with it.

    A pipe has no content to save, and reading it may never end.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return path.is_symlink()
    except OSError:
        return True


def _is_env_file(name: str) -> bool:
    if name.rpartition(".")[2] in _TEMPLATES:
        return False
    return name == ".env" or name.startswith(".env.") or (name.endswith(".env") and len(name) > 4)
