"""Put the shims first on the PATH of a test."""

import os
import pathlib
import shlex
import sys
from collections.abc import Sequence

from rebond.testing.postgres_server import find_postgres

CLIENTS = ("docker", "docker-compose", "podman", "kubectl")
_CLIENT = pathlib.Path(__file__).with_name("client.py")


def place_shims(folder: pathlib.Path, clients: Sequence[str] = CLIENTS, **environment: str) -> dict[str, str]:
    """Make ``clients`` in ``folder`` and return an environment that finds them, and no other, before the system's."""
    folder.mkdir(exist_ok=True)
    for client in clients:
        words = shlex.join([sys.executable, "-I", "-S", str(_CLIENT), client])
        (folder / client).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (folder / client).chmod(0o755)
    return {**os.environ, "PATH": os.pathsep.join([str(folder), *_place_programs(folder)]), **environment}


def _place_programs(folder: pathlib.Path) -> list[str]:
    """Name folders: psql itself first, as what Debian calls psql is a script that takes four times as long."""
    programs = find_postgres()
    if programs is None:
        return ["/bin"]
    place = folder / "programs"
    place.mkdir(exist_ok=True)
    if not (place / "psql").is_symlink():
        (place / "psql").symlink_to(programs / "psql")
    return [str(place), "/bin", str(programs)]
