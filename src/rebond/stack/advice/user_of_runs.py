"""Whether the user whom ``[schedule]`` names may use what every run needs: the program, the configuration, the key."""

import os
from collections.abc import Iterator, Mapping

from rebond.config.model import Loaded
from rebond.schedule.handing_over import HandedOver, describe_handing_over, name_of_this_user
from rebond.schedule.stack_folders import folder_of
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.asking import ask_program

CHECK = "schedule"
PATIENCE_SECONDS = 8.0
_SHUT = 1  # how ``test`` says no; anything else is no answer


def check_user_of_runs(scene: Scene) -> Iterator[Observation]:
    """Yield what the user of the runs may not use. Only root can look, and only root hands over such runs."""
    folders = (scene.state_folder, scene.cache_folder)
    handed = describe_handing_over(
        scene.loaded, folder_of(scene.state_folder, scene.loaded), folders, scene.environment
    )
    shut = list_shut(handed, scene.loaded, scene.environment) if scene.is_root else []
    if shut:
        yield Observation(
            check=CHECK,
            code="user-shut-out",
            weight=Weight.FAILURE,
            template="The runs are {user}'s, and {user} may not use {places}: each of them would fail. Install Rebond "
            "where everybody may run it, then 'rebond schedule install'; give {user} the files that it reads.",
            values={"user": handed.user, "places": ", ".join(shut)},
        )


def list_shut(handed: HandedOver, loaded: Loaded, environment: Mapping[str, str]) -> list[str]:
    """Return what the user of the runs may not use; nothing where the runs are those of whoever asks.

    The system itself is asked, as that user: rights come by groups and access lists, too.
    """
    if os.geteuid() != 0 or not handed.user or handed.user == name_of_this_user():
        return []
    needed = [("-x", handed.program[0]), *(("-r", each) for each in _list_read(loaded))]
    return [path for how, path in needed if _is_shut(handed.user, how, path, environment)]


def _list_read(loaded: Loaded) -> list[str]:
    """Return the files of the configuration, and of the keys that it names and that are there."""
    configuration = loaded.configuration
    places = [*([configuration.vault] if configuration.vault else []), *configuration.vaults.values()]
    named = [file for each in places if isinstance(file := getattr(each.key, "file", None), str)]
    keys = [os.path.join(loaded.root, os.path.expanduser(each)) for each in named]
    return [*(os.path.abspath(each) for each in loaded.files), *(each for each in keys if os.path.exists(each))]


def _is_shut(user: str, how: str, path: str, environment: Mapping[str, str]) -> bool:
    asked = ask_program(
        ("test", how, path), environment=environment, timeout_seconds=PATIENCE_SECONDS, directory="/", user=user
    )
    return asked.status == _SHUT
