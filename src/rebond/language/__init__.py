"""Messages in the reader's language.

Code speaks English templates (see ``rebond.wording``); a catalogue maps each to its translation. A
test collects the templates of the whole product and fails when a translation is missing or has other
``{names}`` than the original.
"""

import importlib
from collections.abc import Mapping

LANGUAGES = ("en", "fr")


def choose_language(asked: str | None, environment: Mapping[str, str]) -> str:
    """Return the first that is known of: what was asked for, ``REBOND_LANG``, the locale; else English."""
    wishes = [asked, environment.get("REBOND_LANG")]
    wishes.append(next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), ""))
    for wish in wishes:
        if wish and wish[:2].lower() in LANGUAGES:
            return wish[:2].lower()
    return "en"


def translate(template: str, language: str) -> str:
    """Return the template in ``language``; the English one where there is no translation."""
    if language == "en" or not template:
        return template
    return catalogue(language).get(template, template)


def catalogue(language: str) -> Mapping[str, str]:
    """Return English templates and their translations; loaded when first asked for."""
    found: Mapping[str, str] = importlib.import_module(f"rebond.language.{language}").MESSAGES
    return found
