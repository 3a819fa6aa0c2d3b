"""How far a run steps back from the processor and the disk, so that the application stays quick."""

import contextlib
import ctypes
import os
import platform

from rebond.config.model import Limits

_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "riscv64": 30}
_WHO_PROCESS = 1
_CLASS_BEST_EFFORT = 2 << 13
_LEAST = 7


def step_back(limits: Limits | None) -> None:
    """Lower what this process, and what it starts, may take; never raises it. Who has set it lower keeps that."""
    if limits is None or not limits.nice:
        return
    if os.getpriority(os.PRIO_PROCESS, 0) < limits.nice:
        with contextlib.suppress(OSError):  # a courtesy, not a condition
            os.setpriority(os.PRIO_PROCESS, 0, limits.nice)
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        ctypes.CDLL(None).syscall(number, _WHO_PROCESS, 0, _CLASS_BEST_EFFORT | _LEAST)
