"""The blocks of a page."""

from collections.abc import Sequence
from dataclasses import dataclass

from rebond.pages.words import Text


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the page's own, so parts begin with 2. ``number`` stands before it, such as ``5.1``."""

    level: int
    text: Text
    number: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences one after the other."""

    sentences: Sequence[Text]


@dataclass(frozen=True, slots=True)
class Notice:
    """What must not be overlooked."""

    sentences: Sequence[Text]


@dataclass(frozen=True, slots=True)
class Points:
    """A list; numbered where the order counts."""

    items: Sequence[Text]
    is_numbered: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """Something to be ticked. ``is_ticked`` is ``None`` while nobody knows; ``note`` says what was seen."""

    text: Text
    is_ticked: bool | None = None
    note: Text = ""


@dataclass(frozen=True, slots=True)
class Boxes:
    """A list of what is to be ticked."""

    items: Sequence[Box]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table."""

    heads: Sequence[Text]
    rows: Sequence[Sequence[Text]]


@dataclass(frozen=True, slots=True)
class Commands:
    """Lines for a shell, which can be run as they are written."""

    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Output:
    """What a program wrote, or a file as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Contents:
    """The list of all headings of level 2."""


Block = Heading | Paragraph | Notice | Points | Boxes | Grid | Commands | Output | Contents


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page. ``language`` is the code of the language that it is written in."""

    title: Text
    language: str
    blocks: Sequence[Block]


def heading_words(heading: Heading, words: str) -> str:
    """Return a heading with its number."""
    if not heading.number:
        return words
    return f"{heading.number}. {words}" if "." not in heading.number else f"{heading.number} {words}"
