"""Where a stream comes from: read once, and whole only when whoever wrote it says so."""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from rebond.errors import CommandFailed, SourceError
from rebond.secret import Secret
from rebond.subprocesses import RunningCommand

_FEED_SECONDS = 3600.0
OWN_SECRETS = frozenset({"REBOND_PASSPHRASE", "REBOND_NEW_PASSPHRASE"})  # no program of a user's needs these


class StreamReader(Protocol):
    """A stream being read once, from its start to its end."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` as far as something is there; 0 at the end. Raises ``SourceError`` or ``OSError``."""
        ...

    def finish(self) -> None:
        """Judge the stream after its end. Raises ``SourceError`` when it is not whole."""
        ...

    def close(self) -> None:
        """Give everything back, and end what still writes; may be called twice and at any time."""
        ...


OpenReader = Callable[[], StreamReader]


class FedReader(StreamReader, Protocol):
    """The output of a program that is handed more to read while it runs."""

    def feed(self, content: bytes | bytearray | memoryview, /) -> None:
        """Hand it all of ``content``. Raises ``BrokenPipeError`` when it reads no more: ``finish`` then says why."""
        ...

    def end_input(self) -> None:
        """Let it see the end of its input; may be called twice."""
        ...

    def allow_silence(self) -> None:
        """Let it write nothing for as long as it likes: it works, and has little to say."""
        ...


class DescriptorReader:
    """What comes through a descriptor that somebody else opened, such as standard input.

    Its end says nothing of whether the writer had finished.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what is there. Raises ``SourceError``."""
        try:
            return os.readv(self._descriptor, [buffer])
        except OSError as error:
            raise SourceError(
                "Standard input could not be read: {reason}.",
                hint="Give the command something to read: PROGRAM | rebond backup --stdin NAME.",
                reason=error.strerror or str(error),
            ) from error

    def finish(self) -> None:
        """Nothing more is known of it."""

    def close(self) -> None:
        """Leave it open: it is not ours."""


class CommandReader:
    """What a program writes to its standard output; whole only when the program ends with status 0.

    It gets our environment without our secrets, and nothing to read but ``given``. After ``timeout_seconds`` it is
    ended, and the stream is not whole. It starts in ``directory`` and as ``user``, or else in and as our own.
    Raises ``CommandFailed`` when it cannot be started.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        timeout_seconds: float | None = None,
        directory: str | None = None,
        user: str | None = None,
        given: Secret | None = None,
        label: str = "",
        idle_seconds: float | None = None,
        keeps_input: bool = False,
    ) -> None:
        """Begin to run it; with ``keeps_input`` the end of its input comes only when it is closed here.

        ``label`` is how messages call it, where that is not the first of the arguments. When it writes nothing for
        ``idle_seconds`` it is ended, and the stream is not whole: a connection may be lost without anybody's word.
        """
        self._idle_seconds = idle_seconds
        self._is_silence_allowed = False
        kept = {name: text for name, text in environment.items() if name not in OWN_SECRETS}
        self._timeout_seconds = timeout_seconds
        self._command = RunningCommand(
            arguments, environment=kept, directory=directory, user=user, given=given, keeps_input=keeps_input
        )
        self._command.program = label or self._command.program
        if timeout_seconds is not None:
            self._command.end_after(timeout_seconds)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._command.pid

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what it wrote next. Raises ``CommandFailed`` when that does not come for too long."""
        is_judged = self._idle_seconds is not None and not self._is_silence_allowed
        if is_judged and not self._command.has_output(self._idle_seconds or 0):
            self.close()
            raise CommandFailed(
                "{program} wrote nothing for {seconds} s and was ended, so what it wrote before is not saved.",
                hint="See what it waits for: a lock, or a connection that is lost; then try again.",
                program=self._command.program,
                seconds=round(self._idle_seconds or 0),
            )
        return self._command.readinto(buffer)

    def feed(self, content: bytes | bytearray | memoryview, /) -> None:
        """Hand it more to read. Raises ``BrokenPipeError`` when it reads no more, ``CommandFailed`` when it hangs."""
        try:
            self._command.feed(content, seconds=self._idle_seconds or _FEED_SECONDS)
        except TimeoutError:
            self.close()
            raise CommandFailed(
                "{program} took nothing of its input for {seconds} s and was ended.",
                hint="See what it waits for: a lock, or a connection that is lost; then try again.",
                program=self._command.program,
                seconds=round(self._idle_seconds or _FEED_SECONDS),
            ) from None

    def end_input(self) -> None:
        """Let it see the end of its input; may be called twice."""
        self._command.end_input()

    def allow_silence(self) -> None:
        """Let it write nothing for as long as it likes; what it is fed has to be taken as before."""
        self._is_silence_allowed = True

    def finish(self) -> None:
        """Wait for its end. Raises ``CommandFailed`` with its last words."""
        status = self.wait()
        self.check_time()
        if status:
            raise describe_failure(self._command.program, status, self.last_words())

    def wait(self) -> int:
        """Wait for its end; return its exit status, or minus the number of a signal."""
        return self._command.wait()

    def check_time(self) -> None:
        """Raise ``CommandFailed`` when it was ended because it took too long."""
        if self._command.took_too_long:
            raise CommandFailed(
                "{program} took longer than {seconds} s and was ended, so what it wrote is not saved.",
                hint="See what it waits for, or give it more time.",
                program=self._command.program,
                seconds=self._timeout_seconds,
            )

    def last_words(self) -> str:
        """Return the last lines of its standard error."""
        return self._command.last_words()

    def close(self) -> None:
        """End it if it still runs."""
        self._command.end()


def describe_failure(program: str, status: int, words: str) -> CommandFailed:
    """Return the error for a program that ended with another status than 0, or by a signal."""
    if status < 0 and words:
        return CommandFailed(
            "{program} was ended by {signal}, so what it wrote is not saved. Its last words: {words}",
            hint="Mend what it says, or run it by hand to see why; then run the same command again.",
            program=program,
            signal=name_signal(-status),
            words=words,
        )
    if status < 0:
        return CommandFailed(
            "{program} was ended by {signal}, so what it wrote is not saved.",
            hint="Mend what it says, or run it by hand to see why; then run the same command again.",
            program=program,
            signal=name_signal(-status),
        )
    if words:
        return CommandFailed(
            "{program} failed with status {status}, so what it wrote is not saved. Its last words: {words}",
            hint="Mend what it says, or run it by hand to see why; then run the same command again.",
            program=program,
            status=status,
            words=words,
        )
    return CommandFailed(
        "{program} failed with status {status} and said nothing; what it wrote is not saved.",
        hint="Mend what it says, or run it by hand to see why; then run the same command again.",
        program=program,
        status=status,
    )


def name_signal(number: int) -> str:
    """Return the name of a signal, such as SIGKILL."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
