"""Texts within a line: the template is translated, cut at its marks, and its values are put in, each made harmless."""

import re
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from rebond.pages.printing import make_visible
from rebond.pages.words import Code, Joined, Sentence, Text
from rebond.wording import fill, is_span_of_days

_MARKS = re.compile(r"(`[^`]+`|\*\*[^*]+\*\*)")
_STOPS = {"", *".:;?!)…"}
Translate = Callable[[str], str]


class Form(Struct, frozen=True, kw_only=True):
    """How a form of page writes words: ``plain`` and ``code`` take any text and make it harmless."""

    plain: Callable[[str], str]
    code: Callable[[str], str]
    strong: Callable[[str], str]


def write_inline(text: Text, form: Form, translate: Translate) -> str:
    """Return a text in that form."""
    match text:
        case str():
            return form.plain(make_visible(translate(text) if is_span_of_days(text) else text))
        case Code():
            return form.code(make_visible(text.text)) if text.text else ""
        case Joined():
            written = [write_inline(each, form, translate) for each in text.parts]
            return form.plain(text.between).join(each for each in written if each)
    parts = _MARKS.split(translate(text.template))
    return "".join(_write_part(each, text.values, form, translate) for each in parts if each)


def write_sentences(sentences: Sequence[Text], form: Form, translate: Translate) -> str:
    """Return sentences one after the other. One that ends with a command has no stop of its own: it gets one here."""
    written = []
    for number, each in enumerate(sentences, 1):
        words = write_inline(each, form, translate)
        is_open = say_plainly(each, translate).rstrip()[-1:] not in _STOPS
        written.append(f"{words}." if words and is_open and number < len(sentences) else words)
    return " ".join(written)


def say_plainly(text: Text, translate: Translate) -> str:
    """Return a text without any marks."""

    def keep(words: str) -> str:
        return words

    return write_inline(text, Form(plain=keep, code=keep, strong=keep), translate)


def _write_part(part: str, values: Mapping[str, object], form: Form, translate: Translate) -> str:
    if part.startswith("`"):
        plain = {name: say_plainly(_as_text(value), translate) for name, value in values.items()}
        return form.code(make_visible(fill(part[1:-1], plain)))
    written = {  # a count stays one: words agree with it
        name: value if type(value) is int else write_inline(_as_text(value), form, translate)
        for name, value in values.items()
    }
    if part.startswith("**"):
        return form.strong(fill(part[2:-2], written))
    return fill(part, written)


def _as_text(value: object) -> Text:
    return value if isinstance(value, Sentence | Code | Joined) else str(value)
