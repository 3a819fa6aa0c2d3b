"""A saved data directory in a drill: laid down with its log, started, and asked what it holds."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from rebond.errors import CommandFailed, SourceUnfit
from rebond.operations.drills.drill import Question
from rebond.operations.drills.outcomes import Answer, Check
from rebond.operations.physical.bases import find_base
from rebond.operations.physical.laying import lay_directory
from rebond.operations.physical.targets import SET, Target, TargetKind
from rebond.operations.physical.trying import start_recovered
from rebond.operations.point_in_time import find_reach, open_log
from rebond.progress import Observer
from rebond.sources.postgres.own_server import OwnServer
from rebond.sources.postgres.wal_names import format_lsn
from rebond.sources.streams.whole_output import read_output
from rebond.stack.drills.database_questions import check_structure
from rebond.stack.recovered import find_programs_for, make_recovered
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord

# One whose DROP DATABASE was cut (datconnlimit -2) can be opened by nobody.
_LIST = (
    "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND datconnlimit <> -2 AND NOT datistemplate "
    "ORDER BY datname"
)
_SECONDS = 3600.0
_BY_TIME = frozenset({TargetKind.TIME, TargetKind.LATEST})


class RecoveredDatabases:
    """The server of one component: a stage of a drill, and what is asked of it. ``standing`` are its databases."""

    def __init__(
        self,
        folder: Path,
        vault: Vault,
        record: SnapshotRecord,
        component: str,
        *,
        environment: Mapping[str, str],
        observer: Observer,
        mark: str,
        target: Target = SET,
    ) -> None:
        """``environment`` is what looks for programs; ``target`` is the moment that it is brought to."""
        self._folder = folder
        self._vault = vault
        self._record = record
        self._component = component
        self._environment = environment
        self._observer = observer
        self._mark = mark
        self._target = target
        self._server: OwnServer | None = None
        self.standing: list[str] = []

    def begin(self) -> None:
        """There is nothing to make beforehand: the data directory comes out of the vault."""

    def close(self) -> None:
        """End it; may be called twice."""
        if self._server is not None:
            self._server.stop()

    @property
    def server(self) -> OwnServer:
        """The running server. Raises ``SourceUnfit`` before it runs."""
        if self._server is None:
            raise SourceUnfit("The server of {component} does not run.", component=self._component)
        return self._server

    def load(self) -> Iterator[Check]:
        """Lay the data directory down and start it. Raises ``RestoreError``, ``WalGap`` and ``SourceError``."""
        base = find_base(self._vault, self._record, self._component)
        if base is None:
            raise SourceUnfit("The component {component} holds no data directory.", component=self._component)
        programs = find_programs_for(base.facts.server.major, self._folder.parent, self._environment)
        log = open_log(self._vault, base)
        has_log = bool(log.coverage.timelines) and not base.facts.includes_wal
        # A data directory with its own log has one moment only, whatever moment the whole is brought to.
        reach = find_reach(base, log, self._target if has_log or self._target.kind not in _BY_TIME else SET)
        made = make_recovered(self._folder, programs, base, self._environment, mark=self._mark)
        lay_directory(self._vault, reach, log, made.data, self._observer, keeps_owner=False)
        self._server = made
        recovered = start_recovered(made, reach)
        self.standing = made.ask(_LIST, "template1").split("\n")[:-1]
        yield Check(
            code="loaded",
            subject=self._component,
            answer=Answer.PASS,
            template="The server came up in PostgreSQL {major} at {lsn}, on timeline {timeline}: {databases}.",
            values={
                "major": programs.major,
                "lsn": format_lsn(recovered.last_lsn),
                "timeline": recovered.timeline,
                "databases": ", ".join(self.standing),
            },
        )

    def list_questions(self) -> tuple[Question, ...]:
        """Return what is asked of it."""

        def check_all() -> Iterator[Check]:
            for name in self.standing:
                yield from check_structure(self.server, name, self._component)

        return (
            Question(code="amcheck", subject=self._component, ask=check_all),
            Question(code="checksums", subject=self._component, ask=self._check_pages),
        )

    def _check_pages(self) -> Iterator[Check]:
        """Read every row, where the cluster has checksums: the server then compares that of each page."""
        server = self.server
        if server.ask("SHOW data_checksums", "template1").strip() != "on":
            return
        read = self._read_every_row()
        bad = server.ask("SELECT coalesce(sum(checksum_failures), 0) FROM pg_stat_database", "template1").strip()
        is_good = bad == "0" and not read
        yield Check(
            code="checksums",
            subject=self._component,
            answer=Answer.PASS if is_good else Answer.FAIL,
            template="Every row was read, and every page on the way has its checksum."
            if is_good
            else "Pages are damaged: {words}",
            hint_template="" if is_good else "See whether the live server has the same: pg_amcheck --all.",
            values={"words": read or bad},
        )

    def _read_every_row(self) -> str:
        """Read all tables; return what is said of a page that is damaged."""
        server = self.server
        program = server.programs.folder / "pg_dump"
        for name in self.standing:
            words = [str(program), "-w", "-d", server.connection(name), "-f", os.devnull]
            try:
                read_output(lambda words=words: server.open(words, seconds=_SECONDS), program="pg_dump")  # type: ignore[misc]
            except CommandFailed as error:
                return str(error.values.get("words") or error.message)
        return ""
