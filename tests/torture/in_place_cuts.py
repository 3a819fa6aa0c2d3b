"""Restores in place that are killed at every step, move and note there is, each gone on with and each undone."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = (
    "tests/crash/test_swap_cuts.py",
    "tests/crash/test_restore_in_place_kills.py",
    "tests/crash/test_recover_kills.py",
    "tests/crash/test_recover_volumes_kills.py",
    "tests/crash/test_database_in_place_kills.py",
    "tests/crash/test_tables_in_place_kills.py",
    "tests/crash/test_data_directory_in_place_kills.py",
)


class Lost(Exception):
    """A cut after which something was lost, or a restore could not be gone on with or undone."""


def cut_everywhere() -> str:
    """Run the tests of cuts with every point there is; return the figures. Raises ``Lost``.

    A quiet machine takes the better part of an hour, most of it for data directories. A piece of the points of one
    test: ``REBOND_EVERY_CUT=40-79 python -m pytest -p no:xdist tests/crash/… -k killed_anywhere``.
    """
    every = os.environ.get("REBOND_EVERY_CUT") or "1"
    words = [sys.executable, "-m", "pytest", "-v", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", *FILES]
    lines = []
    environment = {**os.environ, "REBOND_EVERY_CUT": every}
    with subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:  # each test says by itself that it has ended: all of them take an hour
            print(line, end="", flush=True)
            lines.append(line)
    if running.returncode:
        failed = [each.split()[1].rpartition("::")[2] for each in lines if each.startswith("FAILED ")]
        raise Lost(", ".join(failed) or "".join(lines)[-500:])
    verdict = lines[-1].strip(" =\n")
    return f"{verdict}, with every cut ({every})"
