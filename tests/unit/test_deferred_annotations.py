"""From Python 3.14 on annotations are evaluated late, in the class: a field hides a type of its name."""

import ast
import pathlib

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "src"


def names_in_itself(body: ast.ClassDef) -> set[str]:
    """Return the types that annotations of a class name, and that mean something else inside of it."""
    fields = [each for each in body.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)]
    own = {each.target.id for each in fields if isinstance(each.target, ast.Name)}
    named = {node.id for each in fields for node in ast.walk(each.annotation) if isinstance(node, ast.Name)}
    return own & named


def test_no_field_has_the_name_of_a_type_beside_it() -> None:
    found = {
        f"{path.name}: {body.name}.{name}"
        for path in SOURCE.rglob("*.py")
        for body in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(body, ast.ClassDef)
        for name in names_in_itself(body)
    }
    assert not found
