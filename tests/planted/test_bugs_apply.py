"""Every planted bug still fits the product, and its judges exist."""

import ast
import functools
import pathlib

import pytest
from tests.planted.bug import Bug
from tests.planted.bugs import BUGS

import rebond

SOURCE = pathlib.Path(rebond.__file__).resolve().parent
ROOT = pathlib.Path(__file__).resolve().parents[2]


@functools.cache
def _names_in(path: pathlib.Path) -> set[str]:
    """Return what a file of tests defines or imports; one judge that is not there keeps all bugs from being judged."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names.update(each.asname or each.name for each in node.names)
    return names


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_fits(bug: Bug) -> None:
    contents: dict[str, str] = {}
    for change in bug.changes:
        content = contents.get(change.file) or (SOURCE / change.file).read_text(encoding="utf-8")
        assert content.count(change.old) == 1, f"{change.file} has this not exactly once:\n{change.old}"
        contents[change.file] = content.replace(change.old, change.new)
    for file, content in contents.items():
        compile(content, file, "exec")
    for judge in bug.judges:
        file, *test = judge.split("::")
        assert {each.partition("[")[0] for each in test} <= _names_in(ROOT / file), judge


def test_there_are_enough_of_them_and_no_two_have_one_name() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 12
