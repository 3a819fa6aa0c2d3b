"""What every server that is thrown away has in common: another user than root, a way to its folder, an end."""

import os
import pwd
import stat
from collections.abc import Sequence
from pathlib import Path

from rebond.errors import SourceUnfit

LOG = "log"
# The input of the shell is a pipe that we hold: when it ends, because we end it or because we are gone in any way,
# the server is ended at once. Nothing that it wrote is worth a checkpoint. A line of input asks it to end in order.
# When the server ends by itself the shell does, too. A server that has only just begun hears no signal yet, so it is
# told again until it is gone.
_WATCHED = """\
trap '' TERM INT HUP
exec 3<&0
"$@" >>"$REBOND_SERVER_LOG" 2>&1 </dev/null 3<&- &
server=$!
{ if read -r _ <&3; then kill -TERM "$server"
  else while kill -{signal} "$server"; do sleep 0.1 || sleep 1; done; fi; } >/dev/null 2>&1 &
reader=$!
exec 3<&- </dev/null
wait "$server"
kill -KILL "$reader" 2>/dev/null
"""
END_IN_ORDER = b"end\n"
_LONGEST_SOCKET = 107


def watch(words: Sequence[str], *, signal: str) -> list[str]:
    """Return the command that runs a server until its own input ends, and then sends it ``signal``.

    Where ``REBOND_SERVER_LOG`` says, what the server says is added. A line of input (``END_IN_ORDER``) ends it gently.
    """
    return ["sh", "-c", _WATCHED.replace("{signal}", signal), "sh", *words]


def find_owner(names: Sequence[str], *, product: str) -> str | None:
    """Return as whom a server runs; ``None`` for ourselves. Raises ``SourceUnfit`` for root without another user."""
    if os.geteuid():
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    for name in names:
        if name in known:
            return name
    raise SourceUnfit(
        "{product} does not run as root, and there is no user {names} here.",
        hint="Run the drill as another user, or add one: useradd -r {first}",
        product=product,
        names=" / ".join(names),
        first=names[0],
    )


def make_folder(folder: Path, owner: str | None) -> None:
    """Make the folder of a server, closed to others. Raises ``SourceUnfit`` where the server has no way there."""
    folder.mkdir(mode=0o700, parents=True)
    give(folder, owner)
    for each in folder.parents if owner is not None else ():
        if not each.stat().st_mode & stat.S_IXOTH:
            raise SourceUnfit(
                "The server runs as {owner}, who may not pass through {path}.",
                hint="Set TMPDIR to a directory that everyone may pass through, such as /var/tmp.",
                owner=owner,
                path=str(each),
            )


def require_short(socket: Path) -> None:
    """Raise ``SourceUnfit`` when the path of a socket is longer than the system takes."""
    if len(os.fsencode(socket)) > _LONGEST_SOCKET:
        raise SourceUnfit(
            "The path {path} is too long for the socket of a server.",
            hint="Set TMPDIR to a directory with a shorter name.",
            path=str(socket.parent),
        )


def give(folder: Path, owner: str | None) -> None:
    """Let a folder belong to the user that a server runs as."""
    if owner is not None:
        known = pwd.getpwnam(owner)
        os.chown(folder, known.pw_uid, known.pw_gid)


def read_last_words(log: Path) -> str:
    """Return the last lines of a log, joined by " | "."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return " | ".join(each.strip() for each in lines[-5:] if each.strip())
