"""What is saved from inside something: whether it runs, and whether its database answers."""

import re
import shlex
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from rebond.config.components import (
    NOTHING_TO_SAVE,
    Command,
    Component,
    Files,
    Images,
    Postgres,
    Secrets,
    Sqlite,
    Versioned,
)
from rebond.config.quantities import Inside as Place
from rebond.config.resolving import Resolver
from rebond.errors import RebondError, SourceUnfit
from rebond.sources.channels.addresses import Address, Client
from rebond.sources.channels.clients import Inside, Surroundings, build_arguments
from rebond.sources.channels.containers import require_own_name
from rebond.stack.advice.installing import install_command
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.asking import Asked, ask_program
from rebond.stack.rootless import find_rootless
from rebond.stack.surroundings import address_of, describe_surroundings
from rebond.stack.whereabouts import find_folder, place_of

CHECK = "services"
PATIENCE_SECONDS = 8.0
_AT_ONCE = 4
_POSTGRES_DUMP = re.compile(r"\bpg_dump(all)?\b")
_SILENT_ENGINE = re.compile(  # the check of tools says so, once
    r"cannot connect to the docker daemon|permission denied while trying to connect|unable to connect to the server|"
    r"failed to connect to the docker api|error during connect|error while fetching server api version|"
    r"context .* does not exist",
    re.IGNORECASE,
)
_GONE = re.compile(r"no such container|no container with name or id", re.IGNORECASE)
_NO_ANSWER = {1, 2}  # pg_isready: rejecting, silent


def check_services(scene: Scene) -> Iterator[Observation]:
    """Yield every place that a component is read from and that does not answer."""
    places: dict[str, tuple[Place, bool]] = {}
    for component in scene.configuration.component.values():
        if component.inside:
            key = f"{component.inside.engine}:{component.inside.name}"
            has_database = holds_postgres(component) or (key in places and places[key][1])
            places[key] = (component.inside, has_database)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        addresses = ((address_of(place), has_database) for place, has_database in places.values())
        for found in threads.map(lambda pair: list(_check_place(scene, *pair)), addresses):
            yield from found
    for name, component in scene.configuration.component.items():
        if component.volume and not isinstance(component, (*NOTHING_TO_SAVE, Images)):
            yield from _check_volume(scene, name, component)
    yield from _check_servers(scene)


def holds_postgres(component: Component) -> bool:
    """Say whether a component is a PostgreSQL database, by its kind or by the program that dumps it."""
    if isinstance(component, Postgres):
        return True
    if not isinstance(component, Command):
        return False
    return bool(_POSTGRES_DUMP.search(component.run if isinstance(component.run, str) else " ".join(component.run)))


def _check_volume(scene: Scene, name: str, component: Component) -> Iterator[Observation]:
    """Yield why nothing can be read from, or asked beside, the volume that a component names."""
    if not any(shutil.which(each, path=scene.loaded.variables.get("PATH")) for each in ("docker", "podman")):
        return  # the check of tools says so
    is_read = isinstance(component, Files | Sqlite | Secrets | Versioned)
    try:
        place = find_folder(component, scene.loaded)[0] if is_read else place_of(component, scene.loaded)
    except SourceUnfit as error:
        yield _volume_unfit(name, error, f"${{EDITOR:-vi}} {scene.command(scene.path)}")
        return
    except RebondError as error:
        if not _SILENT_ENGINE.search(error.message):
            compose = scene.configuration.stack.compose
            files = [word for each in compose for word in ("--file", str(scene.loaded.root / each))]
            yield _volume_unfit(name, error, scene.command("docker", "compose", *files, "up", "--detach"))
        return
    if place.address is not None and holds_postgres(component):
        yield from _check_place(scene, place.address, has_database=True)
    found = find_rootless(name, component, scene.loaded, user=scene.user, uid=scene.uid)
    if place.address is None and found is not None:
        yield Observation(
            check=CHECK, code=found.code, weight=Weight.WARNING, template=found.template, values=found.values
        )


def _volume_unfit(name: str, error: RebondError, command: str) -> Observation:
    return Observation(
        check=CHECK,
        code="volume-unreachable",
        weight=Weight.FAILURE,
        template="{component} cannot be saved: {reason}",
        values={"component": f"component.{name}", "reason": error},
        command=command,
    )


def _check_place(scene: Scene, address: Address, has_database: bool) -> Iterator[Observation]:
    try:
        surroundings = describe_surroundings(scene.loaded, _resolver(scene), address)
    except RebondError:
        return  # compose is missing, or a name cannot be looked up: other checks say so
    probe = ("pg_isready", "--quiet") if has_database else ("true",)
    try:
        require_own_name(address, scene.loaded.variables)
        asked = _ask_inside(scene, address, surroundings, probe)
    except RebondError as error:
        asked = Asked(status=1, words=error.message)
    # without its client other checks speak; an image without the program is told by the backup itself
    if asked.is_good or asked.status in {None, 126, 127} or _SILENT_ENGINE.search(asked.words):
        return
    if has_database and asked.status in _NO_ANSWER and not asked.words:
        yield Observation(
            check=CHECK,
            code="database-silent",
            weight=Weight.FAILURE,
            template="PostgreSQL in {address} takes no connections.",
            values={"address": str(address)},
            command=_restart(scene, address, surroundings),
        )
        return
    if address.client in {Client.DOCKER, Client.PODMAN} and _GONE.search(asked.words):
        yield Observation(
            check=CHECK,
            code="container-gone",
            weight=Weight.FAILURE,
            template="{client} has no container {name}: run it again as it was run, or name the one that took its "
            "place ('{client} ps --all' lists them).",
            values={"client": address.client.value, "name": address.name},
            command=f"${{EDITOR:-vi}} {scene.command(scene.path)}",
        )
        return
    yield Observation(
        check=CHECK,
        code="service-unreachable",
        weight=Weight.FAILURE,
        template="{address} does not answer: {words}",
        values={"address": str(address), "words": asked.words or "–"},
        command=_awake(scene, address, surroundings, _say_what_it_does(scene, address, asked.words)),
    )


def _ask_inside(scene: Scene, address: Address, surroundings: Surroundings, command: tuple[str, ...]) -> Asked:
    arguments = build_arguments(address, command, surroundings, Inside())
    return ask_program(
        arguments,
        environment=scene.loaded.variables,
        timeout_seconds=PATIENCE_SECONDS,
        directory=surroundings.started_in or None,
    )


def _say_what_it_does(scene: Scene, address: Address, words: str) -> str:
    """Return the words of an engine with its state behind: Podman says the same of all that does not run."""
    if address.client is not Client.PODMAN or "container state improper" not in words:
        return words
    asked = ask_program(
        ("podman", "container", "inspect", "--format", "{{.State.Status}}", address.name),
        environment=scene.loaded.variables,
        timeout_seconds=PATIENCE_SECONDS,
    )
    return f"{words}: it is {asked.output.strip()}"


def _awake(scene: Scene, address: Address, surroundings: Surroundings, words: str) -> str:
    """Return what makes it answer: what is paused is not started, and what starts again and again says why."""
    if "is restarting" in words and address.client is Client.COMPOSE:
        return scene.command(*_compose(surroundings), "logs", "--tail", "20", address.name)
    if "is restarting" in words and address.client is not Client.KUBERNETES:
        return scene.command(address.client.value, "logs", "--tail", "20", address.name)
    if "is paused" in words and address.client is Client.COMPOSE:
        return scene.command(*_compose(surroundings), "unpause", address.name)
    if "is paused" in words and address.client is not Client.KUBERNETES:
        return scene.command(address.client.value, "unpause", address.name)
    return _start(scene, address, surroundings)


def _start(scene: Scene, address: Address, surroundings: Surroundings) -> str:
    match address.client:
        case Client.COMPOSE:
            return scene.command(*_compose(surroundings), "up", "--detach", address.name)
        case Client.DOCKER | Client.PODMAN:
            return scene.command(address.client.value, "start", address.name)
        case Client.KUBERNETES:
            return scene.command(*_kubectl(surroundings), "scale", f"{address.kind}/{address.name}", "--replicas=1")


def _restart(scene: Scene, address: Address, surroundings: Surroundings) -> str:
    match address.client:
        case Client.COMPOSE:
            return scene.command(*_compose(surroundings), "restart", address.name)
        case Client.DOCKER | Client.PODMAN:
            return scene.command(address.client.value, "restart", address.name)
        case Client.KUBERNETES:
            return scene.command(*_kubectl(surroundings), "rollout", "restart", f"{address.kind}/{address.name}")


def _compose(surroundings: Surroundings) -> list[str]:
    files = [word for each in surroundings.compose_files for word in ("--file", each)]
    return [*surroundings.compose, *files]


def _kubectl(surroundings: Surroundings) -> list[str]:
    context = ["--context", surroundings.context] if surroundings.context else []
    return ["kubectl", *context, *(["--namespace", surroundings.namespace] if surroundings.namespace else [])]


def _check_servers(scene: Scene) -> Iterator[Observation]:
    """PostgreSQL on this machine or over the network: components that are inside of nothing."""
    for name, component in scene.configuration.component.items():
        if component.inside or component.volume or not holds_postgres(component):
            continue
        words = _server_words(scene, component)
        if words is None:
            continue
        asked = ask_program(
            ("pg_isready", "--quiet", *words), environment=scene.loaded.variables, timeout_seconds=PATIENCE_SECONDS
        )
        if asked.status is None:
            yield Observation(
                check=CHECK,
                code="program-missing",
                weight=Weight.WARNING,
                template="pg_isready is not on this machine, so nobody can say whether the database answers.",
                command=install_command("pg_isready", scene.environment, is_root=scene.is_root),
            )
            return
        if not asked.is_good:
            yield Observation(
                check=CHECK,
                code="database-silent",
                weight=Weight.FAILURE,
                template="PostgreSQL, which {component} is saved from, takes no connections.",
                values={"component": f"component.{name}"},
                command=_own_restart(scene, component) or scene.root_command("systemctl", "start", "postgresql"),
            )


def _own_restart(scene: Scene, component: Component) -> str:
    """Return what the configuration starts the server with, from the stack's root; empty where it says nothing."""
    if not isinstance(component, Postgres) or component.restart is None or "{part}" in component.restart:
        return ""
    return f"cd {shlex.quote(str(scene.loaded.root))} && {component.restart}"


def _server_words(scene: Scene, component: Component) -> list[str] | None:
    """Return the options that lead ``pg_isready`` to the server; ``None`` where they are not known."""
    if isinstance(component, Postgres):
        try:
            host = _resolver(scene).resolve_words(component.host) if component.host is not None else ""
        except RebondError:
            return None
        if component.url is not None:
            return None
        port = [f"--port={component.port}"] if component.port else []
        return [*([f"--host={host}"] if host else []), *port]
    assert isinstance(component, Command)  # noqa: S101 - the caller looked
    text = component.run if isinstance(component.run, str) else shlex.join(component.run)
    found = [re.search(rf"--{option}[= ](?P<value>[\w./:-]+)", text) for option in ("host", "port")]
    words = [f"--{option}={each['value']}" for option, each in zip(("host", "port"), found, strict=True) if each]
    return words if words and found[0] else None


def _resolver(scene: Scene) -> Resolver:
    return Resolver(root=scene.loaded.root, variables=scene.loaded.variables)
