"""How far a run steps back."""

import os
import subprocess
import sys

PROGRAM = """\
import ctypes, os, platform
from rebond.config.model import Limits
from rebond.schedule.stepping_back import step_back
step_back(Limits(nice={nice}))
number = {{"x86_64": 252, "aarch64": 31, "riscv64": 31}}[platform.machine()]
print(os.getpriority(os.PRIO_PROCESS, 0), ctypes.CDLL(None).syscall(number, 1, 0))
"""
BEST_EFFORT_LEAST = (2 << 13) | 7


def stepped_back(nice: int, before: int) -> list[int]:
    """Return the niceness and the priority for the disk after stepping back."""
    done = subprocess.run(
        ["nice", "-n", str(before), sys.executable, "-c", PROGRAM.format(nice=nice)],
        capture_output=True,
        text=True,
        check=True,
    )
    return list(map(int, done.stdout.split()))


def test_a_run_steps_back_from_processor_and_disk_and_never_forward() -> None:
    assert stepped_back(19, before=0) == [19, BEST_EFFORT_LEAST]
    assert stepped_back(1, before=18)[0] >= min(19, os.nice(0) + 18)
    assert stepped_back(0, before=0)[1] != BEST_EFFORT_LEAST
