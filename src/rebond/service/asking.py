"""The service's socket: one line of JSON asks, one line of JSON answers. Only its own user may open it (0600)."""

import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rebond.service.connections import connections_taken
from rebond.stack.wal_places import make_socket_folder

Answer = Mapping[str, object]
_LONGEST_LINE = 65_536
_SECONDS_FOR_A_QUESTION = 10.0


@contextlib.contextmanager
def questions_answered(path: Path, answer: Callable[[str], Answer]) -> Iterator[None]:
    """Answer at ``path`` until the end. Whoever calls holds the lock of the service: a socket there is a leftover."""
    make_socket_folder(path)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    before = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
    finally:
        os.umask(before)
    listener.listen(8)

    def take(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):  # who asked went away
            connection.settimeout(_SECONDS_FOR_A_QUESTION)
            connection.sendall(json.dumps(_answer_line(connection, answer)).encode() + b"\n")

    with connections_taken(listener, take, name="socket", patience_seconds=_SECONDS_FOR_A_QUESTION):
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def _answer_line(connection: socket.socket, answer: Callable[[str], Answer]) -> Answer:
    line = b""
    while not line.endswith(b"\n") and len(line) < _LONGEST_LINE:
        block = connection.recv(4096)
        if not block:
            break
        line += block
    try:
        asked = json.loads(line)
    except ValueError:
        return {"error": "this is no JSON"}
    word = asked.get("ask") if isinstance(asked, dict) else None
    return answer(word) if isinstance(word, str) else {"error": 'write {"ask": "status"}'}
