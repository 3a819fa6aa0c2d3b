"""The applications of a Django project found on this machine: where their migrations lie, and what these say."""

import ast
import hashlib
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from rebond.stack.django_code.field_classes import FieldClasses, Verdict
from rebond.stack.django_code.migrations import (
    Model,
    build_models,
    makes_only_plain_fields,
    read_migration,
)
from rebond.stack.django_code.source_names import find_package_root, parse_source, read_source

_SKIPPED = frozenset(
    {"node_modules", "__pycache__", "static", "staticfiles", "locale", "templates", "bower_components"}
)
_MOST_FOLDERS = 20_000
_LONGEST_NAME = 63
_QUOTED_TABLE = re.compile(r'"([^"]+)"\."([^"]+)"')


class CodeField(Struct, frozen=True, kw_only=True):
    """A column that, by the code, names files. ``label`` is ``gallery.Photo.image``."""

    table: str
    column: str
    label: str
    verdict: Verdict
    has_own_storage: bool = False


class Knowledge(Struct, frozen=True, kw_only=True):
    """What the code says. ``tables`` are those of which it says all; those of ``plain`` labels have no file."""

    fields: tuple[CodeField, ...] = ()
    tables: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()

    def covers(self, table: str) -> bool:
        """Say whether a table's columns are all known."""
        if table in self.tables:
            return True
        owners = [each for each in self.labels if table.startswith(f"{each}_")]
        return bool(owners) and max(owners, key=len) in self.plain


def find_migrations(roots: Sequence[str], skipped: Collection[str]) -> list[Path]:
    """Return the folders of migrations below some folders; ``skipped`` are not entered, links neither."""
    found: dict[str, Path] = {}
    left = _MOST_FOLDERS
    for root in roots:
        for folder, names, files in os.walk(root):
            left -= 1
            if left < 0:
                return [*found.values()]
            if os.path.basename(folder) == "migrations" and any(each.endswith(".py") for each in files):
                found.setdefault(os.path.realpath(folder), Path(folder))
                names.clear()
                continue
            names[:] = sorted(each for each in names if _may_enter(folder, each, skipped))
    return [*found.values()]


def _may_enter(folder: str, name: str, skipped: Collection[str]) -> bool:
    is_hidden = name.startswith(".") and not name.startswith((".venv", ".virtualenv"))
    return not is_hidden and name not in _SKIPPED and os.path.join(folder, name) not in skipped


def learn_from_code(folders: Sequence[Path], applied: Mapping[str, Collection[str]]) -> Knowledge:
    """Return what the migrations that ran say. ``applied`` are their names by the label of their application."""
    chosen = _choose_folders(folders, applied)
    roots = list(dict.fromkeys(find_package_root(each.parent)[0] for each in chosen.values()))
    classes = FieldClasses(roots)
    fields: list[CodeField] = []
    tables: set[str] = set()
    plain: set[str] = set()
    for label, folder in sorted(chosen.items()):
        paths = {each.stem: each for each in sorted(folder.glob("*.py")) if each.stem != "__init__"}
        if makes_only_plain_fields([read_source(each) for each in paths.values()]):
            plain.add(label)
            continue
        package = find_package_root(folder)[1]
        read = {name: read_migration(path, package) for name, path in paths.items()}
        models = build_models({name: each for name, each in read.items() if each}, applied[label])
        for model in models.values():
            table = find_table(label, model)
            tables.add(table)
            fields += _list_fields(label, model, table, classes)
    return Knowledge(fields=tuple(fields), tables=frozenset(tables), labels=frozenset(applied), plain=frozenset(plain))


def _list_fields(label: str, model: Model, table: str, classes: FieldClasses) -> list[CodeField]:
    found = []
    for name, each in model.fields.items():
        verdict = classes.judge(each.class_name)
        if verdict is not Verdict.OTHER:
            found.append(
                CodeField(
                    table=table,
                    column=each.column,
                    label=f"{label}.{model.name}.{name}",
                    verdict=verdict,
                    has_own_storage=each.has_own_storage,
                )
            )
    return found


def find_table(label: str, model: Model) -> str:
    """Return the table of a model, as Django names it; of a quoted ``"schema"."table"`` the last part."""
    if model.table:
        quoted = _QUOTED_TABLE.fullmatch(model.table)
        return quoted[2] if quoted else model.table.strip('"')
    name = f"{label}_{model.name.lower()}"
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:4]  # Django's way to shorten names
    return name[: _LONGEST_NAME - 4] + digest


def _choose_folders(folders: Sequence[Path], applied: Mapping[str, Collection[str]]) -> dict[str, Path]:
    """Return one folder for each label: that which holds most of the migrations that ran, the least deep of equals."""
    best: dict[str, tuple[int, int, Path]] = {}
    for folder in folders:
        stems = {each.stem for each in folder.glob("*.py")}
        for label in _read_labels(folder.parent):
            ran = len(stems & {*applied.get(label, ())})
            rank = (ran, -len(folder.parts), folder)
            if ran and (label not in best or rank[:2] > best[label][:2]):
                best[label] = rank
    return {label: folder for label, (_, _, folder) in best.items()}


def _read_labels(folder: Path) -> set[str]:
    """Return what an application may be called: its folder, or what its ``apps.py`` says."""
    labels = {folder.name}
    tree = parse_source(read_source(folder / "apps.py"))
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            names = {each.id for each in node.targets if isinstance(each, ast.Name)}
            if "label" in names:
                labels.add(node.value.value)
    return labels
