"""Collect every message template of the product from its source.

``python -m tests.message_templates`` prints, ready to be filled in, what the French catalogue lacks, and
what it holds that nobody says any more.
"""

import ast
import pathlib
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import rebond.errors
from rebond.errors import RebondError
from rebond.language import catalogue

SOURCE = pathlib.Path(__file__).parents[1] / "src" / "rebond"
ERRORS = {
    name for name, kind in vars(rebond.errors).items() if isinstance(kind, type) and issubclass(kind, RebondError)
}
STANDS_ALONE = "rescue.py"


@dataclass(frozen=True)
class Spoken:
    """One template, where it is, and the names of the values given beside it (``None``: not known)."""

    template: str
    place: str
    given: frozenset[str] | None = None


@dataclass
class Collected:
    """All templates, and the places where a message is not a literal."""

    spoken: list[Spoken] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @property
    def templates(self) -> dict[str, str]:
        """Return each template once, with the first place that says it."""
        found: dict[str, str] = {}
        for each in self.spoken:
            if each.template:
                found.setdefault(each.template, each.place)
        return found


def names_in(template: str) -> set[str]:
    """Return the ``{names}`` of a template, without attributes and formats."""
    return {name.split(".")[0].split("[")[0] for _, name, _, _ in string.Formatter().parse(template) if name}


def literals(node: ast.expr, constants: Mapping[str, str]) -> list[str] | None:
    """Return the strings that an expression may be; ``None`` when that cannot be read from the source."""
    if isinstance(node, ast.Name) and node.id in constants:
        return [constants[node.id]]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        first, second = literals(node.body, constants), literals(node.orelse, constants)
        return None if first is None or second is None else [*first, *second]
    return None


def messages_of(call: ast.Call, *, in_cli: bool) -> Iterator[tuple[ast.expr, bool]]:
    """Yield the expressions of a call that are templates, and whether the call's keywords fill them."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    keywords = {each.arg: each.value for each in call.keywords if each.arg}
    if name == "say" and call.args:
        yield call.args[0], True
    elif name in ERRORS:
        if call.args:
            yield call.args[0], True
        if "hint" in keywords:
            yield keywords["hint"], True
    elif name in {"told_by", "Phrase", "TarDamaged"}:
        yield call.args[0], True
    elif name == "LeftOut":  # its template is another error's
        yield from (
            (keywords[each], False) for each in ("hint_template",) if isinstance(keywords.get(each), ast.Constant)
        )
    elif name in {"Finding", "Remark", "Observation", "Check", "Complaint"}:
        yield from ((keywords[each], False) for each in ("template", "hint_template") if each in keywords)
    elif name == "Advance":
        yield from ((keywords[each], False) for each in ("phase",) if each in keywords)
    elif in_cli:
        if name == "tr" and call.args:
            yield call.args[0], True
        if name in {"Place", "Later"}:
            yield call.args[-1], False
        if "help" in keywords:
            yield keywords["help"], False


def collect() -> Collected:
    """Walk the whole product."""
    collected = Collected()
    for path in sorted(SOURCE.rglob("*.py")):
        relative = path.relative_to(SOURCE)
        if path.name == STANDS_ALONE or relative.parts[0] in {"testing", "language"}:
            continue
        module = ast.parse(path.read_text(encoding="utf-8"))
        constants = dict(_constants_of(module))
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                _collect_call(node, relative, constants, collected)
    return collected


def _constants_of(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the texts that have a name of their own in a module."""
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield from ((each.id, node.value.value) for each in node.targets if isinstance(each, ast.Name))


def _collect_call(call: ast.Call, path: pathlib.Path, constants: Mapping[str, str], collected: Collected) -> None:
    place = f"{path.as_posix()}:{call.lineno}"
    keywords = [each.arg for each in call.keywords]
    given = None if None in keywords else frozenset(filter(None, keywords))
    for expression, is_filled in messages_of(call, in_cli=path.parts[0] == "cli"):
        found = literals(expression, constants)
        if found is not None:
            collected.spoken.extend(Spoken(each, place, given if is_filled else None) for each in found)
        elif not _is_passed_on(expression):
            collected.unreadable.append(place)


def _is_passed_on(expression: ast.expr) -> bool:
    """Say whether a template is only handed through: ``error.template``, ``place.summary``, a parameter."""
    return isinstance(expression, ast.Attribute | ast.Name)


def main() -> None:
    """Print what the catalogue lacks and what it could lose."""
    templates = collect().templates
    french = catalogue("fr")
    for template, place in templates.items():
        if template not in french:
            print(f"    # {place}\n    {template!r}: {template!r},")
    for template in sorted(set(french) - set(templates)):
        print(f"# said nowhere: {template!r}")


if __name__ == "__main__":
    main()
