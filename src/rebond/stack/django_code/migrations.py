"""Migrations of Django read from their source: which tables and columns the models have after those that ran."""

import ast
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from rebond.stack.django_code.source_names import find_imports, parse_source, read_source, spell_out

_NAMES = {  # the order of what may be given without its name
    "CreateModel": ("name", "fields", "options"),
    "DeleteModel": ("name",),
    "RenameModel": ("old_name", "new_name"),
    "AlterModelTable": ("name", "table"),
    "AddField": ("model_name", "name", "field"),
    "AlterField": ("model_name", "name", "field"),
    "RemoveField": ("model_name", "name"),
    "RenameField": ("model_name", "old_name", "new_name"),
    "SeparateDatabaseAndState": ("database_operations", "state_operations"),
}
_MADE = re.compile(r"""(?:field\s*=|['"]\s*,)\s*([A-Za-z_][\w.]*)\(""")
_PLAIN = frozenset(
    "AutoField BigAutoField BigIntegerField BinaryField BooleanField CharField DateField DateTimeField DecimalField "
    "DurationField EmailField FilePathField FloatField ForeignKey GenericIPAddressField IPAddressField IntegerField "
    "JSONField ManyToManyField NullBooleanField OneToOneField PositiveBigIntegerField PositiveIntegerField "
    "PositiveSmallIntegerField SlugField SmallAutoField SmallIntegerField TextField TimeField URLField "
    "UUIDField".split()
)


class Field(Struct, frozen=True, kw_only=True):
    """A field of a model: its class by the full name, and its column."""

    class_name: str
    column: str
    has_own_storage: bool = False


class Model(Struct, kw_only=True):
    """A model as the migrations left it. ``table`` is empty where Django makes the name."""

    name: str
    table: str = ""
    fields: dict[str, Field] = field(default_factory=dict)


class Migration(Struct, frozen=True, kw_only=True):
    """One migration: what it does, after which others of its application, and which ones it stands for."""

    operations: tuple[ast.Call, ...]
    imports: Mapping[str, str]
    after: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()


def makes_only_plain_fields(texts: Collection[str]) -> bool:
    """Say whether no field of these migrations is of another class than Django's own that hold no file."""
    for text in texts:
        for name in _MADE.findall(text):
            first, _, last = name.rpartition(".")
            if last not in _PLAIN or first not in {"models", "django.db.models"}:
                return False
    return True


def read_migration(path: Path, package: str) -> Migration | None:
    """Return what a file holds; ``None`` where there is no migration in it."""
    tree = parse_source(read_source(path))
    body = next((each for each in tree.body if _is_migration(each)), None) if tree else None
    if tree is None or not isinstance(body, ast.ClassDef):
        return None
    values = {}
    for statement in body.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            values[statement.targets[0].id] = statement.value
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            values[statement.target.id] = statement.value
    return Migration(
        operations=tuple(_list_calls(values.get("operations"))),
        imports=find_imports(tree, package),
        after=tuple(name for _, name in _list_pairs(values.get("dependencies"))),
        replaces=tuple(name for _, name in _list_pairs(values.get("replaces"))),
    )


def build_models(migrations: Mapping[str, Migration], applied: Collection[str]) -> dict[str, Model]:
    """Return the models after the migrations that ran, by their names in small letters."""
    models: dict[str, Model] = {}
    for each in _order(migrations, applied):
        for operation in each.operations:
            _apply(operation, each.imports, models)
    return models


def _is_migration(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef) and node.name == "Migration"


def _order(migrations: Mapping[str, Migration], applied: Collection[str]) -> list[Migration]:
    """Return those that ran, each after what it depends on; one that stands for others in their place."""
    chosen = {name for name in migrations if name in applied}
    stands_for: dict[str, str] = {}
    for name, each in migrations.items():
        if each.replaces and all(old in applied for old in each.replaces):
            chosen = (chosen - {*each.replaces}) | {name}
            stands_for |= dict.fromkeys(each.replaces, name)
    ordered: list[Migration] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        name = stands_for.get(name, name)
        if name in seen or name not in chosen:
            return
        seen.add(name)
        for earlier in migrations[name].after:
            visit(earlier)
        ordered.append(migrations[name])

    for name in sorted(chosen):
        visit(name)
    return ordered


def _apply(call: ast.Call, imports: Mapping[str, str], models: dict[str, Model]) -> None:
    kind = spell_out(call.func, dict(imports)).rpartition(".")[2]
    given = _arguments(call, _NAMES.get(kind, ()))
    model = models.get(_text(given.get("model_name")).lower())
    name = _text(given.get("name"))
    match kind:
        case "CreateModel":
            models[name.lower()] = _create(name, given, imports)
        case "DeleteModel":
            models.pop(name.lower(), None)
        case "RenameModel":
            moved = models.pop(_text(given.get("old_name")).lower(), None)
            if moved is not None:
                moved.name = _text(given.get("new_name"))
                models[moved.name.lower()] = moved
        case "AlterModelTable":
            if name.lower() in models:
                models[name.lower()].table = _text(given.get("table"))
        case "AddField" | "AlterField" if model is not None:
            made = _make_field(name, given.get("field"), imports)
            if made is not None:
                model.fields[name] = made
        case "RemoveField" if model is not None:
            model.fields.pop(name, None)
        case "RenameField" if model is not None:
            _rename(model, _text(given.get("old_name")), _text(given.get("new_name")))
        case "SeparateDatabaseAndState":
            for each in _list_calls(given.get("state_operations")):
                _apply(each, imports, models)


def _create(name: str, given: Mapping[str, ast.expr], imports: Mapping[str, str]) -> Model:
    fields = {}
    for pair in _items(given.get("fields")):
        parts = _items(pair)
        if len(parts) == 2 and (made := _make_field(_text(parts[0]), parts[1], imports)):
            fields[_text(parts[0])] = made
    table = ""
    options = given.get("options")
    if isinstance(options, ast.Dict):
        for key, value in zip(options.keys, options.values, strict=True):
            if key is not None and _text(key) == "db_table":
                table = _text(value)
    return Model(name=name, table=table, fields=fields)


def _make_field(name: str, node: ast.expr | None, imports: Mapping[str, str]) -> Field | None:
    if not isinstance(node, ast.Call):
        return None
    words = {each.arg: each.value for each in node.keywords if each.arg}
    return Field(
        class_name=spell_out(node.func, dict(imports)),
        column=_text(words.get("db_column")) or name,
        has_own_storage="storage" in words,
    )


def _rename(model: Model, old: str, new: str) -> None:
    moved = model.fields.pop(old, None)
    if moved is not None:
        model.fields[new] = replace(moved, column=new) if moved.column == old else moved


def _arguments(call: ast.Call, names: Sequence[str]) -> dict[str, ast.expr]:
    given = dict(zip(names, call.args, strict=False))
    return given | {each.arg: each.value for each in call.keywords if each.arg}


def _items(node: ast.expr | None) -> list[ast.expr]:
    """Return what a list holds; two lists that are added are one."""
    if isinstance(node, ast.List | ast.Tuple):
        return list(node.elts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_items(node.left), *_items(node.right)]
    return []


def _list_calls(node: ast.expr | None) -> list[ast.Call]:
    return [each for each in _items(node) if isinstance(each, ast.Call)]


def _list_pairs(node: ast.expr | None) -> list[tuple[str, str]]:
    pairs = [_items(each) for each in _items(node)]
    return [(_text(each[0]), _text(each[1])) for each in pairs if len(each) == 2]


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
