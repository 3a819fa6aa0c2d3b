"""Columns of text."""

import unicodedata
from collections.abc import Sequence

from rebond.cli.output.speech import show_cell

RIGHT = ">"
LEFT = "<"


def format_table(heads: Sequence[str], rows: Sequence[Sequence[str]], sides: str = "") -> str:
    """Return lines of aligned columns. ``sides`` has ``<`` or ``>`` for each column; left where it is short."""
    rows = [[show_cell(cell) for cell in row] for row in rows]
    sides = sides.ljust(len(heads), LEFT)
    widths = [max(map(_width, column)) for column in zip(heads, *rows, strict=True)]
    return "\n".join(
        "  ".join(_pad(cell, width, side) for cell, width, side in zip(row, widths, sides, strict=True)).rstrip()
        for row in (heads, *rows)
    )


def drop_empty(
    heads: Sequence[str], rows: Sequence[Sequence[str]], sides: str
) -> tuple[list[str], list[list[str]], str]:
    """Leave out the columns that hold nothing in any row."""
    kept = [position for position in range(len(heads)) if any(row[position] for row in rows)]
    return (
        [heads[position] for position in kept],
        [[row[position] for position in kept] for row in rows],
        "".join(sides[position] for position in kept),
    )


def format_facts(facts: Sequence[tuple[str, str]]) -> str:
    """Return names and values, one pair a line."""
    width = max((_width(name) for name, _ in facts), default=0)
    return "\n".join(f"{_pad(name, width, LEFT)}  {value}" for name, value in facts)


def _pad(text: str, width: int, side: str) -> str:
    gap = " " * (width - _width(text))
    return gap + text if side == RIGHT else text + gap


def _width(text: str) -> int:
    """Return how many places a text takes on a terminal."""
    return sum(0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF") for each in text)
