"""Several real programs at one vault: backups, prunes and a check side by side, again and again."""

import contextlib
import pathlib
import random
import shutil
import signal
import time

from tests.torture.real_program import RealProgram, Running, fingerprint, plant_tree, snapshot_ids

TREES = ("shop", "blog")


class Site:
    """A vault with a history, two trees that change, and what each snapshot holds."""

    def __init__(self, folder: pathlib.Path, program: RealProgram) -> None:
        self.folder = folder
        self.program = program
        self.here = program.in_this_process()
        self.expected: dict[str, dict[str, str]] = {}
        self.of_tree: dict[str, str] = {}

    @classmethod
    def make(cls, folder: pathlib.Path) -> "Site":
        """Make it: of each tree an old snapshot, in the trash, and another one."""
        site = cls(folder, RealProgram.with_vault(folder))
        for name in TREES:
            plant_tree(folder / name, seed=1, total_bytes=2_000_000)
            site.back_up_here(name)
            site.renew(name, seed=2)
            site.back_up_here(name)
        for identity in snapshot_ids(site.here)[::2]:
            site.here.good("forget", identity, "--yes")
            del site.expected[identity], site.of_tree[identity]
        return site

    def copy(self, folder: pathlib.Path) -> "Site":
        """Return the same in another place."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        site = Site(folder, RealProgram(folder, REBOND_KEY_FILE=str(folder / "owner.key")))
        site.expected, site.of_tree = dict(self.expected), dict(self.of_tree)
        return site

    def renew(self, name: str, *, seed: int) -> None:
        """Replace a tree; with the seed of an earlier one its content is back."""
        shutil.rmtree(self.folder / name)
        plant_tree(self.folder / name, seed=seed, total_bytes=1_500_000)

    def back_up_here(self, name: str) -> None:
        """Save a tree, undisturbed."""
        self.note(name, self.here.ask("backup", "--path", self.folder / name)["id"])

    def note(self, name: str, identity: str) -> None:
        """Remember what a snapshot holds."""
        self.expected[identity] = fingerprint(self.folder / name)
        self.of_tree[identity] = name

    def start_backup(self, name: str, **environment: str) -> Running:
        """Begin to save a tree."""
        return self.program.start("backup", "--path", self.folder / name, "--json", "--quiet", **environment)

    def end_backup(self, name: str, running: Running) -> None:
        """Wait for a backup that has to be good."""
        ended = running.wait()
        assert ended.status == 0, ended.err + ended.out
        self.note(name, ended.document["id"])

    def list_ids_of(self, name: str) -> set[str]:
        """Return the ids of the listed snapshots that hold a tree."""
        listed = self.here.ask("snapshots")
        return {each["id"] for each in listed if name in {component["name"] for component in each["components"]}}

    def check(self) -> None:
        """Verify everything, restore everything."""
        outcome = self.here.ask("verify", "--read-data")
        assert outcome["ok"], outcome
        assert set(snapshot_ids(self.here)) == set(self.expected)
        for identity, files in self.expected.items():
            target = self.folder / "back" / identity
            self.here.good("restore", identity, "--to", target, REBOND_CACHE_DIR=str(self.folder / "cold"))
            assert fingerprint(target / self.of_tree[identity]) == files


class Crowd:
    """Rounds of two backups, two prunes and a check at once; each round ends with a repair that has nothing to do."""

    def __init__(self, made: Site, folder: pathlib.Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.site = made.copy(folder)
        self.rounds = self.killed = 0

    def meet(self) -> None:
        """One round, begun in any order and at any distance; one of them may be stopped for a while."""
        site, rng = self.site, self.rng
        for name in TREES:
            site.renew(name, seed=rng.choice([1, 2, 3, rng.randrange(1 << 30)]))
        if rng.random() < 0.6:
            self._forget_some()
        starts = [("backup", name) for name in TREES] + [("prune",), ("prune",), ("verify", "--read-data")]
        rng.shuffle(starts)
        running: list[tuple[tuple[str, ...], Running]] = []
        for words in starts:
            is_backup = words[0] == "backup"
            running.append((words, site.start_backup(words[1]) if is_backup else site.program.start(*words)))
            time.sleep(rng.choice([0, 0, rng.uniform(0, 0.6)]))
        self._stop_one_for_a_while(running)
        self._kill_one(running)
        for words, each in running:
            if words[0] == "backup":
                site.end_backup(words[1], each)
            else:
                ended = each.wait()
                assert ended.status == 0, f"{words}: {ended.status} {ended.err}{ended.out}"
        repaired = site.here.ask("verify", "--read-data", "--repair")
        assert repaired["ok"], repaired
        self.rounds += 1

    def _forget_some(self) -> None:
        site = self.site
        for identity in snapshot_ids(site.here)[:-2]:
            if self.rng.random() < 0.5 and list(site.of_tree.values()).count(site.of_tree[identity]) > 1:
                site.here.good("forget", identity, "--yes")
                del site.expected[identity], site.of_tree[identity]

    def _kill_one(self, running: list[tuple[tuple[str, ...], Running]]) -> None:
        """Now and then one of them is killed; a backup may have made its snapshot by then."""
        if self.rng.random() < 0.6:
            return
        words, one = running.pop(self.rng.randrange(len(running)))
        one.kill_after(self.rng.uniform(0, 1.5))
        self.killed += 1
        if words[0] == "backup":
            for identity in self.site.list_ids_of(words[1]) - set(self.site.expected):
                self.site.note(words[1], identity)

    def _stop_one_for_a_while(self, running: list[tuple[tuple[str, ...], Running]]) -> None:
        if self.rng.random() < 0.5:
            _, one = self.rng.choice(running)
            with contextlib.suppress(ProcessLookupError):
                one.send(signal.SIGSTOP)
                time.sleep(self.rng.uniform(0.2, 1.5))
                one.send(signal.SIGCONT)
