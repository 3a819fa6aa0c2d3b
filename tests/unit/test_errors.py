"""The tree of errors: whole, coded, explained."""

import pathlib
import re

import pytest

import rebond.errors
from rebond.cli.output.endings import FAULT
from rebond.errors import Interrupted, RebondError, StoreFull
from rebond.wording import fill

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "errors.md"


def every_error(kind: type[RebondError] = RebondError) -> list[type[RebondError]]:
    """Return the class and everything below it."""
    below = [each for child in kind.__subclasses__() for each in every_error(child)]
    return [kind, *(each for each in below if each.__module__ == "rebond.errors")]


def test_the_docstring_shows_every_error_with_its_exit_status() -> None:
    shown = dict(re.findall(r"\* (\w+) +(\d+)  ", rebond.errors.__doc__ or ""))
    made = {each.__name__: str(each.exit_status) for each in every_error()}

    assert {**made, "Interrupted": "130"} == {**shown, "Interrupted": str(Interrupted.exit_status)}


def test_no_two_errors_share_a_code() -> None:
    codes = [each.code for each in every_error()]

    assert sorted(codes) == sorted(set(codes))


def test_asking_to_stop_is_not_an_error_that_a_loop_can_swallow() -> None:
    assert not issubclass(Interrupted, Exception)


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.code)
def test_every_error_has_a_section_in_the_manual(kind: type[RebondError]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    section = re.search(rf"^## `{kind.code}`\n\n(.+?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)

    assert section
    assert f"Exit status {kind.exit_status}" in section[1]
    assert "**What to do.**" in section[1]


def test_the_manual_explains_no_error_that_does_not_exist() -> None:
    sections = set(re.findall(r"^## `([a-z-]+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))

    assert sections == {each.code for each in every_error()} | {Interrupted.code, FAULT}


def test_a_message_is_filled_from_its_template() -> None:
    error = StoreFull("No room left in {place}.", hint="Free {size}.", place="/vault", size="2 GB")

    assert str(error) == "No room left in /vault."
    assert error.hint == "Free 2 GB."


def test_a_template_without_values_may_hold_braces() -> None:
    assert fill("Write {} in the file.", {}) == "Write {} in the file."
