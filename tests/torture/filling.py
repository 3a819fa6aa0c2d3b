"""The disk of a vault is full at a random moment of any verb: the verb says so, and nothing that was there suffers."""

import contextlib
import pathlib
import random
import subprocess
from collections.abc import Iterator

from tests.torture.real_program import Ended, RealProgram, change_tree, fingerprint, plant_tree, snapshot_ids

ROOM_TO_CREATE_KIB = 48_000  # making a vault proves that 32 MiB can be put
ENOUGH_KIB = 120_000
FULL = 22


class NoDisk(Exception):
    """This machine lets nobody mount a disk."""


@contextlib.contextmanager
def small_disk(folder: pathlib.Path, size_kib: int) -> Iterator[pathlib.Path]:
    """Mount a disk of that size at ``folder``. Raises ``NoDisk``."""
    folder.mkdir(exist_ok=True)
    options = f"size={size_kib}k,mode=700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        raise NoDisk(mounted.stderr.decode())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def resize(folder: pathlib.Path, size_kib: int) -> None:
    """Make a mounted disk larger or smaller."""
    subprocess.run(["mount", "-o", f"remount,size={size_kib}k", str(folder)], check=True)


def used_kib(folder: pathlib.Path) -> int:
    """Return what lies on a disk."""
    told = subprocess.run(["df", "--output=used", "-k", str(folder)], capture_output=True, text=True, check=True)
    return int(told.stdout.split()[-1])


class FillingGround:
    """A vault on a small disk, a tree that changes, and what each snapshot holds."""

    def __init__(self, folder: pathlib.Path, disk: pathlib.Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.folder, self.disk = folder, disk
        self.tree = folder / "tree"
        plant_tree(self.tree, seed=seed, total_bytes=3_000_000)
        self.program = RealProgram.with_vault(folder, REBOND_VAULT=str(disk / "vault"))
        self.here = self.program.in_this_process()
        self.expected: dict[str, dict[str, str]] = {}
        self.full = 0
        resize(disk, ENOUGH_KIB)
        self.back_up()

    def back_up(self) -> None:
        """Save the tree where there is room."""
        self.expected[self.here.ask("backup", "--path", self.tree)["id"]] = fingerprint(self.tree)

    def squeeze(self) -> None:
        """Run verbs with little room, then give room and see that everything is there and goes on."""
        change_tree(self.tree, seed=self.rng.randrange(1 << 30), changes=25)
        room_kib = self.rng.choice([0, 4, 40, self.rng.randrange(400), self.rng.randrange(4_000)])
        resize(self.disk, max(1, used_kib(self.disk) + room_kib))
        for verb in self.rng.sample(["backup", "forget", "prune", "repair"], 3):
            self._run(verb)
        resize(self.disk, ENOUGH_KIB)
        self.check()
        self.back_up()
        self.here.good("prune")
        self.check()

    def _run(self, verb: str) -> None:
        if verb == "backup":
            ended = self._judge(self.program.run("backup", "--path", self.tree, "--json", "--quiet"))
            if not ended.status:
                self.expected[ended.document["id"]] = fingerprint(self.tree)
        elif verb == "forget" and len(self.expected) > 1:
            oldest = snapshot_ids(self.here)[0]
            if not self._judge(self.program.run("forget", oldest, "--yes", "--json", "--quiet")).status:
                del self.expected[oldest]
        elif verb == "prune":
            self._judge(self.program.run("prune", "--json", "--quiet"))
        elif verb == "repair":
            self._judge(self.program.run("verify", "--read-data", "--repair", "--json", "--quiet"))

    def _judge(self, ended: Ended) -> Ended:
        assert ended.status in {0, FULL}, f"{ended.status}: {ended.err}{ended.out}"
        if ended.status:
            assert ended.document["error"]["hint"]
            self.full += 1
        return ended

    def check(self) -> None:
        """Every byte is right, and exactly what should be listed is."""
        listed = set(snapshot_ids(self.here))
        assert listed == set(self.expected), f"{listed} are listed, not {set(self.expected)}"
        assert self.here.ask("verify", "--read-data")["ok"]
