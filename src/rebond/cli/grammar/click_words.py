"""Click's own words in the reader's language. Click asks gettext for them; here our catalogue answers."""

import importlib

import click.types

from rebond.language import catalogue

MODULES = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types")


def teach_click(language: str) -> None:
    """Make click speak ``language``. English is what it speaks by itself."""
    words = {} if language == "en" else catalogue(f"{language}_click")

    def answer(template: str) -> str:
        return words.get(template, template)

    def answer_counted(one: str, many: str, count: int) -> str:
        return answer(one if count == 1 else many)

    for name in MODULES:
        module = importlib.import_module(f"click.{name}")
        for word, function in (("_", answer), ("ngettext", answer_counted)):
            if hasattr(module, word):
                setattr(module, word, function)
    for kind in (click.types.IntParamType, click.types.IntRange):
        kind.name = answer("whole number")
    for other in (click.types.FloatParamType, click.types.FloatRange):
        other.name = answer("number")
