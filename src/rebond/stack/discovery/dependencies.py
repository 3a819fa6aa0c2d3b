"""Directories that a package manager made: large, and possible to make again."""

import os
from dataclasses import dataclass
from pathlib import Path

_DEEPEST = 4
_MOST_DIRECTORIES = 5_000
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


def find_dependencies(directory: Path) -> Dependencies:
    """Look four folders deep for ``node_modules``, virtual environments, and Django's ``manage.py``."""
    node: list[str] = []
    python: list[str] = []
    manages: list[Path] = []
    for number, (folder, below, names) in enumerate(os.walk(directory)):
        here = Path(folder)
        depth = len(here.relative_to(directory).parts)
        if "manage.py" in names:
            manages.append(here / "manage.py")
        kept = []
        for each in sorted(below):
            if each == "node_modules":
                node.append(str((here / each).relative_to(directory)))
            elif os.path.isfile(here / each / "pyvenv.cfg"):
                python.append(str((here / each).relative_to(directory)))
            elif not each.startswith(".") and depth < _DEEPEST:
                kept.append(each)
        below[:] = kept
        if number >= _MOST_DIRECTORIES:
            break
    return Dependencies(
        node=tuple(node),
        python=tuple(python),
        node_rebuild=_node_command(directory, node),
        python_rebuild=_python_command(directory, python),
        manages=tuple(manages),
    )


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
        install = f" && {name}/bin/pip install -r {listed}" if listed else ""
        command = f"python3 -m venv {name}{install}"
    return _inside(folder.relative_to(directory), command)


def _inside(folder: Path, command: str) -> str:
    return command if str(folder) == "." else f"cd {folder} && {command}"
