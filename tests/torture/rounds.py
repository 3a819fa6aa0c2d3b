"""The parts of the torture that go on as long as they are given time. Each returns how much it found."""

import os
import pathlib
import random
import tempfile
import time

from tests.torture.interleaving import Contested, backup, count_calls, interleave, pruning, stall
from tests.torture.interrupting import interrupt
from tests.torture.killing import KillingGround
from tests.torture.real_program import RealProgram, plant_tree

LARGE_BYTES = 640_000_000


def _choose_seed() -> int:
    """Return the seed of this run, said aloud so that it can be run again."""
    seed = int(os.environ.get("REBOND_TORTURE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"REBOND_TORTURE_SEED={seed}", flush=True)
    return seed


def kill_for(seconds: float) -> int:
    """Shoot the real program until the time is over; verify and restore everything now and then."""
    rng = random.Random(_choose_seed())
    until = time.monotonic() + seconds
    rounds = shot = 0
    while time.monotonic() < until:
        with tempfile.TemporaryDirectory(prefix="killed-") as folder:
            ground = KillingGround(
                pathlib.Path(folder),
                seed=rng.randrange(1 << 30),
                total_bytes=rng.choice([500_000, 6_000_000, 30_000_000]),
            )
            for _ in range(3):
                for _ in range(rng.randrange(1, 5)):
                    ground.shoot_backup()
                ground.back_up()
                ground.forget_oldest(kept=2)
                for _ in range(rng.randrange(3)):
                    ground.shoot_prune()
                ground.prune()
                ground.shoot_restore()
                ground.judge()
                if time.monotonic() > until:
                    break
            rounds, shot = rounds + 1, shot + ground.shot
    print(f"{rounds} vaults, {shot} runs killed; every listed snapshot was whole")
    return 0


def interrupt_large() -> int:
    """Hold a run over a larger tree to the promise: 80 % read, then at most 25 % more, 5 % of it again."""
    with tempfile.TemporaryDirectory(prefix="interrupted-") as name:
        folder = pathlib.Path(name)
        total_bytes = plant_tree(folder / "tree", seed=4, total_bytes=LARGE_BYTES, file_bytes=250_000)
        second = interrupt(RealProgram.with_vault(folder), folder / "tree", total_bytes, at_share=0.8)
    print(f"read again in all {second.read_share:.1%}, stored again {second.stored_again_share:.1%}")
    return int(second.read_share > 0.25 or second.stored_again_share > 0.05)


def try_all_interleavings(seconds: float) -> int:
    """Let a backup and a prune, and two prunes, meet at random pairs of calls; and a backup sleep at every call."""
    rng = random.Random(_choose_seed())
    until = time.monotonic() + seconds
    count = 0
    with tempfile.TemporaryDirectory(prefix="interleaved-") as name:
        folder = pathlib.Path(name)
        world = Contested.make(folder)
        writer = len(count_calls(world, folder / "b", backup))
        keeper = len(count_calls(world, folder / "b", pruning))
        for stop in range(writer + 1):
            stall(world, folder / "c", stop)
        pairs = [(i, j, k) for i in range(keeper + 1) for j in range(keeper + 1) for k in range(3)]
        rng.shuffle(pairs)
        for first, second, order in pairs:
            if time.monotonic() > until:
                break
            one, two = (pruning, first), (backup, second % (writer + 1)) if order < 2 else (pruning, second)
            if order == 1:
                one, two = two, one
            interleave(world, folder / "c", one, two)
            count += 1
    print(f"{count} interleavings and {writer + 1} long sleeps; every listed snapshot was whole")
    return 0


def walk_machine(seconds: float) -> int:
    """Walk the state machine with many more and longer walks than ``make test``."""
    import pytest

    os.environ["REBOND_MACHINE_SECONDS"] = str(seconds)
    return int(pytest.main(["-q", "-p", "no:cacheprovider", "tests/crash/test_state_machine.py"])) and 1
