"""A stack whose configuration has one of everything that a calendar can hold."""

import os
import pathlib
from collections.abc import Mapping

from rebond.config.loading import load_configuration
from rebond.config.model import Loaded
from rebond.schedule.handing_over import HandedOver, describe_handing_over
from rebond.schedule.stack_folders import folder_of

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
timezone = "Europe/Paris"
[vault]
url = "../vault"
[component.code]
kind = "files"
path = "."
[component.env]
kind = "secrets"
paths = [".env", "conf/*.env"]
[class.daily]
schedule = "30 2 * * *"
components = "all"
verify = "weekly"
[class.often]
schedule = "*/20 * * * *"
components = "all"
verify = "each"
[class.secrets]
trigger = "change"
components = ["env"]
[class.boot]
trigger = "start"
components = ["code"]
[class.commit]
trigger = "commit"
components = ["code"]
[class.by-hand]
trigger = "manual"
components = "all"
[schedule]
by = "systemd"
after = ["docker.service"]
[limits]
nice = 10
"""


def write_stack(folder: pathlib.Path, configuration: str = CONFIGURATION) -> Loaded:
    """Write the stack below a folder, and return its configuration."""
    root = folder / "a shop with 50%"
    root.mkdir(parents=True, exist_ok=True)
    (root / "rebond.toml").write_text(configuration)
    (root / ".env").write_text("SECRET=1\n")
    return load(root / "rebond.toml")


def load(path: pathlib.Path) -> Loaded:
    """Return a configuration that can be used."""
    loaded = load_configuration(path, {}).loaded
    assert loaded is not None
    return loaded


def hand_over(loaded: Loaded, folder: pathlib.Path, environment: Mapping[str, str] | None = None) -> HandedOver:
    """Return what others have to know; state and cache lie below the folder."""
    folders = (folder / "state", folder / "cache")
    return describe_handing_over(loaded, folder_of(folders[0], loaded), folders, environment or dict(os.environ))
