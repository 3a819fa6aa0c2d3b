"""The server that the databases of one component are loaded into: made while the files come back, then thrown away."""

import json
import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rebond.clock import Clock
from rebond.errors import CommandFailed, SourceUnfit
from rebond.sources.postgres.local_programs import ServerPrograms, find_server_programs
from rebond.sources.postgres.own_server import OwnServer
from rebond.sources.postgres.packaged_programs import bring_near


class ThrowAwayServer:
    """A stage of a drill: ``begin`` makes the server beside the restore, ``server`` waits for it."""

    def __init__(
        self, folder: Path, *, major: int, component: str, environment: Mapping[str, str], clock: Clock, mark: str
    ) -> None:
        """``environment`` is what looks for programs; the server itself gets nothing of it but the ``PATH``."""
        self.component = component
        self._folder = folder
        self._major = major
        self._environment = environment
        self._clock = clock
        self._mark = mark
        self._maker = ThreadPoolExecutor(1, "server")
        self._future: Future[OwnServer] | None = None
        self._made: OwnServer | None = None

    def begin(self) -> None:
        """Start to make it."""
        self._future = self._maker.submit(self._make)

    @property
    def server(self) -> OwnServer:
        """The running server. Raises ``SourceUnfit`` where there can be none here."""
        if self._future is None:
            self.begin()
        assert self._future is not None  # noqa: S101 - it was begun just now
        return self._future.result()

    def close(self) -> None:
        """End it; may be called twice."""
        self._maker.shutdown(wait=True, cancel_futures=True)
        if self._made is not None:
            self._made.stop()

    def _make(self) -> OwnServer:
        programs = choose_server(find_server_programs(self._environment), self._major)
        if os.geteuid() == 0:
            near = bring_near(programs.folder, self._folder.parent)
            programs = replace(programs, folder=near, psql=programs.psql.replace(str(programs.folder), str(near)))
        path = self._environment.get("PATH", "/usr/bin:/bin")
        self._made = OwnServer(
            self._folder,
            programs,
            environment={"PATH": f"{programs.folder}:{path}"},
            clock=self._clock,
            mark=self._mark,
        )
        try:
            self._made.initialize()
            self._made.start()
        except CommandFailed as error:
            raise SourceUnfit(
                "No server could be made here, so the database was not loaded: {reason}",
                hint="Mend that on the machine that drills; the snapshot has no part in it.",
                reason=str(error.values.get("words") or error.message),
            ) from error
        return self._made


def choose_server(found: Mapping[int, ServerPrograms], major: int) -> ServerPrograms:
    """Return the programs of the right version. Raises ``SourceUnfit`` where they are not installed."""
    if major in found:
        return found[major]
    if not found:
        raise SourceUnfit(
            "No server of PostgreSQL is installed here, so the database was not loaded.",
            hint="Install it: apt-get install postgresql-{major}; or run: pip install 'rebond[drill]'",
            major=major,
        )
    raise SourceUnfit(
        "The database is of PostgreSQL {major}, and here are: {known}. It was not loaded.",
        hint="Install it beside them: apt-get install postgresql-{major}; it need not run.",
        major=major,
        known=", ".join(map(str, sorted(found))),
    )


def check_extensions(server: OwnServer, database: str, wanted: Mapping[str, str]) -> None:
    """Raise ``SourceUnfit`` when an extension that a database uses is not available here."""
    answer = server.ask("SELECT pg_catalog.json_agg(name) FROM pg_catalog.pg_available_extensions", "template1")
    missing = sorted(set(wanted) - set(json.loads(answer)))
    if missing:
        raise SourceUnfit(
            "The database {database} uses the extensions {names}, which are not available here. It was not loaded.",
            hint="Install the packages that hold them, such as postgresql-{major}-NAME.",
            database=database,
            names=", ".join(missing),
            major=server.programs.major,
        )
