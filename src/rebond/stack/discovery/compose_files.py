"""Which compose files make a stack: what is named, what has a usual name, else what lies below."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rebond.stack.discovery.nearby_folders import NearbyFolders

USUAL = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
OVERRIDES = (
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yaml",
    "docker-compose.override.yml",
)
_ANY = re.compile(r"(docker-)?compose([._-][\w.-]+)?\.ya?ml", re.IGNORECASE)
_SKIPPED = {"node_modules", "venv", "vendor", "__pycache__", "site-packages"}
_DEEPEST = 3
_MOST_DIRECTORIES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFiles:
    """The files to be read, in order, and those that were left out because they seem to be for something else."""

    files: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()


def find_compose_files(directory: Path, variables: Mapping[str, str]) -> FoundFiles:
    """Return what ``docker compose`` would read in ``directory``; else the best guess of what lies below it.

    ``variables`` are those of the environment and of ``.env``: ``COMPOSE_FILE`` wins.
    """
    if named := variables.get("COMPOSE_FILE"):
        separator = variables.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
        paths = [directory / Path(each).expanduser() for each in named.split(separator) if each]
        return FoundFiles(files=tuple(paths))
    usual = _first(directory, USUAL)
    if usual:
        override = _first(directory, OVERRIDES)
        others = [each for each in _list_like(directory) if each not in {usual, override}]
        return FoundFiles(files=(usual, override) if override else (usual,), others=tuple(others))
    return _guess(list(_search(directory)))


def _guess(found: list[Path]) -> FoundFiles:
    """Take one file of one directory: that for production, then the plain one, then the first."""
    if not found:
        return FoundFiles()
    chosen = min(found, key=lambda path: (_rank(path), len(path.parts), str(path)))
    override = _first(chosen.parent, OVERRIDES) if chosen.name in USUAL else None
    files = (chosen, override) if override else (chosen,)
    return FoundFiles(files=files, others=tuple(each for each in found if each not in files))


def _rank(path: Path) -> int:
    name = path.name.lower()
    if re.search(r"prod", name):
        return 0
    if name in USUAL:
        return 1
    return 3 if re.search(r"override|dev|test|ci|local|debug", name) else 2


def _first(directory: Path, names: Iterable[str]) -> Path | None:
    return next((directory / each for each in names if os.path.isfile(directory / each)), None)


def _list_like(directory: Path) -> list[Path]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []
    return [directory / each for each in names if _ANY.fullmatch(each) and os.path.isfile(directory / each)]


def _search(directory: Path) -> Iterable[Path]:
    for each in NearbyFolders(directory, deepest=_DEEPEST, most=_MOST_DIRECTORIES):
        each.folders[:] = filter(_is_searched, each.folders)
        yield from _list_like(each.folder)


def _is_searched(name: str) -> bool:
    return not name.startswith(".") and name not in _SKIPPED
