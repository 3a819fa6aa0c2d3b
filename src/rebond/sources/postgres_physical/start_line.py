"""The line that starts a data directory which was laid down: programs of its version, a free port, its user."""

import os
import pwd
import re
import shlex
import socket
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from rebond.sources.postgres.local_programs import find_server_programs
from rebond.sources.postgres_physical.recovery_settings import AUTO, CONFIGURATION
from rebond.sources.streams.owner import name_of_user

SOCKETS = "/tmp"  # noqa: S108 - the folder that PostgreSQL itself takes: every user may make a socket there
_PACKAGED = "/usr/lib/postgresql/{major}/bin"
_USUAL_USER, _USUAL_PORT, _LAST_PORT = "postgres", 5432, 65_535
_PORT = re.compile(rb"^\s*port\s*=?\s*'?(\d+)", re.MULTILINE | re.IGNORECASE)


class StartLine(Struct, frozen=True, kw_only=True):
    """How a data directory is started on this machine, and how it is asked whether its log is replayed.

    ``user`` is the name of whom the server runs as, or its number where it has none. ``is_installed`` says that the
    programs of its version are here; ``closed`` is the first folder above it that the user may not pass.
    """

    command: str
    ask: str
    user: str
    port: int
    major: str
    is_installed: bool
    closed: str = ""


def find_start_line(data: Path, environment: Mapping[str, str], superuser: str = _USUAL_USER) -> StartLine:
    """Return the line for a data directory that lies there and has that role. Raises ``OSError`` if it is unreadable.

    Who asks names the role: only where the server's user is called like it could that be left out.
    """
    major = (data / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    found = find_server_programs(environment).get(int(major)) if major.isdecimal() else None
    folder = str(found.folder) if found is not None else _PACKAGED.format(major=major)
    port = _find_port(data)
    program = [f"{folder}/pg_ctl", "-D", str(data), "-o", f"-p {port} -k {SOCKETS}", "-w", "start"]
    owner = (data / "PG_VERSION").stat()
    there = ["-h", SOCKETS, "-p", str(port), "-U", superuser, "-d", "postgres"]
    ask = [f"{folder}/psql", *there, "-Atc", "SELECT pg_is_in_recovery()"]
    user, before, as_user = _become(owner, data)
    return StartLine(
        command=before + shlex.join([*as_user, *program]),
        ask=shlex.join([*as_user, *ask]),
        user=user,
        port=port,
        major=major,
        is_installed=found is not None,
        closed=_find_closed(data, user) if as_user else "",
    )


def _become(owner: os.stat_result, data: Path) -> tuple[str, str, list[str]]:
    """Return who starts it, what has to be done before, and the words with which root becomes that user."""
    name = name_of_user(owner.st_uid) or str(owner.st_uid)
    if os.geteuid():
        return name, "", []
    if not owner.st_uid:  # PostgreSQL does not run as root
        given = shlex.join(["chown", "-R", f"{_USUAL_USER}:", str(data)])
        return _USUAL_USER, f"{given} && ", ["runuser", "-u", _USUAL_USER, "--"]
    if name.isdecimal():
        return name, "", ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    return name, "", ["runuser", "-u", name, "--"]


def _find_port(data: Path) -> int:
    """Return the port of its configuration, or the next that nobody on this machine has."""
    wanted = _USUAL_PORT
    for name in (CONFIGURATION, AUTO):  # the second wins
        try:
            found = _PORT.findall((data / name).read_bytes())
        except OSError:
            continue
        wanted = int(found[-1]) if found else wanted
    return next((each for each in range(wanted, _LAST_PORT) if _is_free(each)), wanted)


def _is_free(port: int) -> bool:
    if os.path.lexists(f"{SOCKETS}/.s.PGSQL.{port}"):
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _find_closed(data: Path, user: str) -> str:
    """Return a folder above that the user may not pass; empty when all are open, or nobody has that name."""
    try:
        known = pwd.getpwnam(user)
        groups = os.getgrouplist(user, known.pw_gid)
        for folder in reversed(data.absolute().parents):
            status = folder.stat()
            bit = 0o100 if status.st_uid == known.pw_uid else 0o010 if status.st_gid in groups else 0o001
            if not status.st_mode & bit:
                return str(folder)
    except (KeyError, OSError):
        return ""
    return ""
