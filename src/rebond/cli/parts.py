"""Parts of a component, such as one service of many, restored by their names."""

import re
from collections.abc import Mapping, Sequence

from rebond.cli.configured import judge_configuration
from rebond.cli.invocation import Invocation
from rebond.errors import RebondError, UsageError
from rebond.vault.snapshots import SnapshotRecord


def choose_parts(
    invocation: Invocation, record: SnapshotRecord, words: Sequence[str], include: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the components and the patterns that ``words`` mean: each is a component, or a part of one.

    What a part is the configuration at hand says; its name is its path in the component, or the last piece of a path
    that stands there letter by letter. Words that are neither are returned as they are. Raises ``UsageError`` for
    parts beside ``include``.
    """
    names = {each.name for each in record.catalog.components}
    unknown = [word for word in words if word not in names]
    known_parts = _find_parts(invocation) if unknown else {}
    places = {word: place for word in unknown if (place := _find_place(word, known_parts, names))}
    if not places:
        return tuple(words), tuple(include)
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
    return tuple(dict.fromkeys(components)), tuple(map(_escape, patterns))


def _find_parts(invocation: Invocation) -> Mapping[str, Sequence[str]]:
    """Return the parts of each component; none where no configuration can be used: nobody asked for one."""
    from rebond.config.components import Files

    try:
        loaded = judge_configuration(invocation).loaded
    except RebondError:
        return {}
    components = loaded.configuration.component if loaded else {}
    return {name: each.parts for name, each in components.items() if isinstance(each, Files) and each.parts}


def _find_place(word: str, parts: Mapping[str, Sequence[str]], names: set[str]) -> tuple[str, str] | None:
    path = word.strip("/")
    for component, patterns in parts.items():
        if component not in names:
            continue
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
