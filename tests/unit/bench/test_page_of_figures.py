"""The page of figures: what was measured anew takes its place, and what was not stays."""

from pathlib import Path

from bench.pages import render_page
from bench.sections import Section


def a_section(title: str, figure: str) -> Section:
    return Section(title=title, intro="How.", header=("what", "takes"), rows=[("it", figure)])


def test_what_was_measured_anew_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    a_section("A distant store", "2 s").write(first / "latency.json")
    a_section("Churn", "3 s").write(first / "churn.json")
    page = render_page(first)
    a_section("Churn", "5 s").write(second / "churn.json")
    a_section("Start-up", "7 s").write(second / "startup.json")

    found = render_page(second, page)

    headings = [line for line in found.splitlines() if line.startswith("## ")]
    assert headings == ["## A distant store", "## Churn", "## Start-up"]
    assert [figure in found for figure in ("2 s", "3 s", "5 s", "7 s")] == [True, False, True, True]


def test_a_page_of_which_nothing_was_measured_anew_stays_as_it_is(tmp_path: Path) -> None:
    a_section("Churn", "3 s").write(tmp_path / "results" / "churn.json")
    page = render_page(tmp_path / "results")

    assert render_page(tmp_path / "none", page) == page
