"""The socket that ``rebond-wal`` asks: one line and open files go in, one line comes back."""

import contextlib
import logging
import os
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from rebond.errors import RebondError
from rebond.service.connections import connections_taken
from rebond.service.wal_desk import WalDesk, WalQuestion

LOG = logging.getLogger("rebond.wal")
_LINE_BYTES = 4096
_MOST_FILES = 4
_SECONDS_FOR_A_QUESTION = 30.0
_PEER = struct.Struct("3i")
_QUESTION = re.compile(r"(push|fetch) ([A-Za-z0-9._-]{1,64}) (\d{1,20}) (\d{1,20}) (\S*)\n")
_MACHINE = "/etc/machine-id"
FindDesk = Callable[[str], WalDesk]  # by the name of a component, which may be empty; raises ``RebondError``


@contextlib.contextmanager
def wal_answered(path: Path, find_desk: FindDesk, *, users: frozenset[int]) -> Iterator[None]:
    """Answer at ``path`` until the end. Root, our own user and ``users`` may ask; whoever else does is refused."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    listener.bind(os.fspath(path))
    path.chmod(0o666)  # who it is, the kernel says
    listener.listen(32)
    allowed = users | {0, os.geteuid()}

    def take(connection: socket.socket) -> None:
        threading.Thread(
            target=_answer, args=(connection, find_desk, allowed), name="wal question", daemon=True
        ).start()

    with connections_taken(listener, take, name="wal socket", patience_seconds=_SECONDS_FOR_A_QUESTION):
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def _answer(connection: socket.socket, find_desk: FindDesk, allowed: frozenset[int]) -> None:
    files: list[int] = []
    with connection, contextlib.suppress(OSError):  # who asked went away: the server asks again
        try:
            connection.settimeout(_SECONDS_FOR_A_QUESTION)
            user = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[1]
            line, files, _, _ = socket.recv_fds(connection, _LINE_BYTES, _MOST_FILES)
            if user not in allowed:
                answer = (
                    f"failed user {user} may not ask here: name it with wal_user, or run 'rebond serve' as that user"
                )
            else:
                answer = _decide(line.decode(errors="replace"), files, find_desk)
            connection.sendall(answer.replace("\n", " ").encode(errors="backslashreplace") + b"\n")
        finally:
            for each in files:
                os.close(each)


def _decide(line: str, files: list[int], find_desk: FindDesk) -> str:
    found = _QUESTION.fullmatch(line)
    if found is None or not files:
        return "failed this is no question of rebond-wal; both must be of one version"
    question = WalQuestion(name=found[2], system_id=int(found[3]), place=describe_place(int(found[4])))
    try:
        desk = find_desk(found[5])
        if found[1] == "push":
            desk.push(question, files[0], files[1] if len(files) > 1 else None)
            return "done"
        if not question.system_id:
            return "failed of which cluster? call it in the data directory, or with --system"
        size = desk.fetch(question, files[0])
    except RebondError as error:
        return f"failed {error.message} {error.hint}"
    except OSError as error:
        return f"failed {error}"
    except Exception as error:
        LOG.exception("a question of rebond-wal failed")
        return f"failed {type(error).__name__}"
    return "absent" if size is None else f"done {size}"


def _read_machine() -> str:
    with contextlib.suppress(OSError):
        return Path(_MACHINE).read_text(encoding="ascii", errors="replace").strip()
    return ""


def describe_place(inode: int) -> str:
    """Return what tells a data directory from its copies, by the file ``PG_VERSION`` in it; empty for 0."""
    return f"{_read_machine()}/{inode}" if inode else ""
