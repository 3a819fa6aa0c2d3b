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
    """One of ``DATABASES``. ``url_variable`` is set where an address in a variable says the rest.

    ``host`` is ``None`` where nobody can tell without running the settings.
    """

    engine: str = ""
    path: Path | None = None
    host: str | None = ""
    name: str = ""
    user: str = ""
    url_variable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoProject:
    """A project. Paths are absolute; ``None`` where the settings do not say, or nobody can tell without running them.

    ``untold`` are names of settings that are given, by an expression that nobody can work out without running it;
    ``storage`` is the class that keeps uploads, where it is not the usual one; ``sources`` are ``STATICFILES_DIRS``.
    """

    manage: Path
    settings: Path | None = None
    databases: Mapping[str, DjangoDatabase] = field(default_factory=dict)
    media: Path | None = None
    static: Path | None = None
    sources: tuple[Path, ...] = ()
    storage: str = ""
    untold: tuple[str, ...] = ()


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
        sources=_list_sources(names.get("STATICFILES_DIRS"), manage.parent),
        storage=_find_storage(names),
        untold=tuple(each for each in ("DATABASES", "MEDIA_ROOT") if _is_untold(names.get(each))),
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
            found[str(name)] = DjangoDatabase(
                engine=engine,
                path=file,
                host=host if isinstance(host, str) else "" if "HOST" not in each else None,
                name=_text_of(each.get("NAME")),
                user=_text_of(each.get("USER")),
            )
    return found


def _is_untold(value: object) -> bool:
    return value is UNKNOWN or (isinstance(value, dict) and any(each is UNKNOWN for each in value.values()))


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list_sources(value: object, base: Path) -> tuple[Path, ...]:
    """Return the folders that static files are collected from; each may be a pair of a prefix and the folder."""
    found = []
    for each in value if isinstance(value, list) else []:
        path = _path_of(each[-1] if isinstance(each, list) and each else each, base)
        found += [path] if path else []
    return tuple(found)


def _find_storage(names: Mapping[str, object]) -> str:
    """Return the class that keeps uploads; empty for a folder, and where the settings do not say."""
    storages = names.get("STORAGES")
    default = storages.get("default") if isinstance(storages, dict) else None
    said = default.get("BACKEND") if isinstance(default, dict) else names.get("DEFAULT_FILE_STORAGE")
    return "" if not isinstance(said, str) or said.endswith(".FileSystemStorage") else said


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
