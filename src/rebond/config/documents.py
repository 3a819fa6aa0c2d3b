"""Reading TOML with the line of every value, and joining a file with those that it includes.

The standard library decides what a file says. ``spanned_toml`` knows where it says so; if the two ever
disagree, only the line numbers are lost.
"""

import glob
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import spanned_toml
from spanned_toml._types import Spanned

from rebond.config.places import Node, Place, Problems
from rebond.errors import ConfigError

FILE_LIMIT_BYTES = 4_000_000
DEEPEST = 50  # what the configuration knows lies six deep
_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)")


def read_configuration_files(path: Path, problems: Problems) -> tuple[Node, tuple[Path, ...]]:
    """Return what ``path`` and the files that it includes say together, and their names.

    Raises ``ConfigError`` when ``path`` cannot be read; everything else is reported.
    """
    root = _read_file(path, problems)
    files = [path]
    include = root.members.get("include")
    for pattern in include.items if include else []:
        if not isinstance(pattern.value, str):
            continue  # the model says so
        for found in _find_included(path, pattern, problems):
            files.append(found)
            root = _join(root, _read_included(found, pattern.place, problems), problems)
    return root, tuple(files)


def parse_document(text: str, file: str, problems: Problems) -> Node:
    """Return the root of a document; an empty one, with a problem, when it is not TOML."""
    try:
        plain = tomllib.loads(text)
        if _find_depth(plain) > DEEPEST:
            raise RecursionError
        spanned = spanned_toml.loads(text)
        if spanned.unspan() == plain:
            return _Lines(text, file).convert(spanned, "", 1)
        return _convert_plain(plain, file, "")
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        problems.refuse(Place(file, line), _not_toml(_AT_LINE.sub("", str(error))))
    except RecursionError:
        problems.refuse(
            Place(file),
            ConfigError(
                "Its tables and lists lie too deep in one another to be a configuration.",
                hint="Take out what lies so deep; 'rebond config show' shows how one is written.",
            ),
        )
    except ValueError:  # Python reads no number of more than some thousand digits
        problems.refuse(
            Place(file),
            ConfigError("A number in it has too many digits.", hint="Take it out; no setting needs so many."),
        )
    return Node(value={}, place=Place(file, 1), path="")


def _find_depth(value: object, above: int = 0) -> int:
    """Return how deep tables and lists lie in one another; no more than is needed to know that it is too much."""
    if above > DEEPEST or not isinstance(value, dict | list):
        return above
    below = value.values() if isinstance(value, dict) else value
    return max((_find_depth(each, above + 1) for each in below), default=above + 1)


class _Lines:
    """Turns spans into lines."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._lines = text.split("\n")
        self._file = file

    def convert(self, spanned: Spanned[Any], path: str, line: int) -> Node:
        inner = spanned.inner()
        value: object = inner
        if isinstance(inner, dict):
            value = {
                key.inner(): self.convert(each, _below(path, key.inner()), self._line_at(key.span().start))
                for key, each in inner.items()
            }
        elif isinstance(inner, list):
            value = [
                self.convert(each, f"{path}[{number}]", self._line_of_item(each, line))
                for number, each in enumerate(inner, 1)
            ]
        return Node(value=value, place=Place(self._file, line), path=path)

    def _line_at(self, position: int) -> int:
        return self._text.count("\n", 0, position) + 1

    def _line_of_item(self, item: Spanned[Any], line_of_list: int) -> int:
        """Return where an item of a list begins; a ``[[table]]`` has no span, so it is sought above its first key."""
        if item.span().stop:
            return self._line_at(item.span().start)
        inner = item.inner()
        if not isinstance(inner, dict) or not inner:
            return line_of_list
        line = min(self._line_at(key.span().start) for key in inner)
        return next((each for each in range(line, 0, -1) if self._lines[each - 1].lstrip().startswith("[[")), line)


def _convert_plain(value: object, file: str, path: str) -> Node:
    converted = value
    if isinstance(value, Mapping):
        converted = {key: _convert_plain(each, file, _below(path, key)) for key, each in value.items()}
    elif isinstance(value, list):
        converted = [_convert_plain(each, file, f"{path}[{number}]") for number, each in enumerate(value, 1)]
    return Node(value=converted, place=Place(file), path=path)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _read_file(path: Path, problems: Problems) -> Node:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_LIMIT_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            "The configuration {path} cannot be read: {reason}.",
            hint="Check its name and its permissions.",
            path=str(path),
            reason=error.strerror or str(error),
        ) from None
    if len(content) > FILE_LIMIT_BYTES:
        raise ConfigError(
            "The configuration {path} is larger than 4 MB.",
            hint="Name another file with --config.",
            path=str(path),
        )
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problems.refuse(Place(str(path), line), _not_toml("it is not UTF-8"))
        return Node(value={}, place=Place(str(path), 1), path="")
    return parse_document(text, str(path), problems)


def _not_toml(reason: str) -> ConfigError:
    return ConfigError(
        "This is not TOML: {reason}.",
        hint="Text stands in quotes, tables in [brackets]; toml.io shows the rest.",
        reason=reason,
    )


def _find_included(path: Path, pattern: Node, problems: Problems) -> list[Path]:
    name = os.path.join(path.parent, str(pattern.value))
    found = find_included(path, str(pattern.value))
    if not found and not glob.has_magic(str(pattern.value)):
        problems.refuse(
            pattern.place,
            ConfigError("The included file {path} is not there.", hint="Write it, or take the line out.", path=name),
        )
    return found


def find_included(path: Path, pattern: str) -> list[Path]:
    """Return the files that a pattern under ``include`` of the file ``path`` names now, in their order."""
    if "\0" in pattern:  # no file is called so; that is told of all words
        return []
    found = glob.glob(os.path.join(glob.escape(str(path.parent)), pattern))
    return [Path(each) for each in sorted(found) if not os.path.isdir(each)]


def _read_included(path: Path, place: Place, problems: Problems) -> Node:
    try:
        node = _read_file(path, problems)
    except ConfigError as error:
        problems.refuse(place, error)
        return Node(value={}, place=place, path="")
    if "include" in node.members:
        problems.refuse(
            node.members["include"].place,
            ConfigError("An included file cannot include others.", hint="Name them all in the first file."),
        )
    kept = {key: each for key, each in node.members.items() if key not in {"include", "version"}}
    return Node(value=kept, place=node.place, path="")


def _join(first: Node, second: Node, problems: Problems) -> Node:
    """Join two nodes of one name: tables by their keys, lists one after the other. Anything else may be said once."""
    if isinstance(first.value, dict) and isinstance(second.value, dict):
        joined = dict(first.members)
        for key, node in second.members.items():
            joined[key] = _join(joined[key], node, problems) if key in joined else node
        return Node(value=joined, place=first.place, path=first.path)
    if isinstance(first.value, list) and isinstance(second.value, list):
        return Node(value=[*first.items, *second.items], place=first.place, path=first.path)
    problems.refuse(
        second.place,
        ConfigError(
            "'{key}' is said twice: {place} says it first.",
            hint="Keep one of the two.",
            key=second.path,
            place=str(first.place),
        ),
    )
    return first
