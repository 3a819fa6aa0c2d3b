"""A page as one HTML file that needs nothing else: no script, no font, no picture; printed, it breaks where it may."""

import html
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
from rebond.pages.markdown import make_anchor
from rebond.pages.printing import make_visible
from rebond.pages.words import Text

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8888; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border: 1px solid #8888; padding: .3rem .6rem; text-align: left; vertical-align: top; }
code, pre { font-family: ui-monospace, monospace; font-size: .92em; }
code { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
th, td, td code { overflow-wrap: break-word; }
pre { border: 1px solid #8888; padding: .6rem .8rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
pre.commands { border-left: 4px solid #2a7; }
pre.output { opacity: .85; }
.notice { border-left: 4px solid #c63; padding: .2rem .8rem; }
.notice.good { border-left-color: #2a7; }
ul.boxes { list-style: none; padding-left: 0; }
.mark { display: inline-block; width: 1.6rem; }
.bad { color: #c22; font-weight: bold; }
@media print {
  @page { margin: 18mm 15mm; }
  body { font-size: 10.5pt; max-width: none; margin: 0; padding: 0; color: #000; }
  h2, h3, h4 { break-after: avoid; }
  pre, tr, li { break-inside: avoid; }
  pre { font-size: 8pt; }
  a { color: inherit; text-decoration: none; }
}
"""


def write_html(page: Page, translate: Translate) -> str:
    """Return the whole document."""
    title = html.escape(say_plainly(page.title, translate))
    body = "\n".join(_write(each, page, translate) for each in page.blocks)
    return (
        f'<!doctype html>\n<html lang="{html.escape(page.language)}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{write_inline(page.title, FORM, translate)}</h1>\n{body}\n</body>\n</html>\n"
    )


_BREAKS_BEHIND = re.compile(r"(?<=[/_.=])(?=\w)")  # a path in a table is broken between its names, a word never
_BREAK = "<wbr>"
FORM = Form(
    plain=lambda text: html.escape(text, quote=False),
    code=lambda text: f"<code>{_BREAKS_BEHIND.sub(_BREAK, html.escape(text, quote=False))}</code>",
    strong=lambda text: f"<strong>{text}</strong>",
)


def _write(block: Block, page: Page, translate: Translate) -> str:
    def inline(text: Text) -> str:
        return write_inline(text, FORM, translate)

    match block:
        case Heading():
            anchor = make_anchor(heading_words(block, say_plainly(block.text, translate)))
            words = heading_words(block, inline(block.text))
            return f'<h{block.level} id="{html.escape(anchor)}">{words}</h{block.level}>'
        case Paragraph():
            return f"<p>{write_sentences(block.sentences, FORM, translate)}</p>"
        case Notice():
            name = "notice good" if block.is_good else "notice"
            return f'<p class="{name}">{write_sentences(block.sentences, FORM, translate)}</p>'
        case Points():
            name = "ol" if block.is_numbered else "ul"
            return f"<{name}>\n" + "\n".join(f"<li>{inline(each)}</li>" for each in block.items) + f"\n</{name}>"
        case Boxes():
            return '<ul class="boxes">\n' + "\n".join(_write_box(each, translate) for each in block.items) + "\n</ul>"
        case Grid():
            return "\n".join(_write_grid(block, translate))
        case Commands():
            lines = make_visible(chr(10).join(block.lines))
            return f'<pre class="commands">{html.escape(lines, quote=False)}</pre>'
        case Output():
            return f'<pre class="output">{html.escape(_make_lines(block.text), quote=False)}</pre>'
        case Contents():
            return "<nav><ul>\n" + "\n".join(_list_headings(page, translate)) + "\n</ul></nav>"


def _make_lines(text: str) -> str:
    return make_visible(text.replace("\r\n", "\n")).rstrip("\n")


def _write_box(box: Box, translate: Translate) -> str:
    mark = {True: "☑", False: "☐", None: "☐"}[box.is_ticked]
    failed = '<span class="bad">✗</span> ' if box.is_ticked is False else ""
    note = write_inline(box.note, FORM, translate)
    words = write_inline(box.text, FORM, translate)
    return f'<li><span class="mark">{mark}</span>{failed}{words}' + (f" — {note}" if note else "") + "</li>"


def _write_grid(grid: Grid, translate: Translate) -> Iterator[str]:
    def row(name: str, cells: "list[str]") -> str:
        return "<tr>" + "".join(f"<{name}>{each}</{name}>" for each in cells) + "</tr>"

    yield "<table>"
    if any(grid.heads):
        yield "<thead>" + row("th", [write_inline(each, FORM, translate) for each in grid.heads]) + "</thead>"
    yield "<tbody>"
    for each in grid.rows:
        yield row("td", [write_inline(cell, FORM, translate) for cell in each])
    yield "</tbody></table>"


def _list_headings(page: Page, translate: Translate) -> Iterator[str]:
    for block in page.blocks:
        if isinstance(block, Heading) and block.level == 2:
            anchor = make_anchor(heading_words(block, say_plainly(block.text, translate)))
            words = heading_words(block, write_inline(block.text, FORM, translate))
            yield f'<li><a href="#{html.escape(anchor)}">{words}</a></li>'
