"""Parts of a component, such as one service of many, restored by their names."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from rebond.cli.invocation import Invocation
from rebond.config.finding import find_configuration
from rebond.errors import RebondError, UsageError

if TYPE_CHECKING:
    from rebond.config.components import Files
    from rebond.vault.snapshots import SnapshotRecord

_PART = "{part}"


class Chosen(Struct, frozen=True, kw_only=True):
    """What is to be restored, and the commands that restart it when it is in its place again."""

    components: tuple[str, ...]
    include: tuple[str, ...]
    restarts: tuple[str, ...] = ()


def choose_parts(
    invocation: Invocation, record: "SnapshotRecord", words: Sequence[str], include: Sequence[str]
) -> Chosen:
    """Return the components and the patterns that ``words`` mean: each is a component, or a part of one.

    What a part is the configuration at hand says; its name is its path in the component, or the last piece of a path
    that stands there letter by letter. Words that are neither are returned as they are. Raises ``UsageError`` for
    parts beside ``include``.
    """
    if not words:
        return Chosen(components=(), include=tuple(include))
    names = {each.name for each in record.catalog.components}
    known = {name: each for name, each in _find_files(invocation).items() if name in names}
    parts = {name: each.parts for name, each in known.items()}
    places = {word: place for word in words if word not in names and (place := _find_place(word, parts))}
    restarts = [_find_restart(known, *places.get(word, (word, ""))) for word in words]
    if not places:
        return Chosen(components=tuple(words), include=tuple(include), restarts=tuple(filter(None, restarts)))
    if include:
        raise UsageError(
            "{word} is a part of {component}, and parts do not go with --include.",
            hint="Name the component and give more patterns: {component} --include {path}",
            word=next(iter(places)),
            component=next(iter(places.values()))[0],
            path=next(iter(places.values()))[1],
        )
    components = [places[word][0] if word in places else word for word in words]
    patterns = [f"/{places[word][0]}/{places[word][1]}" if word in places else f"/{word}" for word in words]
    return Chosen(
        components=tuple(dict.fromkeys(components)),
        include=tuple(map(_escape, patterns)),
        restarts=tuple(dict.fromkeys(filter(None, restarts))),
    )


def _find_files(invocation: Invocation) -> "Mapping[str, Files]":
    """Return the components of files; none where no configuration can be used: nobody asked for one."""
    if find_configuration(invocation.config, invocation.environment, Path.cwd()) is None:
        return {}
    from rebond.cli.configuration.at_hand import judge_configuration
    from rebond.config.components import Files

    try:
        loaded = judge_configuration(invocation).loaded
    except RebondError:
        return {}
    components = loaded.configuration.component if loaded else {}
    return {name: each for name, each in components.items() if isinstance(each, Files)}


def _find_restart(known: "Mapping[str, Files]", component: str, path: str) -> str:
    """Return the command that restarts a component, or a part of it by its last piece; empty where there is none."""
    restart = known[component].restart if component in known else None
    if not restart or (_PART in restart and not path):
        return ""
    return restart.replace(_PART, path.rpartition("/")[2])


def _find_place(word: str, parts: Mapping[str, Sequence[str]]) -> tuple[str, str] | None:
    path = word.strip("/")
    for component, patterns in parts.items():
        for pattern in patterns:
            if fits(path, pattern):
                return component, path
            if pattern.rpartition("/")[2] == path:
                return component, pattern.strip("/")
    return None


def fits(path: str, pattern: str) -> bool:
    """Say whether a path is one of the parts that a pattern means; ``*`` is anything between two slashes."""
    pieces = [re.escape(each).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") for each in pattern.strip("/").split("/")]
    return re.fullmatch("/".join(pieces), path) is not None


def _escape(pattern: str) -> str:
    return re.sub(r"([\\*?\[])", r"\\\1", pattern)
