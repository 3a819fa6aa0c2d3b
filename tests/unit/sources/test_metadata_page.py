"""The page about what is kept names its tests, and they exist."""

import pathlib
import re

from rebond.testing.odd_trees import CELLS, ROOT_CELLS

TESTS = pathlib.Path(__file__).parents[2]
PAGE = (TESTS.parent / "docs/reference/file-metadata.md").read_text(encoding="utf-8")
ROWS = {cell: kept for kept, cell in re.findall(r"^\| .* \| (.*) \| `([a-z0-9-]+)` \|$", PAGE, re.MULTILINE)}


def test_every_cell_has_its_row_and_every_row_its_cell() -> None:
    assert set(ROWS) == set(CELLS)


def test_what_the_page_calls_roots_is_roots() -> None:
    assert {cell for cell, kept in ROWS.items() if kept.startswith("root")} == ROOT_CELLS


def test_every_test_that_the_page_names_exists() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("test_*.py")))
    named = set(re.findall(r"`(test_[a-z_]+)`", PAGE))

    assert len(named) > 10
    assert [each for each in sorted(named) if f"def {each}(" not in code] == []
