"""Django's settings, read without running them: the few expressions that paths and databases are made of."""

import ast
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rebond.stack.django_code.expressions import UNKNOWN, Evaluator, FromVariable

FILE_LIMIT_BYTES = 2_000_000
_SETTINGS_IN_MANAGE = re.compile(r"""DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]+)["']""")
_DEEPEST_IMPORTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoDatabase:
    """One of ``DATABASES``. ``url_variable`` is set where an address in a variable says the rest."""

    engine: str = ""
    path: Path | None = None
    host: str = ""
    url_variable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoProject:
    """A project. Paths are absolute; ``None`` where the settings do not say, or nobody can tell without running them.

    ``media_text`` is what ``MEDIA_ROOT`` would be on a machine where the project lies elsewhere, as in a container.
    """

    manage: Path
    settings: Path | None = None
    databases: Mapping[str, DjangoDatabase] = field(default_factory=dict)
    media: Path | None = None
    static: Path | None = None


def read_django(manage: Path, variables: Mapping[str, str]) -> DjangoProject:
    """Return what the settings of a ``manage.py`` say. What cannot be told is left out."""
    module = _find_module(manage, variables)
    settings = _find_file(manage.parent, module) if module else None
    if settings is None:
        return DjangoProject(manage=manage)
    names = _read_settings(settings, manage.parent, variables, 0)
    return DjangoProject(
        manage=manage,
        settings=settings,
        databases=_read_databases(names.get("DATABASES"), manage.parent),
        media=_path_of(names.get("MEDIA_ROOT"), manage.parent),
        static=_path_of(names.get("STATIC_ROOT"), manage.parent),
    )


def _find_module(manage: Path, variables: Mapping[str, str]) -> str:
    if named := variables.get("DJANGO_SETTINGS_MODULE"):
        return named
    found = _SETTINGS_IN_MANAGE.search(_read(manage))
    return found[1] if found else ""


def _find_file(base: Path, module: str) -> Path | None:
    stem = base.joinpath(*module.split("."))
    return next((each for each in (stem.with_suffix(".py"), stem / "__init__.py") if os.path.isfile(each)), None)


def _read_settings(file: Path, base: Path, variables: Mapping[str, str], depth: int) -> dict[str, object]:
    """Return the names that a settings file gives; those of ``from .base import *`` first."""
    try:
        tree = ast.parse(_read(file))
    except (SyntaxError, ValueError, RecursionError):
        return {}
    names: dict[str, object] = {}
    evaluator = Evaluator(file, variables, names)
    for statement in _flatten(tree.body):
        if isinstance(statement, ast.ImportFrom) and any(each.name == "*" for each in statement.names):
            imported = _imported_file(file, base, statement)
            if imported and depth < _DEEPEST_IMPORTS:
                names.update(_read_settings(imported, base, variables, depth + 1))
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                _assign(target, evaluator.evaluate(statement.value), names, evaluator)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            _assign(statement.target, evaluator.evaluate(statement.value), names, evaluator)
    return names


def _flatten(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return statements in order; of a condition the branch that is written first, since nobody runs it."""
    found: list[ast.stmt] = []
    for each in body:
        if isinstance(each, ast.If):
            first = _flatten(each.body)
            found += [*_flatten(each.orelse), *first] if _names_assigned(each.orelse) else first
        elif isinstance(each, ast.Try | ast.With):
            found += _flatten(each.body)
        else:
            found.append(each)
    return found


def _names_assigned(body: list[ast.stmt]) -> set[str]:
    return {
        target.id
        for each in body
        if isinstance(each, ast.Assign)
        for target in each.targets
        if isinstance(target, ast.Name)
    }


def _assign(target: ast.expr, value: object, names: dict[str, object], evaluator: Evaluator) -> None:
    if isinstance(target, ast.Name):
        names[target.id] = value
    elif isinstance(target, ast.Subscript):  # DATABASES["default"] = …
        held, key = evaluator.evaluate(target.value), evaluator.evaluate(target.slice)
        if isinstance(held, dict) and isinstance(key, str):
            held[key] = value


def _imported_file(file: Path, base: Path, statement: ast.ImportFrom) -> Path | None:
    module = statement.module or ""
    if not statement.level:
        return _find_file(base, module) if module else None
    folder = file.parent
    for _ in range(statement.level - 1):
        folder = folder.parent
    found = _find_file(folder, module) if module else folder / "__init__.py"
    return found if found and os.path.isfile(found) and found != file else None


def _read_databases(value: object, base: Path) -> dict[str, DjangoDatabase]:
    if not isinstance(value, dict):
        return {}
    found = {}
    for name, each in value.items():
        if isinstance(each, FromVariable):
            found[str(name)] = DjangoDatabase(url_variable=each.name, engine=each.hint)
        elif isinstance(each, dict):
            engine = str(each.get("ENGINE", "")).rpartition(".")[2] if each.get("ENGINE") is not UNKNOWN else ""
            file = _path_of(each.get("NAME"), base) if "sqlite" in engine or "spatialite" in engine else None
            host = each.get("HOST")
            found[str(name)] = DjangoDatabase(engine=engine, path=file, host=host if isinstance(host, str) else "")
    return found


def _path_of(value: object, base: Path) -> Path | None:
    """Return a path as a person would write it: settings go up from their own file, by ``..``."""
    if isinstance(value, str) and value and value != ":memory:":
        return Path(os.path.normpath(base / value))
    return Path(os.path.normpath(value)) if isinstance(value, Path) and str(value) != "." else None


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(FILE_LIMIT_BYTES)
    except OSError:
        return ""
