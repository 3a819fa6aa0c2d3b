"""Rounds of ``kill -9``: the real program is shot at random moments, and afterwards everything must restore."""

import pathlib
import random
import shutil
import time

from tests.torture.real_program import (
    KILLED,
    RealProgram,
    change_tree,
    fingerprint,
    plant_tree,
    restore_all,
    snapshot_ids,
)

COMPONENT = "tree"


class KillingGround:
    """A vault, a tree that changes, and what each listed snapshot has to restore to."""

    def __init__(self, folder: pathlib.Path, *, seed: int, total_bytes: int) -> None:
        self.rng = random.Random(seed)
        self.folder = folder
        self.tree = folder / COMPONENT
        plant_tree(self.tree, seed=seed, total_bytes=total_bytes)
        self.program = RealProgram.with_vault(folder)
        self.judge_program = self.program.in_this_process()
        self.expected: dict[str, dict[str, str]] = {}
        self.shot = 0
        self.seconds = {"backup": self._measure("backup", "--path", self.tree)}
        self._note_new_snapshots(fingerprint(self.tree))

    def _measure(self, *arguments: str | pathlib.Path) -> float:
        began = time.monotonic()
        self.program.good(*arguments)
        return time.monotonic() - began

    def _shoot(self, verb: str, *arguments: str | pathlib.Path) -> None:
        """Run a verb and kill it at a random moment of the time that it takes."""
        seconds = self.seconds.get(verb, 1.0)
        running = self.program.start(verb, *arguments)
        ended = running.kill_after(self.rng.uniform(0.1, 1.0) * seconds)
        assert ended.status in {KILLED, 0}, ended.err
        self.shot += ended.status == KILLED
        if ended.status == 0:  # it takes less time than was thought
            self.seconds[verb] = min(seconds, time.monotonic() - running.began)

    def _note_new_snapshots(self, files: dict[str, str]) -> list[str]:
        """Learn which snapshots are new: they hold what the tree holds now."""
        listed = snapshot_ids(self.judge_program)
        lost = set(self.expected) - set(listed)
        assert not lost, f"snapshots are gone: {lost}"
        new = [identity for identity in listed if identity not in self.expected]
        for identity in new:
            self.expected[identity] = files
        return new

    def shoot_backup(self) -> None:
        """A change, a backup that is killed."""
        change_tree(self.tree, seed=self.rng.randrange(1 << 30), changes=12)
        self._shoot("backup", "--path", self.tree)
        assert len(self._note_new_snapshots(fingerprint(self.tree))) <= 1

    def back_up(self) -> None:
        """A backup that nobody disturbs."""
        self.program.good("backup", "--path", self.tree)
        assert len(self._note_new_snapshots(fingerprint(self.tree))) == 1

    def forget_oldest(self, kept: int) -> None:
        """Put all but the newest into the trash."""
        doomed = snapshot_ids(self.judge_program)[:-kept]
        if doomed:
            self.judge_program.good("forget", *doomed, "--yes")
        for identity in doomed:
            del self.expected[identity]

    def shoot_prune(self) -> None:
        """A prune that is killed."""
        self._shoot("prune")
        self._note_new_snapshots({})

    def prune(self) -> None:
        """A prune that nobody disturbs."""
        self.seconds["prune"] = self._measure("prune")

    def shoot_restore(self) -> None:
        """A restore that is killed, and the same one again, which has to complete what is there."""
        identity = self.rng.choice(list(self.expected))
        target = self.folder / "shot"
        self._shoot("restore", identity, "--to", target)
        self.judge_program.good("restore", identity, "--to", target, "--overwrite", "changed")
        assert fingerprint(target / COMPONENT) == self.expected[identity]
        leftovers = [path for path in target.rglob("*") if path.is_file() and path.name.startswith(".")]
        assert leftovers == []
        shutil.rmtree(target)

    def judge(self) -> None:
        """Verify every byte, restore every snapshot."""
        outcome = self.judge_program.ask("verify", "--read-data")
        assert outcome["ok"], outcome
        restored = self.folder / "restored"
        restore_all(self.judge_program, self.expected, COMPONENT, restored)
        shutil.rmtree(restored)
