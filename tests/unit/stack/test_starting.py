"""What the doctor says of timers that stop with the session of their user."""

import pathlib
from dataclasses import replace

import pytest
from tests.unit.stack.test_advice import scene

from rebond.schedule.handing_over import describe_handing_over
from rebond.schedule.stack_folders import folder_of
from rebond.schedule.systemd_units import unit_prefix
from rebond.stack.advice import starting

CLASS = '[component.a]\nkind = "files"\npath = "."\n[class.daily]\nschedule = "0 3 * * *"\ncomponents = "all"\n'


def find_lingering(folder: pathlib.Path, uid: int) -> list[str]:
    plain = scene(folder, CLASS, uid=uid)
    here = replace(plain, environment={**plain.environment, "XDG_CONFIG_HOME": str(folder / "config")})
    handed = describe_handing_over(
        here.loaded, folder_of(here.state_folder, here.loaded), (here.state_folder, here.cache_folder), here.environment
    )
    units = starting.unit_folders(here.environment)[1]
    units.mkdir(parents=True, exist_ok=True)
    (units / f"{unit_prefix(handed.stack)}-backup-daily.timer").write_text("[Timer]\n")
    return [f"{each.code}: {each.command}" for each in starting._check_linger(here, handed)]


@pytest.fixture(autouse=True)
def systemd(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A machine whose systemd runs, and where it notes who lingers."""
    lingering = tmp_path / "linger"
    lingering.mkdir()
    monkeypatch.setattr(starting, "SYSTEMD_RUNS", str(tmp_path))
    monkeypatch.setattr(starting, "LINGER", str(lingering))
    return lingering


def test_a_users_own_timers_stop_with_the_session(tmp_path: pathlib.Path) -> None:
    (told,) = find_lingering(tmp_path, 1000)

    assert told.startswith("no-linger:")
    assert "loginctl enable-linger somebody" in told


def test_who_lingers_and_who_is_root_is_told_nothing(tmp_path: pathlib.Path, systemd: pathlib.Path) -> None:
    assert find_lingering(tmp_path, 0) == []
    (systemd / "somebody").touch()
    assert find_lingering(tmp_path, 1000) == []


def test_where_systemd_does_not_run_nothing_is_told(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "SYSTEMD_RUNS", str(tmp_path / "not there"))
    assert find_lingering(tmp_path, 1000) == []
