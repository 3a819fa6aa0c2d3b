"""Components of kind ``postgres`` saved by the physical method: the data directory, while the server runs."""

import os
import re
import secrets
from collections.abc import Callable, Sequence

import msgspec

from rebond.clock import SystemClock
from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.entries import ArrivingTree
from rebond.errors import CommandFailed, SourceError, SourceUnfit
from rebond.findings import Finding, Severity
from rebond.operations.components import Conclusion, WalNeed
from rebond.sources.postgres.programs import Programs, choose_programs, find_programs
from rebond.sources.postgres.session import Access, list_databases
from rebond.sources.postgres.wal_names import parse_lsn
from rebond.sources.postgres_physical.base_backup import BackupStream, BaseBackupTree
from rebond.sources.postgres_physical.connection import Connection, is_installed
from rebond.sources.postgres_physical.damaged_pages import DamagedPages
from rebond.sources.postgres_physical.data_directory import DataDirectoryTree, require_directory
from rebond.sources.postgres_physical.directory_or_stream import DirectoryOrStream
from rebond.sources.postgres_physical.saved_facts import PhysicalFacts, RestorePoint, write_facts
from rebond.sources.postgres_physical.sending_program import ProgramStream, explain_replication
from rebond.sources.postgres_physical.sending_server import ServerStream
from rebond.sources.postgres_physical.server_configuration import add_configuration
from rebond.sources.postgres_physical.server_facts import ServerFacts, ask_server, read_facts
from rebond.stack.file_questions import FileQuestions
from rebond.stack.file_trees import Report
from rebond.stack.postgres import ConfiguredPostgres
from rebond.stack.whereabouts import place_of, words_of

OLDEST_MAJOR = 15
_MARK_POINT = """SELECT jsonb_build_object('lsn', pg_catalog.pg_create_restore_point('{name}')::text,
  'time_ms', (extract(epoch FROM clock_timestamp()) * 1000)::bigint)"""
_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_RIGHT = re.compile(r"42501|permission denied")


class _Point(msgspec.Struct):
    lsn: str
    time_ms: int


class ConfiguredPhysical:
    """One component: every database of a server. Its moment is a restore point that is made once all was read."""

    root = b""
    exclusions: tuple[str, ...] = ()

    def __init__(self, name: str, component: Postgres, loaded: Loaded) -> None:
        self._name = name
        self._component = component
        self._loaded = loaded
        self._way = ""
        self._facts: PhysicalFacts | None = None
        self._pages = DamagedPages()
        self.files = FileQuestions(name, component, loaded)

    def open_tree(self, report: Report) -> ArrivingTree:
        """Ask the server about itself, and let it begin to send. Raises ``SourceError`` and ``ConfigError``."""
        self._facts, self._pages = None, DamagedPages()
        server, database = ConfiguredPostgres(self._name, self._component, self._loaded).find_server()
        where = place_of(self._component, self._loaded)
        programs = find_programs(where.open)
        access = Access(server=server, programs=programs[0], open_program=where.open)
        maintenance = database or "postgres"
        facts = read_facts(access, maintenance)
        _require_fit(facts)
        point = f"rebond_{secrets.token_hex(8)}"

        def conclude_reading(tree: BaseBackupTree | DataDirectoryTree) -> None:
            add_configuration(tree.entries, facts, access, maintenance, report)
            self._facts = self._describe(tree, facts, access, maintenance, point, report)
            self._ask_for_files(access, database, report)

        began_ms = SystemClock().now_ms()

        def open_stream() -> BaseBackupTree:
            stream = self._open_stream(access, programs, facts.major, point)
            return BaseBackupTree(stream, began_ns=began_ms * 1_000_000, at_end=conclude_reading)

        if not self._component.data_directory:
            return open_stream()
        place = os.path.join(self._loaded.root, str(self._component.data_directory))
        seen = msgspec.structs.replace(facts, data_directory=place)
        require_directory(seen)
        return DirectoryOrStream(
            seen,
            open_directory=lambda: self._read_directory(access, seen, maintenance, point, conclude_reading),
            open_stream=open_stream,
            pages=self._pages,
            now_ms=began_ms,
        )

    def _ask_for_files(self, access: Access, database: str, report: Report) -> None:
        """Ask which files its databases name, right after the restore point that is the moment of the set."""
        if self.files.has_any:
            component = self._component
            wanted = [words_of(each, self._loaded) for each in component.databases]
            if component.database or component.url:
                wanted = [database]
            if not wanted or "*" in wanted:
                wanted = list_databases(access, database or "postgres")
            self.files.ask_now(access, wanted, report)

    def conclude(self, report: Report) -> Conclusion:
        """Say what was read, and which part of the log it cannot be started without."""
        assert self._facts is not None  # noqa: S101 - it was read
        facts = self._facts
        for each in self._pages.list_findings():
            report(each)
        needs = []
        if not facts.includes_wal:
            stop = facts.restore_point.lsn if facts.restore_point else facts.stop
            needs = [
                WalNeed(
                    system_id=facts.system_id,
                    timeline=facts.timeline,
                    start_lsn=facts.start,
                    stop_lsn=max(facts.stop, stop),
                    segment_bytes=facts.server.segment_bytes,
                )
            ]
        return Conclusion(facts=write_facts(facts), needs=tuple(needs), is_degraded=bool(self._pages))

    def _open_stream(self, access: Access, programs: Sequence[Programs], major: int, label: str) -> BackupStream:
        takes_wal = self._component.wal is None
        is_here = self._component.inside is None and self._component.volume is None
        if is_here and is_installed():
            self._way = "server"
            return ServerStream(access.server, label=label, takes_wal=takes_wal, pages=self._pages)
        self._way = "pg_basebackup"
        fitting = Access(
            server=access.server, programs=choose_programs(programs, major), open_program=access.open_program
        )
        return ProgramStream(fitting, label=label, takes_wal=takes_wal, pages=self._pages)

    def _read_directory(
        self,
        access: Access,
        facts: ServerFacts,
        database: str,
        label: str,
        at_end: Callable[[DataDirectoryTree], None],
    ) -> DataDirectoryTree:
        """Begin to read it here, in a session of our own. Raises ``SourceError``."""
        self._way = "data directory"
        try:
            connection = Connection(access.server, database)
            return DataDirectoryTree(
                connection,
                facts,
                label=label,
                clock=SystemClock(),
                pages=self._pages,
                at_end=at_end,
            )
        except CommandFailed as error:
            raise explain_replication(error, server=str(access.server)) from error

    def _describe(
        self,
        tree: BaseBackupTree | DataDirectoryTree,
        facts: ServerFacts,
        access: Access,
        database: str,
        point: str,
        report: Report,
    ) -> PhysicalFacts:
        label = tree.label
        stop_time_ms = int(ask_server(access, database, _NOW))
        includes_wal = self._component.wal is None
        mark = None
        if not facts.is_standby and not includes_wal:
            mark = self._mark_point(access, database, point, report)
        return PhysicalFacts(
            server=facts,
            start=label.start,
            stop=tree.stop,
            start_timeline=label.timeline,
            timeline=tree.timeline,
            stop_time_ms=stop_time_ms,
            is_from_standby=label.is_from_standby,
            includes_wal=includes_wal,
            restore_point=mark,
            damaged_pages=len(self._pages.list_findings()),
            way=self._way,
        )

    def _mark_point(self, access: Access, database: str, name: str, report: Report) -> RestorePoint | None:
        """Name the moment of the set in the log, and let the server archive as far as there."""
        try:
            answer = ask_server(access, database, _MARK_POINT.format(name=name))
            ask_server(access, database, "SELECT pg_catalog.pg_switch_wal()")
        except SourceError as error:
            report(_no_point(self._name, error))
            return None
        made = msgspec.json.decode(answer, type=_Point)
        return RestorePoint(name=name, lsn=parse_lsn(made.lsn), time_ms=made.time_ms)


def _require_fit(facts: ServerFacts) -> None:
    if facts.major < OLDEST_MAJOR:
        raise SourceUnfit(
            "The server is PostgreSQL {version}; the physical method needs {oldest} or later.",
            hint='Set method = "logical" for this component, or upgrade the server.',
            version=facts.version,
            oldest=OLDEST_MAJOR,
        )
    if facts.wal_level == "minimal":
        raise SourceUnfit(
            "The server writes too little into its log to be saved while it runs: wal_level is minimal.",
            hint="Set wal_level = replica, and restart it: 'rebond wal settings' prints all that it needs.",
        )


def _no_point(component: str, error: SourceError) -> Finding:
    return Finding(
        code="restore-point-missing",
        severity=Severity.NOTE,
        subject=component,
        template="The moment of the set could not be named in the log of {component}: {reason}",
        hint_template="GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO that user.",
        values={"component": component, "reason": error.message},
    )
