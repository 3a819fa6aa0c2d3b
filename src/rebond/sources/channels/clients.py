"""The exact arguments of docker, compose, podman and kubectl that run a command inside something."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from rebond.errors import UsageError
from rebond.sources.channels.addresses import Address, Client

DOCKER_COMPOSE = ("docker", "compose")
OLD_DOCKER_COMPOSE = ("docker-compose",)


class Surroundings(Struct, frozen=True, kw_only=True):
    """What the clients have to be told of the stack, besides the address.

    ``compose`` is how compose is called here (see ``find_compose``). Empty means: what the client itself
    would take. ``started_in`` is the folder where the client is started: compose looks there for what it is not told.
    """

    compose: tuple[str, ...] = DOCKER_COMPOSE
    compose_files: tuple[str, ...] = ()
    compose_project: str = ""
    project_directory: str = ""
    context: str = ""
    namespace: str = ""
    started_in: str = ""


class Inside(Struct, frozen=True, kw_only=True):
    """How a command runs inside. ``variables`` are passed by name and value, and seen in the list of processes.

    ``reads_input`` keeps standard input open to the command.
    """

    user: str = ""
    directory: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    reads_input: bool = False


def build_arguments(
    address: Address, command: Sequence[str], surroundings: Surroundings, inside: Inside
) -> tuple[str, ...]:
    """Return the arguments that run ``command`` at ``address``, without a terminal: the client's name first.

    Raises ``UsageError`` for what a client cannot do.
    """
    match address.client:
        case Client.COMPOSE:
            return (*compose_words(surroundings), "exec", "-T", *_options(inside), address.name, *command)
        case Client.DOCKER | Client.PODMAN:
            keeps_input = ("--interactive",) if inside.reads_input else ()
            return (address.client.value, "exec", *keeps_input, *_options(inside), address.name, *command)
        case Client.KUBERNETES:
            return _kubectl(address, command, surroundings, inside)


def compose_words(surroundings: Surroundings) -> tuple[str, ...]:
    """Return the words that call compose for a stack; a verb of compose follows."""
    words = [*surroundings.compose]
    for file in surroundings.compose_files:
        words += ["--file", file]
    if surroundings.project_directory:
        words += ["--project-directory", surroundings.project_directory]
    if surroundings.compose_project:
        words += ["--project-name", surroundings.compose_project]
    return tuple(words)


def _options(inside: Inside) -> tuple[str, ...]:
    words: list[str] = []
    if inside.user:
        words += ["--user", inside.user]
    if inside.directory:
        words += ["--workdir", inside.directory]
    for name, text in inside.variables.items():
        words += ["--env", f"{name}={text}"]
    return tuple(words)


def _kubectl(address: Address, command: Sequence[str], surroundings: Surroundings, inside: Inside) -> tuple[str, ...]:
    if inside.user:
        raise UsageError(
            "kubectl cannot run a command as another user: {user}.",
            hint="Take 'user' out for {address}; let the command itself change the user, for instance with su.",
            user=inside.user,
            address=str(address),
        )
    words = ["kubectl"]
    if surroundings.context:
        words += ["--context", surroundings.context]
    if surroundings.namespace:
        words += ["--namespace", surroundings.namespace]
    words += ["exec", *(["--stdin"] if inside.reads_input else []), f"{address.kind}/{address.name}"]
    if address.container:
        words += ["--container", address.container]
    inner = [*command]
    if inside.variables:
        inner = ["env", *(f"{name}={text}" for name, text in inside.variables.items()), *inner]
    if inside.directory:
        inner = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", inside.directory, *inner]
    return (*words, "--", *inner)
