"""The commands that texts tell people to type, and whether the program takes them as they stand."""

import re
import shlex
from collections.abc import Iterator

import click

from rebond.cli.program import program

# Where not any word will do.
_VALUES = {"format": "zip", "form": "zip", "way": "resume", "option": "rollback", "scenario": "lost-server"}
_QUOTED = re.compile(r"(?:'|«\s?|`)(rebond [^'»`]*?)(?:'|\s?»|`)")
_LOOSE = re.compile(r"\brebond [a-zA-Z-].*?(?=[.,;:)]+(?:\s|$)|$)", re.MULTILINE)


def commands_in(template: str) -> Iterator[str]:
    """Yield each command line of a template, with a word for each of its values."""
    text = re.sub(r"\{(\w+)[^}]*\}", lambda value: _VALUES.get(value[1], "x1"), template)
    yield from _QUOTED.findall(text)
    yield from _LOOSE.findall(_QUOTED.sub("", text))


def refusal_of(line: str) -> str:
    """Return why the program does not take a line, or nothing. Words in capitals stand for what somebody fills in."""
    words = [each for each in shlex.split(re.split(r" (?:\||&&|>) ", line)[0])[1:] if each != "--help"]
    command: click.Command = program
    context = click.Context(command, info_name="rebond")
    try:
        while isinstance(command, click.Group):
            if not words or words in (["COMMAND"], ["--version"]):
                return ""
            name, found, words = command.resolve_command(context, words)
            assert found is not None
            command, context = found, click.Context(found, info_name=name, parent=context)
        if "--help" not in line:
            command.parse_args(context, words)
    except click.UsageError as error:
        return error.format_message()
    return ""
