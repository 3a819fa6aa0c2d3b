"""A PostgreSQL server of our own that is thrown away: on a Unix socket, and gone when this process is.

It archives nothing, listens on no address, and knows nobody's password. PostgreSQL refuses to run as root: then it
runs as another user, to whom nothing but its own folder belongs.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from rebond.clock import Clock
from rebond.errors import CommandFailed
from rebond.secret import Secret
from rebond.sources.postgres.local_programs import ServerPrograms
from rebond.sources.postgres.programs import Programs
from rebond.sources.postgres.server import PostgresServer
from rebond.sources.postgres.session import Access
from rebond.sources.postgres.target import DatabaseTarget
from rebond.sources.streams.readers import CommandReader
from rebond.sources.streams.throw_away import (
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

SUPERUSER = "postgres"
SAFE_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "archive_mode": "off",
    "archive_command": "",
    "archive_library": "",
    "primary_conninfo": "",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",  # a subscription that came back would take what the live server waits for
    "wal_level": "minimal",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "40",
    "shared_buffers": "64MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "dynamic_shared_memory_type": "mmap",  # nothing in /dev/shm that a kill would leave there
    "logging_collector": "off",
    "shared_preload_libraries": "",
    "ssl": "off",
    "external_pid_file": "",
}
_UNKNOWN_BEFORE = {"archive_library": 15}
_REASONS = ("FATAL", "PANIC", "shut down", "shutting down")  # what it says in its log before it ends by itself
_NOT_ROOT = ("postgres", "nobody")
_START_SECONDS = 120.0
_LOOK_EVERY_SECONDS = 0.02
_INIT_SECONDS = 300.0
_LONGEST_NAME = ".s.PGSQL.5432.lock"


class OwnServer:
    """A server in ``folder``, which is made. ``start`` begins it, ``stop`` ends it; may be stopped twice."""

    def __init__(
        self, folder: Path, programs: ServerPrograms, *, environment: Mapping[str, str], clock: Clock, mark: str = ""
    ) -> None:
        """``environment`` is all that its programs get; ``mark`` is written into it, to find them by."""
        self.folder = folder
        self.programs = programs
        self.data = folder / "data"
        self.owner = find_owner(_NOT_ROOT, product="PostgreSQL")
        self._clock = clock
        self.environment = {**environment, "LC_ALL": "C", "REBOND_SERVER_LOG": str(folder / LOG)}
        if mark:
            self.environment["REBOND_DRILL"] = mark
        self._running: RunningCommand | None = None
        make_folder(folder, self.owner)
        require_short(folder / _LONGEST_NAME)

    def initialize(self, *, encoding: str = "UTF8", checksums: bool = False) -> None:
        """Make an empty cluster. Raises ``CommandFailed``."""
        words = [str(self.programs.folder / "initdb"), "--no-sync", "--auth=trust", f"--username={SUPERUSER}"]
        words += [f"--encoding={encoding}", "--locale=C", "--pgdata", str(self.data)]
        self._run([*words, *(["--data-checksums"] if checksums else [])])

    def start(self, settings: Mapping[str, str] | None = None, *, patience_seconds: float = _START_SECONDS) -> None:
        """Start it and wait until it answers. Raises ``CommandFailed`` with the last words of its log."""
        words = [str(self.programs.folder / "postgres"), "-D", str(self.data), "-k", str(self.folder)]
        for name, text in {**SAFE_SETTINGS, **(settings or {})}.items():
            if self.programs.major >= _UNKNOWN_BEFORE.get(name, 0):
                words += ["-c", f"{name}={text}"]
        self._running = RunningCommand(
            watch(words, signal="QUIT"),
            environment=self.environment,
            directory=str(self.folder),
            user=self.owner,
            keeps_input=True,
            given=Secret(b""),
        )
        end = self._clock.monotonic() + patience_seconds
        while not self.is_answering():
            if not self._is_alive() or self._clock.monotonic() > end:
                raise CommandFailed(
                    "The throw-away server did not start: {words}",
                    hint="See whether the versions of PostgreSQL here and there are the same.",
                    words=self.last_words() or "–",
                )
            self._clock.sleep(_LOOK_EVERY_SECONDS)

    def is_answering(self) -> bool:
        """Say whether it takes a query."""
        try:
            return self.ask("SELECT 1", "template1").strip() == "1"
        except CommandFailed:
            return False

    def ask(self, script: str, database: str, *, seconds: float | None = None, variables: tuple[str, ...] = ()) -> str:
        """Run a script as the superuser and return its answers, a line for each row. Raises ``CommandFailed``."""
        words = [self.programs.psql, "-X", "-w", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        words += [word for each in variables for word in ("-v", each)]
        words += ["-d", self.connection(database), "-c", script]
        answer = read_output(lambda: self.open(words, seconds=seconds), program="psql")
        return answer.decode(errors="surrogateescape")

    def ask_first(self, sql: str, database: str, *, seconds: float) -> str:
        """Return the first value of the first row that a query answers. Raises ``CommandFailed``."""
        return self.ask(sql, database, seconds=seconds).split("\n", 1)[0].split("|", 1)[0].strip()

    def connection(self, database: str) -> str:
        """Return the connection to a database as ``libpq`` reads it."""
        name = database.replace("\\", "\\\\").replace("'", "\\'")
        return f"host='{self.folder}' port=5432 user={SUPERUSER} dbname='{name}'"

    def open(self, words: list[str], *, seconds: float | None = None, directory: str | None = None) -> CommandReader:
        """Begin to run a client of it, as ourselves."""
        return CommandReader(
            words,
            environment={**self.environment, "PGCLIENTENCODING": "UTF8"},
            timeout_seconds=seconds,
            directory=directory,
        )

    @property
    def superuser(self) -> str:
        """The role that may do everything."""
        return SUPERUSER

    def target(self) -> DatabaseTarget:
        """Return the server as one that databases can be loaded into, each under the name that was saved."""
        folder = self.programs.folder
        programs = Programs(
            major=self.programs.major,
            psql=self.programs.psql,
            pg_dump=str(folder / "pg_dump"),
            pg_dumpall=str(folder / "pg_dumpall"),
        )
        server = PostgresServer(host=str(self.folder), port=5432, user=SUPERUSER)
        # Its folder is nobody else's, so whoever answers in it is the server that the programs reach.
        access = Access(server=server, programs=programs, open_program=self.open_program, is_local=True)
        return DatabaseTarget(access=access)

    def open_program(
        self,
        words: Sequence[str],
        *,
        given: Secret | None = None,
        seconds: float | None = None,
        label: str = "",
        keeps_input: bool = False,
    ) -> CommandReader:
        """Begin to run a program of a client, as ``rebond.sources.postgres.server.OpenProgram`` says."""
        return CommandReader(
            words,
            environment=self.environment,
            timeout_seconds=seconds,
            directory=str(self.folder.parent),
            given=given,
            label=label,
            keeps_input=keeps_input,
        )

    def make_folder(self, name: str) -> Path:
        """Make a folder that belongs to the server, beside its data."""
        made = self.folder / name
        made.mkdir(mode=0o700)
        give(made, self.owner)
        return made

    def last_words(self) -> str:
        """Return the last lines of its log, joined by " | "."""
        return read_last_words(self.folder / LOG)

    def stop(self) -> None:
        """End it at once; what it held is worth nothing."""
        running, self._running = self._running, None
        if running is not None:
            running.end()

    def remove(self) -> None:
        """End it and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def was_ended(self) -> bool:
        """Say whether something outside ended it: it runs no more, and its log gives no reason."""
        has_ended = self._running is not None and self._running.has_ended()
        return has_ended and not any(each in self.last_words() for each in _REASONS)

    def _is_alive(self) -> bool:
        if self._running is None or self._running.has_ended():  # also one that was killed before it wrote anything
            return False
        try:
            first = (self.data / "postmaster.pid").read_text().split("\n", 1)[0]
            os.kill(int(first), 0)
        except ProcessLookupError:
            return False
        except (OSError, ValueError):  # not written yet, or gone again: its log says why
            return "FATAL" not in self.last_words()
        return True

    def _run(self, words: list[str]) -> None:
        def begin() -> CommandReader:
            return CommandReader(
                words,
                environment=self.environment,
                timeout_seconds=_INIT_SECONDS,
                directory=str(self.folder),
                user=self.owner,
            )

        read_output(begin, program=os.path.basename(words[0]))
