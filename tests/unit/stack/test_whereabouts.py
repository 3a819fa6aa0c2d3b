"""Where the clients of containers are started: the folder of the stack may not be back yet."""

import os
import pathlib
from dataclasses import replace as replace_scene

import pytest
from msgspec.structs import replace
from tests.unit.config.written import read_body
from tests.unit.stack.test_advice import scene

from rebond.config.components import Images
from rebond.config.model import Loaded
from rebond.errors import CommandFailed, SourceUnreachable
from rebond.operations.recovery.plan import PlannedPart
from rebond.sources.channels.addresses import Address, Client
from rebond.sources.streams.whole_output import read_output
from rebond.stack import preconditions
from rebond.stack.advice.services import check_services
from rebond.stack.advice.tools import find_engines
from rebond.stack.images import ConfiguredImages
from rebond.stack.whereabouts import Place, find_engine

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


@pytest.mark.parametrize(
    ("inside", "there", "engine"),
    [
        ("podman:db", ("docker", "podman"), "podman"),
        ("podman:db", ("docker",), "docker"),
        ("docker:db", ("docker", "podman"), "docker"),
        ("compose:db", ("docker", "podman"), "docker"),
        ("", ("docker", "podman"), "docker"),
        ("", ("podman",), "podman"),
    ],
)
def test_volumes_are_those_of_the_engine_that_the_stack_names(
    tmp_path: pathlib.Path, inside: str, there: tuple[str, ...], engine: str
) -> None:
    """Where the client of Docker lies beside Podman, a volume of Podman was looked for in Docker."""
    for each in there:
        program = tmp_path / each
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
    where = f'in = "{inside}"\n' if inside else ""
    body = f'[component.a]\nkind = "files"\n{where}path = "/a"\n[component.m]\nkind = "files"\nvolume = "m"\n'
    loaded = read_body(tmp_path, body, PATH=str(tmp_path)).loaded
    assert loaded
    assert find_engine(loaded) == engine

    here = replace_scene(scene(tmp_path, body, uid=0), environment={"PATH": str(tmp_path)}, loaded=loaded)
    needed = find_engines(here)
    assert ("docker" in needed) == (engine == "docker"), "to install Docker there would hide the volumes"


@pytest.mark.parametrize(("state", "verb"), [("paused", "unpause"), ("exited", "start")])
def test_what_podman_paused_is_not_started(tmp_path: pathlib.Path, state: str, verb: str) -> None:
    """Podman 4.3 says the same of what is paused and what has ended, and starts nothing that is paused."""
    words = "Error: can only create exec sessions on running containers: container state improper"
    program = tmp_path / "podman"
    program.write_text(f'#!/bin/sh\n[ "$1" = exec ] || {{ echo {state}; exit; }}\necho "{words}" >&2\nexit 255\n')
    program.chmod(0o755)
    body = '[component.a]\nkind = "files"\nin = "podman:web"\npath = "/a"\n'
    loaded = read_body(tmp_path, body, PATH=str(tmp_path)).loaded
    assert loaded
    (found,) = check_services(replace_scene(scene(tmp_path, body), loaded=loaded))
    assert (found.code, found.command) == ("service-unreachable", f"podman {verb} web")


@pytest.mark.parametrize(("uid", "told"), [(1000, ["volume-rootless"]), (0, [])])
def test_a_volume_of_a_podman_without_root_is_told(tmp_path: pathlib.Path, uid: int, told: list[str]) -> None:
    """Podman 4.3: what the users of a container own belongs to numbers here that only 'podman unshare' may use."""
    volume = f'[{{"Name": "media", "Mountpoint": "{tmp_path}", "Labels": {{}}}}]'
    program = tmp_path / "podman"
    program.write_text(f"#!/bin/sh\n[ \"$2\" = ls ] || echo '{volume}'\n")
    program.chmod(0o755)
    body = '[component.a]\nkind = "files"\nvolume = "media"\n'
    loaded = read_body(tmp_path, body, PATH=str(tmp_path)).loaded
    assert loaded
    found = check_services(replace_scene(scene(tmp_path, body, uid=uid), loaded=loaded))
    assert [each.code for each in found] == told


@pytest.mark.parametrize("place", ['volume = "media"', 'in = "podman:web"'])
def test_a_restore_in_place_says_of_a_podman_without_root_what_the_doctor_says_and_not_sudo(
    tmp_path: pathlib.Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's own Podman knows nothing of that volume."""
    program = tmp_path / "podman"
    program.touch(0o755)
    loaded = read_body(tmp_path, f'[component.a]\nkind = "files"\npath = "/a"\n{place}\n', PATH=str(tmp_path)).loaded
    assert loaded
    part = PlannedPart(name="a", kind="files", snapshot="", moment_ms=0, place="/proc/1/root-of-others")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(preconditions, "find_user", lambda: "keeper")
    (told,) = preconditions.list_shut(loaded, [part])
    assert told.code == "volume-rootless"
    assert "'podman unshare' before the command" in told.template
    assert told.values["user"] == "keeper"

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "volume-rootless" not in [each.code for each in preconditions.list_shut(loaded, [part])]
