"""What the command line says, in the reader's language, without any secret that was looked up.

Templates are literal, so that a test can collect them.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import ClassVar

from rebond.errors import RebondError
from rebond.findings import Finding
from rebond.language import translate, translate_values
from rebond.logs.masking import mask
from rebond.wording import fill, is_span_of_days


class _Speaking:
    """How this process speaks. One for all its threads: a new one knows nothing of what was set in another."""

    language: ClassVar[str] = "en"


def speak(language: str) -> None:
    """Choose the language for everything said from now on."""
    _Speaking.language = language


def language() -> str:
    """Return the language that is spoken."""
    return _Speaking.language


@contextlib.contextmanager
def speaking(language: str | None) -> Iterator[None]:
    """Speak another language for a while; ``None`` stays with what is spoken."""
    before = _Speaking.language
    _Speaking.language = language or before
    try:
        yield
    finally:
        _Speaking.language = before


def tr(template: str, /, **values: object) -> str:
    """Return the template in the reader's language, filled."""
    return fill(translate(template, _Speaking.language), translate_values(values, _Speaking.language))


def label(word: str, text: str) -> str:
    """Return a text with a word before it: ``warning: …``, ``attention : …``."""
    return tr("{word}: {text}", word=word, text=text)


def show_cell(text: str) -> str:
    """Return a cell of a table; lengths of time have the units of the reader's language."""
    return translate(text, _Speaking.language) if is_span_of_days(text) else text


def message_of(thing: RebondError | Finding) -> str:
    """Return what happened, in the reader's language."""
    return mask(fill(translate(thing.template, _Speaking.language), _printable(dict(thing.values))))


def hint_of(thing: RebondError | Finding) -> str:
    """Return what to do next, in the reader's language; may be empty."""
    return mask(fill(translate(thing.hint_template, _Speaking.language), _printable(dict(thing.values))))


def show_path(path: bytes | str) -> str:
    """Return a path that is safe on a terminal: what does not print is written as an escape."""
    text = os.fsdecode(path)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def _escape(character: str) -> str:
    r"""Return ``\n``, ``\x1b`` or the raw byte of a name that is not UTF-8."""
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def _printable(values: dict[str, object]) -> dict[str, object]:
    """Return values fit for a terminal; an error that another message tells of speaks the reader's language too."""
    values = translate_values(values, _Speaking.language)
    return {
        name: message_of(value)
        if isinstance(value, RebondError)
        else show_path(value)
        if isinstance(value, bytes | str)
        else value
        for name, value in values.items()
    }
