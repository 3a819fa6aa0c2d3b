"""Several sessions that load one database at once: the largest tables first, each row counted.

A table that alone would take longer than all others side by side is loaded by all sessions together, block by block:
its rows stay near their order, and are no longer exactly in it.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from rebond.errors import RestoreError
from rebond.sources.postgres.feeding import ScriptGuard
from rebond.sources.postgres.load_sessions import begin_session
from rebond.sources.postgres.partition_roots import find_roots
from rebond.sources.postgres.saved import Piece, SavedDatabase, SavedTable
from rebond.sources.postgres.session import Access

Advance = Callable[[str, int, int], None]
LEAST_SHARED_BYTES = 64 << 20  # of a table that several sessions load together
_LONG = 1.25  # times what a session has to load on average
_LOOK_EVERY_SECONDS = 0.1


class RowsSession(Protocol):
    """A session that loads tables. All but ``abort`` is for one thread."""

    def load(self, before: Sequence[str], command: str, pieces: Iterable[Piece], after: Sequence[str]) -> None:
        """Run statements, one COPY with its rows, and statements behind it. Raises ``RestoreError``."""
        ...

    def finish(self) -> list[str]:
        """End it; return a line for each COPY, which ends with the number of its rows. Raises ``RestoreError``."""
        ...

    def abort(self) -> None:
        """End it from another thread."""
        ...

    def close(self) -> None:
        """End it as it is; may be called twice."""
        ...


class _Work:
    """What the sessions have still to load, and what came of the rest. Shared by them."""

    def __init__(self, saved: SavedDatabase, guard: ScriptGuard, *, jobs: int) -> None:
        self._guard = guard
        shared = choose_shared(saved, jobs=jobs)
        self.shared = [SharedRows(each, saved.files.pieces(each.file)) for each in shared]
        self._lock = threading.Lock()
        self._left = [each for each in reversed(saved.tables) if each not in shared]
        self._counts = dict.fromkeys((each.file for each in saved.tables), 0)
        self.latest = ""
        self.failure: BaseException | None = None
        self._sessions: list[RowsSession] = []
        self.done = 0
        self.fed_bytes = 0

    def take(self) -> SavedTable | None:
        """Return the next table that is one session's; ``None`` when there is none, or somebody failed."""
        with self._lock:
            return self._left.pop() if self._left and self.failure is None else None

    def fail(self, error: BaseException) -> None:
        """Remember the first failure."""
        with self._lock:
            self.failure = self.failure or error

    def begin(self, access: Access, database: str) -> RowsSession:
        """Begin a session. Raises ``RestoreError``."""
        session = begin_session(access, database, self._guard)
        with self._lock:
            self._sessions.append(session)
        return session

    def abort(self) -> None:
        """End every session as it is."""
        with self._lock:
            sessions, self._sessions = self._sessions, []
        for each in sessions:
            each.abort()

    def advance(self, table: SavedTable, size_bytes: int, *, is_done: bool = False) -> None:
        """Tell how far it is. Raises when another session failed."""
        with self._lock:
            self.fed_bytes += size_bytes
            self.done += is_done
            self.latest = table.shown
            failure = self.failure
        if failure is not None:
            raise RestoreError("Another table could not be loaded.", hint="See the first error.")

    def count(self, tables: Sequence[SavedTable], answers: Sequence[str]) -> None:
        """Add what a session loaded, in the order in which it did. Raises ``RestoreError``."""
        counts = read_counts(tables, answers)
        with self._lock:
            for table, count in zip(tables, counts, strict=True):
                self._counts[table.file] += count

    def judge(self, tables: Sequence[SavedTable]) -> None:
        """Compare what all of them loaded with what was saved. Raises ``RestoreError``, or the first failure."""
        if self.failure is not None:
            raise self.failure
        for each in tables:
            judge_count(each, self._counts[each.file])


class SharedRows:
    """The rows of one table, handed out in blocks of whole rows to whoever asks next, in their order."""

    def __init__(self, table: SavedTable, pieces: Iterator[Piece]) -> None:
        self.table = table
        self._pieces = pieces
        self._rest = b""
        self._lock = threading.Lock()
        self._is_told = False

    def take(self) -> bytes:
        """Return the next rows, all of each; empty when there are no more. Raises ``VaultError``."""
        with self._lock:
            while (piece := next(self._pieces, None)) is not None:
                rows = b"".join((self._rest, piece))
                end = rows.rfind(b"\n") + 1  # COPY writes the end of a line inside a value as two letters
                self._rest = rows[end:]
                if end:
                    return rows[:end]
            rest, self._rest = self._rest, b""
            return rest

    def is_first_at_end(self) -> bool:
        """Say once that it is done."""
        with self._lock:
            was_told, self._is_told = self._is_told, True
            return not was_told


def choose_shared(saved: SavedDatabase, *, jobs: int) -> list[SavedTable]:
    """Return the tables that all sessions load together: those that would keep one busy when the others are done."""
    shared = []
    left_bytes = sum(saved.files.size(each.file) for each in saved.tables)
    for each in saved.tables:  # the largest first
        size = saved.files.size(each.file)
        is_long = size >= LEAST_SHARED_BYTES and size * jobs > _LONG * left_bytes
        if jobs < 2 or each.condition or not is_long:
            break
        shared.append(each)
        left_bytes -= size
    return shared


def load_rows(
    saved: SavedDatabase, access: Access, database: str, guard: ScriptGuard, *, jobs: int, advance: Advance
) -> None:
    """Load the rows of all tables. Raises ``RestoreError`` and ``VaultError``: the first failure of all sessions."""
    saved = replace(saved, tables=find_roots(access, database, saved.tables))
    work = _Work(saved, guard, jobs=jobs)
    count = max(1, jobs if work.shared else min(jobs, len(saved.tables)))
    threads = [
        threading.Thread(target=_load_tables, args=(saved, access, database, work), name=f"load {number}")
        for number in range(count)
    ]
    for each in threads:
        each.start()
    try:
        for each in threads:
            while each.is_alive():
                each.join(_LOOK_EVERY_SECONDS)
                advance(work.latest, work.done, work.fed_bytes)
    except BaseException as error:
        work.fail(error)
        work.abort()
        for each in threads:
            each.join()
        raise
    work.judge(saved.tables)


def _load_tables(saved: SavedDatabase, access: Access, database: str, work: _Work) -> None:
    session: RowsSession | None = None
    try:
        loaded: list[SavedTable] = []
        for shared in work.shared:
            session = session or work.begin(access, database)
            _load_share(saved, session, shared, work)
            loaded.append(shared.table)
        while (table := work.take()) is not None:
            session = session or work.begin(access, database)
            _load_table(saved, session, table, work)
            loaded.append(table)
        if session is not None:
            work.count(loaded, session.finish())
    except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
        work.fail(error)
    finally:
        if session is not None:
            session.close()


def _load_table(saved: SavedDatabase, session: RowsSession, table: SavedTable, work: _Work) -> None:
    # A table that is emptied in the transaction that fills it needs no second pass over its pages, and in some
    # settings no write-ahead log. What an extension has put into a table of its own stays, and so does what came into
    # a partition with the rows of another.
    is_plain = not table.condition and not table.root
    before = ["BEGIN;", f"TRUNCATE TABLE ONLY {table.sql};"] if is_plain else ["BEGIN;"]
    command = table.write_in(saved.manifest.encoding, options=("FREEZE",) if is_plain else ())
    session.load(before, command, _watch(saved.files.pieces(table.file), table, work), ["COMMIT;"])
    work.advance(table, 0, is_done=True)


def _load_share(saved: SavedDatabase, session: RowsSession, shared: SharedRows, work: _Work) -> None:
    # Several sessions cannot empty the table that they fill together, so its pages are marked later, by vacuum.
    table = shared.table
    pieces = iter(shared.take, b"")
    session.load([], table.write_in(saved.manifest.encoding), _watch(pieces, table, work), [])
    if shared.is_first_at_end():
        work.advance(table, 0, is_done=True)


def _watch(pieces: Iterable[Piece], table: SavedTable, work: _Work) -> Iterator[Piece]:
    """Tell of each piece when it is loaded. Raises when another session failed."""
    for each in pieces:
        yield each
        work.advance(table, len(each))


def check_counts(tables: Sequence[SavedTable], answers: Sequence[str]) -> None:
    """Compare what a session loaded with what was saved. Raises ``RestoreError``."""
    for table, count in zip(tables, read_counts(tables, answers), strict=True):
        judge_count(table, count)


def read_counts(tables: Sequence[SavedTable], answers: Sequence[str]) -> list[int]:
    """Return how many rows a session loaded into each table. Raises ``RestoreError``."""
    counts = [int(each.rpartition(" ")[2]) for each in answers if each]
    if len(counts) != len(tables):
        raise RestoreError(
            "psql told of {count} tables, and was given {expected}.",
            hint="Run the same command again; if that happens each time, see the server's log.",
            count=len(counts),
            expected=len(tables),
        )
    return counts


def judge_count(table: SavedTable, count: int) -> None:
    """Compare how many rows were loaded with how many were saved. Raises ``RestoreError``."""
    if count != table.rows:
        raise RestoreError(
            "{table}: {count} rows were loaded, and {expected} were saved.",
            hint="See the server's log; a rule or trigger may have changed what came.",
            table=table.shown,
            count=count,
            expected=table.rows,
        )
