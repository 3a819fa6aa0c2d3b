"""A volume by the name that compose files give it: which one that is on this machine, and how its files are had."""

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from rebond.errors import CommandFailed, SourceUnfit, SourceUnreachable
from rebond.sources.channels.inspecting import Ask, inspect_containers, read_objects

_VOLUME = "com.docker.compose.volume"
PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_PASSWORD = re.compile(r"(?<!/):[^/@]*@")  # of an address


class Volume(Struct, frozen=True, kw_only=True):
    """A volume as the engine knows it; ``mountpoint`` is where its files lie on the engine's machine."""

    name: str
    mountpoint: str
    project: str


class Mount(Struct, frozen=True, kw_only=True):
    """A running container in which a volume lies, and where it does. ``service`` is what compose calls it.

    Nothing can be run in one that is not ready: it is paused or being restarted, though the engine counts it.
    """

    container: str
    path: str
    name: str = ""
    service: str = ""
    is_ready: bool = True


def find_volume(name: str, client: str, project: str, ask: Ask) -> Volume:
    """Return the one volume that is meant: of the compose project, else the one that is called just so.

    ``client`` is docker or podman; ``project`` may be unknown (empty). What bears the name of another project is meant
    only by its whole name. Raises ``SourceUnreachable`` when there is
    none and ``SourceUnfit`` when several could be meant; it names them.
    """
    listed = ask([client, "volume", "ls", "--quiet", "--filter", f"label={_VOLUME}={name}"]).decode().split()
    found = {each.name: each for each in _inspect(client, listed, ask)} if listed else {}
    ours = [each for each in found.values() if project and each.project == project]
    if len(ours) == 1:
        return ours[0]
    foreign = {name: each for name, each in found.items() if project and each.project not in {"", project}}
    found = {name: each for name, each in found.items() if name not in foreign}
    # Some compose programs give no label: then the project stands before the name, or nothing does.
    for each in (name, f"{project}_{name}") if project else (name,):
        found |= {volume.name: volume for volume in _inspect_one(client, each, ask)}
    if not found and foreign:
        raise SourceUnfit(
            "The project {project} has no volume {name}: {volumes} belongs to another.",
            hint="Write the one that is meant as volume = \"…\", or set COMPOSE_PROJECT_NAME in a file of 'env'.",
            name=name,
            project=project,
            volumes=" or ".join(sorted(foreign)),
        )
    if not found:
        raise SourceUnreachable(
            "There is no volume {name} here.",
            hint="See '{client} volume ls'; name it as the compose files do, or as the engine does. Is it gone, "
            "'{client} compose create' makes those of the compose files anew, empty; then 'rebond restore latest "
            "COMPONENT --in-place' fills it.",
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


def find_mount(volume: Volume, client: str, ask: Ask, far: str = "") -> Mount:
    """Return a running container in which the volume lies: its files are the same in each.

    ``far`` is the address of an engine that is not here. Raises ``SourceUnreachable`` when there is none.
    """
    for each in list_mounts(volume, client, ask):
        if each.is_ready:
            return each
    if far:
        raise SourceUnreachable(
            "{client} counts as another machine ({host}), and no running container has the volume {name} there.",
            hint='Start the service that uses it, or name one that has it with in = "compose:…". An address of the '
            "network, 127.0.0.1 too, may be the end of a tunnel: only a socket (unix://) is this machine for sure.",
            client=client,
            host=_PASSWORD.sub(":***@", far),
            name=volume.name,
        )
    raise SourceUnreachable(
        "The files of the volume {name} may not be read at {path}, and no running container has it.",
        hint='Run the backup as root, or start the service that uses it, or name that with in = "compose:…".',
        name=volume.name,
        path=volume.mountpoint or "–",
    )


def find_only_mount(volume: Volume, client: str, ask: Ask) -> Mount:
    """Return the running container in which the volume lies, for a program that runs there.

    Several of one service of compose are as good as one. Raises ``SourceUnreachable`` when there is none, and
    ``SourceUnfit`` when they are not of one service; it names them.
    """
    found = list_mounts(volume, client, ask)
    ready = [each for each in found if each.is_ready]
    owners = {each.service or each.name or each.container: each for each in found}
    if not ready and len(owners) < 2:
        raise SourceUnreachable(
            "No running container has the volume {name}, and what is to be asked runs in one.",
            hint='Start the service that uses it, or name that with in = "compose:…".',
            name=volume.name,
        )
    if len(owners) > 1:
        raise SourceUnfit(
            "The volume {name} is in several running containers: {containers}.",
            hint='Name the one that is to be asked: in = "compose:NAME" or in = "{client}:NAME", instead of volume.',
            name=volume.name,
            containers=" and ".join(sorted(owners)),
            client=client,
        )
    return ready[0]


def list_mounts(volume: Volume, client: str, ask: Ask) -> list[Mount]:
    """Return the running containers in which the volume lies, in the order in which the engine names them."""
    ids = ask([client, "ps", "--quiet", "--filter", f"volume={volume.name}"]).decode().split()
    found = []
    for container in inspect_containers(client, ids, ask):
        state = container.get("State") or {}
        labels = (container.get("Config") or {}).get("Labels") or {}
        place = next(
            (
                str(each["Destination"])
                for each in container.get("Mounts") or ()
                if each.get("Name") == volume.name and each.get("Destination")
            ),
            "",
        )
        if place:
            found.append(
                Mount(
                    container=str(container["Id"]),
                    path=place,
                    name=str(container.get("Name") or "").lstrip("/"),
                    service=str(labels.get(_SERVICE) or ""),
                    is_ready=not (state.get("Paused") or state.get("Restarting")),
                )
            )
    return found


def _inspect_one(client: str, name: str, ask: Ask) -> list[Volume]:
    try:
        return _inspect(client, [name], ask)
    except CommandFailed as error:
        if "no such volume" not in error.message.lower():
            raise
        return []


def _inspect(client: str, names: Sequence[str], ask: Ask) -> list[Volume]:
    found = []
    for each in read_objects(ask([client, "volume", "inspect", *names]), client):
        labels = each.get("Labels") or {}
        if each.get("Name"):
            found.append(
                Volume(
                    name=str(each["Name"]),
                    mountpoint=str(each.get("Mountpoint") or ""),
                    project=str(labels.get(PROJECT, "")),
                )
            )
    return found


def find_far_engine(client: str, variables: Mapping[str, str], ask: Ask) -> str:
    """Return where the engine is if it is not known to run on this machine; a folder that it names is then not here.

    Empty is this machine. ``variables`` are what the client gets. Raises ``SourceError``.
    """
    if client == "podman":
        host = variables.get("CONTAINER_HOST") or variables.get("CONTAINER_CONNECTION") or ""
        is_here = not host or ask([client, "info", "--format", "{{.Host.ServiceIsRemote}}"]).strip() == b"false"
        return "" if is_here else host
    host = variables.get("DOCKER_HOST", "")
    if not host:
        try:
            host = ask([client, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).decode().strip()
        except CommandFailed:
            return ""  # a docker that is older than contexts, or podman under its name
    return "" if host.startswith(("unix://", "/", "fd://")) else host or "–"
