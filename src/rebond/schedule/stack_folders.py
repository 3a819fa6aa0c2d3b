"""Where this machine keeps what it knows of a stack's runs."""

import hashlib
import os
from pathlib import Path

from rebond.config.model import Loaded

STACKS = "stacks"
SERVE_LOCK = "serve.lock"
SOCKET = "serve.sock"
_LONGEST_SOCKET = 107  # bytes of a path that the system takes


def folder_of(state_folder: Path, loaded: Loaded) -> Path:
    """Return the folder of a stack: that of its name and of its root, so that two places of one name do not meet."""
    root = hashlib.blake2b(os.fsencode(os.path.realpath(loaded.root)), digest_size=4).hexdigest()
    return state_folder / STACKS / f"{loaded.configuration.stack.name}-{root}"


def socket_of(folder: Path) -> Path:
    """Return where ``rebond serve`` listens; a folder whose path is too long for a socket has it elsewhere."""
    path = folder / SOCKET
    if len(os.fsencode(path)) <= _LONGEST_SOCKET:
        return path
    short = hashlib.blake2b(os.fsencode(folder), digest_size=8).hexdigest()
    for each in (os.environ.get("XDG_RUNTIME_DIR"), f"/run/user/{os.geteuid()}"):
        if each and os.path.isdir(each):
            return Path(each) / f"rebond-{short}.sock"
    return Path(f"/tmp/rebond-{os.geteuid()}") / f"{short}.sock"  # noqa: S108 - made, and looked at, before it is used
