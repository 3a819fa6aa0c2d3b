"""Which runs wait for no other run of their stack: those that save secrets alone, and around which nothing is run."""

import pathlib

import pytest

from rebond.config.loading import load_configuration
from rebond.schedule.beside import is_beside
from rebond.schedule.jobs import make_calendar

HEAD = """
version = 1
[stack]
name = "shop"
[component.env]
kind = "secrets"
path = ".env"
[component.keys]
kind = "secrets"
path = "keys"
[component.page]
kind = "files"
path = "page"
[class.watch]
trigger = "change"
components = ["env", "keys"]
[class.night]
schedule = "0 3 * * *"
components = "all"
"""
STOPPING = '[hooks]\nbefore = [{ run = "docker compose stop worker"'


@pytest.mark.parametrize(
    ("hooks", "watch_is_beside"),
    [
        ("", True),
        (f'{STOPPING}, for = ["night"] }}]', True),
        (f"{STOPPING} }}]", False),
        (f'{STOPPING}, for = ["night", "watch"] }}]', False),
        ('[hooks]\nafter = [{ run = "docker compose start worker", for = ["watch"] }]', False),
    ],
)
def test_secrets_alone_go_beside_others_unless_a_hook_could_disturb_those(
    tmp_path: pathlib.Path, hooks: str, watch_is_beside: bool
) -> None:
    (tmp_path / "rebond.toml").write_text(HEAD + hooks)
    loaded = load_configuration(tmp_path / "rebond.toml", {}).loaded
    assert loaded is not None
    configuration = loaded.configuration
    lanes = {job.name: job.lane for job in make_calendar(configuration).jobs}
    assert lanes == {"watch": "secrets" if watch_is_beside else "backup", "night": "backup"}
    assert not is_beside(configuration, ["env", "page"], "")
    assert not is_beside(configuration, [], "")
