"""The one door to other programs."""

import contextlib
import fcntl
import os
import pwd
import select
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import IO, TypedDict

from rebond.errors import CommandFailed
from rebond.interruptions import Interruptions
from rebond.secret import Secret

_WORDS_BYTES = 4096  # of standard error that are kept
_WORDS_LINES = 8  # an error of the server, as psql tells it, has as many
_GRACE_SECONDS = 5.0  # between asking a program to end and making it
_LOOK_EVERY_SECONDS = 0.01
_PIPE_BYTES = 65536
_WIDE_PIPE_BYTES = 1 << 20  # what a user may ask the system for: fewer turns between two programs that stream


def run_for_secret(command: str, *, environment: Mapping[str, str], timeout_seconds: float = 120) -> Secret:
    """Run a shell command and return the first line that it prints, as a secret.

    Standard error and the terminal stay its own, so that it can ask. What is piped into us is not its: it could be
    what we are to save. Raises ``CommandFailed`` when it cannot start, fails, takes too long or prints nothing; what
    it printed is in no message.
    """
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=dict(environment),
            stdin=None if os.isatty(0) else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(
            "The command for the passphrase took longer than {seconds} s.",
            hint="Run it by hand to see what it waits for: {command}",
            seconds=round(timeout_seconds),
            command=command,
        ) from None
    if done.returncode != 0:
        raise CommandFailed(
            "The command for the passphrase failed with status {status}.",
            hint="Run it by hand to see why: {command}",
            status=done.returncode,
            command=command,
        )
    lines: Sequence[bytes] = done.stdout.splitlines()
    if not lines or not lines[0]:
        raise CommandFailed(
            "The command for the passphrase printed nothing.",
            hint="It has to print the passphrase on its first line: {command}",
            command=command,
        )
    return Secret(lines[0])


class _Becoming(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _fill_pipe(given: Secret) -> tuple[int, int]:
    """Return both ends of a pipe that holds all of ``given``, that to read first: at most what a pipe takes, 64 KiB."""
    content = given.reveal()
    if len(content) > _PIPE_BYTES:
        raise CommandFailed(
            "What is to be handed to a program is longer than {count} bytes.",
            hint="Shorten it.",
            count=_PIPE_BYTES,
        )
    source, sink = os.pipe()
    os.write(sink, content)
    return source, sink


def _become(user: str | None) -> _Becoming:
    """Return what makes a new process another user's; raises ``KeyError`` when there is none of that name."""
    if user is None:
        return {}
    known = pwd.getpwnam(user)
    if known.pw_uid == os.geteuid():
        return {}
    groups = os.getgrouplist(user, known.pw_gid)
    return {"user": known.pw_uid, "group": known.pw_gid, "extra_groups": groups}


def _start(
    arguments: Sequence[str],
    source: int,
    *,
    environment: Mapping[str, str],
    directory: str | None,
    user: str | None,
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(arguments),
            env=dict(environment),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
            cwd=directory,
            **_become(user),
        )
    except KeyError:
        raise CommandFailed(
            "{program} could not be started: there is no user {user} here.",
            hint="Check the name.",
            program=arguments[0],
            user=user,
        ) from None
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        if directory is not None and not os.path.isdir(directory):
            raise CommandFailed(
                "{program} could not be started in {directory}, which is no directory here.",
                hint="Make it, or bring it back first; or check how it is written.",
                program=arguments[0],
                directory=directory,
            ) from None
        raise CommandFailed(
            "{program} could not be started: {reason}.",
            hint="Check how it is written, that it is installed, and that it is on the PATH of this run.",
            program=arguments[0],
            reason=getattr(error, "strerror", None) or str(error),
        ) from None


class RunningCommand:
    """A program that runs beside us: its standard output is read once, its last words are kept.

    Its standard input is empty, or a few bytes that are handed to it: for secrets, which have no place among the
    arguments. It leads a session of its own: what is typed at our terminal reaches
    us only, it cannot ask there, and what it started ends with it. Raises ``CommandFailed`` when it
    cannot be started.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: str | None = None,
        user: str | None = None,
        given: Secret | None = None,
        keeps_input: bool = False,
    ) -> None:
        """Start it in ``directory``, as ``user``, or else in and as our own; ``given`` is all of its input.

        With ``keeps_input`` the end of its input comes only when it is ended here, or when this process is gone.
        """
        self.program = arguments[0]
        self._words = b""
        self._is_over = False
        self._listener = threading.Thread(target=self._listen, name="standard error", daemon=True)
        self._reading = threading.Lock()  # held by who reads: what is closed under him may be another file's by then
        self._feeding = threading.Lock()  # held by who writes, for the same reason
        self._timer: threading.Timer | None = None
        self.took_too_long = False
        self._sink: int | None
        source, self._sink = _fill_pipe(given) if given is not None else (subprocess.DEVNULL, None)
        if not keeps_input:
            self._close_input()
        interruptions = Interruptions()
        try:
            self._process = _start(arguments, source, environment=environment, directory=directory, user=user)
        except BaseException:
            self._close_input()
            interruptions.let_through()
            raise
        finally:
            if source != subprocess.DEVNULL:
                os.close(source)
        self.pid = self._process.pid
        try:
            self._widen(self._process.stdout)
            self._listener.start()
            interruptions.let_through()
        except BaseException:
            interruptions.let_through()
            self.end()
            raise

    def end_after(self, seconds: float) -> None:
        """Let it be ended when it still runs after so long; ``took_too_long`` then says so. To be called once."""
        self._timer = threading.Timer(seconds, self._end_late)
        self._timer.daemon = True
        self._timer.start()

    def has_output(self, seconds: float) -> bool:
        """Wait for output, or its end, but no longer than so many seconds; say whether there is something to read."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        with self._reading:
            if self._process.stdout.closed:
                return True
            poll = select.poll()
            poll.register(self._process.stdout.fileno(), select.POLLIN)
            has_some = bool(poll.poll(seconds * 1000))
            if self._is_over:  # it was left open for us
                self._process.stdout.close()
            return has_some

    def readinto(self, buffer: memoryview) -> int:
        """Read what it wrote next; 0 when it, and all that it started, closed their standard output.

        Also 0 some time after ``end``, which another thread may call meanwhile.
        """
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        with self._reading:
            if self._process.stdout.closed:
                return 0
            count: int = self._process.stdout.readinto(buffer)  # type: ignore[attr-defined]
            if self._is_over:  # it was left open for us
                self._process.stdout.close()
            return count

    def feed(self, content: bytes | bytearray | memoryview, *, seconds: float) -> None:
        """Write all of ``content`` to its input; to be called only with ``keeps_input``.

        Raises ``BrokenPipeError`` when it reads no more, also because another thread called ``end`` meanwhile, and
        ``TimeoutError`` when it takes nothing for so long.
        """
        rest = memoryview(content).cast("B")
        with self._feeding:
            if self._sink is None or self._is_over:
                raise BrokenPipeError
            os.set_blocking(self._sink, False)
            poll = select.poll()
            poll.register(self._sink, select.POLLOUT)
            try:
                while rest:
                    try:
                        rest = rest[os.write(self._sink, rest) :]
                    except BlockingIOError:
                        if not poll.poll(seconds * 1000):
                            raise TimeoutError from None
            finally:
                self._drop_input()

    def _drop_input(self) -> None:
        if self._is_over and self._sink is not None:  # it was left open for who feeds it
            sink, self._sink = self._sink, None
            os.close(sink)

    def end_input(self) -> None:
        """Let it see the end of its input, once all that is being fed is written; may be called twice."""
        self._close_input()

    def has_ended(self) -> bool:
        """Say whether it has come to its end by itself; nothing is waited for."""
        return self._process.returncode is not None or self._has_ended()

    def wait(self) -> int:
        """Wait until it has ended; return its exit status, or minus the number of the signal that ended it."""
        status = self._process.wait()
        if self._timer is not None:
            self._timer.cancel()
        return status

    def last_words(self) -> str:
        """Return the last lines of its standard error, joined by " | "; asked after its end."""
        self._listener.join(timeout=1)  # something that it left behind may hold the pipe for ever
        lines = [each.strip() for each in self._words.decode(errors="backslashreplace").splitlines()]
        return " | ".join([each for each in lines if each][-_WORDS_LINES:])

    def end(self) -> None:
        """End it and what it started, if it still runs, and give the pipes back; may be called twice.

        A pipe that is being read, because something that it left behind holds it, is given back by who reads.
        """
        if self._is_over:
            return
        self._is_over = True
        self._close_input(patience_seconds=0)  # who writes there is told by its end
        if self._timer is not None:
            self._timer.cancel()
        try:
            if self._process.returncode is None:
                self._stop()
        finally:
            self._give_back()

    def _give_back(self) -> None:
        self._close_input(patience_seconds=1)
        if self._reading.acquire(timeout=1):
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._reading.release()
        if self._listener.ident is not None:  # else no thread could be had
            self._listener.join(timeout=1)
        if self._process.stderr is not None and not self._listener.is_alive():
            self._process.stderr.close()

    def _widen(self, output: IO[bytes] | None) -> None:
        for each in (self._sink, output.fileno() if output is not None else None):
            if each is not None:
                with contextlib.suppress(OSError):  # slower is not wrong
                    fcntl.fcntl(each, fcntl.F_SETPIPE_SZ, _WIDE_PIPE_BYTES)

    def _close_input(self, patience_seconds: float = -1) -> None:
        """Close it, unless a thread writes to it for longer than that; -1 waits until it is written."""
        if self._feeding.acquire(timeout=patience_seconds):
            sink, self._sink = self._sink, None
            try:
                if sink is not None:
                    os.close(sink)
            finally:
                self._feeding.release()

    def _end_late(self) -> None:
        if self._process.returncode is None and not self._has_ended():
            self.took_too_long = True
            self._stop()

    def _stop(self) -> None:
        """Ask all of its session to end, and make those that do not. It is not reaped before, so the number is its."""
        patience = threading.Event()
        waited_seconds = 0.0
        try:
            self._send(signal.SIGTERM)
            while not self._has_ended() and waited_seconds < _GRACE_SECONDS:
                patience.wait(_LOOK_EVERY_SECONDS)
                waited_seconds += _LOOK_EVERY_SECONDS
        finally:
            self._send(signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):  # we may not end what sudo started
                self._process.wait(timeout=_GRACE_SECONDS)

    def _has_ended(self) -> bool:
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # another thread has just waited for it
            return True

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _listen(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(OSError, ValueError):  # closed from the other side
            while block := self._process.stderr.read(65536):
                self._words = (self._words + block)[-_WORDS_BYTES:]
            if self._is_over:  # it was left open for us
                self._process.stderr.close()
