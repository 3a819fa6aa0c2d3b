"""The users that a dump of MySQL or MariaDB names as those in whose name views, routines and triggers run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_DEFINER = re.compile(rb"DEFINER=(`(?:[^`]|``)*`)@(`(?:[^`]|``)*`)")
_ROWS = rb"INSERT |REPLACE |\("  # line ends in values are written as two letters, so a line of rows is one
_BEGIN_OF_ROWS = re.compile(_ROWS)
_LINE = re.compile(rb"^(?!" + _ROWS + rb")[^\n]*DEFINER=[^\n]*", re.MULTILINE)
_BRINGS_USERS = re.compile(rb"^USE `mysql`;", re.MULTILINE)
_BLOCK_BYTES = 1 << 20
_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Definers:
    """``users`` as SQL names them; ``are_brought`` where the dump holds the users of its server, too."""

    users: tuple[str, ...]
    are_brought: bool


def find_definers(dump: Path) -> Definers:
    """Look through a dump, but for its rows: the manual that MariaDB keeps in tables of its own names users too.

    The text of a routine may hold the like: then a user is named in vain.
    """
    found: set[tuple[bytes, bytes]] = set()
    brings_users = False
    with dump.open("rb") as file:
        for lines in _read_statements(file):
            if b"DEFINER=" in lines and len(found) < _MOST:
                found.update(each for line in _LINE.findall(lines) for each in _DEFINER.findall(line))
            brings_users = brings_users or _BRINGS_USERS.search(lines) is not None
    names = (b"@".join(each).decode(errors="replace") for each in found)
    return Definers(users=tuple(sorted(names)), are_brought=brings_users)


def _read_statements(file: BinaryIO) -> Iterator[bytes]:
    """Yield whole lines, many at a time, without the end of a line of rows that is longer than a block."""
    begun, is_in_rows = b"", False
    while block := file.read(_BLOCK_BYTES):
        if is_in_rows:
            _, end, block = block.partition(b"\n")
            is_in_rows = not end
        lines, end, begun = (begun + block).rpartition(b"\n")
        yield lines + end
        if _BEGIN_OF_ROWS.match(begun):
            begun, is_in_rows = b"", True
    yield begun
