"""``kill -9`` of the real program at random moments. ``python -m tests.torture kill`` does it many more times."""

import pathlib
from collections.abc import Callable

import pytest
from tests.torture.killing import KillingGround

MOST_SHOTS = 8


def shoot_until_hit(ground: KillingGround, shoot: Callable[[], None]) -> None:
    """Shoot until a run was killed before its end: how long one takes depends on what else the machine does."""
    hit = ground.shot
    for _ in range(MOST_SHOTS):
        shoot()
        if ground.shot > hit:
            return
    raise AssertionError("nothing was killed, so nothing was tested")


@pytest.mark.slow
def test_backups_killed_at_random_moments_leave_only_whole_snapshots(tmp_path: pathlib.Path) -> None:
    ground = KillingGround(tmp_path, seed=1, total_bytes=3_000_000)

    for _ in range(3):
        shoot_until_hit(ground, ground.shoot_backup)
    ground.back_up()

    ground.judge()


@pytest.mark.slow
def test_prunes_and_restores_killed_at_random_moments_lose_nothing_and_can_be_run_again(tmp_path: pathlib.Path) -> None:
    ground = KillingGround(tmp_path, seed=2, total_bytes=3_000_000)
    ground.shoot_backup()
    ground.back_up()

    ground.forget_oldest(kept=1)
    shoot_until_hit(ground, ground.shoot_prune)
    ground.shoot_prune()
    ground.prune()
    shoot_until_hit(ground, ground.shoot_restore)

    ground.judge()
