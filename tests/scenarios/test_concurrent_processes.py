"""The real program several times at once: backups, prunes and a verify side by side, and runs that are stopped."""

import pathlib
import signal
import time

import pytest
from tests.torture.real_program import Running, names_in
from tests.torture.sharing import TREES, Site

pytestmark = pytest.mark.slow


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
