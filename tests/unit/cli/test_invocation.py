"""Where a run keeps what it remembers."""

import os
import pathlib
import pwd

import pytest

from rebond.cli.invocation import Invocation


def folders(environment: dict[str, str]) -> set[pathlib.Path]:
    """Return the folders above those of the state and of the cache."""
    found = Invocation(environment=environment)
    return {found.state_folder.parents[2], found.cache_folder.parents[1]}


@pytest.mark.root
def test_what_root_remembers_by_sudo_does_not_lie_in_the_home_of_who_called_it(tmp_path: pathlib.Path) -> None:
    home, own = tmp_path / "home", pathlib.Path(pwd.getpwuid(0).pw_dir)
    home.mkdir()
    environment = {"HOME": str(home), "SUDO_UID": "65534"}
    assert folders(environment) == {home}  # root's own
    os.chown(home, 65534, 65534)
    assert folders(environment) == {own}
    assert folders({**environment, "XDG_STATE_HOME": str(home), "XDG_CACHE_HOME": str(home)}) == {own}
    assert folders({"HOME": str(home)}) == {home}  # nobody but the one who set it is asked
    named = {**environment, "REBOND_STATE_DIR": str(home / "state")}
    assert Invocation(environment=named).state_folder == home / "state"


def test_what_a_user_remembers_lies_at_home(tmp_path: pathlib.Path) -> None:
    assert folders({"HOME": str(tmp_path)}) == {tmp_path}
    shared = Invocation(environment={"HOME": "/nowhere", "XDG_STATE_HOME": str(tmp_path), "XDG_CACHE_HOME": "here"})
    assert (shared.state_folder, shared.cache_folder) == (tmp_path / "rebond", pathlib.Path("/nowhere/.cache/rebond"))
