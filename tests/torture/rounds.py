"""The parts of the torture that go on for as long as they are given. Each returns its figures, and raises on a miss."""

import contextlib
import os
import pathlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator

from tests.torture.cache_rotting import ForgettingHost
from tests.torture.disk_cuts import Beginning, count_calls, cut_at_each
from tests.torture.distance import DistantGround, MoodyServer
from tests.torture.filling import ROOM_TO_CREATE_KIB, FillingGround, NoDisk, small_disk
from tests.torture.interleaving import Contested, backup, interleave, pruning, stall
from tests.torture.interleaving import count_calls as count_store_calls
from tests.torture.interrupting import interrupt, plant_file
from tests.torture.killing import KillingGround
from tests.torture.own_process_killing import ProcessKilling
from tests.torture.real_program import RealProgram, plant_tree
from tests.torture.rotting import rot_once, rot_several
from tests.torture.sharing import Crowd, Site

LARGE_BYTES = 640_000_000


def choose_seed() -> int:
    """Return the seed of this run, said aloud so that it can be run again."""
    seed = int(os.environ.get("REBOND_TORTURE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"REBOND_TORTURE_SEED={seed}", flush=True)
    return seed


@contextlib.contextmanager
def scratch() -> Iterator[pathlib.Path]:
    """Give a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="tortured-") as folder:
        yield pathlib.Path(folder)


def repeat(seconds: float, act: Callable[[], object]) -> int:
    """Do something at least once, and again until the time is over; return how often."""
    until = time.monotonic() + seconds
    count = 0
    while not count or time.monotonic() < until:
        act()
        count += 1
    return count


def kill_for(seconds: float) -> str:
    """Shoot the real program at random moments; verify and restore everything now and then."""
    rng = random.Random(choose_seed())
    shot = 0

    def shoot_one_vault() -> None:
        nonlocal shot
        with scratch() as folder:
            total_bytes = rng.choice([500_000, 6_000_000, 30_000_000])
            ground = KillingGround(folder, seed=rng.randrange(1 << 30), total_bytes=total_bytes)
            for _ in range(rng.randrange(1, 5)):
                ground.shoot_backup()
            ground.back_up()
            ground.forget_oldest(kept=2)
            for _ in range(rng.randrange(3)):
                ground.shoot_prune()
            ground.prune()
            ground.shoot_restore()
            ground.judge()
            shot += ground.shot

    vaults = repeat(seconds, shoot_one_vault)
    return f"{vaults} vaults, {shot} runs killed"


def kill_own_processes(seconds: float) -> str:
    """Shoot the processes that seal and those that write files."""
    with scratch() as folder:
        ground = ProcessKilling(folder, choose_seed(), total_bytes=22_000_000)

        def shoot_each() -> None:
            ground.shoot_backup()
            ground.shoot_restore()
            ground.shoot_parent()

        repeat(seconds, shoot_each)
        assert ground.here.ask("verify", "--read-data")["ok"]
        shots = ground.shots
    return (
        f"{shots.sealing} sealing and {shots.landing} landing ones killed; "
        f"{shots.backups_refused} backups said so, and every restore went on"
    )


def interrupt_large(_: float) -> str:
    """Hold a run over a tree, and over one file, to the promise: 80 % read, then at most 25 % more, 5 % of it again."""

    def plant_files(tree: pathlib.Path) -> int:
        return plant_tree(tree, seed=4, total_bytes=LARGE_BYTES, file_bytes=250_000)

    def plant_one(tree: pathlib.Path) -> int:
        return plant_file(tree / "disk.img", seed=4, total_bytes=LARGE_BYTES)

    said = []
    for name, plant in (("many files", plant_files), ("one file", plant_one)):
        with scratch() as folder:
            total_bytes = plant(folder / "tree")
            second = interrupt(RealProgram.with_vault(folder), folder / "tree", total_bytes, at_share=0.8)
        said.append(f"{name}: read again {second.read_share:.1%} of all, stored again {second.stored_again_share:.1%}")
        assert second.read_share <= 0.25, said
        assert second.stored_again_share <= 0.05, said
    return "; ".join(said)


def try_all_interleavings(seconds: float) -> str:
    """Let a backup and a prune, and two prunes, meet at random pairs of calls; and a backup sleep at every call."""
    rng = random.Random(choose_seed())
    with scratch() as folder:
        world = Contested.make(folder)
        writer = len(count_store_calls(world, folder / "b", backup))
        keeper = len(count_store_calls(world, folder / "b", pruning))
        for stop in range(writer + 1):
            stall(world, folder / "c", stop)

        def meet() -> None:
            one, two = (pruning, rng.randrange(keeper + 1)), (backup, rng.randrange(writer + 1))
            order = rng.randrange(3)
            if order == 2:
                two = (pruning, rng.randrange(keeper + 1))
            interleave(world, folder / "c", *((two, one) if order == 1 else (one, two)))

        count = repeat(seconds, meet)
    return f"{count} interleavings, {writer + 1} long sleeps"


def walk_machine(seconds: float) -> str:
    """Walk the state machine with many more and longer walks than ``make test``."""
    import pytest

    os.environ["REBOND_MACHINE_SECONDS"] = str(seconds)
    status = pytest.main(["-q", "-p", "no:cacheprovider", "tests/crash/test_state_machine.py"])
    assert status == 0, "the state machine found something; see above"
    return "random walks of hosts and keepers"


def cut_the_power(_: float) -> str:
    """Cut the power before every call to the disk of a course of verbs."""
    with scratch() as folder:
        (folder / "made").mkdir()
        beginning = Beginning.make(folder / "made")
        calls = count_calls(beginning, folder)
        judged = cut_at_each(beginning, folder, range(calls))
    return f"{calls} calls to the disk, {judged} power cuts"


def rot_for(seconds: float) -> str:
    """Let any object rot in any way."""
    from tests.scenarios.verified_vault import build_world

    rng = random.Random(choose_seed())
    with scratch() as folder:
        (folder / "made").mkdir()
        pristine = build_world(folder / "made")

        def rot() -> None:
            (rot_once if rng.random() < 0.6 else rot_several)(pristine, folder / "rotten", rng)

        count = repeat(seconds, rot)
    return f"{count} vaults with rot"


def forget_for(seconds: float) -> str:
    """Let what a host remembers rot, go back in time or be mixed up."""
    with scratch() as folder:
        host = ForgettingHost(folder, choose_seed())
        days = repeat(seconds, host.live_a_day)
    return f"{days} backups with spoilt caches"


def misbehave_for(seconds: float) -> str:
    """Let a distant store refuse, hang up and lose answers."""
    rng = random.Random(choose_seed())
    with scratch() as folder, MoodyServer(rng) as server:
        ground = DistantGround(server, folder)
        repeat(seconds, ground.live_a_day)
    return f"{ground.done} verbs, {server.faulted} answers spoilt, {ground.failed} verbs said so"


def fill_for(seconds: float) -> str:
    """Let the disk of a vault be full at any moment of any verb."""
    with scratch() as folder:
        try:
            with small_disk(folder / "disk", ROOM_TO_CREATE_KIB) as disk:
                ground = FillingGround(folder, disk, choose_seed())
                count = repeat(seconds, ground.squeeze)
                return f"{count} rounds with little room, {ground.full} verbs met a full disk"
        except NoDisk as error:
            return f"NOT RUN: this machine lets nobody mount a disk: {error}"


def share_for(seconds: float) -> str:
    """Let two backups, two prunes and a check run at once, again and again."""
    with scratch() as folder:
        (folder / "made").mkdir()
        crowd = Crowd(Site.make(folder / "made"), folder / "crowd", choose_seed())
        repeat(seconds, crowd.meet)
        crowd.site.check()
    return f"{crowd.rounds} rounds of five programs at once, {crowd.killed} of these killed"


def search_model(seconds: float) -> str:
    """Search the model of the deletion protocol in worlds too large for ``make test``."""
    from tests.model.configurations import HUGE, LARGE
    from tests.model.search import explore
    from tests.model.walking import walk

    worlds = states = whole = 0
    for configuration in LARGE:
        found = explore(configuration, seconds=seconds * 0.6 / len(LARGE))
        assert not found.broken, f"{configuration.name}:\n{found.describe()}"
        worlds, states, whole = worlds + 1, states + found.states, whole + found.is_whole
    rng = random.Random(choose_seed())
    walks = 0
    for configuration in HUGE:
        walked = walk(configuration, rng, seconds=seconds * 0.4 / len(HUGE))
        assert not walked.broken, f"{configuration.name}:\n{walked.describe()}"
        walks += walked.walks
    return f"{states} states of {worlds} worlds, {whole} of them whole; {walks} walks through {len(HUGE)} larger ones"
