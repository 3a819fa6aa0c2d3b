"""The blocks of a page."""

from collections.abc import Sequence

from msgspec import Struct

from rebond.pages.words import Text


class Heading(Struct, frozen=True):
    """A heading; level 1 is the page's own, so parts begin with 2. ``number`` stands before it, such as ``5.1``."""

    level: int
    text: Text
    number: str = ""


class Paragraph(Struct, frozen=True):
    """Sentences one after the other."""

    sentences: Sequence[Text]


class Notice(Struct, frozen=True):
    """What must not be overlooked; ``is_good`` where it is no warning but what one hopes to read."""

    sentences: Sequence[Text]
    is_good: bool = False


class Points(Struct, frozen=True):
    """A list; numbered where the order counts."""

    items: Sequence[Text]
    is_numbered: bool = False


class Box(Struct, frozen=True):
    """Something to be ticked. ``is_ticked`` is ``None`` while nobody knows; ``note`` says what was seen."""

    text: Text
    is_ticked: bool | None = None
    note: Text = ""


class Boxes(Struct, frozen=True):
    """A list of what is to be ticked."""

    items: Sequence[Box]


class Grid(Struct, frozen=True):
    """A table."""

    heads: Sequence[Text]
    rows: Sequence[Sequence[Text]]


class Commands(Struct, frozen=True):
    """Lines for a shell, which can be run as they are written."""

    lines: Sequence[str]


class Output(Struct, frozen=True):
    """What a program wrote, or a file as it stands."""

    text: str


class Contents(Struct, frozen=True):
    """The list of all headings of level 2."""


Block = Heading | Paragraph | Notice | Points | Boxes | Grid | Commands | Output | Contents


class Page(Struct, frozen=True):
    """A whole page. ``language`` is the code of the language that it is written in."""

    title: Text
    language: str
    blocks: Sequence[Block]


def heading_words(heading: Heading, words: str) -> str:
    """Return a heading with its number."""
    if not heading.number:
        return words
    return f"{heading.number}. {words}" if "." not in heading.number else f"{heading.number} {words}"
