"""What an engine knows of containers, some of which may end and go while it is asked."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from rebond.errors import CommandFailed

Ask = Callable[[Sequence[str]], bytes]
"""Runs a command and returns all that it writes. Raises ``SourceError``."""
_MISSING = ("no such image", "no such object", "no such container", "image not known", "no container with name or id")


def inspect_containers(client: str, containers: Sequence[str], ask: Ask) -> list[dict[str, Any]]:
    """Return what docker or podman knows of containers; those that went meanwhile are left out.

    Raises ``SourceError``, also for an answer that is none.
    """
    if not containers:
        return []
    try:
        return read_objects(ask([client, "inspect", *containers]), client)
    except CommandFailed as error:
        if not says_missing(error):
            raise
    found = []
    for each in containers:
        try:
            found += read_objects(ask([client, "inspect", each]), client)
        except CommandFailed as error:
            if not says_missing(error):
                raise
    return found


def says_missing(error: CommandFailed) -> bool:
    """Say whether an engine failed because what it was asked for is not there, in the words of docker or podman."""
    said = error.message.lower()
    return any(words in said for words in _MISSING)


def read_objects(answer: bytes, client: str) -> list[dict[str, Any]]:
    """Read a list of objects. Raises ``CommandFailed``."""
    try:
        document = json.loads(answer)
    except ValueError:
        document = None
    if not isinstance(document, list) or not all(isinstance(each, dict) for each in document):
        raise bad_answer(client)
    return document


def bad_answer(client: str) -> CommandFailed:
    """Return the error for an answer that is cut, or none that is known."""
    return CommandFailed(
        "The answer of {program} was cut, or is another than expected.",
        hint="Run the backup again; if that happens each time, see which version of {program} this is.",
        program=client,
    )
