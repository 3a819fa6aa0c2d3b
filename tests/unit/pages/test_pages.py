"""Pages of blocks, as Markdown and as HTML: whatever a value holds, it is shown and does nothing."""

import html
import html.parser
import os
import re
import subprocess

import pytest

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
)
from rebond.pages.html import write_html
from rebond.pages.markdown import make_anchor, write_markdown
from rebond.pages.printing import is_printable
from rebond.pages.shell_words import quote
from rebond.pages.words import Code, Joined, say

NASTY = [
    "<script>alert(1)</script>",
    "a|b",
    "`tick`",
    "*star* _under_ [link](x)",
    "# head",
    "``` fence",
    "a\nb",
    "{brace}",
    "a\\|b",
    "&amp; &lt;b&gt;",
    "- 1. + = list",
    "2. list",
    "$x$",
]


def keep(template: str) -> str:
    return template


def page(*blocks: Block) -> Page:
    return Page(say("Page of {name}", name="shop"), "en", blocks)


class Reader(html.parser.HTMLParser):
    """Collects the text of a document, and the tags that were not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag not in {"meta", "wbr"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read_html(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


@pytest.mark.parametrize("value", NASTY)
def test_whatever_a_value_holds_it_is_shown_and_does_nothing(value: str) -> None:
    blocks: list[Block] = [
        Heading(2, Code(value)),
        Paragraph((value, say("says {value} and `code {value}`", value=value))),
        Points([value]),
        Boxes([Box(value, note=value)]),
        Grid((value,), [(Code(value),), (value,)]),
        Commands((value.replace("\n", " "),)),
        Output(value),
    ]
    reader = read_html(write_html(page(*blocks), keep))
    cells = [line for line in write_markdown(page(*blocks), keep).splitlines() if line.startswith("| ")]

    assert "script" not in reader.tags
    assert reader.text.count(value) >= 8
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 2 for line in cells)


def test_a_bar_is_escaped_in_a_table_and_nowhere_else() -> None:
    text = write_markdown(page(Paragraph((Code("a | b"),)), Grid(("",), [(Code("a | b"),)])), keep)

    assert "\n`a | b`\n" in text
    assert "| `a \\| b` |" in text


def test_a_fence_is_longer_than_any_in_what_it_holds() -> None:
    text = write_markdown(page(Output("```\nnot the end\n```")), keep)

    assert text.count("````") == 2


def test_a_sentence_is_translated_before_its_values_are_put_in() -> None:
    text = Paragraph((say("run {command} now", command=Code("rebond")),))
    written = write_markdown(Page("shop", "fr", (text,)), lambda _: "lancez {command}")

    assert "lancez `rebond`" in written


def test_marks_of_a_template_are_read_and_those_of_a_value_are_not() -> None:
    text = say("**strong** `code {name}` {name}", name="**x** `y`")

    assert "**strong** `` code **x** `y` `` \\*\\*x\\*\\* \\`y\\`" in write_markdown(page(Paragraph((text,))), keep)
    assert "<strong>strong</strong> <code>code **x** `y`</code> **x** `y`" in write_html(page(Paragraph((text,))), keep)


def test_what_is_counted_is_one_where_there_is_one() -> None:
    texts = [Paragraph((say("{files} files, {size}", files=count, size=Code("8 kB")),)) for count in (1, 2)]

    assert write_markdown(page(*texts), keep).splitlines()[2:] == ["1 file, `8 kB`", "", "2 files, `8 kB`"]


def test_contents_lead_to_headings_that_are_there() -> None:
    written = page(Contents(), Heading(2, say("Where `it` is, and why"), "1"), Heading(3, "Below", "1.1"))
    document = write_html(written, keep)
    links = re.findall(r'href="#([^"]+)"', document)

    assert links == [make_anchor("1. Where it is, and why")]
    assert all(f'id="{each}"' in document for each in links)
    assert f"](#{links[0]})" in write_markdown(written, keep)


def test_a_box_is_ticked_open_or_failed() -> None:
    boxes = Boxes([Box("good", is_ticked=True), Box("bad", is_ticked=False, note="why"), Box("open")])

    assert write_markdown(page(boxes), keep).splitlines()[2:] == ["- [x] good", "- [ ] ✗ bad — why", "- [ ] open"]
    assert read_html(write_html(page(boxes), keep)).text.count("☐") == 2


def test_a_table_without_heads_has_no_empty_row_above_it() -> None:
    assert "<th" not in write_html(page(Grid(["", ""], [["stack", "shop"]])), keep)
    assert write_html(page(Grid(["what", ""], [["stack", "shop"]])), keep).count("<th>") == 2


def test_a_path_may_be_broken_between_its_names_and_is_copied_as_it_is() -> None:
    document = write_html(page(Paragraph((Code("/srv/shop_a/.env"),)), Commands(("cat /srv/shop_a/.env",))), keep)

    assert "<code>/<wbr>srv/<wbr>shop_<wbr>a/.<wbr>env</code>" in document
    assert read_html(document).text.count("/srv/shop_a/.env") == 2
    assert '<pre class="commands">cat /srv/shop_a/.env</pre>' in document


def test_what_one_hopes_to_read_is_no_warning() -> None:
    good, bad = Notice(("all is well",), is_good=True), Notice(("mind",))
    document = write_html(page(good, bad), keep)

    assert '<p class="notice good">all is well</p>\n<p class="notice">mind</p>' in document


def test_a_page_of_html_needs_nothing_else() -> None:
    document = write_html(page(Notice(("mind",)), Paragraph((Joined(("a", Code("b"), "")),))), keep)

    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#)""", document)
    assert "@import" not in document
    assert "url(" not in document
    assert "@media print" in document
    assert "a, <code>b</code>" in document


@pytest.mark.parametrize(
    "value", ["a\rb", "a\x1b[31mred", "\u202egro.live", "a\u2028b", b"\xff\xe9t".decode(errors="surrogateescape")]
)
def test_what_no_printer_shows_is_made_visible_and_every_page_can_be_written(value: str) -> None:
    blocks: list[Block] = [Paragraph((value, Code(value))), Commands((value,)), Output(value), Grid(("",), [(value,)])]
    for text in (write_markdown(page(*blocks), keep), write_html(page(*blocks), keep)):
        assert text.encode().isascii()
        assert set(re.findall(r"[^\x20-\x7e]", text)) <= {"\n"}
        assert len(re.findall(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4})", text.replace("\\\\", "\\"))) >= 5


def test_the_end_of_a_line_in_a_file_of_windows_is_one() -> None:
    assert "\na\nb\n" in write_markdown(page(Output("a\r\nb\r\n")), keep)
    assert ">a\nb<" in write_html(page(Output("a\r\nb\r\n")), keep)


def test_no_value_begins_a_list_and_a_script_of_several_lines_stays_one() -> None:
    written = write_markdown(page(Paragraph(("- a",)), Points(["1. b"]), Paragraph((Code("cd x\nmake"),))), keep)

    assert "\n\\- a\n" in written
    assert "\n- 1\\. b\n" in written
    assert "`cd x`<br>`make`" in written


def test_a_backslash_before_a_bar_ends_no_cell() -> None:
    (row,) = [
        each for each in write_markdown(page(Grid(("",), [(Code("a\\|b"),)])), keep).splitlines() if "a" in each[:9]
    ][1:] or [""]

    assert html.unescape(row) == "| <code>a\\|b</code> |"
    assert row.count("|") == 2


@pytest.mark.parametrize(
    "word", ["it's", "a\nb", "\u202ex", "$(id) `id`", b"st\xff".decode(errors="surrogateescape"), "-x", ""]
)
def test_a_word_for_a_shell_is_one_line_that_bash_reads_as_it_was(word: str) -> None:
    line = quote(word)
    done = subprocess.run(["bash", "-c", f"printf %s {line}"], capture_output=True, check=True)

    assert done.stdout == os.fsencode(word)
    assert "\n" not in line
    assert is_printable(line)


def test_a_sentence_that_ends_with_a_command_is_told_from_the_next_one() -> None:
    texts = Paragraph((say("then {command}", command=Code("rebond x")), say("Next:"), Code("a"), "End"))

    assert "then `rebond x`. Next: `a`. End\n" in write_markdown(page(texts), keep)
    assert "<p>then <code>rebond x</code>. Next: <code>a</code>. End</p>" in write_html(page(texts), keep)
