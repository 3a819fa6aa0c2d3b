"""What a run took: wall time, processor time, memory, and how long each phase lasted."""

import contextlib
import os
import re
import resource
from pathlib import Path

import msgspec

from rebond.clock import Clock

_HIGH_WATER = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
PHASES_KEPT = 50


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a process took since the measuring began. Memory is that of the process's whole life.

    ``peak_bytes`` is the most that it held in memory at once, file pages included; ``child_peak_bytes`` the same of its
    largest child. Processor seconds of children are those of children that have ended.
    """

    seconds: float
    cpu_seconds: float
    child_cpu_seconds: float
    peak_bytes: int
    child_peak_bytes: int


class Meter:
    """Measures from its making on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._own = _cpu_seconds(resource.RUSAGE_SELF)
        self._children = _cpu_seconds(resource.RUSAGE_CHILDREN)
        self._phases: dict[str, float] = {}
        self._phase = ""
        self._phase_began = self._began

    def enter_phase(self, name: str) -> None:
        """Note that the work is in this phase now."""
        if name != self._phase:
            self._leave_phase()
            self._phase = name

    def _leave_phase(self) -> None:
        now = self._clock.monotonic()
        if self._phase and (self._phase in self._phases or len(self._phases) < PHASES_KEPT):
            self._phases[self._phase] = self._phases.get(self._phase, 0.0) + now - self._phase_began
        self._phase_began = now

    def phases(self) -> dict[str, float]:
        """Return the seconds of each phase that was told, as far as it has come."""
        self._leave_phase()
        return {name: round(seconds, 3) for name, seconds in self._phases.items()}

    def measure(self) -> Measured:
        """Return what was taken until now."""
        return Measured(
            seconds=round(self._clock.monotonic() - self._began, 3),
            cpu_seconds=round(_cpu_seconds(resource.RUSAGE_SELF) - self._own, 3),
            child_cpu_seconds=round(_cpu_seconds(resource.RUSAGE_CHILDREN) - self._children, 3),
            peak_bytes=_find_high_water(),
            child_peak_bytes=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
        )


def _cpu_seconds(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _find_high_water() -> int:
    """Return the most bytes that this process held at once. Across an exec ``getrusage`` tells its parent's too."""
    with contextlib.suppress(OSError):
        found = _HIGH_WATER.search(Path(f"/proc/{os.getpid()}/status").read_text(encoding="ascii", errors="replace"))
        if found:
            return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
