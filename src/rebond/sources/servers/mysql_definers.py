"""The users that a dump of MySQL or MariaDB names as those in whose name views, routines and triggers run."""

import re
from dataclasses import dataclass
from pathlib import Path

_DEFINER = re.compile(rb"DEFINER=(`(?:[^`]|``)*`)@(`(?:[^`]|``)*`)")
_BRINGS_USERS = re.compile(rb"^USE `mysql`;", re.MULTILINE)
_BLOCK_BYTES = 1 << 20
_LONGEST_BYTES = 2048
_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Definers:
    """``users`` as SQL names them; ``are_brought`` where the dump holds the users of its server, too."""

    users: tuple[str, ...]
    are_brought: bool


def find_definers(dump: Path) -> Definers:
    """Look through a dump. Rows may hold the like: then a user is named in vain."""
    found: set[tuple[bytes, bytes]] = set()
    brings_users = False
    tail = b""
    with dump.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            held = tail + block
            if b"DEFINER=" in held and len(found) < _MOST:
                found |= set(_DEFINER.findall(held))
            brings_users = brings_users or _BRINGS_USERS.search(held) is not None
            tail = held[-_LONGEST_BYTES:]
    names = (b"@".join(each).decode(errors="replace") for each in found)
    return Definers(users=tuple(sorted(names)), are_brought=brings_users)
