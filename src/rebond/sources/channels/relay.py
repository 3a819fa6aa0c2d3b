"""A socket on this machine whose connections lead into a container: for programs that only know how to connect."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from rebond.errors import RebondError, SourceUnfit
from rebond.sources.channels.joining import Joined

_BLOCK_BYTES = 1 << 16
_GRACE_SECONDS = 5.0  # between the end of one side and that of the other
_BACKLOG = 8


class Relay:
    """Listens at ``path``, a Unix socket, and joins every connection to a command of its own.

    The end of a connection ends its command, and the other way round. The folder of ``path`` has to be private:
    whoever can connect speaks with the server as we do. Raises ``SourceUnfit`` where there can be no socket.
    """

    def __init__(self, path: Path, open_joined: Callable[[], Joined]) -> None:
        """Begin to listen; ``open_joined`` begins a command, and may raise ``RebondError``."""
        self._open_joined = open_joined
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._is_over = False
        self.trouble = ""  # what the last connection ended with, where that is known
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with contextlib.suppress(FileNotFoundError):  # of a process that was killed
                path.unlink()
            self._listener.bind(os.fspath(path))
            self._listener.listen(_BACKLOG)
        except OSError as error:
            self._listener.close()
            raise SourceUnfit(
                "No socket could be made at {path}: {reason}.",
                hint="Set TMPDIR to a directory with a short name that this user may write to.",
                path=str(path),
                reason=error.strerror or str(error),
            ) from error
        self._threads = [self._start(self._accept)]

    def close(self) -> None:
        """End every connection and what it started; may be called twice."""
        with self._lock:
            self._is_over = True
            connections = list(self._connections)
            threads = list(self._threads)
        for connection in (self._listener, *connections):
            _shut(connection)
        for thread in threads:
            thread.join(timeout=2 * _GRACE_SECONDS)
        self._listener.close()
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _start(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, name="relay", daemon=True)
        thread.start()
        return thread

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            with self._lock:
                if self._is_over:
                    connection.close()
                    return
                self._connections.append(connection)
                self._threads = [each for each in self._threads if each.is_alive()]
                self._threads.append(self._start(lambda taken=connection: self._serve(taken)))  # type: ignore[misc]

    def _serve(self, connection: socket.socket) -> None:
        """Join one connection until either side ends; why is known before who connected sees the end."""
        self.trouble = ""
        try:
            joined = self._open_joined()
        except (RebondError, OSError) as error:
            self.trouble = str(error)
        else:
            self._join(connection, joined)
        with self._lock:
            self._connections.remove(connection)
        _shut(connection)
        connection.close()

    def _join(self, connection: socket.socket, joined: Joined) -> None:
        ended = threading.Event()
        feeding = self._start(lambda: _pass_in(connection, joined, ended))
        try:
            _pass_out(joined, connection)
            self.trouble = joined.last_words()
        except (RebondError, OSError) as error:
            self.trouble = str(error)
        finally:
            ended.set()
            _shut(connection)
            joined.close()
            feeding.join()


def _pass_out(joined: Joined, connection: socket.socket) -> None:
    """Hand the connection what comes from inside until that ends. Raises ``SourceError``.

    Where the connection takes no more, what still comes is let go of, so that what is inside can see our end.
    """
    block = memoryview(bytearray(_BLOCK_BYTES))
    is_heard = True
    while count := joined.readinto(block):
        try:
            if is_heard:
                connection.sendall(block[:count])
        except OSError:
            is_heard = False
            _shut(connection)


def _pass_in(connection: socket.socket, joined: Joined, ended: threading.Event) -> None:
    """Hand what is inside what the connection says, until that ends; then it has to end, too."""
    block = memoryview(bytearray(_BLOCK_BYTES))
    with contextlib.suppress(OSError, RebondError):
        while count := connection.recv_into(block):
            joined.feed(block[:count])
    joined.end_input()
    if not ended.wait(_GRACE_SECONDS):
        joined.close()


def _shut(connection: socket.socket) -> None:
    """Wake whoever waits for it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
