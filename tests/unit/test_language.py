"""Both languages, whole."""

import ast
import re

import pytest
from tests.message_templates import ERRORS, SOURCE, collect, names_in

from rebond.cli.in_place.shown import describe_plan
from rebond.cli.output.speech import message_of, speaking
from rebond.errors import RestoreError
from rebond.language import catalogue, choose_language, translate
from rebond.operations.recovery.plan import RecoveryPlan
from rebond.pages.html import FORM
from rebond.pages.inline import write_inline
from rebond.pages.words import say
from rebond.stack.recovering import leave_out

COLLECTED = collect()
FRENCH = catalogue("fr")


def test_every_message_is_a_literal_that_can_be_translated() -> None:
    assert COLLECTED.unreadable == []


def test_every_message_has_a_french_translation() -> None:
    missing = [f"{place}: {template}" for template, place in COLLECTED.templates.items() if template not in FRENCH]

    assert missing == [], "python -m tests.message_templates prints them ready to be filled in"


def test_a_translation_names_the_same_values() -> None:
    different = [english for english, french in FRENCH.items() if names_in(english) != names_in(french)]

    assert different == []


def test_a_translation_names_the_same_options_and_variables() -> None:
    """Who reads French was sent to ~/.cache, where REBOND_CACHE_DIR had named another disk."""
    named = re.compile(r"\b(?:REBOND|AWS|GOOGLE|AZURE)_[A-Z_]+\b|(?<![\w-])--[a-z][a-z-]+")
    wrong = [
        f"{word}: {english}"
        for english, french in catalogue("fr").items()
        for word in named.findall(english)
        if word not in french
    ]

    assert wrong == []


def test_no_translation_is_left_over() -> None:
    assert sorted(set(FRENCH) - set(COLLECTED.templates)) == []


def test_every_template_is_given_the_values_that_it_names() -> None:
    lacking = [
        f"{each.place}: {sorted(names_in(each.template) - each.given)}"
        for each in COLLECTED.spoken
        if each.given and names_in(each.template) - each.given - {"hint"}
    ]

    assert lacking == []


def test_a_finding_that_tells_of_an_error_tells_it_in_the_readers_language() -> None:
    said_in_english = [
        f"{path.relative_to(SOURCE)}:{value.lineno}"
        for path in SOURCE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in {"Finding", "Observation"}
        for values in (
            each.value for each in call.keywords if each.arg == "values" and isinstance(each.value, ast.Dict)
        )
        for value in values.values
        if isinstance(value, ast.Attribute) and value.attr == "message" and isinstance(value.value, ast.Name)
    ]
    assert said_in_english == []


def test_an_error_that_tells_of_another_tells_it_in_the_readers_language() -> None:
    said_in_english = []
    for path in SOURCE.rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            kind = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
            if kind in ERRORS or kind == "told_by":
                said_in_english += [
                    f"{path.relative_to(SOURCE)}:{call.lineno}: {each.arg}"
                    for each in call.keywords
                    if isinstance(each.value, ast.Attribute)
                    and each.value.attr == "message"
                    and isinstance(each.value.value, ast.Name)
                ]

    assert said_in_english == [], "give the error itself: its message is its English"


def test_an_error_within_an_error_is_said_in_french() -> None:
    inner = RestoreError("PostgreSQL at {server} takes no connections: {words}", server="here:1", words="refused")
    outer = RestoreError("The server of {component} takes no database: {reason}", component="db", reason=inner)

    with speaking("fr"):
        assert message_of(outer) == (
            "Le serveur de db ne prend pas de base : PostgreSQL à here:1 n'accepte pas de connexions : refused"
        )
    assert "takes no connections" in outer.message


def test_a_plan_says_in_french_what_it_leaves_out_for_another_error() -> None:
    inner = RestoreError("PostgreSQL at {server} takes no connections: {words}", server="here:1", words="refused")
    outer = RestoreError("The server of {component} takes no database: {reason}", component="db", reason=inner)
    plan = RecoveryPlan(run="0", stack="shop", parts=(), steps=(), left_out=(leave_out("db", outer),))

    with speaking("fr"):
        assert "PostgreSQL à here:1 n'accepte pas de connexions" in describe_plan(plan)


def test_no_template_without_values_doubles_its_braces() -> None:
    doubled = [
        f"{each.place}: {each.template}"
        for each in COLLECTED.spoken
        if "{{" in each.template and each.given is not None and not each.given - {"hint"}
    ]

    assert doubled == [], "a template without values is shown as it is"


@pytest.mark.parametrize(
    ("asked", "environment", "spoken"),
    [
        (None, {}, "en"),
        ("fr", {"REBOND_LANG": "en"}, "fr"),
        (None, {"REBOND_LANG": "fr", "LANG": "en_GB.UTF-8"}, "fr"),
        (None, {"LANG": "fr_FR.UTF-8"}, "fr"),
        (None, {"LC_ALL": "C", "LANG": "fr_FR.UTF-8"}, "en"),
        (None, {"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_first_one_known_that_was_asked_for(
    asked: str | None, environment: dict[str, str], spoken: str
) -> None:
    assert choose_language(asked, environment) == spoken


def test_what_has_no_translation_is_said_in_english() -> None:
    assert translate("Never said anywhere.", "fr") == "Never said anywhere."


@pytest.mark.parametrize(
    ("english", "french"),
    [("1 d", "1 j"), ("2 d 4 h", "2 j 4 h"), ("3 min 20 s", "3 min 20 s"), ("1 d or so", "1 d or so")],
)
def test_days_have_the_letter_of_the_language(english: str, french: str) -> None:
    assert (translate(english, "en"), translate(english, "fr")) == (english, french)
    assert write_inline(say("older than {span}", span=english), FORM, lambda each: translate(each, "fr")).endswith(
        french
    )
