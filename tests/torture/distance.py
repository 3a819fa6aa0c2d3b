"""A distant store that refuses, hangs up and loses answers at random: verbs work or say so, and nothing is half."""

import pathlib
import random
import shutil

from tests.torture.real_program import change_tree, fingerprint, plant_tree, snapshot_ids
from tests.unit.cli.program_runs import Answer, Program

from rebond.testing.s3_answers import Fault
from rebond.testing.s3_server import S3Server

STORE_FAILED = {20, 21}


class MoodyServer(S3Server):
    """A server that misbehaves once in a while: ``share`` of its answers are none, come late, or are cut."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.rng = rng
        self.share = 0.0
        self.faulted = 0
        self.page_size = 20  # so that listings have pages

    def take_fault(self, method: str, path: str, query: str) -> Fault | None:
        """Return a fault by chance."""
        with self.lock:
            if self.rng.random() >= self.share:
                return None
            self.faulted += 1
            kind = self.rng.choice(["refuse", "hang up", "lose the answer", "refuse after", "cut"])
        if kind == "cut":
            return Fault(half=True)
        return Fault(status=503 if kind.startswith("refuse") else 0, after=kind in {"lose the answer", "refuse after"})


class DistantGround:
    """A vault in such a store, a tree that changes, and what each snapshot holds."""

    def __init__(self, server: MoodyServer, folder: pathlib.Path) -> None:
        self.server, self.rng, self.folder = server, server.rng, folder
        self.tree = folder / "tree"
        plant_tree(self.tree, seed=1, total_bytes=600_000)
        self.program = Program(folder, REBOND_VAULT=server.url("bucket/vault"), **server.environment)
        self.program.good("vault", "create", "--kit", folder / "kit.txt", "--key-file", folder / "owner.key")
        self.program.environment["REBOND_KEY_FILE"] = str(folder / "owner.key")
        self.expected: dict[str, dict[str, str]] = {}
        self.failed = self.done = 0
        self.back_up()

    def back_up(self) -> None:
        """Save the tree undisturbed."""
        self.expected[self.program.ask("backup", "--path", self.tree)["id"]] = fingerprint(self.tree)

    def live_a_day(self) -> None:
        """Run some verbs while the server misbehaves, then look at everything and go on."""
        change_tree(self.tree, seed=self.rng.randrange(1 << 30), changes=6)
        self.server.share = self.rng.choice([0.01, 0.05, 0.1, 0.2])
        for verb in self.rng.sample(["backup", "forget", "prune", "restore", "verify"], 3):
            self._run(verb)
        self.server.share = 0.0
        self.check()
        if self.rng.random() < 0.4:
            self.back_up()
            self.program.good("prune")

    def _run(self, verb: str) -> None:
        if verb == "backup":
            ended = self._judge("backup", "--path", self.tree, "--json", "--quiet")
            if ended.status == 0:
                self.expected[ended.document["id"]] = fingerprint(self.tree)
            else:
                self._meet_strangers()
        elif verb == "forget" and len(self.expected) > 2:
            oldest = next(iter(self.expected))
            ended = self._judge("forget", oldest, "--yes", "--json", "--quiet")
            if ended.status == 0 or oldest not in self._list():
                del self.expected[oldest]
        elif verb == "restore":
            newest = list(self.expected)[-1]
            target = self.folder / "back"
            if self._judge("restore", newest, "--to", target, "--json", "--quiet").status == 0:
                assert fingerprint(target / "tree") == self.expected[newest]
            shutil.rmtree(target, ignore_errors=True)
        elif verb in {"prune", "verify"}:
            self._judge(verb, *(["--read-data"] if verb == "verify" else []), "--json", "--quiet")

    def _judge(self, *words: str | pathlib.Path) -> Answer:
        ended = self.program(*words)
        assert ended.status in {0, *STORE_FAILED}, f"{words}: {ended.status} {ended.err}{ended.out}"
        self.failed += ended.status != 0
        self.done += 1
        return ended

    def _list(self) -> list[str]:
        share, self.server.share = self.server.share, 0.0
        listed = snapshot_ids(self.program)
        self.server.share = share
        return listed

    def _meet_strangers(self) -> None:
        """A backup whose last answer was lost may stand all the same: then it holds the tree."""
        strangers = set(self._list()) - set(self.expected)
        assert len(strangers) <= 1
        for identity in strangers:
            self.expected[identity] = fingerprint(self.tree)

    def check(self) -> None:
        """Everything is listed and whole, and one of them comes back to a machine that remembers nothing."""
        assert set(snapshot_ids(self.program)) == set(self.expected)
        outcome = self.program.ask("verify", "--read-data")
        assert outcome["ok"], outcome
        identity = self.rng.choice(list(self.expected))
        target = self.folder / "cold"
        self.program.good("restore", identity, "--to", target, REBOND_CACHE_DIR=str(self.folder / "cold-cache"))
        assert fingerprint(target / "tree") == self.expected[identity]
        shutil.rmtree(target)
        shutil.rmtree(self.folder / "cold-cache", ignore_errors=True)
