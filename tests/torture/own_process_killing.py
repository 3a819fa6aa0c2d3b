"""The processes that the program starts for itself are killed at random moments: nothing is lost without a word."""

import contextlib
import dataclasses
import os
import pathlib
import random
import shutil
import signal
import time

from tests.torture.real_program import RealProgram, Running, fingerprint, plant_tree

LEAST_BYTES, FILE_BYTES = 11_000_000, 1_600  # enough for processes that seal, and for those that write files
SEALING, LANDING = "rebond.vault.sealing_process", "rebond.operations.landing_process"


@dataclasses.dataclass
class Shots:
    """What was shot, and what came of it."""

    sealing: int = 0
    landing: int = 0
    orphaned: int = 0
    backups_refused: int = 0


def find_children(running: Running, module: str) -> list[int]:
    """Return the processes of a run that execute a module."""
    parent = running.process.pid
    found = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{parent}/task"):
            children = pathlib.Path(f"/proc/{parent}/task/{task}/children").read_text().split()
            found += [int(each) for each in children if executes(int(each), module)]
    return found


def executes(process: int, module: str) -> bool:
    """Say whether a process is there and executes a module: a new one by its command, a copy by its name."""
    with contextlib.suppress(OSError):
        place = pathlib.Path(f"/proc/{process}")
        is_copy = (place / "comm").read_text().strip() == module.rpartition(".")[2][:15]
        return is_copy or module.encode() in (place / "cmdline").read_bytes()
    return False


class ProcessKilling:
    """A vault, a tree with many small files, and what a run takes."""

    def __init__(self, folder: pathlib.Path, seed: int, *, total_bytes: int = LEAST_BYTES) -> None:
        self.rng = random.Random(seed)
        self.folder = folder
        self.total_bytes = total_bytes
        self.tree = folder / "tree"
        self.program = RealProgram.with_vault(folder)
        self.here = self.program.in_this_process()
        self.shots = Shots()
        self.renew()
        self.program.good("backup", "--path", self.tree)

    def renew(self) -> None:
        """Replace the tree by another one: all of it has to be sealed."""
        shutil.rmtree(self.tree, ignore_errors=True)
        plant_tree(self.tree, seed=self.rng.randrange(1 << 30), total_bytes=self.total_bytes, file_bytes=FILE_BYTES)
        self.files = fingerprint(self.tree)

    def shoot(self, running: Running, module: str) -> int:
        """Kill one or all processes of a run that execute a module, some time after the first is there."""
        delay_seconds, does_all = self.rng.uniform(0.0, 0.15), self.rng.random() < 0.3
        while not find_children(running, module) and not running.has_ended():
            time.sleep(0.002)
        until = time.monotonic() + delay_seconds
        while time.monotonic() < until and not running.has_ended():
            time.sleep(0.002)
        shot = 0
        for child in find_children(running, module)[: None if does_all else 1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
                shot += 1
        return shot

    def shoot_backup(self) -> None:
        """Sealing processes die: there is a snapshot, or none and the program says so. A restore tells more."""
        self.renew()
        known = len(self.here.ask("snapshots"))
        running = self.program.start("backup", "--path", self.tree, "--json", "--quiet")
        self.shots.sealing += self.shoot(running, SEALING)
        ended = running.wait()
        listed = len(self.here.ask("snapshots"))
        assert listed == known + (ended.status == 0), ended.err
        if ended.status:
            assert "error" in ended.document, ended.out
            self.shots.backups_refused += 1
            self.program.good("backup", "--path", self.tree)

    def shoot_restore(self) -> None:
        """Landing processes die: the restore goes on without them, and every file is there."""
        target = self.folder / "shot"
        running = self.program.start("restore", "latest", "--to", target, "--json", "--quiet")
        self.shots.landing += self.shoot(running, LANDING)
        ended = running.wait()
        assert ended.status == 0, ended.out + ended.err
        self.check(target)

    def shoot_parent(self) -> None:
        """The program dies: nothing of it goes on."""
        self.renew()
        running = self.program.start("backup", "--path", self.tree)
        while not (children := find_children(running, SEALING)) and not running.has_ended():
            time.sleep(0.002)
        time.sleep(self.rng.uniform(0, 0.5))
        running.process.kill()
        running.wait()
        until = time.monotonic() + 10
        while left := [each for each in children if executes(each, SEALING)]:
            assert time.monotonic() < until, f"processes outlive the program: {left}"
            time.sleep(0.01)
        self.shots.orphaned += len(children)

    def check(self, target: pathlib.Path) -> None:
        """Compare what lies there with what was saved, and clear it away."""
        assert fingerprint(target / "tree") == self.files
        assert [path for path in target.rglob(".*") if path.is_file()] == [], "something was left behind"
        shutil.rmtree(target)
