"""Variables in compose files."""

import pytest

from rebond.stack.discovery.interpolation import Replaced, VariableReference, find_reference, replace_variables

VARIABLES = {"NAME": "shop", "EMPTY": "", "OTHER": "o"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$NAME", "shop"),
        ("${NAME}-x", "shop-x"),
        ("a$$b", "a$b"),
        ("$${NAME}", "${NAME}"),
        ("${EMPTY:-y}", "y"),
        ("${EMPTY-y}", ""),
        ("${MISSING:-y}", "y"),
        ("${MISSING-y}", "y"),
        ("${MISSING}", ""),
        ("${MISSING:-${NAME}/$OTHER}", "shop/o"),
        ("${MISSING:-${ALSO_MISSING:-deep}}", "deep"),
        ("${NAME:+set}", "set"),
        ("${EMPTY:+set}", ""),
        ("${EMPTY+set}", "set"),
        ("${NAME?words}", "shop"),
        ("${MISSING:-a$$b}", "a$b"),
        ("${MISSING:-}}", "}"),
        ("100$", "100$"),
        ("$1", "$1"),
    ],
)
def test_a_variable_becomes_what_compose_makes_of_it(text: str, expected: str) -> None:
    assert replace_variables(text, VARIABLES, Replaced()) == expected


def test_what_is_missing_demanded_or_malformed_is_noted() -> None:
    noticed = Replaced()

    texts = ["${A?say why}", "${B:?}", "$C", "${EMPTY:?no}", "${NAME", "${NAME!x}"]
    for text in texts:
        replace_variables(text, VARIABLES, noticed)

    assert noticed.demanded == {"A": "say why", "B": "", "EMPTY": "no"}
    assert noticed.missing == {"C"}
    assert noticed.malformed == ["${NAME", "${NAME!x}"]


def test_the_words_of_a_demand_bring_no_value_with_them() -> None:
    noticed = Replaced()

    replace_variables("${A?like $NAME}", VARIABLES, noticed)

    assert noticed.demanded == {"A": "like $NAME"}


def test_defaults_without_an_end_are_not_followed_for_ever() -> None:
    text = "${A:-" * 300 + "}" * 300

    assert replace_variables(text, {}, Replaced())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$DB", VariableReference(name="DB")),
        ("${DB}", VariableReference(name="DB")),
        ("${DB:-shop}", VariableReference(name="DB", default="shop")),
        ("${DB?no}", VariableReference(name="DB")),
        ("x${DB}", None),
        ("${DB:-$OTHER}", None),
        ("shop", None),
    ],
)
def test_a_text_that_is_one_variable_is_a_reference(text: str, expected: VariableReference | None) -> None:
    assert find_reference(text) == expected
