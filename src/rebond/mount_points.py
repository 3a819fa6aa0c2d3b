"""Which disks this machine means to mount where, and which of these are not there now."""

import os
import re

_FSTAB = "/etc/fstab"
_MOUNTED = "/proc/self/mountinfo"
_OCTAL = re.compile(rb"\\([0-7]{3})")


def find_unmounted(path: str, fstab: str | None = None) -> str:
    """Return the mount point at or above ``path`` that ``/etc/fstab`` names and where nothing is mounted, or ``""``.

    The innermost counts, also one that is mounted and stands in no table of what is meant to be. Where either table
    cannot be read, nothing is said.
    """
    # Not resolved: to look at a mount point whose server is dead takes for ever.
    wanted = {os.path.normpath(each) for each in _read_column(fstab or _FSTAB, 1) if each.startswith(b"/")}
    mounted = set(_read_column(_MOUNTED, 4))
    at = os.path.realpath(os.fsencode(path))
    while at not in wanted and at not in mounted and at != b"/":
        at = os.path.dirname(at)
    is_missing = at in wanted and at != b"/" and bool(mounted) and at not in mounted
    return os.fsdecode(at) if is_missing else ""


def _read_column(table: str, number: int) -> list[bytes]:
    """Return one column of a table of mounts, whose spaces and the like are written as octal numbers."""
    try:
        with open(table, "rb") as file:
            rows = [line.split() for line in file if not line.lstrip().startswith(b"#")]
    except OSError:
        return []
    return [_OCTAL.sub(lambda found: bytes([int(found[1], 8) & 255]), row[number]) for row in rows if len(row) > number]
