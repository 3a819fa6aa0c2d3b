"""The real program several times at once: backups, prunes and a verify side by side, and runs that are stopped."""

import pathlib
import shutil
import signal
import time

import pytest
from tests.torture.real_program import RealProgram, Running, fingerprint, names_in, plant_tree, snapshot_ids

pytestmark = pytest.mark.slow
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
            del site.expected[identity]
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

    def check(self) -> None:
        """Verify everything, restore everything."""
        outcome = self.here.ask("verify", "--read-data")
        assert outcome["ok"], outcome
        assert set(snapshot_ids(self.here)) == set(self.expected)
        for identity, files in self.expected.items():
            target = self.folder / "back" / identity
            self.here.good("restore", identity, "--to", target, REBOND_CACHE_DIR=str(self.folder / "cold"))
            assert fingerprint(target / self.of_tree[identity]) == files


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site.make(tmp_path_factory.mktemp("made"))


@pytest.fixture
def site(made: Site, tmp_path: pathlib.Path) -> Site:
    return made.copy(tmp_path)


def wait_until(folder: pathlib.Path, kind: str, known: set[str], running: Running) -> None:
    """Wait until a run has put something new of a kind, or has ended."""
    until = time.monotonic() + 60
    while not (names_in(folder / "vault", [kind]) - known) and not running.has_ended():
        assert time.monotonic() < until, "the run does nothing"
        time.sleep(0.002)


def test_two_backups_two_prunes_and_a_verify_at_once_all_succeed(site: Site) -> None:
    for name in TREES:
        site.renew(name, seed=1)  # what the prunes are about to delete is needed again

    backups = {name: site.start_backup(name) for name in TREES}
    others = [site.program.start(*words) for words in (("prune",), ("prune",), ("verify", "--read-data"))]

    for name, running in backups.items():
        site.end_backup(name, running)
    for running in others:
        ended = running.wait()
        assert ended.status == 0, ended.err + ended.out
    site.here.good("prune")
    site.check()


@pytest.mark.parametrize("kind", ["sessions", "packs"])
def test_a_backup_that_is_stopped_while_others_prune_commits_something_whole(site: Site, kind: str) -> None:
    site.renew("shop", seed=1)
    known = names_in(site.folder / "vault", [kind])
    running = site.start_backup("shop")
    wait_until(site.folder, kind, known, running)
    running.send(signal.SIGSTOP)

    site.here.good("prune")
    site.back_up_here("blog")
    site.here.good("prune")
    running.send(signal.SIGCONT)

    site.end_backup("shop", running)
    site.here.good("prune")
    site.check()


@pytest.mark.parametrize("kind", ["trash", "runs"])
def test_a_prune_that_is_stopped_while_others_back_up_deletes_nothing_that_is_needed(site: Site, kind: str) -> None:
    known = names_in(site.folder / "vault", [kind])
    running = site.program.start("prune")
    wait_until(site.folder, kind, known, running)
    running.send(signal.SIGSTOP)

    for name in TREES:
        site.renew(name, seed=1)
        site.back_up_here(name)
    running.send(signal.SIGCONT)

    ended = running.wait()
    assert ended.status == 0, ended.err
    site.check()


def test_two_backups_of_one_tree_at_once_both_stand(site: Site) -> None:
    site.renew("shop", seed=3)

    runs = [site.start_backup("shop") for _ in range(2)]

    for running in runs:
        site.end_backup("shop", running)
    site.check()
