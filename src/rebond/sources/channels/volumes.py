"""A volume by the name that compose files give it: which one that is on this machine, and how its files are had."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rebond.errors import CommandFailed, SourceUnfit, SourceUnreachable

Ask = Callable[[Sequence[str]], bytes]
"""Runs a command and returns all that it writes. Raises ``SourceError``."""

_VOLUME = "com.docker.compose.volume"
_PROJECT = "com.docker.compose.project"


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A volume as the engine knows it; ``mountpoint`` is where its files lie on the engine's machine."""

    name: str
    mountpoint: str
    project: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A running container in which a volume lies, and where it does."""

    container: str
    path: str


def find_volume(name: str, client: str, project: str, ask: Ask) -> Volume:
    """Return the one volume that is meant: of the compose project, else the one that is called just so.

    ``client`` is docker or podman; ``project`` may be unknown (empty). Raises ``SourceUnreachable`` when there is
    none and ``SourceUnfit`` when several could be meant; it names them.
    """
    listed = ask([client, "volume", "ls", "--quiet", "--filter", f"label={_VOLUME}={name}"]).decode().split()
    found = {each.name: each for each in _inspect(client, listed, ask)} if listed else {}
    ours = [each for each in found.values() if project and each.project == project]
    if len(ours) == 1:
        return ours[0]
    # Some compose programs give no label: then the project stands before the name, or nothing does.
    for each in (name, f"{project}_{name}") if project else (name,):
        found |= {volume.name: volume for volume in _inspect_one(client, each, ask)}
    if not found:
        raise SourceUnreachable(
            "There is no volume {name} here.",
            hint="See '{client} volume ls'; name it as the compose files do, or as the engine does.",
            name=name,
            client=client,
        )
    if len(found) > 1:
        raise SourceUnfit(
            "The volume {name} could be {volumes}.",
            hint="Write the one that is meant as volume = \"…\", or set COMPOSE_PROJECT_NAME in a file of 'env'.",
            name=name,
            volumes=" or ".join(sorted(found)),
        )
    return next(iter(found.values()))


def find_mount(volume: Volume, client: str, ask: Ask) -> Mount:
    """Return a running container in which the volume lies. Raises ``SourceUnfit`` when there is none."""
    ids = ask([client, "ps", "--quiet", "--filter", f"volume={volume.name}"]).decode().split()
    for container in _read_list(ask([client, "inspect", *ids]), client) if ids else ():
        for each in container.get("Mounts") or ():
            if each.get("Name") == volume.name and each.get("Destination"):
                return Mount(container=str(container["Id"]), path=str(each["Destination"]))
    raise SourceUnfit(
        "The files of the volume {name} may not be read at {path}, and no running container has it.",
        hint='Run the backup as root, or start the service that uses it, or name that with in = "compose:…".',
        name=volume.name,
        path=volume.mountpoint or "–",
    )


def _inspect_one(client: str, name: str, ask: Ask) -> list[Volume]:
    try:
        return _inspect(client, [name], ask)
    except CommandFailed as error:
        if "no such volume" not in error.message.lower():
            raise
        return []


def _inspect(client: str, names: Sequence[str], ask: Ask) -> list[Volume]:
    found = []
    for each in _read_list(ask([client, "volume", "inspect", *names]), client):
        labels = each.get("Labels") or {}
        if each.get("Name"):
            found.append(
                Volume(
                    name=str(each["Name"]),
                    mountpoint=str(each.get("Mountpoint") or ""),
                    project=str(labels.get(_PROJECT, "")),
                )
            )
    return found


def _read_list(answer: bytes, client: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(answer)
    except ValueError:
        document = None
    if not isinstance(document, list) or not all(isinstance(each, dict) for each in document):
        raise CommandFailed(
            "The answer of {program} was cut, or is another than expected.",
            hint="Run the backup again; if that happens each time, see which version of {program} this is.",
            program=client,
        )
    return document
