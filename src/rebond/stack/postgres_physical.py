"""Components of kind ``postgres`` saved by the physical method: the data directory, while the server runs."""

import os
import secrets
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from rebond.clock import SystemClock
from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.entries import ArrivingTree
from rebond.errors import CommandFailed, SourceUnfit
from rebond.operations.components import Conclusion, Foreseen, WalNeed
from rebond.sources.postgres.programs import Programs, choose_programs, find_programs
from rebond.sources.postgres.session import Access
from rebond.sources.postgres_physical.base_backup import BackupStream, BaseBackupTree, WatchEnd
from rebond.sources.postgres_physical.connection import Connection, is_installed, load_meanwhile
from rebond.sources.postgres_physical.damaged_pages import DamagedPages
from rebond.sources.postgres_physical.data_directory import DataDirectoryTree, require_directory
from rebond.sources.postgres_physical.directory_or_stream import DirectoryOrStream
from rebond.sources.postgres_physical.saved_facts import PhysicalFacts, RestorePoint, write_facts
from rebond.sources.postgres_physical.sending_program import ProgramStream, explain_replication
from rebond.sources.postgres_physical.sending_server import ServerStream
from rebond.sources.postgres_physical.server_configuration import add_configuration
from rebond.sources.postgres_physical.server_facts import ServerFacts, ask_size, read_facts
from rebond.sources.postgres_physical.sums import choose_algorithm
from rebond.stack.file_questions import FileQuestions
from rebond.stack.file_trees import Report
from rebond.stack.physical_moments import PhysicalMoment
from rebond.stack.postgres import ConfiguredPostgres
from rebond.stack.wal import ask_receiving
from rebond.stack.whereabouts import place_of, words_of

OLDEST_MAJOR = 15
_SENDS_INSIDE_SINCE = 16  # the server that puts tablespaces inside its data directory into a base backup


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
        self._asked: tuple[Access, str] | None = None
        self._pages = DamagedPages()
        self.files = FileQuestions(name, component, loaded)

    def open_tree(self, report: Report) -> ArrivingTree:
        """Ask the server about itself, and let it begin to send. Raises ``SourceError`` and ``ConfigError``."""
        self._facts, self._pages = None, DamagedPages()
        if self._speaks_here:
            load_meanwhile()
        access, database, programs = self._find_access()
        maintenance = database or "postgres"
        self._asked = access, maintenance
        facts = read_facts(access, maintenance)
        _require_fit(facts)
        label = f"rebond_{secrets.token_hex(8)}"
        moment = self._find_moment(access, facts, database, label, report)

        def conclude_reading(tree: BaseBackupTree | DataDirectoryTree) -> None:
            mark = moment.settle(tree.stop)
            self._facts = self._describe(tree, facts, moment.stop_time_ms, mark)
            add_configuration(tree.entries, facts, access, maintenance, report)

        began_ms = SystemClock().now_ms()

        def open_stream() -> BaseBackupTree:
            stream = self._open_stream(access, programs, facts.major, label)
            began_ns = began_ms * 1_000_000
            return BaseBackupTree(stream, began_ns=began_ns, at_end=conclude_reading, watch=moment.watch)

        if not self._component.data_directory:
            return open_stream()
        seen = self._see_directory(facts)
        return DirectoryOrStream(
            seen,
            open_directory=lambda: self._read_directory(
                access, seen, maintenance, label, conclude_reading, moment.watch
            ),
            open_stream=open_stream,
            pages=self._pages,
            now_ms=began_ms,
        )

    def foresee(self) -> Foreseen:
        """Ask the server how much it would send; it begins nothing. Raises ``SourceError`` and ``ConfigError``."""
        access, database, _ = self._find_access()
        facts = read_facts(access, database or "postgres")
        _require_fit(facts)
        if self._component.data_directory:
            self._see_directory(facts)
        return Foreseen(files=None, size_bytes=ask_size(access, database or "postgres"))

    def _find_access(self) -> tuple[Access, str, Sequence[Programs]]:
        """Return how the server is asked, the configured database and the programs that are there."""
        server, database = ConfiguredPostgres(self._name, self._component, self._loaded).find_server()
        where = place_of(self._component, self._loaded)
        programs = find_programs(where.open)
        return Access(server=server, programs=programs[0], open_program=where.open), database, programs

    def _see_directory(self, facts: ServerFacts) -> ServerFacts:
        """Return the facts with the data directory as it is seen from here, which has to be the server's."""
        place = os.path.join(self._loaded.root, str(self._component.data_directory))
        seen = msgspec.structs.replace(facts, data_directory=place)
        require_directory(seen)
        return seen

    def _find_moment(
        self, access: Access, facts: ServerFacts, database: str, label: str, report: Report
    ) -> PhysicalMoment:
        """Return what settles the moment of this backup, and asks then which files its databases name."""
        component = self._component
        wanted: list[str] = []
        if self.files.has_any:
            wanted = [words_of(each, self._loaded) for each in component.databases]
            if component.database or component.url:
                wanted = [database]
            if not wanted or "*" in wanted:
                wanted = facts.database_names
        has_point = component.wal is not None and not facts.is_standby
        return PhysicalMoment(
            self._name,
            access,
            maintenance=database or "postgres",
            databases=wanted,
            files=self.files,
            point=label if has_point else "",
            is_standby=facts.is_standby,
            report=report,
        )

    def conclude(self, report: Report) -> Conclusion:
        """Say what was read, and which part of the log it cannot be started without."""
        assert self._facts is not None and self._asked is not None  # noqa: S101, PT018 - it was read
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
                    ask_receiving=partial(ask_receiving, *self._asked) if self._component.wal == "receive" else None,
                )
            ]
        return Conclusion(
            facts=write_facts(facts), needs=tuple(needs), is_degraded=bool(self._pages) or self.files.is_unanswered
        )

    @property
    def _speaks_here(self) -> bool:
        """Whether this process may speak with the server itself."""
        return self._component.inside is None and self._component.volume is None

    def _open_stream(self, access: Access, programs: Sequence[Programs], major: int, label: str) -> BackupStream:
        takes_wal = self._component.wal is None
        algorithm = choose_algorithm(self._component.manifest_sums)
        if self._speaks_here and is_installed():
            self._way = "server"
            return ServerStream(access.server, label=label, takes_wal=takes_wal, pages=self._pages, algorithm=algorithm)
        self._way = "pg_basebackup"
        fitting = Access(
            server=access.server, programs=choose_programs(programs, major), open_program=access.open_program
        )
        return ProgramStream(fitting, label=label, takes_wal=takes_wal, pages=self._pages, algorithm=algorithm)

    def _read_directory(
        self,
        access: Access,
        facts: ServerFacts,
        database: str,
        label: str,
        at_end: Callable[[DataDirectoryTree], None],
        watch: WatchEnd,
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
                watch=watch,
            )
        except CommandFailed as error:
            raise explain_replication(error, server=str(access.server)) from error

    def _describe(
        self,
        tree: BaseBackupTree | DataDirectoryTree,
        facts: ServerFacts,
        stop_time_ms: int,
        mark: RestorePoint | None,
    ) -> PhysicalFacts:
        label = tree.label
        return PhysicalFacts(
            server=facts,
            start=label.start,
            stop=tree.stop,
            start_timeline=label.timeline,
            timeline=tree.timeline,
            stop_time_ms=stop_time_ms,
            is_from_standby=label.is_from_standby,
            includes_wal=self._component.wal is None,
            restore_point=mark,
            damaged_pages=len(self._pages.list_findings()),
            way=self._way,
        )


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
    inside = sorted(place for place in (facts.tablespaces or {}).values() if place and not os.path.isabs(place))
    if inside and facts.major < _SENDS_INSIDE_SINCE:
        raise SourceUnfit(
            "The server has a tablespace inside its data directory ({place}), which PostgreSQL {major} leaves out of "
            "every base backup.",
            hint="Stop the server, move {place} out of the data directory, and leave a link to it there: ln -s.",
            place=inside[0],
            major=facts.major,
        )
