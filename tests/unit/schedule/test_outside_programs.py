"""Reaching the manager of a user who has no session here."""

import os
import pathlib

import pytest

from rebond.schedule import outside_programs
from rebond.schedule.outside_programs import reaching_own_manager


def test_who_came_by_sudo_reaches_the_manager_that_runs(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside_programs, "_RUNTIME", str(tmp_path))
    own = tmp_path / str(os.geteuid())
    for bare in ({"HOME": "/h"}, {"HOME": "/h", "XDG_RUNTIME_DIR": ""}):
        assert reaching_own_manager(bare) == {"HOME": "/h"}, "none runs, and none is named"
    own.mkdir()
    assert reaching_own_manager({"HOME": "/h"}) == {"HOME": "/h", "XDG_RUNTIME_DIR": str(own)}
    assert reaching_own_manager({"XDG_RUNTIME_DIR": "/elsewhere"}) == {"XDG_RUNTIME_DIR": "/elsewhere"}
