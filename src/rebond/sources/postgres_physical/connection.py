"""A connection that this process itself holds, by way of libpq: for a base backup, and for what has to stay open."""

import contextlib
import select
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rebond.errors import CommandFailed, SourceUnfit
from rebond.sources.postgres.server import PostgresServer

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

IDLE_SECONDS = 3600.0  # a checkpoint may come before the first byte
_INSTALL = "pip install 'rebond[postgres]'"


def is_installed() -> bool:
    """Say whether the library is here."""
    try:
        import psycopg.pq  # noqa: F401, PLC0415 - an extra
    except ImportError:
        return False
    return True


def load_meanwhile() -> None:
    """Begin to load the library, in another thread: it takes as long as some programs that are waited for."""
    threading.Thread(target=is_installed, name="libpq").start()


class Connection:
    """One connection. Raises ``CommandFailed`` with the server's words; they explain themselves elsewhere."""

    def __init__(self, server: PostgresServer, database: str, *, replicates: bool = False) -> None:
        """Raises ``SourceUnfit`` where the library is missing."""
        try:
            from psycopg import pq  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise SourceUnfit(
                "Speaking with PostgreSQL itself needs a library that is not installed.",
                hint="Install it: {command}",
                command=_INSTALL,
            ) from error
        words = server.describe_own_connection("replication" if replicates else database)
        if replicates:
            words += " replication=true"
        # What a role says of idle sessions must not end one that holds a backup for hours.
        words += " client_encoding=UTF8 options='-c lc_messages=C -c statement_timeout=0 -c idle_session_timeout=0'"
        self._pq = pq
        self._server = server
        self._said: list[str] = []
        self._raw: PGconn = pq.PGconn.connect(words.encode(errors="surrogateescape"))
        if self._raw.status != pq.ConnStatus.OK:
            reason = self._raw.error_message.decode(errors="replace").strip()
            self._raw.finish()
            raise _failed(reason)
        self._raw.notice_handler = self._hear

    @property
    def warnings(self) -> str:
        """What the server warned of, a line each."""
        return "\n".join(self._said)

    def ask(self, query: str) -> list[tuple[str, ...]]:
        """Return the rows of one query. Raises ``CommandFailed``."""
        self._raw.send_query(query.encode())
        rows: list[tuple[str, ...]] = []
        while (result := self._next_result()) is not None:
            self._require(result)
            rows = [
                tuple((result.get_value(row, column) or b"").decode() for column in range(result.nfields))
                for row in range(result.ntuples)
            ]
        return rows

    def begin_copy(self, command: str) -> None:
        """Send a command whose answer has rows, then a stream: pass the rows."""
        self._raw.send_query(command.encode())
        while (result := self._next_result()) is not None:
            if result.status == self._pq.ExecStatus.COPY_OUT:
                return
            self._require(result)
        raise _failed("it sent no base backup")

    def read_copy(self) -> Iterator[memoryview]:
        """Yield the messages of a stream, each valid until the next."""
        has_looked = False  # most of the time the next one is there already: then a question to the system is saved
        while True:
            count, content = self._take_message()
            if count > 0:
                has_looked = False
                yield content
            elif count == 0:
                if has_looked:
                    self._wait()
                self._consume()
                has_looked = True
            else:
                return

    def finish_copy(self) -> None:
        """Pass what follows a stream. Raises ``CommandFailed`` where the server says that it failed."""
        while (result := self._next_result()) is not None:
            self._require(result)

    def close(self) -> None:
        """End it; may be called twice."""
        with contextlib.suppress(Exception):  # it may be broken already: then nothing is left to be ended
            self._raw.finish()

    def _next_result(self) -> "PGresult | None":
        while self._raw.is_busy():
            self._wait()
            self._consume()
        return self._raw.get_result()

    def _take_message(self) -> tuple[int, memoryview]:
        try:
            return self._raw.get_copy_data(1)
        except Exception as error:
            raise _failed(str(error)) from error

    def _consume(self) -> None:
        try:
            self._raw.consume_input()
        except Exception as error:
            raise _failed(str(error)) from error

    def _wait(self) -> None:
        ready, _, _ = select.select([self._raw.socket], [], [], IDLE_SECONDS)
        if not ready:
            self.close()
            raise _failed("it sent nothing for an hour")

    def _require(self, result: "PGresult") -> None:
        if result.status not in {
            self._pq.ExecStatus.COMMAND_OK,
            self._pq.ExecStatus.TUPLES_OK,
            self._pq.ExecStatus.EMPTY_QUERY,
        }:
            raise _failed(result.error_message.decode(errors="replace").strip())

    def _hear(self, result: "PGresult") -> None:
        self._said.append(result.error_message.decode(errors="replace").strip())


def _failed(words: str) -> CommandFailed:
    return CommandFailed(
        "The connection with PostgreSQL failed, so what came by it is not saved: {words}",
        hint="Mend what it says; then run the backup again.",
        words=" | ".join(words.splitlines()),
    )
