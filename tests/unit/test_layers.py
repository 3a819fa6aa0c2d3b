"""The house rules that no linter knows."""

import ast
import pathlib

import pytest

SOURCE = pathlib.Path(__file__).parents[2] / "src" / "rebond"
FILES = sorted(SOURCE.rglob("*.py"))
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core", "manager", "handler"}
FILE_LINES = 400
TESTING_LINES = 500  # lists of odd things are long and simple
FUNCTION_LINES = 80
CLASS_METHODS = 25
STANDS_ALONE = "rescue.py"  # one file in every vault, in which it has to be read by a stranger
ALONE_LINES = 699


def relative(path: pathlib.Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_a_file_is_short_and_its_name_says_something(path: pathlib.Path) -> None:
    assert path.stem not in VAGUE_NAMES
    if "language" not in path.parts:
        limit = TESTING_LINES if "testing" in path.parts else FILE_LINES
        if path.name == STANDS_ALONE:
            limit = ALONE_LINES
        assert len(path.read_text(encoding="utf-8").splitlines()) <= limit


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_functions_and_classes_can_be_read_at_a_glance(path: pathlib.Path) -> None:
    too_long = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > FUNCTION_LINES:
                too_long.append(f"{node.name}: {lines} lines")
        elif isinstance(node, ast.ClassDef):
            methods = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name[0] != "_"]
            if len(methods) > CLASS_METHODS:
                too_long.append(f"{node.name}: {len(methods)} public methods")

    assert too_long == []


def is_main(node: ast.stmt) -> bool:
    """Whether this is what a process of its own does, started anew or as a copy, which may end itself."""
    is_copy = isinstance(node, ast.FunctionDef) and node.name == "_live_as_copy"
    return is_copy or (isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'")


@pytest.mark.parametrize("path", [each for each in FILES if "cli" not in each.parts], ids=relative)
def test_nothing_below_the_command_line_prints_or_exits(path: pathlib.Path) -> None:
    if path.name == STANDS_ALONE:
        return
    module = ast.parse(path.read_text(encoding="utf-8"))
    module.body = [each for each in module.body if not is_main(each)]
    calls = [node.func for node in ast.walk(module) if isinstance(node, ast.Call)]
    names = {each.id for each in calls if isinstance(each, ast.Name)}
    attributes = {ast.unparse(each) for each in calls if isinstance(each, ast.Attribute)}

    assert not names & {"print", "exit", "quit", "input"}
    assert not attributes & {"sys.exit", "os._exit", "sys.stdout.write", "sys.stderr.write"}
