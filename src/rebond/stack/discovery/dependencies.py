"""Directories that a package manager made: large, and possible to make again."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from rebond.stack.discovery.nearby_folders import NearbyFolders
from rebond.stack.discovery.written_paths import can_be_written

_DEEPEST = 4
_MOST_DIRECTORIES = 5_000
_OF_THE_MACHINE = tuple("/dev /proc /run /sys /usr /bin /lib /lib64 /sbin /etc/alternatives /snap /nix".split())
_NODE = (("pnpm-lock.yaml", "pnpm install --frozen-lockfile"), ("yarn.lock", "yarn install --immutable"))
_PYTHON = (
    ("uv.lock", "uv sync --frozen"),
    ("poetry.lock", "poetry install"),
    ("Pipfile.lock", "pipenv sync"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Directories by their path from the root, with the command that makes them again."""

    node: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    node_rebuild: str = ""
    python_rebuild: str = ""
    manages: tuple[Path, ...] = ()
    was_cut: bool = False  # there were more folders than are looked into
    links_out: tuple[Path, ...] = ()  # links to what is there and lies elsewhere


def find_dependencies(directory: Path) -> Dependencies:
    """Look four folders deep for ``node_modules``, virtual environments, and Django's ``manage.py``."""
    node: list[str] = []
    python: list[str] = []
    manages: list[Path] = []
    links: list[Path] = []
    here = directory.resolve()
    walk = NearbyFolders(directory, deepest=_DEEPEST, most=_MOST_DIRECTORIES)
    for each in walk:
        links += [each.folder / name for name in each.links if _leads_out(each.folder / name, here)]
        if "manage.py" in each.files:
            manages.append(each.folder / "manage.py")
        for name in list(each.folders):
            path = each.folder / name
            if name == "node_modules" or os.path.isfile(path / "pyvenv.cfg"):
                each.folders.remove(name)
                if can_be_written(path):  # else it is saved with the files around it
                    (node if name == "node_modules" else python).append(str(path.relative_to(directory)))
            elif name.startswith("."):
                each.folders.remove(name)
    return Dependencies(
        node=tuple(node),
        python=tuple(python),
        node_rebuild=_node_command(directory, node),
        python_rebuild=_python_command(directory, python),
        manages=tuple(manages),
        was_cut=walk.was_cut,
        links_out=tuple(links),
    )


def _leads_out(link: Path, here: Path) -> bool:
    """Say whether a link leads to somebody's files outside of ``here``: not to programs, or devices of the machine."""
    try:
        there = link.resolve(strict=True)
    except (OSError, RuntimeError):  # it leads nowhere, or round in a circle
        return False
    is_of_machine = any(there.is_relative_to(each) for each in _OF_THE_MACHINE)
    return not is_of_machine and not there.is_relative_to(here) and (there.is_dir() or there.is_file())


def _node_command(directory: Path, found: list[str]) -> str:
    if not found:
        return ""
    folder = (directory / found[0]).parent
    command = next((words for name, words in _NODE if os.path.isfile(folder / name)), "")
    if not command:
        command = "npm ci" if os.path.isfile(folder / "package-lock.json") else "npm install"
    return _inside(folder.relative_to(directory), command)


def _python_command(directory: Path, found: list[str]) -> str:
    if not found:
        return ""
    folder, name = (directory / found[0]).parent, Path(found[0]).name
    command = next((words for lock, words in _PYTHON if os.path.isfile(folder / lock)), "")
    if not command:
        listed = next(
            (each for each in ("requirements.txt", "requirements/base.txt") if os.path.isfile(folder / each)), ""
        )
        place = shlex.quote(name)
        install = f" && {place}/bin/pip install -r {listed}" if listed else ""
        command = f"python3 -m venv {place}{install}"
    return _inside(folder.relative_to(directory), command)


def _inside(folder: Path, command: str) -> str:
    return command if str(folder) == "." else f"cd {shlex.quote(str(folder))} && {command}"
