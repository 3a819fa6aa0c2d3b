"""Which volume a name means, by what the engine says."""

import json
from collections.abc import Sequence

import pytest

from rebond.errors import CommandFailed, SourceUnfit, SourceUnreachable
from rebond.sources.channels.volumes import (
    Volume,
    find_far_engine,
    find_mount,
    find_only_mount,
    find_volume,
    list_mounts,
)


class Engine:
    """Knows volumes by name: each with its name in compose and its project, or without labels."""

    def __init__(self, **volumes: tuple[str, str] | None) -> None:
        self._volumes = volumes

    def __call__(self, words: Sequence[str]) -> bytes:
        if words[2] == "ls":
            wanted = words[-1].rpartition("=")[2]
            return "\n".join(name for name, each in self._volumes.items() if each and each[0] == wanted).encode()
        found = []
        for name in words[3:]:
            if name not in self._volumes:
                raise CommandFailed(
                    "docker failed with status 1. Its last words: {words}",
                    hint="Look.",
                    words="no such volume: " + name,
                )
            known = self._volumes[name]
            labels = {"com.docker.compose.volume": known[0], "com.docker.compose.project": known[1]} if known else None
            found.append({"Name": name, "Mountpoint": f"/v/{name}", "Labels": labels})
        return json.dumps(found).encode()


SHOP, OLD = ("media", "shop"), ("media", "old")


@pytest.mark.parametrize(
    ("engine", "project", "meant"),
    [
        (Engine(shop_media=SHOP), "shop", "shop_media"),
        (Engine(shop_media=SHOP), "", "shop_media"),
        (Engine(shop_media=SHOP, old_media=OLD, media=None), "shop", "shop_media"),
        (Engine(media=None), "shop", "media"),
        (Engine(shop_media=None), "shop", "shop_media"),
        (Engine(old_media=OLD, media=None), "shop", "media"),
        (Engine(renamed=SHOP), "shop", "renamed"),
        (Engine(my_media_volume=None, media=None), "", "media"),  # a part of a name is no match
    ],
)
def test_the_one_that_is_meant_is_found(engine: Engine, project: str, meant: str) -> None:
    assert find_volume("media", "docker", project, engine).mountpoint == f"/v/{meant}"


@pytest.mark.parametrize(
    ("engine", "project", "named"),
    [
        (Engine(shop_media=SHOP, old_media=OLD), "", "old_media or shop_media"),
        (Engine(shop_media=SHOP, old_media=OLD), "third", "old_media or shop_media"),
        (Engine(shop_media=SHOP, media=None), "", "media or shop_media"),
        (Engine(shop_media=None, media=None), "shop", "media or shop_media"),
    ],
)
def test_where_several_could_be_meant_all_are_named(engine: Engine, project: str, named: str) -> None:
    with pytest.raises(SourceUnfit, match=named):
        find_volume("media", "docker", project, engine)


def test_a_container_that_is_paused_or_being_restarted_is_not_asked() -> None:
    mounts = [{"Name": "shop_media", "Destination": "/m"}]
    states = {"paused": {"Paused": True}, "failing": {"Restarting": True}, "web": {"Running": True}, "old": None}
    found = [{"Id": name, "State": state, "Mounts": mounts} for name, state in states.items()]

    def ask(words: Sequence[str]) -> bytes:
        return b"paused failing web old" if words[1] == "ps" else json.dumps(found).encode()

    volume = Volume(name="shop_media", mountpoint="/v", project="shop")
    assert [each.container for each in list_mounts(volume, "docker", ask) if each.is_ready] == ["web", "old"]
    assert find_mount(volume, "docker", ask).container == "web"
    with pytest.raises(SourceUnfit, match="failing and old and paused and web"):  # the right one may be paused
        find_only_mount(volume, "docker", ask)
    found[:] = [each for each in found if each["Id"] == "paused"]
    with pytest.raises(SourceUnreachable, match="No running container"):
        find_only_mount(volume, "docker", ask)


def test_the_volume_of_another_project_is_not_taken_for_ours() -> None:
    with pytest.raises(SourceUnfit, match="shop has no volume media: old_media belongs to another"):
        find_volume("media", "docker", "shop", Engine(old_media=OLD))
    assert find_volume("old_media", "docker", "shop", Engine(old_media=OLD)).project == "old"


@pytest.mark.parametrize(
    ("client", "variables", "answer", "is_here"),
    [
        ("docker", {"DOCKER_HOST": "ssh://admin@other"}, None, False),
        ("docker", {"DOCKER_HOST": "tcp://127.0.0.1:2375"}, None, False),
        ("docker", {"DOCKER_HOST": "unix:///run/user/1000/docker.sock"}, None, True),
        ("docker", {}, b"unix:///var/run/docker.sock\n", True),
        ("docker", {"DOCKER_CONTEXT": "far"}, b"ssh://admin@other\n", False),
        ("docker", {}, None, True),  # older than contexts
        ("podman", {}, None, True),
        ("podman", {"CONTAINER_HOST": "ssh://admin@other"}, b"true\n", False),
        ("podman", {"CONTAINER_HOST": "unix:///run/podman/podman.sock"}, b"false\n", True),
    ],
)
def test_an_engine_on_another_machine_has_its_folders_there(
    client: str, variables: dict[str, str], answer: bytes | None, is_here: bool
) -> None:
    def ask(_words: Sequence[str]) -> bytes:
        if answer is None:
            raise CommandFailed("unknown command")
        return answer

    far = find_far_engine(client, variables, ask)
    assert (far == "") is is_here
    if is_here:
        return
    assert far in {"ssh://admin@other", "tcp://127.0.0.1:2375"}
    with pytest.raises(SourceUnreachable) as caught:  # root of this machine may not read it either
        find_mount(Volume(name="media", mountpoint="/v", project=""), client, lambda _: b"", far)
    assert f"another machine ({far})" in caught.value.message
    assert "root" not in caught.value.hint
    assert "127.0.0.1" in caught.value.hint


def test_where_none_is_there_it_is_said() -> None:
    with pytest.raises(SourceUnreachable, match="no volume media here"):
        find_volume("media", "docker", "shop", Engine(other=("medias", "shop"), medias=None))


def test_a_container_that_went_meanwhile_hides_no_other_that_has_the_volume() -> None:
    def ask(words: Sequence[str]) -> bytes:
        if words[1] == "ps":
            return b"gone\nkept\n"
        if "gone" in words:
            raise CommandFailed("{words}", hint="Look.", words="Error response from daemon: No such container: gone")
        return json.dumps([{"Id": "kept", "Mounts": [{"Name": "v", "Destination": "/data"}]}]).encode()

    found = list_mounts(Volume(name="v", mountpoint="", project=""), "docker", ask)
    assert [(each.container, each.path) for each in found] == [("kept", "/data")]
