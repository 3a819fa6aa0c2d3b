"""Messages in the reader's language.

Code speaks English templates (see ``rebond.wording``); a catalogue maps each to its translation. A
test collects the templates of the whole product and fails when a translation is missing or has other
``{names}`` than the original.
"""

import importlib
from collections.abc import Mapping

from rebond.wording import Phrase, is_span_of_days

LANGUAGES = ("en", "fr")
_DAYS = {"fr": " j"}


def choose_language(asked: str | None, environment: Mapping[str, str]) -> str:
    """Return the first that is known of: what was asked for, ``REBOND_LANG``, the locale; else English."""
    wishes = [asked, environment.get("REBOND_LANG")]
    wishes.append(next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), ""))
    for wish in wishes:
        if wish and wish[:2].lower() in LANGUAGES:
            return wish[:2].lower()
    return "en"


def translate(template: str, language: str) -> str:
    """Return the template, or a length of time, in ``language``; the English one where there is no translation."""
    if language == "en" or not template:
        return template
    if is_span_of_days(template):
        return template.replace(" d", _DAYS[language], 1)
    return catalogue(language).get(template, template)


def translate_values(values: Mapping[str, object], language: str) -> dict[str, object]:
    """Return values as they are shown in ``language``: lengths of time have their units in it, phrases its words."""
    return {name: translate(str(each), language) if _is_said(each) else each for name, each in values.items()}


def _is_said(value: object) -> bool:
    return isinstance(value, Phrase) or is_span_of_days(value)


def catalogue(language: str) -> Mapping[str, str]:
    """Return English templates and their translations; loaded when first asked for."""
    found: Mapping[str, str] = importlib.import_module(f"rebond.language.{language}").MESSAGES
    return found
