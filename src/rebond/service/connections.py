"""Taking the connections of a socket, for as long as the service lives."""

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator

LOG = logging.getLogger("rebond.service")
_PAUSE_SECONDS = 0.2  # until descriptors or memory may be there again


@contextlib.contextmanager
def connections_taken(
    listener: socket.socket, take: Callable[[socket.socket], None], *, name: str, patience_seconds: float
) -> Iterator[None]:
    """Hand each connection to ``take`` in a thread, until the end; ``listener`` is closed then.

    A connection that cannot be taken, for want of descriptors or by a fault, costs that one: the next are taken. At the
    end the one that is being answered is waited for, ``patience_seconds`` at most.
    """
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError as error:
                if not is_over.wait(_PAUSE_SECONDS):
                    LOG.warning("a question could not be taken at the %s: %s", name, error)
                continue
            try:
                take(connection)
            except Exception:
                LOG.exception("a question at the %s failed", name)
                connection.close()

    thread = threading.Thread(target=serve, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes it up; closed under it, the number might be another file's
        thread.join(timeout=patience_seconds)
        listener.close()
