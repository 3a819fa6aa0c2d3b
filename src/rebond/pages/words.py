"""What stands in a page: sentences to be translated, words as they are, and words of a machine.

A sentence is an English template with named values, as in ``rebond.wording``. In a template, `` `…` `` is what one
types and ``**…**`` is strong; nothing else of Markdown is read. A value is shown as it is, whatever it holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sentence:
    """A template with its values, each of which is text itself."""

    template: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Code:
    """Words of a machine: a command, a path, an address."""

    text: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Several texts one after the other."""

    parts: "tuple[Text, ...]"
    between: str = ", "


Text = Sentence | Code | Joined | str


def say(template: str, /, **values: object) -> Sentence:
    """Return a sentence of a page. The template is a literal, so that a test can collect it."""
    return Sentence(template, values)
