"""What the user of the runs may not use, asked of the system as that user: as root alone it all looks well."""

import pathlib
from dataclasses import replace

import pytest
from tests.unit.stack.test_advice import scene

from rebond.schedule.handing_over import HandedOver, describe_handing_over
from rebond.schedule.stack_folders import folder_of
from rebond.stack.advice import user_of_runs
from rebond.stack.advice.observing import Scene
from rebond.stack.advice.user_of_runs import check_user_of_runs, list_shut

BODY = (
    '[vault]\nurl = "vault"\nkey = { file = "owner.key" }\n'
    '[component.a]\nkind = "files"\npath = "."\n[class.daily]\nschedule = "0 3 * * *"\ncomponents = "all"\n'
    '[schedule]\nby = "systemd"\nuser = "nobody"\n'
)


def place_program(folder: pathlib.Path) -> pathlib.Path:
    program = folder / "home" / "rebond"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def hand_over(here: Scene, program: pathlib.Path) -> HandedOver:
    folders = (here.state_folder, here.cache_folder)
    handed = describe_handing_over(here.loaded, folder_of(folders[0], here.loaded), folders, here.environment)
    return replace(handed, program=(str(program),))


@pytest.fixture
def here(tmp_path: pathlib.Path) -> Scene:
    """A stack that everybody may come to."""
    for each in (tmp_path, *tmp_path.parents):
        if each.stat().st_uid == 0 and each != pathlib.Path("/") and not each.stat().st_mode & 0o001:
            each.chmod(each.stat().st_mode | 0o011)
    (tmp_path / "owner.key").write_bytes(b"k" * 32)
    return scene(tmp_path, BODY)


@pytest.mark.root
def test_a_program_in_the_home_of_root_and_a_key_of_roots_are_named(here: Scene, tmp_path: pathlib.Path) -> None:
    handed = hand_over(here, place_program(tmp_path))
    assert list_shut(handed, here.loaded, here.environment) == []

    handed_home, key = tmp_path / "home", tmp_path / "owner.key"
    handed_home.chmod(0o700)
    key.chmod(0o600)
    assert list_shut(handed, here.loaded, here.environment) == [handed.program[0], str(key)]
    assert list_shut(replace(handed, user=""), here.loaded, here.environment) == []


@pytest.mark.root
def test_the_doctor_says_that_every_run_would_fail(
    here: Scene, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = hand_over(here, place_program(tmp_path))
    monkeypatch.setattr(user_of_runs, "describe_handing_over", lambda *_: handed)
    (tmp_path / "home").chmod(0o700)
    (found,) = check_user_of_runs(here)
    assert found.code == "user-shut-out"
    assert found.values == {"user": "nobody", "places": handed.program[0]}
