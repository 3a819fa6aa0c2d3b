"""What the control groups of Linux leave to this process: a container or a service may have far less than its machine.

Source: the kernel's ``admin-guide/cgroup-v2`` (memory.max, memory.current) and ``cgroup-v1/memory``. A limit holds for
everything below it, so that each group on the way to the root is asked, and the tightest counts.
"""

from pathlib import Path, PurePosixPath

from msgspec import Struct


class _Names(Struct, frozen=True, kw_only=True):
    """How one version of control groups calls its files."""

    limit: str
    used: str
    of_files: tuple[str, ...]  # in memory.stat: pages of files, which the kernel gives up when somebody needs memory


_SECOND = _Names(limit="memory.max", used="memory.current", of_files=("inactive_file", "active_file"))
_FIRST = _Names(
    limit="memory.limit_in_bytes",
    used="memory.usage_in_bytes",
    of_files=("total_inactive_file", "total_active_file"),
)


def find_room_of_groups(root: Path) -> list[int]:
    """Return the bytes that are free in each limited group of this process; empty where there is no limit.

    :param root: the folder that holds ``proc`` and ``sys``
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []  # another system
    top = root / "sys/fs/cgroup"
    found: list[int] = []
    for line in lines:
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not controllers:
            found += _ask_groups(top, path, _SECOND)
        elif "memory" in controllers.split(","):
            found += _ask_groups(top / "memory", path, _FIRST)
    return found


def _ask_groups(top: Path, path: str, names: _Names) -> list[int]:
    """Ask a group and all above it; a container often sees its own group as the topmost, whatever its path says."""
    inner = PurePosixPath("/" + path.strip("/")).relative_to("/")
    asked = [_ask(top / each, names) for each in (inner, *inner.parents)]
    return [each for each in asked if each is not None]


def _ask(group: Path, names: _Names) -> int | None:
    try:
        limit = (group / names.limit).read_text(encoding="ascii").strip()
        used = (group / names.used).read_text(encoding="ascii").strip()
        statistics = (group / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None  # no such group here, or one without a limit
    if not limit.isdecimal() or not used.isdecimal():
        return None  # "max"
    fields = (line.partition(" ") for line in statistics)
    return int(limit) - int(used) + sum(int(value) for name, _, value in fields if name in names.of_files)
