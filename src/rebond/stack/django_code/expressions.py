"""Working out simple Python expressions without running them: texts, paths, tables, variables of the environment."""

import ast
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_DEEPEST = 40
_ENVIRONMENT_CALLS = ("getenv", "get", "env", "config", "str")


class _Unknown:
    """What cannot be told."""

    def __bool__(self) -> bool:
        return False


UNKNOWN = _Unknown()


@dataclass(frozen=True, slots=True)
class FromVariable:
    """An address of a database that a library takes out of a variable. ``hint`` is the kind that its default names."""

    name: str
    hint: str = ""


class Evaluator:
    """Works expressions of one file out. ``names`` are those that the file has given so far."""

    def __init__(self, file: Path, variables: Mapping[str, str], names: dict[str, object]) -> None:
        self._file = file
        self._variables = variables
        self._names = names
        self._depth = 0

    def evaluate(self, node: ast.expr) -> object:
        """Return text, a number, a path, a list or table of them; ``UNKNOWN`` for anything else."""
        self._depth += 1
        try:
            return UNKNOWN if self._depth > _DEEPEST else self._evaluate(node)
        except (ValueError, TypeError, OSError, IndexError):
            return UNKNOWN
        finally:
            self._depth -= 1

    def _evaluate(self, node: ast.expr) -> object:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name(id="__file__"):
                return str(self._file)
            case ast.Name():
                return self._names.get(node.id, UNKNOWN)
            case ast.JoinedStr():
                return self._join_text(node)
            case ast.FormattedValue():
                return self.evaluate(node.value)
            case ast.List() | ast.Tuple():
                return [self.evaluate(each) for each in node.elts]
            case ast.Dict():
                pairs = zip(node.keys, node.values, strict=True)
                return {str(self.evaluate(key)): self.evaluate(value) for key, value in pairs if key is not None}
            case ast.BinOp():
                return self._combine(node)
            case ast.BoolOp():
                values = [self.evaluate(each) for each in node.values]
                wants_true = isinstance(node.op, ast.Or)
                return next((each for each in values if bool(each) is wants_true), values[-1])
            case ast.IfExp():
                return self.evaluate(node.body) or self.evaluate(node.orelse)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Subscript():
                return self._item(node)
            case ast.Call():
                return self._call(node)
        return UNKNOWN

    def _join_text(self, node: ast.JoinedStr) -> object:
        parts = [self.evaluate(each) for each in node.values]
        return UNKNOWN if any(each is UNKNOWN for each in parts) else "".join(str(each) for each in parts)

    def _combine(self, node: ast.BinOp) -> object:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        if isinstance(node.op, ast.Div) and isinstance(left, Path) and isinstance(right, str | Path):
            return left / right
        if isinstance(node.op, ast.Add) and isinstance(left, str) and isinstance(right, str):
            return left + right
        return UNKNOWN

    def _attribute(self, node: ast.Attribute) -> object:
        value = self.evaluate(node.value)
        if isinstance(value, Path) and node.attr in {"parent", "name", "stem"}:
            return value.parent if node.attr == "parent" else getattr(value, node.attr)
        if isinstance(value, Path) and node.attr == "parents":
            return list(value.parents)
        return UNKNOWN

    def _item(self, node: ast.Subscript) -> object:
        if _dotted(node.value) in {"os.environ", "environ"}:
            return self._variables.get(str(self.evaluate(node.slice)), UNKNOWN)
        value, key = self.evaluate(node.value), self.evaluate(node.slice)
        if isinstance(value, dict):
            return value.get(key, UNKNOWN)
        return value[key] if isinstance(value, list) and isinstance(key, int) else UNKNOWN

    def _call(self, node: ast.Call) -> object:
        name = _dotted(node.func)
        if name in {"Path", "pathlib.Path", "str", "os.fspath"} and node.args:
            parts = [self.evaluate(each) for each in node.args]
            if any(not isinstance(each, str | Path) for each in parts):
                return UNKNOWN
            return Path(*parts) if name.endswith("Path") else str(parts[0])  # type: ignore[arg-type]
        if name.startswith("os.path.") or name in _PATH_CALLS:
            return self._call_path(name.rpartition(".")[2], [self.evaluate(each) for each in node.args])
        if name in {
            "dj_database_url.config",
            "dj_database_url.parse",
            "env.db",
            "env.db_url",
            "environ.Env.db_url_config",
        }:
            return self._database_variable(name, node)
        if name.rpartition(".")[2] in _ENVIRONMENT_CALLS and node.args:
            return self._look_up(node)
        if isinstance(node.func, ast.Attribute):
            return self._call_method(node.func, [self.evaluate(each) for each in node.args])
        return UNKNOWN

    def _call_path(self, name: str, values: list[object]) -> object:
        function = _PATH_CALLS.get(name)
        if function is None or not values or any(not isinstance(each, str | Path) for each in values):
            return UNKNOWN
        return function(*(str(each) for each in values))

    def _call_method(self, function: ast.Attribute, values: list[object]) -> object:
        held = self.evaluate(function.value)
        if isinstance(held, Path):
            if function.attr in {"resolve", "absolute", "expanduser"}:
                return held
            if function.attr == "joinpath" and all(isinstance(each, str | Path) for each in values):
                return held.joinpath(*values)  # type: ignore[arg-type]
        if isinstance(held, str) and function.attr in {"strip", "lower", "rstrip", "lstrip"} and not values:
            return str(getattr(held, function.attr)())
        return UNKNOWN

    def _look_up(self, node: ast.Call) -> object:
        """Return a variable of the environment, else its default."""
        name = self.evaluate(node.args[0])
        if isinstance(name, str) and name in self._variables:
            return self._variables[name]
        default = node.args[1] if len(node.args) > 1 else None
        default = next((each.value for each in node.keywords if each.arg == "default"), default)
        return self.evaluate(default) if default is not None else UNKNOWN

    def _database_variable(self, name: str, node: ast.Call) -> object:
        values = [self.evaluate(each) for each in node.args]
        named = next((self.evaluate(each.value) for each in node.keywords if each.arg == "env"), None)
        default = next((self.evaluate(each.value) for each in node.keywords if each.arg == "default"), "")
        variable = named if isinstance(named, str) else "DATABASE_URL"
        if name.startswith("env") and values and isinstance(values[0], str):
            variable = values[0]
        address = self._variables.get(variable) or (default if isinstance(default, str) else "")
        return FromVariable(variable, kind_of_address(address))


_PATH_CALLS: dict[str, Callable[..., str]] = {
    "join": os.path.join,
    "dirname": os.path.dirname,
    "abspath": os.path.normpath,
    "realpath": os.path.normpath,
    "normpath": os.path.normpath,
}


def kind_of_address(address: str) -> str:
    """Return ``postgresql``, ``mysql`` or ``sqlite3`` for an address of a database; empty for another."""
    scheme = address.partition("://")[0].partition("+")[0].lower()
    kinds = {"postgres": "postgresql", "postgresql": "postgresql", "pgsql": "postgresql", "postgis": "postgresql"}
    return {**kinds, "mysql": "mysql", "mariadb": "mysql", "sqlite": "sqlite3"}.get(scheme, "")


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        above = _dotted(node.value)
        return f"{above}.{node.attr}" if above else ""
    return ""
