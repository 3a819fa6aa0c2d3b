"""Components of kind ``command``: what a command writes, on this machine or inside a container, as a tree."""

from collections.abc import Callable

from rebond.clock import SystemClock
from rebond.config.components import Command
from rebond.config.model import Loaded
from rebond.config.quantities import Inside as Place
from rebond.config.references import Text
from rebond.config.resolving import Resolver
from rebond.config.steps import Run
from rebond.entries import Tree
from rebond.errors import CommandFailed, UsageError
from rebond.sources.channels.addresses import Address, Client, parse_address
from rebond.sources.channels.clients import DOCKER_COMPOSE, Inside, Surroundings
from rebond.sources.channels.compose import find_compose
from rebond.sources.channels.reading import open_channel
from rebond.sources.streams.judging import Expectation
from rebond.sources.streams.readers import CommandReader, StreamReader
from rebond.sources.streams.shells import loses_failures, wrap_script, wrap_script_inside
from rebond.sources.streams.tree import StreamTree
from rebond.stack.file_trees import Report

_LENGTH_BYTES = 100  # more than a number has
_LENGTH_SECONDS = 300


class ConfiguredCommand:
    """One component, ready to be run. The file in its tree has the component's name.

    The command gets the environment with the variables of the stack's `env` files, and starts in the stack's root.
    """

    root = b""  # read whole at each run: there is no tree of files to compare with
    exclusions: tuple[str, ...] = ()

    def __init__(self, name: str, component: Command, loaded: Loaded) -> None:
        self._name = name
        self._component = component
        self._loaded = loaded
        self._resolver = Resolver(root=loaded.root, variables=loaded.variables)

    def open_tree(self, _report: Report) -> Tree:
        """Return the tree; the command starts when its file is opened. Raises ``SourceError`` and ``ConfigError``."""
        component = self._component
        expected = Expectation(
            mark=(component.end_mark or "").encode(),
            size_bytes=self._ask_length() if component.length else None,
            allows_empty=component.allow_empty,
        )
        return StreamTree(
            self._name.encode(),
            lambda: self._open(component.run, component.timeout),
            began_ns=SystemClock().now_ms() * 1_000_000,
            expected=expected,
        )

    def _open(self, run: Run, timeout_seconds: float | None) -> StreamReader:
        user = self._words_of(self._component.user)
        environment = dict(self._loaded.variables)
        if self._component.inside is None:
            return CommandReader(
                self._words_here(run),
                environment=environment,
                timeout_seconds=timeout_seconds,
                directory=str(self._loaded.root),
                user=user or None,
            )
        address = address_of(self._component.inside)
        return open_channel(
            address,
            wrap_script_inside(run) if isinstance(run, str) else run,
            surroundings=describe_surroundings(self._loaded, self._resolver, address),
            inside=Inside(user=user),
            environment=environment,
            timeout_seconds=timeout_seconds,
        )

    def _words_here(self, run: Run) -> tuple[str, ...]:
        if isinstance(run, str):
            return wrap_script(run, self._loaded.variables)
        if loses_failures(run):
            raise UsageError(
                "The command of the component {component} is a pipeline in which a failure could go unseen.",
                hint="Write it as text instead of a list, or add -o pipefail.",
                component=self._name,
            )
        return run

    def _ask_length(self) -> int:
        """Return how many bytes are declared. Raises ``CommandFailed``."""
        assert self._component.length is not None  # noqa: S101 - the caller looked
        output = read_short(lambda: self._open(self._component.length or (), _LENGTH_SECONDS))
        try:
            return int(output)
        except ValueError:
            raise CommandFailed(
                "The command for the length of {component} did not print a number of bytes.",
                hint="It has to print one number and nothing else.",
                component=self._name,
            ) from None

    def _words_of(self, text: Text | None) -> str:
        return self._resolver.resolve_words(text) if text is not None else ""


def read_short(open_reader: Callable[[], StreamReader]) -> bytes:
    """Return the first hundred bytes of a stream, which has to end well. Raises ``SourceError``."""
    reader = open_reader()
    try:
        output = b""
        block = memoryview(bytearray(4096))
        while count := reader.readinto(block):
            output = (output + bytes(block[:count]))[:_LENGTH_BYTES]
        reader.finish()
    finally:
        reader.close()
    return output


def address_of(place: Place) -> Address:
    """Return the address that the configuration means."""
    return parse_address(f"{place.engine}:{place.name}")


def describe_surroundings(loaded: Loaded, resolver: Resolver, address: Address) -> Surroundings:
    """Return what the clients have to be told of the stack. Raises ``SourceUnfit`` where compose is missing."""
    stack = loaded.configuration.stack
    cluster = stack.kubernetes
    return Surroundings(
        compose=find_compose(loaded.variables) if address.client is Client.COMPOSE else DOCKER_COMPOSE,
        compose_files=tuple(str(loaded.root / each) for each in stack.compose),
        context=resolver.resolve_words(cluster.context) if cluster and cluster.context else "",
        namespace=resolver.resolve_words(cluster.namespace) if cluster and cluster.namespace else "",
    )
