"""SHA-256 beside a file, as ``sha256sum`` writes and checks it."""

import os
import re

from rebond.archives.new_files import SUMS
from rebond.errors import ProofFailed

_LINE = re.compile(rb"(\\?)([0-9a-fA-F]{64}) [ *](.+)")
_MOST_BYTES = 16 << 20  # of a file of sums


def find_sum(path: str) -> str | None:
    """Return what ``PATH.sha256`` says of the file; ``None`` where there is no such file.

    Raises ``ProofFailed`` where it says nothing of it.
    """
    try:
        listed = read_sums(path + SUMS)
    except FileNotFoundError:
        return None
    name = os.path.basename(path)
    found = {digest for said, digest in listed if os.path.basename(said) == name}
    if len(found) != 1:
        raise ProofFailed("{path} does not say what sum the file {name} has.", path=path + SUMS, name=name)
    return found.pop()


def read_sums(path: str) -> list[tuple[str, str]]:
    """Return the names of a file of sums with theirs. Raises ``OSError``, ``ProofFailed`` for any other file."""
    with open(path, "rb") as file:
        content = file.read(_MOST_BYTES)
    listed = []
    for line in content.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            raise ProofFailed("{path} is no list of SHA-256 sums, as sha256sum writes it.", path=path)
        name = found[3]
        if found[1]:
            name = re.sub(rb"\\([\\nr])", lambda each: {b"\\": b"\\", b"n": b"\n", b"r": b"\r"}[each[1]], name)
        listed.append((os.fsdecode(name), found[2].decode().lower()))
    if not listed:
        raise ProofFailed("{path} is no list of SHA-256 sums, as sha256sum writes it.", path=path)
    return listed
