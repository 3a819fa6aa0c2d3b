"""Where the programs of a component run: on this machine, or inside what it names with ``in`` or ``volume``."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from msgspec import Struct

from rebond.config.components import Component
from rebond.config.model import Loaded
from rebond.config.references import Text
from rebond.config.resolving import Resolver
from rebond.errors import CommandFailed, SourceError, SourceUnfit, SourceUnreachable, UsageError
from rebond.secret import Secret
from rebond.sources.channels.addresses import Address, Client
from rebond.sources.channels.clients import Inside, compose_words
from rebond.sources.channels.inspecting import inspect_containers
from rebond.sources.channels.joining import Joined, Target, open_joined
from rebond.sources.channels.reading import open_channel
from rebond.sources.channels.volumes import PROJECT, Volume, find_far_engine, find_mount, find_only_mount, find_volume
from rebond.sources.streams.readers import CommandReader, FedReader
from rebond.sources.streams.whole_output import read_output
from rebond.stack.client_words import drop_noise, reaches_nothing
from rebond.stack.surroundings import address_of, describe_surroundings

_ASK_SECONDS = 120.0
_CLIENTS = ("docker", "docker-compose", "podman", "kubectl")
_PLAIN_CLIENTS = frozenset({"docker", "podman", "kubectl"})
_IDLE_SECONDS = 3600.0  # a server may gather its dump for long before its first byte
_HEARD: ContextVar[dict[tuple[str, ...], Any] | None] = ContextVar("heard", default=None)
_LIST = 'find -L "$1" -type f -exec printf "%s\\\\0" {} +'


class Place(Struct, frozen=True, kw_only=True):
    """Somewhere that a program can run: ``address`` is ``None`` for this machine.

    ``directory`` is where it starts inside; empty is the container's own.
    """

    loaded: Loaded
    address: Address | None = None
    user: str = ""
    directory: str = ""

    def __str__(self) -> str:
        return str(self.address) if self.address else "localhost"

    @property
    def is_own(self) -> bool:
        """Whether what a program there reaches is what this process itself reaches, by the same settings of libpq."""
        return (
            self.address is None and not self.user and _settings_of(self.loaded.variables) == _settings_of(os.environ)
        )

    def open(
        self,
        words: Sequence[str],
        *,
        given: Secret | None = None,
        seconds: float | None = None,
        label: str = "",
        keeps_input: bool = False,
    ) -> FedReader:
        """Begin to run a command; its output is whole only when it, and the way to it, end well.

        ``given`` is what it gets to read, and with ``keeps_input`` the end of that comes only when it is closed;
        ``label`` how messages call it, where that is not its first word.
        """
        with looking_up():
            return self._open(words, given, seconds, label, keeps_input)

    def _open(
        self, words: Sequence[str], given: Secret | None, seconds: float | None, label: str, keeps_input: bool
    ) -> FedReader:
        if self.address is None:
            return CommandReader(
                words,
                environment=self.loaded.variables,
                timeout_seconds=seconds,
                directory=None if _is_plain_client(words) else str(self.loaded.root),
                user=self.user or None,
                given=given,
                label=label,
                idle_seconds=_IDLE_SECONDS,
                keeps_input=keeps_input,
            )
        return open_channel(
            self.address,
            words,
            surroundings=describe_surroundings(self.loaded, resolver_of(self.loaded), self.address),
            inside=Inside(user=self.user, directory=self.directory, reads_input=given is not None),
            environment=self.loaded.variables,
            timeout_seconds=seconds,
            given=given,
            label=label,
            idle_seconds=_IDLE_SECONDS,
            keeps_input=keeps_input,
        )

    def join(self, way: str, target: Target) -> Joined:
        """Begin to join a socket inside to this process; see ``find_joiner`` for ``way``. Only where it has an address.

        Raises ``SourceError``.
        """
        assert self.address is not None  # noqa: S101 - on this machine nothing is to be joined
        with looking_up():
            return open_joined(
                self.address,
                way,
                target,
                surroundings=describe_surroundings(self.loaded, resolver_of(self.loaded), self.address),
                inside=Inside(user=self.user, directory=self.directory, reads_input=True),
                environment=self.loaded.variables,
            )

    def ask(self, words: Sequence[str]) -> bytes:
        """Return all that a command answers. Raises ``SourceError``."""
        heard, key = _HEARD.get(), (str(self), *words)
        if heard is None:
            return self._ask(words)
        if key not in heard:
            heard[key] = self._ask(words)
        found: bytes = heard[key]
        return found

    def _ask(self, words: Sequence[str]) -> bytes:
        try:
            return read_output(lambda: self.open(words, seconds=_ASK_SECONDS), program=words[0])
        except CommandFailed as error:
            said = str(error.values.get("words", ""))
            if self.address is None and words[0] in _CLIENTS and reaches_nothing(said):
                raise SourceUnreachable(
                    "{client} does not reach what it asks: {words}",
                    hint="See whether it runs, and whether you may use it: {client} must work from the same account.",
                    client=words[0],
                    words=drop_noise(said),
                ) from error
            raise

    def list_files(self, folder: bytes) -> list[bytes]:
        """Return the paths of all files below a folder there."""
        found = self.ask(["sh", "-c", _LIST, "sh", os.fsdecode(folder)])
        return sorted(each for each in found.split(b"\0") if each)


@contextlib.contextmanager
def asking_each_once() -> Iterator[None]:
    """Let an engine be asked the same only once in the block: nothing may change there meanwhile."""
    token = _HEARD.set({})
    try:
        yield
    finally:
        _HEARD.reset(token)


def _is_plain_client(words: Sequence[str]) -> bool:
    """Say whether a command is a client that needs no folder to start in; compose looks for its files there."""
    return words[0] in _PLAIN_CLIENTS and "compose" not in words[1:2]


def _settings_of(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in variables.items() if name.startswith("PG")}


@contextlib.contextmanager
def looking_up() -> Iterator[None]:
    """Make what a reference lacks (a variable, a file, a library) the fault of the component that needs it.

    So the others are saved where a partial snapshot is allowed.
    """
    try:
        yield
    except UsageError as error:
        raise SourceUnfit(error.template, hint=error.hint_template, **error.values) from error


def resolver_of(loaded: Loaded) -> Resolver:
    """Return what looks up the references of a configuration."""
    return Resolver(root=loaded.root, variables=loaded.variables)


def place_of(component: Component, loaded: Loaded) -> Place:
    """Return where the programs of a component run.

    Those of a volume run in the one running container that has it, and start in its folder there. Raises
    ``SourceError`` when there is none, or could be several.
    """
    if component.volume is None:
        return Place(loaded=loaded, address=address_of(component.inside) if component.inside else None)
    volume, client, here = find_named_volume(component.volume, loaded)
    mount = find_only_mount(volume, client, here.ask)
    return Place(loaded=loaded, address=Address(client=Client(client), name=mount.container), directory=mount.path)


def find_folder(component: Component, loaded: Loaded) -> tuple[Place, bytes]:
    """Return where the paths of a component are: a place, and the folder in it that relative paths start at.

    Of a volume it is the folder on this machine, where that may be read, else one in a running container. Empty
    is the place's own. Raises ``SourceError``.
    """
    if component.volume is None:
        return place_of(component, loaded), b""
    volume, client, here = find_named_volume(component.volume, loaded)
    far = find_far_engine(client, loaded.variables, here.ask)
    if volume.mountpoint and _may_read(volume.mountpoint) and not far:
        return here, os.fsencode(volume.mountpoint)
    mount = find_mount(volume, client, here.ask, far)
    return Place(loaded=loaded, address=Address(client=Client(client), name=mount.container)), os.fsencode(mount.path)


def find_named_volume(named: Text, loaded: Loaded) -> tuple[Volume, str, Place]:
    """Return a volume, the engine that has it, and this machine. Raises ``SourceError``."""
    here, client = Place(loaded=loaded), find_engine(loaded)
    return find_volume(resolver_of(loaded).resolve_words(named), client, find_project(loaded), here.ask), client, here


def find_engine(loaded: Loaded) -> str:
    """Return docker, or podman where there is no docker, or the stack names podman alone. Raises ``SourceUnfit``."""
    named = {each.inside.engine for each in loaded.configuration.component.values() if each.inside}
    is_podmans = Client.PODMAN in named and not named & {Client.DOCKER, Client.COMPOSE}
    for each in (Client.PODMAN, Client.DOCKER) if is_podmans else (Client.DOCKER, Client.PODMAN):
        if shutil.which(each.value, path=loaded.variables.get("PATH")):
            return each.value
    raise SourceUnfit(
        "Neither docker nor podman is installed here.",
        hint="Install one, or put it on the PATH of this run.",
    )


def list_compose_words(loaded: Loaded) -> tuple[str, ...]:
    """Return the words that call compose for this stack. Raises ``SourceUnfit`` when compose is missing."""
    heard, key = _HEARD.get(), ("compose",)
    if heard is not None and key in heard:
        found: tuple[str, ...] = heard[key]
        return found
    address = Address(client=Client.COMPOSE, name="any")
    words = compose_words(describe_surroundings(loaded, resolver_of(loaded), address))
    if heard is not None:
        heard[key] = words
    return words


def find_project(loaded: Loaded) -> str:
    """Return the name of the compose project; empty where the stack names no file, or compose cannot tell."""
    named = loaded.variables.get("COMPOSE_PROJECT_NAME", "")
    if named or not loaded.configuration.stack.compose:
        return named
    try:
        words = (*list_compose_words(loaded), "config")
        text = Place(loaded=loaded).ask(words).decode(errors="replace")
    except (SourceUnfit, CommandFailed):
        return ""  # then the volume has to be the only one of its name
    first = next((line for line in text.splitlines() if line.startswith("name:")), "")
    return first.partition(":")[2].strip().strip("'\"") or _ask_for_project(loaded)


def _ask_for_project(loaded: Loaded) -> str:
    """Return what the containers of the stack are marked with: compose 1.29 says no name of its own."""
    here = Place(loaded=loaded)
    try:
        containers = here.ask((*list_compose_words(loaded), "ps", "--all", "--quiet")).decode().split()
        found = inspect_containers(find_engine(loaded), containers[:1], here.ask)
    except SourceError:
        return ""
    return next((str(((each.get("Config") or {}).get("Labels") or {}).get(PROJECT) or "") for each in found), "")


def words_of(text: Text | None, loaded: Loaded) -> str:
    """Return what a text is or refers to; empty for none."""
    return resolver_of(loaded).resolve_words(text) if text is not None else ""


def secret_of(text: Text | None, loaded: Loaded) -> Secret | None:
    """Return what a reference to a secret refers to."""
    return resolver_of(loaded).resolve(text) if text is not None else None


def _may_read(folder: str) -> bool:
    return os.path.isdir(folder) and os.access(folder, os.R_OK | os.X_OK)
