"""Tables of a server that was saved by the physical method, as of a moment: a throw-away server is asked for them."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo

from msgspec import Struct

from rebond.clock import SystemClock
from rebond.entries import Tree
from rebond.errors import WalGap
from rebond.operations.physical.passing import save_on_the_way
from rebond.operations.physical.targets import LATEST, SET, Target
from rebond.operations.point_in_time import PlannedServer, plan_data_directory
from rebond.operations.recovery.parts import Room, Source
from rebond.operations.recovery.physical_part import say_no_log
from rebond.operations.saved_databases import SharedSegments, list_databases
from rebond.progress import Observer
from rebond.sources.postgres.catalogue import Table
from rebond.sources.postgres.saved import SavedDatabase
from rebond.sources.postgres.wanted_tables import is_named
from rebond.stack.file_trees import Report
from rebond.stack.recovered import open_recovered
from rebond.stack.thrown_away import thrown_away
from rebond.vault.reading import SnapshotReader

_OWN = "postgres"  # a database that every server has


class TablesAtMoment(Struct, frozen=True, kw_only=True):
    """Which tables of which component, as of when. Implements ``Moment``.

    ``database`` is the one that the configuration names, or empty; ``bytes`` what its data directory takes.
    """

    component: str
    target: Target
    database: str
    tables: tuple[str, ...]
    schemas: tuple[str, ...]
    stack: str
    zone: tzinfo | None
    environment: Mapping[str, str]
    jobs: int
    bytes: int

    @contextlib.contextmanager
    def open(self, source: Source, observer: Observer) -> Iterator[Sequence[SavedDatabase]]:
        """Bring a throw-away server to the moment, and hold what it has of the tables. Raises ``RebondError``.

        Their rows lie in a private folder; the server is gone by then.
        """
        planned = self._plan(source, observer)
        base = planned.reach.base
        names = self._choose_names(base.facts.server.database_names)

        def open_tree(report: Report) -> Tree:
            return open_recovered(thrown.server, base, names, self.environment, report, is_wanted=self._is_wanted)

        with thrown_away(source.vault, planned, self.environment, observer, jobs=self.jobs) as thrown:
            vault, record = save_on_the_way(open_tree, self.component, thrown.folder, SystemClock(), observer)
            thrown.server.remove()
            with SnapshotReader(vault, record) as reader, SharedSegments(reader, workers=self.jobs) as segments:
                yield list_databases(reader, segments, self.component)

    def require(self, source: Source) -> None:
        """Raise ``WalGap`` where the moment cannot be reached; nothing is fetched."""
        self._plan(source, None)

    def room(self) -> Room:
        """Say what the server takes where temporary files go."""
        return Room(path=os.fsencode(tempfile.gettempdir()), needed_bytes=self.bytes)

    def _plan(self, source: Source, observer: Observer | None) -> PlannedServer:
        try:
            return self._plan_at(source, self.target)
        except WalGap as gap:
            if self.target != LATEST:
                raise
            if observer is not None:
                observer.noticed(say_no_log(self.component, gap))
            return self._plan_at(source, SET)  # there is no log: then the newest moment is that of the snapshot

    def _plan_at(self, source: Source, target: Target) -> PlannedServer:
        record = source.record if target == SET else None
        return plan_data_directory(source.vault, record, self.component, target, stack=self.stack, zone=self.zone)

    def _choose_names(self, known: Sequence[str]) -> list[str]:
        """Return the database that the configuration names, unless it is the one by which the others are asked for."""
        return [self.database] if self.database in known and self.database != _OWN else list(known)

    def _is_wanted(self, table: Table) -> bool:
        return is_named(table.schema, table.name, self.tables, self.schemas)
