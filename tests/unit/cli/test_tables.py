"""Columns of text."""

from rebond.cli.output.tables import format_facts, format_table


def test_columns_are_aligned_each_to_its_side() -> None:
    table = format_table(["id", "size"], [["a", "10 MB"], ["abc", "1 B"]], "<>")

    assert table.splitlines() == ["id    size", "a    10 MB", "abc    1 B"]


def test_wide_and_combining_characters_count_as_they_are_shown() -> None:
    assert format_facts([("日本", "x"), ("e\u0301", "y")]).splitlines() == ["日本  x", "e\u0301     y"]


def test_a_table_without_rows_is_its_heads() -> None:
    assert format_table(["id", "size"], []) == "id  size"
