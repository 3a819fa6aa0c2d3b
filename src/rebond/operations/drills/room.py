"""Whether a drill fits on this machine: better none than one that fills the disk of what it protects."""

import os
import re
from pathlib import Path

from msgspec import Struct

from rebond.errors import RestoreError
from rebond.operations.drills.memory_groups import find_room_of_groups
from rebond.units import format_size

SPARE_BYTES = 256 << 20  # what is left to others, on the disk and in memory
_AVAILABLE = re.compile(r"^MemAvailable:\s+(\d+) kB$", re.MULTILINE)
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


class Room(Struct, frozen=True, kw_only=True):
    """What is free: on the disk of a folder, and in memory; ``None`` where it cannot be told."""

    disk_bytes: int
    memory_bytes: int | None
    is_in_memory: bool


def find_room(folder: Path) -> Room:
    """Return what is free for a folder. Raises ``OSError``."""
    found = os.statvfs(folder)
    return Room(
        disk_bytes=found.f_bavail * found.f_frsize,
        memory_bytes=_find_memory(),
        is_in_memory=_find_file_system(folder) in _IN_MEMORY,
    )


def check_room(folder: Path, room: Room, *, disk_bytes: int, memory_bytes: int) -> None:
    """Raise ``RestoreError`` when a drill of this size would not leave enough to others."""
    if room.disk_bytes < disk_bytes + SPARE_BYTES:
        raise RestoreError(
            "A drill in {folder} needs {needed}, and {free} is free there; nothing was restored.",
            hint="Free some space, set TMPDIR to a larger disk, or drill a part: rebond drill --sample.",
            folder=str(folder),
            needed=format_size(disk_bytes + SPARE_BYTES),
            free=format_size(room.disk_bytes),
        )
    needed = memory_bytes + (disk_bytes if room.is_in_memory else 0)
    if room.memory_bytes is not None and room.memory_bytes < needed + SPARE_BYTES:
        raise RestoreError(
            "A drill needs {needed} of memory, and {free} is free; nothing was restored.",
            hint="Stop something, set TMPDIR to a disk that is not in memory, or drill a part: rebond drill --sample.",
            needed=format_size(needed + SPARE_BYTES),
            free=format_size(room.memory_bytes),
        )


def _find_memory() -> int | None:
    """Return what can be had without harm: of the machine, and of the groups of processes that we are in."""
    free = find_room_of_groups(Path("/"))
    try:
        found = _AVAILABLE.search(Path("/proc/meminfo").read_text(encoding="ascii"))
        if found:
            free.append(int(found[1]) * 1024)
    except OSError:
        pass  # another system: nothing can be told
    return min(free, default=None)


def _find_file_system(folder: Path) -> str:
    """Return the kind of file system that a folder lies on; empty where it cannot be told."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    wanted, best, kind = os.path.realpath(folder), "", ""
    for line in lines:
        fields = line.split(" ")
        mount = fields[1].replace("\\040", " ") if len(fields) > 2 else ""
        is_above = wanted == mount or wanted.startswith(mount.rstrip("/") + "/")
        if mount and is_above and len(mount) >= len(best):
            best, kind = mount, fields[2]
    return kind
