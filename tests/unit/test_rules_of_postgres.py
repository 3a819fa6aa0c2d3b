"""Each rule of a PostgreSQL backup has tests, and they are there: the page that says so is held to it."""

import ast
import pathlib
import re

import pytest

TESTS = pathlib.Path(__file__).parents[1]
PAGE = TESTS.parent / "docs/explanation/rules-of-a-postgresql-backup.md"
RULES = [f"R{number}" for number in range(1, 37)]


def read_rules() -> dict[str, list[str]]:
    """Return the tests that the page names for each rule."""
    lines = re.findall(r"^\| (R\d+) \| (.+) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {rule: re.findall(r"`([^`]+)`", tests) for rule, _, tests in lines}


def has_test(named: str) -> bool:
    """Say whether a test, a file or a folder of tests is there."""
    path, _, function = named.partition("::")
    if not function:
        return bool(list((TESTS / path).glob("test_*.py"))) or (TESTS / path).is_file()
    if not (TESTS / path).is_file():
        return False
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return any(isinstance(each, ast.FunctionDef) and each.name == function for each in ast.walk(tree))


def test_every_rule_is_on_the_page() -> None:
    assert list(read_rules()) == RULES


@pytest.mark.parametrize("rule", RULES)
def test_the_tests_of_a_rule_are_there(rule: str) -> None:
    named = read_rules()[rule]

    assert named
    assert [each for each in named if not has_test(each)] == []
