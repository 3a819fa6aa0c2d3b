"""The YAML of compose files: text stays text, and the tags that compose knows are kept beside their values."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE_LIMIT_BYTES = 2_000_000
Tree = Any  # tables, lists and text, as YAML has them


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value that replaces what an earlier file says (``!override``), or takes it away (``!reset``)."""

    takes_away: bool
    value: Tree


class UnreadableFile(Exception):
    """A file that cannot be read, or is no YAML; its text says why. Told as a remark, never raised further."""


class _Loader(yaml.SafeLoader):
    """YAML's safe loader without its guesses about numbers, dates and truths."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the library's own name and form


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])


def _construct_tagged(loader: _Loader, suffix: str, node: yaml.Node) -> Tree:
    value = _construct_plain(loader, node)
    return Tagged(suffix == "reset", value) if suffix in {"reset", "override"} else value


def _construct_plain(loader: _Loader, node: yaml.Node) -> Tree:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


_Loader.add_multi_constructor("!", _construct_tagged)


def read_yaml(path: Path) -> dict[str, Tree]:
    """Return the first document of a file; an empty file is an empty table. Raises ``UnreadableFile``."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_LIMIT_BYTES + 1)
        if len(content) > FILE_LIMIT_BYTES:
            raise UnreadableFile("it is larger than 2 MB")
        found = next(iter(yaml.load_all(content, Loader=_Loader)), None)
    except OSError as error:
        raise UnreadableFile(error.strerror or str(error)) from None
    except yaml.YAMLError as error:
        raise UnreadableFile(_describe(error)) from None
    except (RecursionError, ValueError, TypeError) as error:
        raise UnreadableFile(str(error) or type(error).__name__) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise UnreadableFile("it is no table")
    return {str(key): value for key, value in found.items()}


def _describe(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it is no YAML"
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)
