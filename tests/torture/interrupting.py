"""A backup that is killed when an exact share of its bytes was read, and the run after it."""

import pathlib
import random
from dataclasses import dataclass

from tests.torture.real_program import KILLED, Ended, RealProgram, object_bytes

# The program itself, dying at an exact place: a kill from outside misses it by what a busy machine reads meanwhile.
DIE_AT = """
import os, signal, sys
from rebond.vault.tree_writing import TreeWriter
from rebond.vault.walk_progress import WalkProgress
limit, original, saved = int(sys.argv[1]), WalkProgress.report, TreeWriter._save_entry
def report(self, path, in_file_bytes=0):
    if self.totals.bytes + in_file_bytes >= limit:
        os.kill(os.getpid(), signal.SIGKILL)
    original(self, path, in_file_bytes)
def save_entry(self, *arguments):
    is_saved = saved(self, *arguments)
    report(self._progress, b"")
    return is_saved
TreeWriter._save_entry, WalkProgress.report = save_entry, report
from rebond.cli.__main__ import run
sys.exit(run(sys.argv[2:]))
"""


@dataclass(frozen=True)
class SecondRun:
    """What a killed run left to the next one, as shares of all bytes of the tree."""

    read_share: float
    stored_again_share: float


def plant_file(path: pathlib.Path, *, seed: int, total_bytes: int) -> int:
    """Write one file that does not compress; return its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    with open(path, "wb") as file:
        file.writelines(rng.randbytes(min(1 << 24, total_bytes - start)) for start in range(0, total_bytes, 1 << 24))
    return total_bytes


def kill_at(program: RealProgram, tree: pathlib.Path, read_bytes: int, *, code: str = DIE_AT) -> Ended:
    """Back a tree up until so many of its bytes were read, or taken as read."""
    return program.start(str(read_bytes), "backup", "--path", tree, code=code).wait()


def interrupt(program: RealProgram, tree: pathlib.Path, total_bytes: int, *, at_share: float) -> SecondRun:
    """Kill a backup when ``at_share`` of its bytes was read; run it again and say what that came to.

    The tree must not compress, so that what has to be stored is known.
    """
    ended = kill_at(program, tree, int(total_bytes * at_share))
    assert ended.status == KILLED, ended.err
    outcome = program.ask("backup", "--path", tree)
    assert outcome["bytes"] == total_bytes
    stored = object_bytes(pathlib.Path(program.environment["REBOND_VAULT"]), "packs")
    return SecondRun(outcome["read_bytes"] / total_bytes, stored / total_bytes - 1)
