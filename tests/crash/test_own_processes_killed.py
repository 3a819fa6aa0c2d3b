"""Processes that the real program starts for itself are killed. ``python -m tests.torture processes``: many more."""

import pathlib

import pytest
from tests.torture.own_process_killing import ProcessKilling


@pytest.mark.slow
def test_killed_sealing_and_landing_processes_lose_nothing_without_a_word(tmp_path: pathlib.Path) -> None:
    ground = ProcessKilling(tmp_path, seed=3)

    ground.shoot_backup()
    ground.shoot_restore()
    ground.shoot_parent()

    assert ground.shots.sealing
    assert ground.shots.landing
    assert ground.shots.orphaned
    assert ground.here.ask("verify", "--read-data")["ok"]
