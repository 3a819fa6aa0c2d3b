"""Several sessions that load one database at once: the largest tables first, each row counted."""

import threading
from collections.abc import Callable, Iterable, Sequence

from rebond.errors import RebondError, RestoreError
from rebond.sources.postgres.definitions import Job
from rebond.sources.postgres.feeding import LoadSession, ScriptGuard, run_statements
from rebond.sources.postgres.saved import SavedDatabase, SavedTable
from rebond.sources.postgres.session import Access

Advance = Callable[[str, int, int], None]
_LOOK_EVERY_SECONDS = 0.1


class _Tables:
    """The tables that nobody has taken yet, and what came of the others. Shared by the sessions."""

    def __init__(self, tables: Sequence[SavedTable]) -> None:
        self._lock = threading.Lock()
        self._left = list(reversed(tables))
        self.latest = ""
        self.failure: BaseException | None = None
        self.done = 0
        self.fed_bytes = 0

    def take(self) -> SavedTable | None:
        """Return the next one; ``None`` when there is none, or somebody failed."""
        with self._lock:
            return self._left.pop() if self._left and self.failure is None else None

    def fail(self, error: BaseException) -> None:
        """Remember the first failure."""
        with self._lock:
            self.failure = self.failure or error

    def count(self, table: SavedTable, size_bytes: int, *, is_done: bool = False) -> None:
        """Tell how far it is. Raises what another session failed at."""
        with self._lock:
            self.fed_bytes += size_bytes
            self.done += is_done
            self.latest = table.shown
            failure = self.failure
        if failure is not None:
            raise RestoreError("Another table could not be loaded.", hint="See the first error.")


def load_rows(saved: SavedDatabase, access: Access, database: str, *, jobs: int, advance: Advance) -> None:
    """Load the rows of all tables. Raises ``RestoreError`` and ``VaultError``: the first failure of all sessions."""
    tables = _Tables(saved.tables)
    threads = [
        threading.Thread(target=_load_tables, args=(saved, access, database, tables), name=f"load {number}")
        for number in range(max(1, min(jobs, len(saved.tables))))
    ]
    for each in threads:
        each.start()
    try:
        for each in threads:
            while each.is_alive():
                each.join(_LOOK_EVERY_SECONDS)
                advance(tables.latest, tables.done, tables.fed_bytes)
    except BaseException as error:
        tables.fail(error)
        for each in threads:
            each.join()
        raise
    if tables.failure is not None:
        raise tables.failure


def _load_tables(saved: SavedDatabase, access: Access, database: str, tables: _Tables) -> None:
    session: LoadSession | None = None
    try:
        loaded: list[SavedTable] = []
        while (table := tables.take()) is not None:
            session = session or LoadSession(access, database)
            _feed_table(saved, session, table, tables)
            loaded.append(table)
        if session is not None:
            check_counts(loaded, session.finish())
    except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
        tables.fail(error)
    finally:
        if session is not None:
            session.close()


def _feed_table(saved: SavedDatabase, session: LoadSession, table: SavedTable, tables: _Tables) -> None:
    # A table that is emptied in the transaction that fills it needs no second pass over its pages, and in some
    # settings no write-ahead log. What an extension has put into a table of its own stays.
    is_plain = not table.condition
    session.feed("BEGIN;\n")
    if is_plain:
        session.feed(f"TRUNCATE TABLE ONLY {table.sql};\n")
    session.feed(table.write_in(saved.manifest.encoding, options=("FREEZE",) if is_plain else ()) + "\n")
    for piece in saved.files.pieces(table.file):
        session.feed(piece)
        tables.count(table, len(piece))
    session.feed("\\.\n")
    session.report(f"{len(table.file)} :ROW_COUNT")
    session.feed("COMMIT;\n")
    tables.count(table, 0, is_done=True)


def check_counts(tables: Sequence[SavedTable], answers: Sequence[str]) -> None:
    """Compare what a session loaded with what was saved. Raises ``RestoreError``."""
    counts = [each.rpartition(" ")[2] for each in answers if each]
    if len(counts) != len(tables):
        raise RestoreError(
            "psql told of {count} tables, and was given {expected}.",
            hint="Run the same command again; if that happens each time, see the server's log.",
            count=len(counts),
            expected=len(tables),
        )
    for table, count in zip(tables, counts, strict=True):
        if count != str(table.rows):
            raise RestoreError(
                "{table}: {count} rows were loaded, and {expected} were saved.",
                hint="See the server's log; a rule or trigger may have changed what came.",
                table=table.shown,
                count=count,
                expected=table.rows,
            )


def run_side_by_side(access: Access, database: str, work: Iterable[Job], guard: ScriptGuard, *, jobs: int) -> None:
    """Run jobs in several sessions, each job as one transaction. Raises the first ``RestoreError``.

    Jobs that stopped one another are run again, one after the other.
    """
    left = list(reversed(list(work)))
    lock, failures, stopped = threading.Lock(), [], []  # type: ignore[var-annotated]

    def run() -> None:
        while True:
            with lock:
                if not left or failures:
                    return
                job = left.pop()
            try:
                run_statements(access, database, guard.wrap((b"BEGIN;", *job, b"COMMIT;")))
            except RebondError as error:
                with lock:
                    (stopped if "40P01" in str(error.values.get("words")) else failures).append((error, job))

    threads = [threading.Thread(target=run, name=f"index {number}") for number in range(max(1, min(jobs, len(left))))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if failures:
        raise failures[0][0]
    for _, job in stopped:
        run_statements(access, database, guard.wrap((b"BEGIN;", *job, b"COMMIT;")))
