"""Where the clients of containers are started: the folder of the stack may not be back yet."""

import pathlib

import pytest
from msgspec.structs import replace
from tests.unit.config.written import read_body

from rebond.config.components import Images
from rebond.config.model import Loaded
from rebond.errors import CommandFailed, SourceUnreachable
from rebond.sources.channels.addresses import Address, Client
from rebond.sources.streams.whole_output import read_output
from rebond.stack.images import ConfiguredImages
from rebond.stack.whereabouts import Place

CLIENT = """\
#!/bin/sh
while [ "$1" != sh ] && [ $# -gt 0 ]; do shift; done
if [ $# -gt 0 ]; then exec "$@"; fi
pwd
"""


@pytest.fixture
def gone(tmp_path: pathlib.Path) -> Loaded:
    """A configuration whose stack is not back yet, on a machine with clients that run all here."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("docker", "kubectl", "podman"):
        (programs / name).write_text(CLIENT)
        (programs / name).chmod(0o755)
    loaded = read_body(tmp_path, "", PATH=f"{programs}:/usr/bin:/bin").loaded
    assert loaded
    return replace(loaded, root=tmp_path / "gone")


def pwd_inside(loaded: Loaded, client: Client, kind: str = "") -> bytes:
    place = Place(loaded=loaded, address=Address(client=client, name="web", kind=kind))
    return read_output(lambda: place.open(["pwd"]), program="pwd")


def test_a_container_is_reached_before_the_folder_of_the_stack_is_back(gone: Loaded) -> None:
    here = f"{pathlib.Path.cwd()}\n".encode()
    assert pwd_inside(gone, Client.DOCKER) == here
    assert pwd_inside(gone, Client.PODMAN) == here
    assert pwd_inside(gone, Client.KUBERNETES, kind="deployment") == here
    assert Place(loaded=gone).ask(["docker", "volume", "ls"]) == here


def test_compose_takes_no_files_of_another_folder_where_that_of_the_stack_is_gone(gone: Loaded) -> None:
    with pytest.raises(CommandFailed, match="gone"):
        pwd_inside(gone, Client.COMPOSE)
    with pytest.raises(CommandFailed, match="gone"):
        Place(loaded=gone).ask(["docker", "compose", "config"])
    gone.root.mkdir()
    assert pwd_inside(gone, Client.COMPOSE) == f"{gone.root}\n".encode()


def test_images_of_a_container_that_is_gone_are_not_just_none(gone: Loaded, tmp_path: pathlib.Path) -> None:
    (tmp_path / "bin" / "docker").write_text('#!/bin/sh\necho "Error: No such object: web" >&2\nexit 1\n')
    loaded = read_body(tmp_path, '[component.i]\nkind = "images"\nin = "docker:web"\n', **gone.variables).loaded
    assert loaded
    component = loaded.configuration.component["i"]
    assert isinstance(component, Images)
    with pytest.raises(SourceUnreachable, match="No such container: web"):
        ConfiguredImages("i", component, loaded).open_tree(lambda _: None)
