"""Both languages, whole."""

import pytest
from tests.message_templates import collect, names_in

from rebond.language import catalogue, choose_language, translate
from rebond.pages.html import FORM
from rebond.pages.inline import write_inline
from rebond.pages.words import say

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


def test_no_translation_is_left_over() -> None:
    assert sorted(set(FRENCH) - set(COLLECTED.templates)) == []


def test_every_template_is_given_the_values_that_it_names() -> None:
    lacking = [
        f"{each.place}: {sorted(names_in(each.template) - each.given)}"
        for each in COLLECTED.spoken
        if each.given and names_in(each.template) - each.given - {"hint"}
    ]

    assert lacking == []


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
