"""What a command inside a container writes, as a stream that is whole only between two marks of our own.

The clients lie: ``kubectl exec`` cuts streams and ends with 0, a terminal that somebody configured turns line ends
into others, and what stands in for a client says things of its own on standard output. So the command runs as
``printf MARK && COMMAND && printf MARK`` with a random mark. What comes before the first is not the command's; the
second comes only after all that a good command wrote. Inside there must be a shell called ``sh``.
"""

import re
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence

from rebond.errors import CommandFailed, SourceError, SourceUnfit, SourceUnreachable
from rebond.secret import Secret
from rebond.sources.channels.addresses import Address, Client
from rebond.sources.channels.clients import Inside, Surroundings, build_arguments
from rebond.sources.channels.containers import require_own_name
from rebond.sources.streams.readers import CommandReader, describe_failure

_SCRIPT = 'printf \'\\n%s\\n\' "$0" && "$@" && printf \'\\n%s\\n\' "$0"'
_MARK_BYTES = 16
_BLOCK_BYTES = 1 << 16
_SAID_BYTES = 2000  # of what comes before the first mark
_CHATTER = re.compile(  # on standard error, whatever the command does
    r'time="[^"]*" level=(?:warning|info)\b|WARN\[\d+\]|Defaulted container |Emulate Docker CLI |'
    r"[WI]\d{4} \d\d:\d\d:\d\d|>>>> Executing external compose provider"
)


def open_channel(
    address: Address,
    command: Sequence[str],
    *,
    surroundings: Surroundings,
    inside: Inside,
    environment: Mapping[str, str],
    timeout_seconds: float | None = None,
    given: Secret | None = None,
    label: str = "",
    idle_seconds: float | None = None,
    keeps_input: bool = False,
    make_mark: Callable[[], str] = lambda: "rebond-end-" + secrets.token_hex(_MARK_BYTES),
) -> "MarkedReader":
    """Begin to run ``command`` at ``address`` and return its output as a stream, without the mark.

    ``given`` is what the command gets to read; ``inside.reads_input`` has to be true for it. ``label`` is how
    messages call the command, where that is not its first word. After ``idle_seconds`` without a byte it is ended.
    With ``keeps_input`` the end of its input comes only when the reader is closed.
    Raises ``SourceUnfit`` when the client is not installed, ``SourceUnreachable`` when it would reach another
    container, ``CommandFailed`` when it cannot be started. The reader raises ``SourceUnreachable`` when nothing runs
    at ``address``, ``CommandFailed`` for the rest.
    """
    mark = make_mark()
    arguments = build_arguments(address, ("sh", "-c", _SCRIPT, mark, *command), surroundings, inside)
    client = arguments[0]
    require_client(client, address, environment)
    require_own_name(address, environment)
    reader = CommandReader(
        arguments,
        environment=environment,
        timeout_seconds=timeout_seconds,
        directory=surroundings.started_in or None,
        given=given,
        idle_seconds=idle_seconds,
        keeps_input=keeps_input,
    )
    return MarkedReader(reader, address, mark.encode(), program=label or command[0], client=client)


def require_client(client: str, address: Address, environment: Mapping[str, str]) -> None:
    """Raise ``SourceUnfit`` where the program that leads to ``address`` is not here."""
    if shutil.which(client, path=environment.get("PATH")) is None:
        raise SourceUnfit(
            "{client} is not installed here, and {address} is reached by it.",
            hint="Install it, or put it on the PATH of this run.",
            client=client,
            address=str(address),
        )


class MarkedReader:
    """A stream from which its marks are taken, and what comes before the first; without the second it is not whole."""

    def __init__(self, reader: CommandReader, address: Address, mark: bytes, *, program: str, client: str) -> None:
        self._reader = reader
        self._address = address
        self._end = b"\n" + mark + b"\n"
        self._translated_end = self._end.replace(b"\n", b"\r\n")
        self._program = program
        self._client = client
        self._held = bytearray()
        self._said = bytearray()  # before the first mark: the engines say there why nothing could be started
        self._has_begun = False
        self._is_over = False

    def readinto(self, buffer: memoryview, /) -> int:
        """Give what cannot belong to the mark any more; 0 at the end. Whoever talks with the command waits for it."""
        while not (ready := len(self._held) - self._count_doubtful()) and not self._is_over:
            block = bytearray(_BLOCK_BYTES)
            count = self._reader.readinto(memoryview(block))
            self._held += block[:count]
            if not self._has_begun:
                self._pass_chatter()
            self._is_over = count == 0
            if self._is_over and self._held.endswith(self._end):
                del self._held[-len(self._end) :]
                self._end = b""
        if self._is_over and self._end:
            return 0  # without its mark nothing more is given out; ``finish`` says why
        count = min(len(buffer), ready)
        buffer[:count] = self._held[:count]
        del self._held[:count]
        return count

    def _count_doubtful(self) -> int:
        """Return how many bytes at the end of what is held may be the mark, or its beginning."""
        if not self._has_begun:
            return len(self._held)
        if not self._end:
            return 0
        tail = bytes(self._held[-len(self._translated_end) :])
        for end in (self._translated_end, self._end):
            place = tail.find(end[:1])
            while place >= 0:
                if end.startswith(tail[place:]):
                    return len(tail) - place
                place = tail.find(end[:1], place + 1)
        return 0

    def _pass_chatter(self) -> None:
        """Let go of all up to the first mark."""
        for mark in (self._end, self._translated_end):
            if (place := self._held.find(mark)) >= 0:
                del self._held[: place + len(mark)]
                self._has_begun = True
                return
        self._said += self._held[: -len(self._translated_end)]
        del self._said[:-_SAID_BYTES]
        del self._held[: -len(self._translated_end)]

    def finish(self) -> None:
        """Judge the end: the client's status first, then the mark."""
        status = self._reader.wait()
        self._reader.check_time()
        if status:
            raise self._describe(status, self.last_words() or self._reader.last_words() or self._words_of_engine())
        if not self._end:
            return
        if self._held.endswith(self._translated_end):
            raise describe_translation(self._address, self._client, self._program)
        raise CommandFailed(
            "The stream of {program} in {address} was cut: {client} ended well, but the mark at its end is missing.",
            hint="Run the backup again. If that happens often, see whether a proxy ends connections that are idle.",
            program=self._program,
            address=str(self._address),
            client=self._client,
        )

    def feed(self, content: bytes | bytearray | memoryview, /) -> None:
        """Hand the command more to read. Raises ``BrokenPipeError`` when it reads no more."""
        self._reader.feed(content)

    def end_input(self) -> None:
        """Let the command see the end of its input; may be called twice."""
        self._reader.end_input()

    def allow_silence(self) -> None:
        """Let the command write nothing for as long as it likes."""
        self._reader.allow_silence()

    def last_words(self) -> str:
        """Return the last lines of standard error, without what clients say each time; asked after the end."""
        return drop_chatter(self._reader.last_words())

    def _words_of_engine(self) -> str:
        """Return what came on standard output before the command, if it never began: docker says there why not."""
        if self._has_begun:
            return ""
        lines = (self._said + self._held).decode(errors="replace").splitlines()
        return " | ".join([each.strip() for each in lines if each.strip()][-3:])

    def close(self) -> None:
        """End the client; what it started inside ends when it next writes."""
        self._reader.close()

    def _describe(self, status: int, words: str) -> SourceError:
        return describe_end(self._address, self._client, self._program, status, words, has_begun=self._has_begun)


def drop_chatter(words: str) -> str:
    """Return what came on standard error without what clients say each time."""
    return " | ".join(each for each in words.split(" | ") if not _CHATTER.match(each))


def describe_translation(address: Address, client: str, program: str) -> CommandFailed:
    """Return the error for a client that makes other line ends of those that were written."""
    return CommandFailed(
        "{client} translated the line ends of what {program} wrote in {address}: it is not what was written.",
        hint="Do not let it make a terminal (tty: true, or an alias with -t); then run the backup again.",
        client=client,
        program=program,
        address=str(address),
    )


def describe_end(
    address: Address, client: str, program: str, status: int, words: str, *, has_begun: bool
) -> SourceError:
    """Return the error for a client that ended with another status than 0; ``words`` are its last ones."""
    if status == 1 and not words and not has_begun:  # so ends docker-compose 1.29 where no service runs
        return SourceUnreachable(
            "{address} cannot be reached by {client}, which says nothing of why.",
            hint="See whether it runs, and whether you may use it: {client} must work from the same account.",
            address=str(address),
            client=client,
        )
    if is_unreachable(address.client, status, words):
        return SourceUnreachable(
            "{address} cannot be reached by {client}: {words}",
            hint="See whether it runs, and whether you may use it: {client} must work from the same account.",
            address=str(address),
            client=client,
            words=words,
        )
    if status in (126, 127):
        return CommandFailed(
            "{program} cannot be run in {address}: {words}",
            hint="Check that the image holds it, and a shell called sh.",
            program=program,
            address=str(address),
            words=words,
        )
    if status == 137:
        return CommandFailed(
            "{program} was killed in {address} (status 137): its container was stopped, or memory ran out. {words}",
            hint="'{command}' says which; then run it again, or give it more memory.",
            command=_WATCHING[address.client],
            program=program,
            address=str(address),
            words=words,
        )
    return describe_failure(f"{program} ({address})", status, words)


_WATCHING = {  # what tells afterwards why a program was killed
    Client.COMPOSE: "docker events --since 1h",
    Client.DOCKER: "docker events --since 1h",
    Client.PODMAN: "podman events --since 1h",
    Client.KUBERNETES: "kubectl describe pod",
}
_ABSENT = (
    "no such container",
    "no such service",
    "is not running",
    "cannot exec in a stopped",
    "error executing setns process",
    "write init-p: broken pipe",
    "unable to upgrade to tcp",
    "error while fetching server api version",
    "couldn't connect to docker daemon",
    "is paused, unpause",
    "is restarting, wait",
    "no container found",
    "no container with name or id",
    "container state improper",
    "cannot connect to the docker daemon",
    "failed to connect to the docker api",
    "error during connect",
    "permission denied while trying to connect",
    "error from server",
    "unable to connect to the server",
    "the connection to the server",
    "error: timed out waiting",
    "unable to upgrade connection",
    "cannot exec into a container in a completed pod",
    "container not found",
    "no configuration file provided",
)
_OF_CLIENTS = (1, 14, 125, 126, 255)  # 14 is compose without its files, 126 an engine whose container ends just then


def is_unreachable(client: Client, status: int, words: str) -> bool:
    """Say whether a client failed before the command could run, by its status and its words."""
    if client in (Client.DOCKER, Client.PODMAN) and status == 125:
        return True
    lower = words.lower()
    return status in _OF_CLIENTS and any(each in lower for each in _ABSENT)
