"""A page as Markdown: what CommonMark and the tables and boxes of GitHub read."""

import re
from collections.abc import Iterator

from rebond.pages.blocks import (
    Block,
    Box,
    Boxes,
    Commands,
    Contents,
    Grid,
    Heading,
    Notice,
    Output,
    Page,
    Paragraph,
    Points,
    heading_words,
)
from rebond.pages.inline import Form, Translate, say_plainly, write_inline, write_sentences
from rebond.pages.printing import make_visible
from rebond.pages.words import Text

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~&$])")
_BEGINS_A_BLOCK = re.compile(r"[ \t]*(?:[-+=]|\d+(?=[.)]))")
_NOT_IN_A_LINK = re.compile(r"[^\w\- ]")


def write_markdown(page: Page, translate: Translate) -> str:
    """Return the page."""
    title = write_inline(page.title, FORM, translate)
    blocks = [f"# {title}", *(text for each in page.blocks if (text := _write(each, page, translate)))]
    return "\n\n".join(blocks) + "\n"


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split("\n")))


def _code(text: str) -> str:
    """Return words between marks that do not occur in them; each line of a longer script for itself."""
    if "\n" in text:
        return "<br>".join(_code(line) for line in text.split("\n") if line)
    longest = max((len(each) for each in re.findall(r"`+", text)), default=0)
    mark = "`" * (longest + 1)
    room = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{mark}{room}{text}{room}{mark}"


def _code_in_cell(text: str) -> str:
    """Return the same for a table, where a bar would end the cell, also between marks."""
    if "\\|" in text:  # the backslash would be taken as that of the bar
        return f"<code>{''.join(each if each.isalnum() else f'&#{ord(each)};' for each in text)}</code>"
    return _code(text).replace("|", "\\|")


FORM = Form(plain=_plain, code=_code, strong=lambda text: f"**{text}**")
CELL = Form(plain=_plain, code=_code_in_cell, strong=lambda text: f"**{text}**")


def _write(block: Block, page: Page, translate: Translate) -> str:
    def inline(text: Text) -> str:
        return _hold_back(write_inline(text, FORM, translate))

    match block:
        case Heading():
            return f"{'#' * block.level} {heading_words(block, inline(block.text))}"
        case Paragraph():
            return _hold_back(write_sentences(block.sentences, FORM, translate))
        case Notice():
            return "> " + _hold_back(write_sentences(block.sentences, FORM, translate))
        case Points():
            marks = (f"{number}. " if block.is_numbered else "- " for number in range(1, len(block.items) + 1))
            return "\n".join(mark + inline(each) for mark, each in zip(marks, block.items, strict=True))
        case Boxes():
            return "\n".join(_write_box(each, translate) for each in block.items)
        case Grid():
            return "\n".join(_write_grid(block, translate))
        case Commands():
            return _fence("bash", "\n".join(block.lines))
        case Output():
            return _fence("text", block.text.replace("\r\n", "\n").rstrip("\n"))
        case Contents():
            return "\n".join(_list_headings(page, translate))


def _write_box(box: Box, translate: Translate) -> str:
    mark = {True: "x", False: " ", None: " "}[box.is_ticked]
    words = _hold_back(write_inline(box.text, FORM, translate))
    note = write_inline(box.note, FORM, translate)
    failed = "✗ " if box.is_ticked is False else ""
    return f"- [{mark}] {failed}{words}" + (f" — {note}" if note else "")


def _write_grid(grid: Grid, translate: Translate) -> Iterator[str]:
    def line(cells: "list[str]") -> str:
        return "| " + " | ".join(cells) + " |"

    yield line([write_inline(each, CELL, translate) for each in grid.heads])
    yield "|" + "---|" * len(grid.heads)
    for row in grid.rows:
        yield line([write_inline(each, CELL, translate) for each in row])


def _list_headings(page: Page, translate: Translate) -> Iterator[str]:
    for block in page.blocks:
        if isinstance(block, Heading) and block.level == 2:
            shown = heading_words(block, write_inline(block.text, FORM, translate))
            yield f"- [{shown}](#{make_anchor(heading_words(block, say_plainly(block.text, translate)))})"


def make_anchor(words: str) -> str:
    """Return what a heading is called in links, as GitHub makes it."""
    return _NOT_IN_A_LINK.sub("", words.lower()).replace(" ", "-")


def _hold_back(words: str) -> str:
    """Return words that begin no list and no line across the page, whatever a value begins with."""
    found = _BEGINS_A_BLOCK.match(words)
    if found is None:
        return words
    begin = found[0].lstrip()
    return (f"{begin}\\" if begin.isdecimal() else f"\\{begin}") + words[found.end() :]


def _fence(language: str, text: str) -> str:
    text = make_visible(text)
    longest = max((len(each) for each in re.findall(r"`{3,}", text)), default=2)
    mark = "`" * (longest + 1)
    return f"{mark}{language}\n{text}\n{mark}"
