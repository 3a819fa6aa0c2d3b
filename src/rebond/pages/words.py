"""What stands in a page: sentences to be translated, words as they are, and words of a machine.

A sentence is an English template with named values, as in ``rebond.wording``. In a template, `` `…` `` is what one
types and ``**…**`` is strong; nothing else of Markdown is read. A value is shown as it is, whatever it holds.
"""

from collections.abc import Mapping

from msgspec import Struct, field


class Sentence(Struct, frozen=True):
    """A template with its values, each of which is text itself."""

    template: str
    values: Mapping[str, object] = field(default_factory=dict)


class Code(Struct, frozen=True):
    """Words of a machine: a command, a path, an address."""

    text: str


class Joined(Struct, frozen=True):
    """Several texts one after the other."""

    parts: "tuple[Text, ...]"
    between: str = ", "


Text = Sentence | Code | Joined | str


def say(template: str, /, **values: object) -> Sentence:
    """Return a sentence of a page. The template is a literal, so that a test can collect it."""
    return Sentence(template, values)
