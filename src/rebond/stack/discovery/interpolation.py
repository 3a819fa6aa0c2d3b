"""Variables in compose files, as compose replaces them: ``$NAME``, ``${NAME:-default}``, ``${NAME?error}``, ``$$``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIGNS = (":-", "-", ":?", "?", ":+", "+")
_DEEPEST = 20


@dataclass(slots=True)
class Replaced:
    """What replacing noticed: ``missing`` variables, ``demanded`` ones with their words, ``malformed`` texts."""

    missing: set[str] = field(default_factory=set)
    demanded: dict[str, str] = field(default_factory=dict)
    malformed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableReference:
    """A text that is nothing but one variable. ``default`` is ``None`` without one."""

    name: str
    default: str | None = None


def replace_variables(text: str, variables: Mapping[str, str], noticed: Replaced, depth: int = 0) -> str:
    """Return the text with its variables replaced. What is not set is empty and noted."""
    parts: list[str] = []
    position = 0
    while (sign := text.find("$", position)) >= 0:
        parts.append(text[position:sign])
        found, position = _read_one(text, sign, variables, noticed, depth)
        parts.append(found)
    return "".join(parts) + text[position:]


def find_reference(text: str) -> VariableReference | None:
    """Return the variable that a text is; ``None`` for anything else, also for a default with variables in it."""
    plain = re.fullmatch(r"\$([A-Za-z_][A-Za-z0-9_]*)|\$\{([A-Za-z_][A-Za-z0-9_]*)((:?[-?])([^${}]*))?\}", text)
    if plain is None:
        return None
    default = plain[5] if (plain[4] or "").endswith("-") else None
    return VariableReference(name=plain[1] or plain[2], default=default or None)


def _read_one(text: str, sign: int, variables: Mapping[str, str], noticed: Replaced, depth: int) -> tuple[str, int]:
    """Return what stands for the variable at ``sign``, and where the text goes on."""
    if text.startswith("$$", sign):
        return "$", sign + 2
    if plain := _NAME.match(text, sign + 1):
        return _look_up(plain[0], variables, noticed), plain.end()
    inner = _NAME.match(text, sign + 2) if text.startswith("${", sign) else None
    end = _find_end(text, sign + 2) if inner else -1
    if inner is None or end < 0 or depth > _DEEPEST:
        noticed.malformed.append(text)
        return "$", sign + 1
    rest = text[inner.end() : end]
    operator = next((each for each in _SIGNS if rest.startswith(each)), "")
    if rest and not operator:
        noticed.malformed.append(text)
        return "", end + 1
    return _choose(inner[0], operator, rest.removeprefix(operator), variables, noticed, depth), end + 1


def _choose(name: str, operator: str, words: str, variables: Mapping[str, str], noticed: Replaced, depth: int) -> str:
    found = variables.get(name)
    is_there = found is not None and (found != "" or not operator.startswith(":"))
    if operator.endswith("+"):
        return replace_variables(words, variables, noticed, depth + 1) if is_there else ""
    if is_there and found is not None:
        return found
    if operator.endswith("-"):
        return replace_variables(words, variables, noticed, depth + 1)
    if operator.endswith("?"):
        noticed.demanded[name] = words  # as written: no value of another variable gets into a message
        return ""
    return _look_up(name, variables, noticed)


def _look_up(name: str, variables: Mapping[str, str], noticed: Replaced) -> str:
    if name not in variables:
        noticed.missing.add(name)
    return variables.get(name, "")


def _find_end(text: str, start: int) -> int:
    """Return where the brace closes that was opened before ``start``; -1 when it does not."""
    depth = 1
    position = start
    while position < len(text):
        if text.startswith("$$", position):
            position += 2
            continue
        if text.startswith("${", position):
            depth += 1
            position += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    return -1
