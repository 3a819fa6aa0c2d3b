"""A PostgreSQL component on its way back: loaded beside the live databases, then each swapped in by a transaction."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from rebond.errors import RebondError, RestoreError
from rebond.findings import Finding
from rebond.operations.recovery.journal import is_noted, note_read
from rebond.operations.recovery.own_touches import Touches
from rebond.operations.recovery.server_part import ServerPart
from rebond.operations.recovery.server_waiting import FindTarget
from rebond.operations.restore_database import DatabaseWish, foresee_database, read_saved, restore_database
from rebond.progress import Observer
from rebond.sources.postgres.making import drop_database, drop_leftovers, name_aside, shorten, swap_in
from rebond.sources.postgres.names import quote_text
from rebond.sources.postgres.raw_text import read_json, write_json
from rebond.sources.postgres.target import DatabaseTarget, Server, ask, choose_maintenance, describe_server
from rebond.vault.reading import SnapshotReader

NAMES, _DISCARDED = "databases", "discarded"
_LONGEST_BYTES = 40  # of a name that are kept in another one: PostgreSQL cuts what is longer than 63, without a word
_IN_IT = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE datname = {name};"
_MOST_LOOKS = 100  # each starts a psql
_TOLD_AT_ONCE = 15  # the version since which a session that ends has told of its rows by then
_LET_TELL = "SELECT pg_catalog.pg_sleep(1);"
_COUNTERS = "SELECT tup_inserted + tup_updated + tup_deleted FROM pg_catalog.pg_stat_database WHERE datname = {name};"


class _Names(msgspec.Struct, frozen=True, kw_only=True):
    """One database: its name, that under which it is loaded, that under which the old one is kept.

    ``written`` is what its statistics said when it was in its place; -1 before.
    """

    saved: str
    name: str
    new: str
    aside: str
    since: str
    had_been_there: bool
    written: int = -1


class DatabasePart(ServerPart):
    """Implements ``Part``. The server has to run all the time; only who uses the databases is stopped."""

    def __init__(self, name: str, find_target: FindTarget, *, makes_all_roles: bool = False, **what: Any) -> None:
        """With ``makes_all_roles`` a server gets every role that the saved one had, also those that own nothing.

        ``what`` is as ``ServerPart`` takes it.
        """
        super().__init__(name, find_target, **what)
        self._makes_all_roles = makes_all_roles

    def _foresee_at(self, target: DatabaseTarget, reader: SnapshotReader) -> Sequence[RebondError | Finding]:
        wish = DatabaseWish(keeps_owner=self._keeps_owner, may_replace=True, makes_all_roles=self._makes_all_roles)
        return foresee_database(reader, self.name, target, wish)

    def describe_left(self) -> str:
        """Return the names of databases that only a restore makes."""
        return describe_left(self._folder)

    def has_something_there(self) -> bool:
        """Say whether the server holds anything of this run."""
        return bool(self._find_names()) and not self._is_discarded()

    has_brought = has_something_there

    def _finds_own(self, target: DatabaseTarget, server: Server) -> bool:  # noqa: ARG002 - the names are enough
        """One that took a name that nobody had cannot be told from another's: it is not taken for ours."""
        there = frozenset(server.databases)
        return any(not there.isdisjoint((each.new, each.aside, each.since)) for each in self._find_names())

    # -- forward ---------------------------------------------------------------------------------

    def fetch(self, observer: Observer) -> None:
        """Load every database under another name. Raises what ``restore_database`` does."""
        assert self._source is not None  # noqa: S101 - only undoing goes without a source
        target = self._find_target()
        names = self._remember_names(target)
        self._drop(target, [each.new for each in names])  # half of one may be there from a try that was cut
        restore_database(
            self._source.vault,
            self._source.record,
            self.name,
            target,
            DatabaseWish(
                renames={each.saved: each.new for each in names},
                jobs=self._jobs,
                keeps_owner=self._keeps_owner,
                makes_all_roles=self._makes_all_roles,
            ),
            observer,
        )

    def set_aside(self) -> None:
        """Do nothing: the old one gives its name away in the moment in which the new one takes it."""

    def put(self) -> None:
        """Swap each one in. Raises ``RestoreError`` when somebody cannot be put out of the old one."""
        target, names = self._find_target(), self._find_names()
        there = self._list(target)
        # Before anybody knows them by their names: what is written from then on is somebody's.
        names = [
            msgspec.structs.replace(each, written=self._count_own_writes(target, each.new))
            if each.new in there
            else each
            for each in names
        ]
        self._keep(names)
        for each in names:
            there = self._list(target)
            if each.new in there:
                aside = each.aside if each.name in there else ""
                swap_in(target.access, _maintenance(target, each.name), new=each.new, name=each.name, aside=aside)

    # -- back ------------------------------------------------------------------------------------

    def take_back(self) -> None:
        """Give the old ones their names again; the new ones have those under which they were loaded."""
        names = self._find_names() if not self._is_discarded() else []  # done, and the server may be stopped again
        target = self._find_target() if names else None
        for each in reversed(names):
            assert target is not None  # noqa: S101 - there are names
            there = self._list(target)
            if each.new in there or each.since in there:
                continue  # it never took the name, or gave it back
            maintenance = _maintenance(target, each.name)
            if each.aside in there:
                taken = each.new if each.name in there else ""
                swap_in(target.access, maintenance, new=each.aside, name=each.name, aside=taken)
            elif each.name in there and not each.had_been_there:
                swap_in(target.access, maintenance, new=each.name, name=each.new, aside="")

    def discard(self) -> None:
        """Drop what was loaded and is not in its place, also the half of it that a load left which was killed."""
        if self.has_something_there():
            target, loaded = self._find_target(), [each.new for each in self._find_names()]
            self._drop(target, loaded)
            for each in loaded:
                drop_leftovers(target.access, _maintenance(target, each), each)
            self._write(_DISCARDED, self.find_newer().encode())  # what starts the server may be taken away after this

    def accept(self) -> None:
        """Drop the old ones."""
        names = self._find_names()
        if names:
            self._drop(self._find_target(), [name for each in names for name in (each.aside, each.new)])

    def keep_new(self) -> None:
        """Give what was taken back a name under which it stays."""
        if self._is_discarded():
            return
        target = self._find_target()
        for each in self._find_names():
            there = self._list(target)
            if each.new in there and each.since not in there:
                swap_in(target.access, _maintenance(target, each.name), new=each.new, name=each.since, aside="")

    def find_newer(self) -> str:
        """Return the names under which written-to databases stay."""
        if self._is_discarded():
            return (self._folder / _DISCARDED).read_text()
        target, names = self._find_target(), self._find_names()
        there = self._list(target)
        return ", ".join(each.since for each in names if each.since in there)

    def describe_aside(self) -> str:
        """Return the names under which the old ones stay."""
        return ", ".join(each.aside for each in self._find_names() if each.had_been_there)

    def was_written_since(self, since_ns: int, own: Touches) -> bool:  # noqa: ARG002 - of files
        """Ask the server's statistics whether a row was changed since the new one took its place."""
        if since_ns <= 0:
            return False
        target = self._find_target()
        return any(
            each.written >= 0 and self._count_writes(target, each.name) != each.written for each in self._find_names()
        )

    def was_written_late(self) -> bool:
        """Ask the statistics of what was taken back: who was put out of it has told of all its rows by then."""
        if self._is_discarded():
            return False
        target = self._find_target()
        server = describe_server(target)[0]
        if server.major < _TOLD_AT_ONCE:
            ask(target.access, choose_maintenance(target), _LET_TELL)
        return any(
            each.new in server.databases and each.written >= 0 and self._count_writes(target, each.new) != each.written
            for each in self._find_names()
        )

    # -- names -----------------------------------------------------------------------------------

    def _remember_names(self, target: DatabaseTarget) -> list[_Names]:
        """Decide, once, under which names things happen, and write that down before anything is made."""
        if found := self._find_names():
            return found
        assert self._source is not None  # noqa: S101 - only ``fetch`` calls
        with self._source.reading() as reader:
            saved = [each.name for each in read_saved(reader, self.name)]
        there = self._list(target)
        now_ms = self._source.vault.clock.now_ms()
        names = []
        for each in saved:
            name = target.database or each
            names.append(
                _Names(
                    saved=each,
                    name=name,
                    new=f"{shorten(name, _LONGEST_BYTES)}_rebond_{self._run[:8]}",
                    aside=name_aside(name, now_ms),
                    since=f"{shorten(name, _LONGEST_BYTES)}_since_{self._run[:8]}",
                    had_been_there=name in there,
                )
            )
        self._keep(names)
        return names

    def _find_names(self) -> list[_Names]:
        with note_read(self._run, self._folder / NAMES):
            return _read_names(self._folder)

    def _is_discarded(self) -> bool:
        """Say whether it was undone to its end, after which nothing is asked of the server any more."""
        return is_noted(self._run, self._folder / _DISCARDED)

    def _keep(self, names: list[_Names]) -> None:
        self._write(NAMES, write_json(names))

    def _list(self, target: DatabaseTarget) -> frozenset[str]:
        return frozenset(describe_server(target)[0].databases)

    def _drop(self, target: DatabaseTarget, names: Sequence[str]) -> None:
        there = self._list(target)
        for each in names:
            if each in there:
                drop_database(target.access, _maintenance(target, each), each)

    def _count_own_writes(self, target: DatabaseTarget, name: str) -> int:
        """Count when the sessions that loaded it are gone, and have told of all their rows."""
        with contextlib.suppress(RestoreError):
            for _ in range(_MOST_LOOKS):
                if ask(target.access, _maintenance(target, name), _IN_IT.format(name=quote_text(name)))[0] == b"0":
                    break
        return self._count_writes(target, name)

    def _count_writes(self, target: DatabaseTarget, name: str) -> int:
        with contextlib.suppress(RestoreError, ValueError, IndexError):
            query = _COUNTERS.format(name=quote_text(name))
            return int(ask(target.access, _maintenance(target, name), query)[0])
        return -1


def describe_left(folder: Path) -> str:
    """Return by their names the databases that a part with this folder may have left in its server, old ones first."""
    names = _read_names(folder)
    return ", ".join([*(each.aside for each in names if each.had_been_there), *(each.new for each in names)])


def _read_names(folder: Path) -> list[_Names]:
    try:
        return read_json((folder / NAMES).read_bytes(), list[_Names])
    except FileNotFoundError:
        return []


def _maintenance(target: DatabaseTarget, name: str) -> str:
    """Return a database to be connected to that is not the one whose name changes."""
    return choose_maintenance(DatabaseTarget(access=target.access, database=name))
