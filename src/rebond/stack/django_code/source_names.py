"""Python sources read as text and as trees, never imported: what a name in them means."""

import ast
import os
from collections.abc import Sequence
from pathlib import Path

SOURCE_LIMIT_BYTES = 2_000_000


def read_source(path: Path) -> str:
    """Return the text of a file; empty where it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(SOURCE_LIMIT_BYTES)
    except OSError:
        return ""


def parse_source(text: str) -> ast.Module | None:
    """Return its tree; ``None`` for what is no Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def find_imports(tree: ast.Module, package: str) -> dict[str, str]:
    """Return what names mean by their full names: ``{"models": "django.db.models"}``. ``package`` holds the file."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                if each.asname:
                    found[each.asname] = each.name
        elif isinstance(node, ast.ImportFrom):
            module = _full_module(node, package)
            for each in node.names:
                found[each.asname or each.name] = f"{module}.{each.name}" if module else each.name
    return found


def _full_module(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    above = package.split(".")[: len(package.split(".")) - node.level + 1] if package else []
    return ".".join([*above, *([node.module] if node.module else [])])


def spell_out(node: ast.expr, imports: dict[str, str]) -> str:
    """Return the full dotted name that an expression is; empty for any other."""
    if isinstance(node, ast.Name):
        return imports.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        above = spell_out(node.value, imports)
        return f"{above}.{node.attr}" if above else ""
    return ""


def find_module(name: str, roots: Sequence[Path]) -> Path | None:
    """Return the file of a module; ``None`` where no root has it."""
    if not name or not all(part.isidentifier() for part in name.split(".")):
        return None
    for root in roots:
        stem = root.joinpath(*name.split("."))
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if os.path.isfile(path):
                return path
    return None


def find_package_root(folder: Path) -> tuple[Path, str]:
    """Return where imports of a folder begin, and what its package is called there."""
    names = [folder.name]
    while (folder.parent / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
        names.insert(0, folder.name)
    return folder.parent, ".".join(names)
