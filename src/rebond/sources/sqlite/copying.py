"""An online backup of a SQLite database: one consistent copy, made while programs write, then checked."""

import contextlib
import os
import sqlite3
import stat
import urllib.parse
from collections.abc import Callable, Iterator

from rebond.clock import Clock
from rebond.errors import SourceError, SourceUnfit, SourceUnreachable
from rebond.sources.files.paths import show_path
from rebond.sources.sqlite.private_files import private_directory

Ask = Callable[[sqlite3.Connection], None]

_STEP_PAGES = 4096
_RESTARTS = 3  # a copy begins again whenever somebody wrote meanwhile; after so many, writers wait for it
_BUSY_SECONDS = 0.05  # SQLite waits so long inside one call, in which nobody can interrupt us
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PROBLEMS = 5


@contextlib.contextmanager
def copied_database(
    path: bytes, *, clock: Clock, timeout_seconds: float, place: str, ask: Ask | None = None
) -> Iterator[int]:
    """Give a descriptor of a checked copy; nothing of it is left on disk while the block runs.

    ``ask`` is called with a connection that can only read the copy, once it is good.

    ``place`` needs room for the copy. A lock is waited for ``timeout_seconds``. Raises ``SourceUnreachable``
    when there is no file or it stays locked, ``SourceUnfit`` when it is no database, encrypted or damaged,
    ``SourceError`` when the copy cannot be written.
    """
    check_is_file(path)
    with private_directory(place) as directory:
        copy = os.path.join(directory, "copy")
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        _copy(path, copy, clock=clock, timeout_seconds=timeout_seconds)
        check_copy(path, copy, ask)
        fd = os.open(copy, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def check_is_file(path: bytes) -> os.stat_result:
    """Return the status of a plain file. Raises ``SourceUnreachable`` or ``SourceUnfit``."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise SourceUnreachable(
            "The database {path} cannot be reached: {reason}.",
            hint="Check the path, and that what it lies on is mounted.",
            path=show_path(path),
            reason=error.strerror or str(error),
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise SourceUnfit("{path} is no file.", hint="Name the file of the database.", path=show_path(path))
    return status


def _copy(path: bytes, copy: str, *, clock: Clock, timeout_seconds: float) -> None:
    try:
        try:
            _copy_once(path, copy, _Copying(path, clock, timeout_seconds, lets_writers_in=True))
        except _KeepsChanging:
            os.truncate(copy, 0)  # without a journal, what was abandoned is no database any more
            _copy_once(path, copy, _Copying(path, clock, timeout_seconds, lets_writers_in=False))
    except sqlite3.Error as error:
        raise _translate(path, error) from error


def _copy_once(path: bytes, copy: str, copying: "_Copying") -> None:
    # A database in WAL mode can be opened by those who may write beside it; they also tidy up when they close it.
    mode = "rw" if os.access(path, os.W_OK) else "ro"
    address = f"file:{urllib.parse.quote(path)}?mode={mode}"
    with (
        contextlib.closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as source,
        contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as target,
    ):
        target.execute("PRAGMA journal_mode=OFF")  # a copy that is cut is thrown away
        target.execute("PRAGMA synchronous=OFF")
        copying.run(source, target)


class _KeepsChanging(Exception):
    """Writers come between the steps too often."""


class _Copying:
    """One copy, in steps so that it can be interrupted.

    Either it ``lets_writers_in`` between the steps, who then make it begin again; or it holds the database to
    one state, which in another mode than WAL makes writers wait.
    """

    def __init__(self, path: bytes, clock: Clock, timeout_seconds: float, *, lets_writers_in: bool) -> None:
        self._path = path
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._lets_writers_in = lets_writers_in
        self._waiting_since: float | None = None
        self._left_pages = -1
        self._restarts = 0

    def run(self, source: sqlite3.Connection, target: sqlite3.Connection) -> None:
        """Copy everything. Raises ``SourceUnreachable``, ``_KeepsChanging`` and ``sqlite3.Error``."""
        if self._ask(source, "PRAGMA journal_mode") == "wal":
            self._lets_writers_in = False  # a reader holds nobody back there
        if not self._lets_writers_in:
            source.execute("BEGIN")  # one look from the first step to the last
            self._ask(source, "SELECT count(*) FROM sqlite_master")
        source.backup(target, pages=_STEP_PAGES, progress=self._advance, sleep=_BUSY_SECONDS)

    def _ask(self, source: sqlite3.Connection, question: str) -> object:
        """Return one answer of the database, as soon as nobody forbids to read it."""
        while True:
            try:
                return source.execute(question).fetchone()[0]
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in _BUSY:
                    raise
                self._wait()
                self._clock.sleep(_BUSY_SECONDS)

    def _advance(self, status: int, left_pages: int, _: int) -> None:
        """Be told by SQLite after each step; what is raised here ends the copy."""
        if status in _BUSY:
            self._wait()
            return
        self._waiting_since = None
        if self._lets_writers_in and 0 <= self._left_pages < left_pages:
            self._restarts += 1
            if self._restarts > _RESTARTS:
                raise _KeepsChanging
        self._left_pages = left_pages

    def _wait(self) -> None:
        now = self._clock.monotonic()
        if self._waiting_since is None:
            self._waiting_since = now
        if now - self._waiting_since >= self._timeout_seconds:
            raise SourceUnreachable(
                "The database {path} has been locked by another program for {seconds} s.",
                hint="See which program holds it (fuser {path}), or give a longer timeout; then run the backup again.",
                path=show_path(self._path),
                seconds=round(self._timeout_seconds),
            )


def check_copy(path: bytes, copy: str, ask: Ask | None = None) -> None:
    """Check the copy. Raises ``SourceUnfit`` when it is damaged: then the database is."""
    address = f"file:{urllib.parse.quote(copy)}?mode=ro&immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            rows = connection.execute(f"PRAGMA quick_check({_PROBLEMS})").fetchall()
            problems = [str(row[0]) for row in rows]
            if problems != ["ok"]:
                raise _damaged(path, " | ".join(each.replace("\n", " ") for each in problems))
            if ask:
                ask(connection)
    except sqlite3.Error as error:
        raise _translate(path, error) from error


def _damaged(path: bytes, reason: str) -> SourceUnfit:
    return SourceUnfit(
        "The database {path} is damaged, so it is not saved: {reason}",
        hint="Restore it from an earlier snapshot, or save what is readable: sqlite3 {path} .recover",
        path=show_path(path),
        reason=reason,
    )


def _translate(path: bytes, error: sqlite3.Error) -> SourceError:
    """Return what an error of SQLite means for a backup."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    shown, reason = show_path(path), str(error)
    if code == sqlite3.SQLITE_NOTADB:
        return SourceUnfit(
            "{path} is no SQLite database, or it is encrypted.",
            hint="Check the path. Save an encrypted database by the program that has its key, with --command.",
            path=shown,
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return _damaged(path, reason)
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH}:
        return SourceUnfit(
            "The database {path} cannot be opened: {reason}.",
            hint="Run the backup as the user whose program writes it, or as root.",
            path=shown,
            reason=reason,
        )
    if code == sqlite3.SQLITE_FULL:
        return SourceError(
            "There is no room for a copy of the database {path}.",
            hint="Set TMPDIR to a directory with room for it.",
            path=shown,
        )
    return SourceError(
        "The database {path} could not be copied: {reason}.",
        hint="Run 'PRAGMA integrity_check' on it with sqlite3, and check the disk.",
        path=shown,
        reason=reason,
    )
