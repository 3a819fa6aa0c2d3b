"""From a file to a configuration, or to everything that is wrong with it."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from rebond.config.documents import read_configuration_files
from rebond.config.model import Configuration, Loaded
from rebond.config.places import Node, Problem, Problems
from rebond.config.rules import judge
from rebond.config.shapes import Reading, Unfit, read_words
from rebond.config.structs import Table
from rebond.config.variable_files import read_variable_file
from rebond.errors import ConfigError

MOVED = (
    ("root", "[stack]"),
    ("timezone", "[stack]"),
    ("language", "[stack]"),
    ("name", "[stack]"),
    ("env", "[stack]"),
    ("compose", "[stack]"),
    ("kubernetes", "[stack]"),
    ("url", "[vault]"),
    ("passphrase", "[vault]"),
)


class Verdict(Struct, frozen=True, kw_only=True):
    """What a file came to. ``loaded`` is ``None`` when a problem is more than a warning.

    ``document`` is what all files say together, in the shape of JSON.
    """

    path: Path
    files: tuple[Path, ...]
    problems: tuple[Problem, ...]
    document: object
    loaded: Loaded | None


def load_configuration(path: Path, environment: Mapping[str, str], *, root: Path | None = None) -> Verdict:
    """Read a configuration and everything that it includes. Raises ``ConfigError`` when ``path`` cannot be read.

    ``root`` is where the stack lies when it is not where the configuration says, as for a copy that was kept.
    """
    problems = Problems()
    document, files = read_configuration_files(path, problems)
    root = root or _find_root(path, document, environment)
    reading = Reading(variables=_gather_variables(document, root, environment, problems), problems=problems)
    is_toml = not problems.found
    configuration = _read(document, reading) if is_toml or document.members else None
    if configuration is not None:
        judge(configuration, document, problems, reading.spoilt)
    _refuse_unwritable(document, environment, problems)
    found = problems.in_order()
    is_usable = configuration is not None and all(each.is_warning for each in found)
    loaded = (
        Loaded(configuration=configuration, files=files, root=root, variables=reading.variables)
        if is_usable and configuration is not None
        else None
    )
    return Verdict(path=path, files=files, problems=found, document=document.plain(), loaded=loaded)


def _read(document: Node, reading: Reading) -> Configuration | None:
    try:
        return Table(Configuration, MOVED).read(document, reading)
    except Unfit:
        return None


def _find_root(path: Path, document: Node, environment: Mapping[str, str]) -> Path:
    """Return where relative paths start. What is wrong with it is told when the stack is read."""
    folder = path.absolute().parent
    node = document.find("stack", "root")
    if node.path != "stack.root":
        return folder
    try:
        return folder / os.path.expanduser(read_words(node, Reading(variables=environment)))
    except Unfit:
        return folder


def _refuse_unwritable(document: Node, environment: Mapping[str, str], problems: Problems) -> None:
    """Report words that no path, program or name can hold, and a root in the home of nobody."""
    for node in document.walk():
        if isinstance(node.value, str) and "\0" in node.value:
            problems.refuse(
                node.place,
                ConfigError("'{key}' holds a character of number 0.", hint="Take it out.", key=node.path),
            )
    # Words that begin with it and were not expanded; a folder below may be called so.
    node = document.find("stack", "root")
    words = ""
    if node.path == "stack.root":
        with contextlib.suppress(Unfit):
            words = read_words(node, Reading(variables=environment))
    homeless = words.split("/")[0] if words.startswith("~") and os.path.expanduser(words) == words else ""
    if homeless:
        problems.refuse(
            document.find("stack", "root").place,
            ConfigError(
                "'{key}' lies in the home of {user}, who is not known here.",
                hint="Write the whole path, such as /home/shop.",
                key="stack.root",
                user=homeless.removeprefix("~"),
            ),
        )


def _gather_variables(
    document: Node, root: Path, environment: Mapping[str, str], problems: Problems
) -> Mapping[str, str]:
    """Return the variables of the stack's files, overlaid by the environment's. A file that is not there is empty."""
    variables: dict[str, str] = {}
    stack = document.members.get("stack")
    listed = stack.members.get("env") if stack else None
    for node in listed.items if listed else []:
        if not isinstance(node.value, str):
            continue
        try:
            found = read_variable_file(root / node.value)
        except FileNotFoundError:
            continue
        except ValueError:  # a name that no file can have: that is told of all words
            continue
        except OSError as error:
            problems.warn(
                node.place,
                ConfigError(
                    "The file of variables {path} cannot be read: {reason}.",
                    hint="Check its permissions.",
                    path=str(root / node.value),
                    reason=error.strerror or str(error),
                ),
            )
            continue
        for line in found.odd_lines:
            problems.warn(
                node.place,
                ConfigError(
                    "Line {line} of {path} is no variable, and is left out.",
                    hint="Write NAME=value; a value with spaces stands in quotes, and what opens is closed.",
                    path=str(root / node.value),
                    line=line,
                ),
            )
        variables.update(found.variables)
    return {**variables, **environment}


def refresh_variables(loaded: Loaded, environment: Mapping[str, str]) -> Loaded:
    """Return a configuration with the variables of the stack's files as those are now, overlaid by the environment's.

    A file that is not there, or cannot be read, is empty.
    """
    variables: dict[str, str] = {}
    for name in loaded.configuration.stack.env:
        try:
            variables.update(read_variable_file(loaded.root / name).variables)
        except (OSError, ValueError):
            continue
    return replace(loaded, variables={**variables, **environment})
