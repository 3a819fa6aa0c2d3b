"""Single tables of a PostgreSQL component on their way back: loaded beside, then put in by one transaction."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import msgspec

from rebond.errors import RebondError
from rebond.findings import Finding
from rebond.operations.recovery.chosen_tables import choose_database
from rebond.operations.recovery.journal import is_noted, note_read
from rebond.operations.recovery.own_touches import Touches
from rebond.operations.recovery.parts import Room, Source
from rebond.operations.recovery.server_part import ServerPart
from rebond.operations.recovery.server_waiting import FindTarget
from rebond.operations.recovery.table_doubts import list_doubts, list_lost
from rebond.operations.restore_database import Pace, read_saved
from rebond.operations.saved_databases import SharedSegments, list_databases
from rebond.progress import Observer
from rebond.sources.postgres.exchanged_tables import Exchange, MadeTables
from rebond.sources.postgres.left_out import list_left_out
from rebond.sources.postgres.part_load import load_part
from rebond.sources.postgres.raw_text import read_json, write_json
from rebond.sources.postgres.saved import SavedDatabase
from rebond.sources.postgres.split_tables import require_whole_tables
from rebond.sources.postgres.table_demands import require_rows_fit
from rebond.sources.postgres.table_exchange import (
    drop_beside,
    keep_since,
    mark_ready,
    open_beside,
    put_rows,
    take_rows_back,
    was_written,
    was_written_late,
)
from rebond.sources.postgres.table_plan import make_missing, plan_beside, plan_exchange
from rebond.sources.postgres.target import DatabaseTarget, Server, describe_server
from rebond.sources.postgres.wanted_tables import choose_tables
from rebond.vault.reading import SnapshotReader

TABLES, _PUT, _TAKEN_BACK, _DISCARDED = "tables", "put", "taken-back", "discarded"
_SCRIPTS = ("before", "after", "positions")


class Moment(Protocol):
    """A server that can be brought to a moment, for its tables."""

    def open(self, source: Source, observer: Observer) -> contextlib.AbstractContextManager[Sequence[SavedDatabase]]:
        """Hold its databases as they were then. Raises ``RebondError``."""
        ...

    def require(self, source: Source) -> None:
        """Raise ``WalGap`` where that moment cannot be reached; nothing is fetched."""
        ...

    def room(self) -> Room:
        """Say what it takes on a disk of this machine."""
        ...


class TablesPart(ServerPart):
    """Implements ``Part``. Only who uses the tables is stopped; nothing else of their database is touched."""

    def __init__(
        self,
        name: str,
        find_target: FindTarget,
        *,
        tables: Sequence[str],
        schemas: Sequence[str],
        moment: Moment | None = None,
        **what: Any,
    ) -> None:
        """``tables`` and ``schemas`` are as people write them. ``what`` is as ``ServerPart`` takes it.

        With a ``moment`` the rows are those of a server that is brought there, else those of a snapshot.
        """
        super().__init__(name, find_target, **what)
        self._tables = tables
        self._schemas = schemas
        self._moment = moment

    def rooms(self) -> Sequence[Room]:
        """Return what a server takes that is brought to a moment; nothing is known of the live one's disk."""
        return () if self._moment is None else [self._moment.room()]

    def _foresee_at(self, target: DatabaseTarget, reader: SnapshotReader) -> Sequence[RebondError | Finding]:
        if self._moment is not None:  # what its tables are is known when it is there: before anything is stopped too
            assert self._source is not None  # noqa: S101 - only undoing goes without a source
            self._moment.require(self._source)
            return []
        saved = self._choose(read_saved(reader, self.name))
        exchange, made = self._plan(saved, self._aim(saved, target))
        return list_doubts(self.name, exchange, made)

    def describe_left(self) -> str:
        """Return the schema that only a restore makes, with what may lie in it."""
        return describe_left_tables(self._folder)

    def has_something_there(self) -> bool:
        """Say whether the server holds anything of this run."""
        return bool(self._find().tables) and not self._is_discarded()

    has_brought = has_something_there

    def _finds_own(self, target: DatabaseTarget, server: Server) -> bool:
        exchange = self._find()
        if exchange.database not in server.databases:
            return False
        looks = exchange.look(replace(target, database=exchange.database))
        return bool(looks.mark or looks.beside)

    # -- forward ---------------------------------------------------------------------------------

    def fetch(self, observer: Observer) -> None:
        """Load the rows into a schema of their own. Raises ``RestoreError`` and ``VaultError``."""
        assert self._source is not None  # noqa: S101 - only undoing goes without a source
        target = self._find_target()
        with self._open(self._source, observer) as databases:
            saved = self._choose(databases)
            target = self._aim(saved, target)
            exchange = self._find()
            if not exchange.tables:
                exchange = self._remember(saved, target, observer)
            open_beside(target, exchange)
            load_part(saved, plan_beside(saved, target, exchange), report=observer.noticed, advance=Pace(observer))
            require_rows_fit(saved, target, exchange)
        mark_ready(target, exchange)

    def set_aside(self) -> None:
        """Do nothing: the old rows are kept by the transaction that puts the new ones in their place."""

    def put(self) -> None:
        """Put all rows in. Raises ``RestoreError`` when they do not fit; then nothing was changed."""
        with note_read(self._run, self._folder / TABLES):
            before, after, positions = ((self._folder / name).read_bytes() for name in _SCRIPTS)
        put_rows(self._target(), self._find(), MadeTables(before=before, after=after, positions=positions))
        self._write(_PUT, b"")

    # -- back ------------------------------------------------------------------------------------

    def take_back(self) -> None:
        """Put the old rows back; those that were there until now lie beside."""
        if self.has_something_there() and not self._is_noted(_TAKEN_BACK):
            take_rows_back(self._target(), self._find(), was_put=self._is_noted(_PUT))
            self._write(_TAKEN_BACK, b"")  # from here on the schema may go

    def discard(self) -> None:
        """Drop what lies beside, but what was written since."""
        if self.has_something_there():
            drop_beside(self._target(), self._find())
            self._write(_DISCARDED, self.find_newer().encode(errors="surrogateescape"))

    def accept(self) -> None:
        """Drop the old rows."""
        if self._find().tables:
            drop_beside(self._target(), self._find())

    def keep_new(self) -> None:
        """Give what was taken back a name under which it stays."""
        if self.has_something_there():
            keep_since(self._target(), self._find())

    def was_written_late(self) -> bool:
        """Ask what the transaction found that took them back, under its lock."""
        return self.has_something_there() and was_written_late(self._target(), self._find())

    def find_newer(self) -> str:
        """Return the names under which written-to tables stay."""
        if self._is_discarded():
            return (self._folder / _DISCARDED).read_bytes().decode(errors="surrogateescape")
        exchange = self._find()
        beside = exchange.look(self._target()).beside
        return _describe(exchange, [each.since for each in exchange.tables if each.since in beside])

    def describe_aside(self) -> str:
        """Return where the old rows lie."""
        exchange = self._find()
        return _describe(exchange, [each.before for each in exchange.tables if not each.is_made])

    def was_written_since(self, since_ns: int, own: Touches) -> bool:  # noqa: ARG002 - of files
        """Ask the server whether any row is another than those that were put."""
        if since_ns <= 0 or self._is_noted(_TAKEN_BACK):
            return False
        return was_written(self._target(), self._find(), was_put=self._is_noted(_PUT))

    @contextlib.contextmanager
    def _open(self, source: Source, observer: Observer) -> Iterator[Sequence[SavedDatabase]]:
        with contextlib.ExitStack() as held:
            if self._moment is not None:
                yield held.enter_context(self._moment.open(source, observer))
                return
            reader = held.enter_context(source.reading())
            yield list_databases(reader, held.enter_context(SharedSegments(reader, workers=self._jobs)), self.name)

    # -- what is remembered ----------------------------------------------------------------------

    def _choose(self, databases: Sequence[SavedDatabase]) -> SavedDatabase:
        return choose_database(databases, self.name, self._tables, self._schemas)

    def _aim(self, saved: SavedDatabase, target: DatabaseTarget) -> DatabaseTarget:
        """Return the database on the server, with programs that fit it."""
        target = describe_server(target)[1]
        # Of a whole server the configuration may name any database, to be asked of the others.
        return replace(target, database=saved.name if self._moment else target.database or saved.name)

    def _target(self) -> DatabaseTarget:
        target = describe_server(self._find_target())[1]
        return replace(target, database=self._find().database)

    def _plan(self, saved: SavedDatabase, target: DatabaseTarget) -> tuple[Exchange, MadeTables]:
        """Return everything that is decided before anything is made. Raises ``RestoreError``."""
        wanted = choose_tables(saved, self._tables, self._schemas)
        require_whole_tables(saved, wanted, self._schemas)
        planned = plan_exchange(target, wanted, f"rebond_{self._run[:8]}")
        exchange, made = make_missing(
            saved, target, planned, keeps_owner=self._keeps_owner, is_counted=self._moment is None
        )
        plan_beside(saved, target, exchange)
        return msgspec.structs.replace(exchange, left_out=list_left_out(saved, self._schemas)), made

    def _remember(self, saved: SavedDatabase, target: DatabaseTarget, observer: Observer) -> Exchange:
        """Decide, once, what is exchanged, and write that down before anything is made."""
        exchange, made = self._plan(saved, target)
        for finding in list_doubts(self.name, exchange, made) if self._moment else list_lost(self.name, made):
            observer.noticed(finding)
        for name in _SCRIPTS:
            self._write(name, getattr(made, name))
        self._write(TABLES, write_json(exchange))  # the last one: who finds it finds the others
        return exchange

    def _find(self) -> Exchange:
        """Return what was written down; without tables where nothing was."""
        with note_read(self._run, self._folder / TABLES):
            return _read_note(self._folder)

    def _is_discarded(self) -> bool:
        return self._is_noted(_DISCARDED)

    def _is_noted(self, name: str) -> bool:
        return is_noted(self._run, self._folder / name)


def describe_left_tables(folder: Path) -> str:
    """Return by their names the tables that a part with this folder may have left beside, old ones first."""
    exchange = _read_note(folder)
    return _describe(exchange, [name for each in exchange.tables for name in (each.before, each.new)])


def _read_note(folder: Path) -> Exchange:
    try:
        return read_json((folder / TABLES).read_bytes(), Exchange)
    except FileNotFoundError:
        return Exchange(database="", work="", tables=())


def _describe(exchange: Exchange, names: Sequence[str]) -> str:
    return ", ".join(f"{exchange.database}: {exchange.work}.{name}" for name in names)
