"""What a message tells people to type can be typed as it stands."""

import pytest
from tests.message_templates import collect
from tests.typed_commands import commands_in, refusal_of

from rebond.language import catalogue


def test_every_command_in_a_message_is_taken_as_it_stands() -> None:
    wrong = [
        f"{place}: {line}: {reason}"
        for template, place in collect().templates.items()
        for line in commands_in(template)
        if (reason := refusal_of(line))
    ]

    assert wrong == []


def test_every_command_in_a_translation_is_taken_as_it_stands() -> None:
    wrong = [
        f"{line}: {reason}"
        for translation in catalogue("fr").values()
        for line in commands_in(translation)
        if (reason := refusal_of(line))
    ]

    assert wrong == []


@pytest.mark.parametrize(
    ("template", "lines"),
    [
        ("Run 'rebond verify'; then 'rebond key remove {slot}'.", ["rebond verify", "rebond key remove x1"]),
        ("Lancez « rebond verify », puis « rebond prune ».", ["rebond verify", "rebond prune"]),
        ("Next: rebond doctor, then rebond backup. See.", ["rebond doctor", "rebond backup"]),
        ("Go on: rebond restore --{way} {run}\n  → or: rebond serve", ["rebond restore --resume x1", "rebond serve"]),
        ("`rebond COMMAND --help` (rebond hold ID), and so on", ["rebond COMMAND --help", "rebond hold ID"]),
    ],
)
def test_commands_are_found_in_a_text(template: str, lines: list[str]) -> None:
    assert list(commands_in(template)) == lines


@pytest.mark.parametrize(
    "line",
    [
        "rebond keys",
        "rebond key remove",
        "rebond wal receive COMPONENT",
        "rebond pause",
        "rebond export latest --format rar",
        "rebond keys --help",
    ],
)
def test_a_line_that_the_program_does_not_take_is_refused(line: str) -> None:
    assert refusal_of(line)
