"""``kill -9`` of the real program at random moments. ``python -m tests.torture kill`` does it many more times."""

import pathlib

import pytest
from tests.torture.killing import KillingGround


@pytest.mark.slow
def test_backups_killed_at_random_moments_leave_only_whole_snapshots(tmp_path: pathlib.Path) -> None:
    ground = KillingGround(tmp_path, seed=1, total_bytes=3_000_000)

    for _ in range(4):
        ground.shoot_backup()
    ground.back_up()

    assert ground.shot >= 2, "nothing was killed, so nothing was tested"
    ground.judge()


@pytest.mark.slow
def test_prunes_and_restores_killed_at_random_moments_lose_nothing_and_can_be_run_again(tmp_path: pathlib.Path) -> None:
    ground = KillingGround(tmp_path, seed=2, total_bytes=3_000_000)
    ground.shoot_backup()
    ground.back_up()

    ground.forget_oldest(kept=1)
    ground.shoot_prune()
    ground.shoot_prune()
    ground.prune()
    ground.shoot_restore()

    assert ground.shot >= 2, "nothing was killed, so nothing was tested"
    ground.judge()
