"""Files of variables, as compose has them: ``NAME=value``, one for each line."""

import io
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct


class VariableFile(Struct, frozen=True, kw_only=True):
    """What a file holds. ``odd_lines`` are the numbers, from 1, of lines that are no variables and were left out."""

    variables: Mapping[str, str]
    odd_lines: tuple[int, ...] = ()


def read_variable_file(path: Path, *, interpolates: bool = True) -> VariableFile:
    """Read a file; ``interpolates`` says whether ``${NAME}`` in a value is replaced.

    Raises ``OSError``, and ``ValueError`` for a name that no file can have.
    A name without a value is none: whoever takes it from the environment has it from there.
    """
    from dotenv import dotenv_values  # noqa: PLC0415 - few stacks have such files
    from dotenv.parser import parse_stream  # noqa: PLC0415

    with path.open(encoding="utf-8", errors="surrogateescape") as stream:
        content = stream.read().removeprefix("\ufeff")
    statements = list(parse_stream(io.StringIO(content)))
    good = "".join(each.original.string for each in statements if not each.error)  # dotenv would warn by itself
    values = dotenv_values(stream=io.StringIO(good), interpolate=interpolates)
    return VariableFile(
        variables={name: value for name, value in values.items() if value is not None},
        odd_lines=tuple(_find_line(each.original.string, each.original.line) for each in statements if each.error),
    )


def _find_line(text: str, line: int) -> int:
    """Return where a statement really begins: empty lines before it are counted as part of it."""
    return line + text[: len(text) - len(text.lstrip())].count("\n")
