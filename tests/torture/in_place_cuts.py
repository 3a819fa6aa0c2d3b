"""Restores in place that are killed at every step, move and note there is, each gone on with and each undone."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = (
    "tests/crash/test_swap_cuts.py",
    "tests/crash/test_restore_in_place_kills.py",
    "tests/crash/test_recover_kills.py",
    "tests/crash/test_database_in_place_kills.py",
    "tests/crash/test_data_directory_in_place_kills.py",
)
_PATIENCE_SECONDS = 4 * 3600


class Lost(Exception):
    """A cut after which something was lost, or a restore could not be gone on with or undone."""


def cut_everywhere() -> str:
    """Run the tests of cuts with every point there is; return the figures. Raises ``Lost``.

    A quiet machine takes the better part of an hour, most of it for data directories. A piece of the points of one
    test: ``REBOND_EVERY_CUT=40-79 python -m pytest -p no:xdist tests/crash/… -k killed_anywhere``.
    """
    every = os.environ.get("REBOND_EVERY_CUT") or "1"
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *FILES]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, "REBOND_EVERY_CUT": every},
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_SECONDS,
    )
    sys.stdout.write(done.stdout)
    if done.returncode:
        raise Lost(", ".join(re.findall(r"^FAILED \S+::(\S+)", done.stdout, re.MULTILINE)) or done.stdout[-500:])
    return f"{done.stdout.strip().splitlines()[-1]}, with every cut ({every})"
