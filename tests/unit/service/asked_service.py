"""The socket of the service, asked as any other program may ask it."""

import json
import os
import pathlib
import socket
from typing import Any


def ask_service(path: pathlib.Path, word: str, *, timeout_seconds: float = 2.0) -> Any:
    """Return what it answers: one line of JSON asks, one line answers; ``None`` when nobody does."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
            connection.settimeout(timeout_seconds)
            connection.connect(os.fspath(path))
            connection.sendall(json.dumps({"ask": word}).encode() + b"\n")
            return json.loads(connection.makefile("rb").readline())
    except (OSError, ValueError):
        return None
