"""Rows loaded over a connection of our own, where the server is reached from this process: psql copies none of them.

``libpq`` opens the connection; what goes through it afterwards is four kinds of message, written here as they are
(Frontend/Backend Protocol 3, simple query and COPY). A row is then copied by nobody between its segment and the socket.
"""

import contextlib
import os
import select
import socket
import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rebond.errors import RestoreError
from rebond.sources.postgres.saved import Piece
from rebond.sources.postgres.server import PostgresServer
from rebond.sources.postgres.target_failures import explain_words

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

MESSAGE_BYTES = 1 << 20  # of rows: the server keeps as much in memory while it reads them
_STALLED_SECONDS = 3600.0  # a server that takes nothing for so long is lost
_RECEIVE_BYTES = 1 << 16
_HEAD = struct.Struct("!cI")
_END_ROWS = _HEAD.pack(b"c", 4)
_LOST = "connection to server was lost"
_SHOWN = {b"C": "", b"M": "", b"D": "DETAIL: ", b"H": "HINT: ", b"W": "CONTEXT: "}
_MOST_WORDS = 2000  # letters: the context of a row that does not fit holds the row

Message = tuple[bytes, bytes]


def open_directly(server: PostgresServer, database: str, settings: str) -> "DirectSession | None":
    """Begin a session; ``None`` where rows have to go through psql, which then says why if there is a fault.

    That is where the library is missing, where no host is named (each side may take another), where the connection
    is encrypted (then not we but the library writes to it), and where it cannot be had.
    """
    try:
        from psycopg import pq  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    if not server.host or "gssencmode" in server.options:
        return None
    words = f"{server.describe_own_connection(database)} client_encoding=UTF8 gssencmode=disable"
    raw: PGconn = pq.PGconn.connect(words.encode(errors="surrogateescape"))
    if raw.status != pq.ConnStatus.OK or raw.ssl_in_use:
        raw.finish()
        return None
    session = DirectSession(raw, server=str(server), database=database)
    try:
        session.run(settings)
    except BaseException:
        session.close()
        raise
    return session


class DirectSession:
    """One session. A failure of the server is raised at once, as ``RestoreError``.

    Everything is done by one thread; ``abort`` may be called from any.
    """

    def __init__(self, raw: "PGconn", *, server: str, database: str) -> None:
        self._raw = raw
        self._server = server
        self._database = database
        self._socket = socket.socket(fileno=os.dup(raw.socket))
        self._socket.setblocking(False)
        self._received = bytearray()
        self._counts: list[str] = []

    def load(self, before: Sequence[str], command: str, pieces: Iterable[Piece], after: Sequence[str]) -> None:
        """Run statements, one COPY with its rows, and statements behind it. Raises ``RestoreError``."""
        for each in before:
            self.run(each)
        self._ask(command)
        self._expect_copy()
        for piece in pieces:
            rows = memoryview(piece)
            for start in range(0, len(rows), MESSAGE_BYTES):
                part = rows[start : start + MESSAGE_BYTES]
                self._send(_HEAD.pack(b"d", 4 + len(part)), part)
        self._send(_END_ROWS)
        self._counts.append(self._finish_statement())
        for each in after:
            self.run(each)

    def run_job(self, statements: Iterable[bytes]) -> None:
        """Run statements, one after the other: each in the encoding that the ones before it have set."""
        for each in statements:
            self.run(each)

    def run(self, statements: bytes | str) -> None:
        """Run statements that answer nothing. Raises ``RestoreError``."""
        self._ask(statements)
        self._finish_statement()

    def finish(self) -> list[str]:
        """End the session; return what the server said of each COPY: ``COPY`` and the number of rows."""
        self.close()
        return self._counts

    def abort(self) -> None:
        """Cut the connection: whoever waits for it is told, and the server undoes what is not committed."""
        with contextlib.suppress(OSError):  # it is closed already
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it as it is; may be called twice."""
        self._socket.close()
        self._raw.finish()

    def _ask(self, statements: bytes | str) -> None:
        words = statements.encode(errors="surrogateescape") if isinstance(statements, str) else statements
        text = words + b"\0"
        self._send(_HEAD.pack(b"Q", 4 + len(text)), text)

    def _expect_copy(self) -> None:
        """Wait until the server asks for rows."""
        while True:
            kind, content = self._take_message()
            if kind == b"G":
                return
            self._judge(kind, content)
            if kind == b"Z":
                raise self._fail("the server asked for no rows")

    def _finish_statement(self) -> str:
        """Wait for the end of a statement; return what the server said of it."""
        tag = ""
        while True:
            kind, content = self._take_message()
            if kind == b"Z":
                return tag
            if kind == b"C":
                tag = content.rstrip(b"\0").decode(errors="replace")
            self._judge(kind, content)

    def _judge(self, kind: bytes, content: bytes) -> None:
        if kind == b"E":
            raise self._fail(describe_error(content))

    def _send(self, *parts: Piece) -> None:
        """Write all of it; what the server says meanwhile is received, and a fault in it is raised."""
        left = [memoryview(each) for each in parts]
        while left:
            try:
                count = self._socket.sendmsg(left)
            except BlockingIOError:
                self._wait_to_send()
                continue
            except OSError:
                self._raise_last_words()
            while left and count >= len(left[0]):
                count -= len(left.pop(0))
            if left:
                left[0] = left[0][count:]

    def _wait_to_send(self) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | select.POLLOUT)
        ready = poll.poll(_STALLED_SECONDS * 1000)
        if not ready:
            raise self._fail(_LOST)
        if ready[0][1] & select.POLLIN:
            self._receive()
            while (message := self._cut_message()) is not None:  # while rows go out: notices, or that it failed
                self._judge(*message)

    def _take_message(self) -> Message:
        while (message := self._cut_message()) is None:
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            poll.poll()  # for as long as it takes: a large table is committed, or somebody is waited for
            self._receive()
        return message

    def _cut_message(self) -> Message | None:
        received = self._received
        if len(received) < _HEAD.size:
            return None
        kind, length = _HEAD.unpack_from(received)
        if len(received) < 1 + length:
            return None
        content = bytes(received[_HEAD.size : 1 + length])
        del received[: 1 + length]
        return kind, content

    def _receive(self) -> None:
        try:
            block = self._socket.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            block = b""
        if not block:
            raise self._fail(_LOST)
        self._received += block

    def _raise_last_words(self) -> None:
        """Raise what the server said before it hung up, or that it did."""
        while True:
            self._receive()  # raises at the end
            while (message := self._cut_message()) is not None:
                self._judge(*message)

    def _fail(self, words: str) -> RestoreError:
        return explain_words(words, server=self._server, database=self._database)


def describe_error(content: bytes) -> str:
    """Return an error of the server in one line, as psql shows it: its code first."""
    fields = {each[:1]: each[1:].decode(errors="replace") for each in content.split(b"\0") if each}
    words = [f"{start}{fields[key]}" for key, start in _SHOWN.items() if key in fields]
    head, rest = ": ".join(words[:2]), words[2:]
    return " | ".join([head, *rest]).replace("\n", " ")[:_MOST_WORDS]
