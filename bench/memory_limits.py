"""Runs a command where it may have only so much memory: in a cgroup of its own, else under a limit of its data."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.measuring import Command

CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimit:
    """A limit in force. ``kind`` says which one it is, in words for the report."""

    kind: str
    limit_bytes: int
    cgroup: Path | None = None

    def apply(self, command: Command) -> Command:
        """Return the command as it must be started; in a cgroup it is started as it is, inside."""
        if self.cgroup:
            return command
        first, *rest = command.pipeline
        return replace(command, pipeline=(("prlimit", f"--data={self.limit_bytes}", *first), *rest))

    def read_peak_bytes(self) -> int | None:
        """Return the most that the cgroup held, page cache included; ``None`` where nobody counts."""
        for name in ("memory.max_usage_in_bytes", "memory.peak"):
            if self.cgroup and (self.cgroup / name).exists():
                return int((self.cgroup / name).read_text())
        return None


@contextmanager
def limit_memory(limit_bytes: int) -> Iterator[MemoryLimit]:
    """A cgroup with this limit for as long as the block lasts; where none may be made, a limit of the data segment.

    A cgroup counts the page cache too, which the kernel drops when it must, and files in memory-backed folders, which
    it cannot drop: measure on a disk.
    """
    cgroup = make_cgroup(limit_bytes)
    if cgroup is None:
        yield MemoryLimit(kind="RLIMIT_DATA", limit_bytes=limit_bytes)
        return
    version = "version 1" if (cgroup / "memory.limit_in_bytes").exists() else "version 2"
    try:
        yield MemoryLimit(kind=f"memory cgroup, {version}", limit_bytes=limit_bytes, cgroup=cgroup)
    finally:
        cgroup.rmdir()


def make_cgroup(limit_bytes: int) -> Path | None:
    """Make a memory cgroup below the one this program is in; ``None`` where that is not permitted."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            parent, name, controls = CGROUPS / "memory" / path.lstrip("/"), "memory.limit_in_bytes", True
        elif controllers == "" and (CGROUPS / "cgroup.controllers").exists():
            parent, name = CGROUPS / path.lstrip("/"), "memory.max"
            control = parent / "cgroup.subtree_control"
            controls = control.exists() and "memory" in control.read_text().split()
        else:
            continue
        if not controls:
            continue
        cgroup = parent / f"rebond-bench-{os.getpid()}"
        try:
            cgroup.mkdir()
        except OSError:
            continue
        try:
            (cgroup / name).write_text(str(limit_bytes))
        except OSError:
            cgroup.rmdir()
            continue
        return cgroup
    return None
