"""Where the daemon of the write-ahead log listens, and whether the user of a server comes there."""

import contextlib
import hashlib
import os
import pwd
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.errors import UsageError
from rebond.schedule.stack_folders import folder_of

RUN_FOLDER = Path("/run/rebond")
_SOCKET = "wal.sock"
_ANSWER_SECONDS = 2.0
_LONGEST_SOCKET = 107  # bytes of a path that the system takes


def find_wal_components(loaded: Loaded) -> dict[str, Postgres]:
    """Return the components whose write-ahead log is kept."""
    components = loaded.configuration.component
    return {name: each for name, each in components.items() if isinstance(each, Postgres) and each.wal is not None}


def find_user(name: str) -> int | None:
    """Return the number of a user, by name or number; ``None`` when there is none of that name."""
    if name.isdecimal():
        return int(name)
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name).pw_uid
    return None


def find_wal_socket(environment: Mapping[str, str], state_folder: Path, loaded: Loaded) -> Path:
    """Return where the daemon listens: where the user of the server comes to, which is not the folder of the stack.

    As root that is below /run; else the stack's own folder where the server is run by ourselves, and a folder of ours
    in /tmp where it is not.
    """
    if chosen := environment.get("REBOND_WAL_SOCKET"):
        return Path(chosen).absolute()
    folder = folder_of(state_folder, loaded)
    mark = hashlib.blake2b(os.fsencode(folder), digest_size=4).hexdigest()
    name = f"{loaded.configuration.stack.name[:40]}-{mark}.sock"
    if os.geteuid() == 0:
        return RUN_FOLDER / name
    users = {find_user(each.wal_user) for each in find_wal_components(loaded).values()}
    path = folder / _SOCKET
    if users <= {os.geteuid(), None} and len(os.fsencode(path)) <= _LONGEST_SOCKET:
        return path
    return Path(f"/tmp/rebond-{os.geteuid()}") / name  # noqa: S108 - made, and looked at, before it is used


def make_socket_folder(path: Path) -> None:
    """Make the folder of the socket; others may pass through it, and no more. Raises ``UsageError``."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o711)  # whatever this process masks
    status = os.lstat(path.parent)
    if status.st_uid not in {0, os.geteuid()} or not stat.S_ISDIR(status.st_mode):
        raise UsageError(
            "{path} is somebody else's, so no socket is made there.",
            hint="Find out who made it, or choose a shorter REBOND_STATE_DIR; for the log, REBOND_WAL_SOCKET names a "
            "path of your own.",
            path=str(path.parent),
        )


def is_answered(path: Path) -> bool:
    """Say whether somebody listens at a socket: its file stays behind where a daemon was killed."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as asking:
        asking.settimeout(_ANSWER_SECONDS)
        with contextlib.suppress(OSError):
            asking.connect(os.fspath(path))
            return True
    return False


def find_barrier(path: Path, user: int) -> str:
    """Return the first folder on the way to ``path`` that a user may not pass; empty when there is none."""
    groups: set[int] = set()
    with contextlib.suppress(KeyError):
        account = pwd.getpwuid(user)
        groups = set(os.getgrouplist(account.pw_name, account.pw_gid))
    for folder in reversed(path.parents):
        try:
            status = os.stat(folder)
        except OSError:
            return str(folder)
        shift = 6 if status.st_uid == user else 3 if status.st_gid in groups else 0
        if user and not (status.st_mode >> shift) & 1:
            return str(folder)
    return ""
