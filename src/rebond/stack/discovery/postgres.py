"""PostgreSQL servers that run on this machine, found by their sockets."""

import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SOCKET_FOLDERS = ("/run/postgresql", "/var/run/postgresql", "/tmp")  # noqa: S108 - where PostgreSQL puts them
_SOCKET = re.compile(r"\.s\.PGSQL\.(\d+)")
_PATIENCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server that takes connections at a socket."""

    folder: str
    port: int


def find_running_servers(
    variables: Mapping[str, str], folders: Sequence[str] = SOCKET_FOLDERS
) -> tuple[RunningServer, ...]:
    """Return the servers whose socket takes a connection; ``PGHOST`` may name one more folder."""
    asked = variables.get("PGHOST", "")
    wanted = dict.fromkeys(os.path.realpath(each) for each in (*((asked,) if asked.startswith("/") else ()), *folders))
    found = []
    for folder in wanted:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            shape = _SOCKET.fullmatch(name)
            if shape and _answers(Path(folder) / name):
                found.append(RunningServer(folder=folder, port=int(shape[1])))
    return tuple(found)


def _answers(path: Path) -> bool:
    """Say whether somebody listens: a socket stays behind a server that was killed."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PATIENCE_SECONDS)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
