"""The power fails before calls to the disk of every verb, key changes too. ``python -m tests.torture cuts``: each."""

import pathlib

import pytest
from tests.torture.disk_cuts import Beginning, count_calls, cut_at_each

EACH = 15  # of some 200 calls


@pytest.mark.slow
def test_what_was_told_holds_on_the_disk_that_a_power_cut_leaves(tmp_path: pathlib.Path) -> None:
    (tmp_path / "made").mkdir()
    beginning = Beginning.make(tmp_path / "made")
    calls = count_calls(beginning, tmp_path)

    assert calls > 120
    assert cut_at_each(beginning, tmp_path, range(7, calls, EACH)) > 15
