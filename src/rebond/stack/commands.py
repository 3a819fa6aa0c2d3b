"""Components of kind ``command``: what a command writes, on this machine or inside a container, as a tree."""

from collections.abc import Callable

from rebond.clock import SystemClock
from rebond.config.components import Command
from rebond.config.model import Loaded
from rebond.config.references import Text
from rebond.config.resolving import Resolver
from rebond.config.steps import Run
from rebond.entries import Tree
from rebond.errors import CommandFailed, UsageError
from rebond.sources.channels.clients import Inside
from rebond.sources.channels.reading import open_channel
from rebond.sources.streams.judging import Expectation
from rebond.sources.streams.readers import CommandReader, StreamReader
from rebond.sources.streams.shells import loses_failures, wrap_script, wrap_script_inside
from rebond.sources.streams.tree import StreamTree
from rebond.stack.file_trees import Report
from rebond.stack.surroundings import describe_surroundings
from rebond.stack.whereabouts import place_of

_LENGTH_BYTES = 100  # more than a number has
_LENGTH_SECONDS = 300


class ConfiguredCommand:
    """One component, ready to be run. The file in its tree has the component's name.

    The command gets the environment with the variables of the stack's `env` files, and starts in the stack's root; in
    a container it starts where that says, or in the folder of the volume that led to it.
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
        place = place_of(self._component, self._loaded)
        if place.address is None:
            return CommandReader(
                self._words_here(run),
                environment=environment,
                timeout_seconds=timeout_seconds,
                directory=str(self._loaded.root),
                user=user or None,
            )
        return open_channel(
            place.address,
            wrap_script_inside(run) if isinstance(run, str) else run,
            surroundings=describe_surroundings(self._loaded, self._resolver, place.address),
            inside=Inside(user=user, directory=place.directory),
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
