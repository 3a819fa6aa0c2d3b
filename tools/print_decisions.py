"""Print the list of decisions, with the later ones that speak of each: ``docs/decisions/README.md``."""

import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).parents[1] / "docs" / "decisions"
PAGE = FOLDER / "README.md"
_HEAD = """# Decisions

What could reasonably have been decided otherwise, one page each ([why](0001-decisions-are-written-down.md)). Numbers are only there to be sorted by. This page is
printed by `make docs`. A later decision that speaks of an earlier one goes on from it, or changes it.

| | decision | later ones that speak of it |
|---|---|---|
"""


def print_page() -> str:
    """Return the page. Raises ``ValueError`` for a decision whose first line is not ``# NUMBER · TITLE``."""
    pages = {each.name[:4]: each for each in sorted(FOLDER.glob("[0-9]*.md"))}
    texts = {number: page.read_text(encoding="utf-8") for number, page in pages.items()}
    return _HEAD + "".join(_line(number, pages, texts) for number in pages)


def _line(number: str, pages: dict[str, pathlib.Path], texts: dict[str, str]) -> str:
    title = texts[number].partition("\n")[0]
    if not title.startswith(f"# {number} · "):
        raise ValueError(f"{pages[number].name} does not begin with '# {number} · '")
    later = [each for each in pages if each > number and re.search(rf"(?<!\d){number}(?!\d)", texts[each])]
    links = ", ".join(f"[{each}]({pages[each].name})" for each in later)
    return f"| {number} | [{title.removeprefix(f'# {number} · ')}]({pages[number].name}) | {links} |\n"


def main() -> int:
    PAGE.write_text(print_page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(PAGE.parents[2])}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
