"""A MySQL or MariaDB server of our own that is thrown away: on a Unix socket, and gone when this process is.

It listens on no address, replicates from nobody, runs no events, and where the system allows it has no network at all:
tables that are only links to another server lead nowhere. As root it runs as another user.
"""

import pwd
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rebond.clock import Clock
from rebond.errors import CommandFailed
from rebond.secret import Secret
from rebond.sources.servers.mysql import LOADING
from rebond.sources.servers.mysql_programs import MysqlPrograms, find_no_shell
from rebond.sources.streams.readers import CommandReader
from rebond.sources.streams.throw_away import (
    END_IN_ORDER,
    LOG,
    find_owner,
    give,
    make_folder,
    read_last_words,
    require_short,
    watch,
)
from rebond.sources.streams.whole_output import read_output
from rebond.subprocesses import RunningCommand

SUPERUSER = "root"
_NOT_ROOT = ("mysql", "nobody")
_SETTINGS = (
    "--skip-networking",
    "--skip-log-bin",
    "--loose-skip-slave-start",
    "--loose-skip-replica-start",
    "--event-scheduler=OFF",
    "--local-infile=OFF",
    "--character-set-server=utf8mb4",
    "--max-allowed-packet=1G",
    "--performance-schema=OFF",
    "--loose-mysqlx=OFF",
    "--innodb-buffer-pool-size=128M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",  # what it writes is worth nothing after a power cut
    "--innodb-doublewrite=OFF",
)
_CLIENT = ("--max-allowed-packet=1G", "--default-character-set=utf8mb4")
# Only root may cut a program off from the network without more, so it becomes another user after that.
_BECOME = """\
import os, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
os.execv(sys.argv[3], sys.argv[3:])
"""
_START_SECONDS = 120.0
_INIT_SECONDS = 300.0
_END_SECONDS = 120.0
_LOOK_EVERY_SECONDS = 0.02
_BLOCK_BYTES = 1 << 20
_ESCAPED = re.compile(r"\\(.)")  # what the client writes for the end of a line, a tab, a zero and a backslash
_MEANT = {"n": "\n", "t": "\t", "0": "\0"}


class OwnMysqlServer:
    """A server in ``folder``, which is made. ``start`` begins it, ``stop`` ends it; may be stopped twice."""

    def __init__(
        self,
        folder: Path,
        programs: MysqlPrograms,
        *,
        environment: Mapping[str, str],
        clock: Clock,
        wrapper: Sequence[str] = (),
        mark: str = "",
    ) -> None:
        """``environment`` is all that its programs get; ``wrapper`` runs it without a network.

        ``mark`` is written into the environment, to find its processes by.
        """
        self.folder = folder
        self.programs = programs
        self.socket = folder / "s"
        self.owner = find_owner(_NOT_ROOT, product=programs.version.product)
        self._clock = clock
        self._wrapper = wrapper
        self._environment = {**environment, "LC_ALL": "C", "HOME": str(folder), "REBOND_SERVER_LOG": str(folder / LOG)}
        if mark:
            self._environment["REBOND_DRILL"] = mark
        self._running: RunningCommand | None = None
        make_folder(folder, self.owner)
        require_short(self.socket)
        (folder / "tmp").mkdir(mode=0o700)
        give(folder / "tmp", self.owner)

    def initialize(self) -> None:
        """Make an empty data directory, whose superuser has no password. Raises ``CommandFailed``."""
        programs = self.programs
        if programs.installer:
            words = [programs.installer, "--no-defaults", "--auth-root-authentication-method=normal"]
            words += ["--skip-test-db", "--skip-name-resolve"]
        else:
            words = [programs.server, "--no-defaults", "--initialize-insecure"]
        words += [f"--datadir={self.folder / 'data'}", f"--tmpdir={self.folder / 'tmp'}"]

        def begin() -> CommandReader:
            return CommandReader(
                words,
                environment=self._environment,
                timeout_seconds=_INIT_SECONDS,
                directory=str(self.folder),
                user=self.owner,
            )

        read_output(begin, program=programs.version.product)

    def start(self, *, is_open: bool = False) -> None:
        """Start it and wait until it answers. Raises ``CommandFailed`` with the last words of its log.

        With ``is_open`` it lets in whoever reaches its socket, by any name and password.
        """
        words = [*self._wrapper, self.programs.server, "--no-defaults", *_SETTINGS]
        words += [f"--datadir={self.folder / 'data'}", f"--socket={self.socket}"]
        words += [f"--pid-file={self.folder / 'pid'}", f"--tmpdir={self.folder / 'tmp'}"]
        words += [f"--secure-file-priv={self.folder / 'tmp'}"]
        words += [f"--user={self.owner}"] if self.owner is not None else []
        words += ["--skip-grant-tables"] if is_open else []
        self._running = RunningCommand(
            watch(words, signal="KILL"),
            environment=self._environment,
            directory=str(self.folder),
            keeps_input=True,
            given=Secret(b""),
        )
        end = self._clock.monotonic() + _START_SECONDS
        while not self._is_answering():
            if self._running.has_output(0) or self._clock.monotonic() > end:  # it writes nothing: that is its end
                raise CommandFailed(
                    "The throw-away server did not start: {words}",
                    hint="See what {product} says; it may need more memory or room.",
                    words=read_last_words(self.folder / LOG) or "–",
                    product=self.programs.version.product,
                )
            self._clock.sleep(_LOOK_EVERY_SECONDS)

    def open_up(self) -> None:
        """Start it anew for everyone: after a dump of all databases those names and passwords hold that were saved.

        Raises ``CommandFailed`` with the last words of its log, also where it had ended by itself.
        """
        running = self._running
        if running is not None:
            try:
                if running.has_output(0):  # it writes nothing: that is its end
                    raise BrokenPipeError
                running.feed(END_IN_ORDER, seconds=_END_SECONDS)
            except OSError as error:  # nobody reads that any more
                raise CommandFailed(
                    "The throw-away server ended by itself: {words}",
                    hint="See what {product} says; it may need more memory or room.",
                    words=read_last_words(self.folder / LOG) or "–",
                    product=self.programs.version.product,
                ) from error
            running.end_after(_END_SECONDS)
            running.wait()
        self.stop()
        self.start(is_open=True)

    def ask(self, script: str, database: str = "", *, seconds: float | None = None) -> list[list[str]]:
        """Run a script as the superuser and return the rows that it answers. Raises ``CommandFailed``."""
        words = [*self._call(), "--batch", "--skip-column-names", f"--execute={script}"]
        words += [f"--database={database}"] if database else []
        environment = self._environment
        answer = read_output(
            lambda: CommandReader(words, environment=environment, timeout_seconds=seconds), program="mysql"
        )
        lines = answer.decode(errors="surrogateescape").removesuffix("\n").split("\n") if answer else []
        return [[_ESCAPED.sub(_unescape, value) for value in line.split("\t")] for line in lines]

    def ask_first(self, sql: str, database: str, *, seconds: float) -> str:
        """Return the first value of the first row that a query answers. Raises ``CommandFailed``."""
        rows = self.ask(sql, database, seconds=seconds)
        return rows[0][0].strip() if rows else ""

    def load(self, dump: Path) -> None:
        """Run a dump up to its first error. Raises ``CommandFailed`` with that.

        A dump is SQL: no line of it may start a program or lead to another server. Raises ``SourceUnfit`` where the
        client cannot be kept from that.
        """
        no_shell = find_no_shell(self.programs, self._environment)
        # What a statement answers is of no use, and must not stop the client once the pipe is full of it.
        words = ["/bin/sh", "-c", 'exec "$@" >/dev/null', "sh", *self._call(), "--batch", *LOADING, no_shell]
        reader = CommandReader(
            [*self._wrapper, *self._become(), *words],
            environment=self._environment,
            directory=str(self.folder),
            user=None if self._wrapper else self.owner,
            label="mysql",
            keeps_input=True,
            given=Secret(b""),
        )
        try:
            self._feed(reader, dump)
            reader.finish()
        finally:
            reader.close()

    def stop(self) -> None:
        """End it at once; what it held is worth nothing."""
        running, self._running = self._running, None
        if running is not None:
            running.end_input()
            running.end()

    def _feed(self, reader: CommandReader, dump: Path) -> None:
        with dump.open("rb") as file:
            try:
                while block := file.read(_BLOCK_BYTES):
                    reader.feed(block)
            except BrokenPipeError:  # it stopped at an error, and says which when it is asked how it ended
                return
        reader.end_input()

    def _is_answering(self) -> bool:
        if not self.socket.exists():
            return False
        try:
            return self.ask("SELECT 1") == [["1"]]
        except CommandFailed:
            return False

    def _become(self) -> list[str]:
        """Return what makes a command inside the wrapper the owner's."""
        if not self._wrapper or self.owner is None:
            return []
        known = pwd.getpwnam(self.owner)
        return [sys.executable, "-I", "-S", "-c", _BECOME, str(known.pw_uid), str(known.pw_gid)]

    def _call(self) -> list[str]:
        return [
            self.programs.client,
            "--no-defaults",
            f"--socket={self.socket}",
            "--protocol=socket",
            f"--user={SUPERUSER}",
            *_CLIENT,
        ]


def _unescape(found: re.Match[str]) -> str:
    return _MEANT.get(found[1], found[1])
