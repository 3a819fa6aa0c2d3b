"""Images, Git, what is only declared, and volumes: what a snapshot says of them, and gives back."""

import json
import os
import pathlib
import random
import subprocess
from typing import Any

import pytest
from tests.scenarios.kept_stack import (
    CHANNELS,
    KeptStack,
    make_database,
    make_image_archive,
    make_media,
    rows_of,
    run_git,
)

Folder = pathlib.Path
COMPOSE = "docker compose --file {0}/compose.yml "

CONFIGURATION = """
[component.images]
kind = "images"
save = "local-only"

[component.code]
kind = "versioned"
path = "code"

[component.static]
kind = "regenerable"
run = ["python", "manage.py", "collectstatic"]
in = "compose:web"

[component.sessions]
kind = "ephemeral"
rebuild = "docker compose up -d redis"

[component.page]
kind = "files"
path = "page"
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> KeptStack:
    stack = KeptStack(tmp_path_factory.mktemp("stack"))
    folder = stack.folder
    (folder / "page").write_text("hello")
    (folder / "origin").mkdir()
    run_git(folder / "origin", "init", "--bare")
    run_git(folder, "clone", str(folder / "origin"), "code")
    (folder / "code" / "main.py").write_text("1")
    run_git(folder / "code", "add", ".")
    run_git(folder / "code", "commit", "-m", "one")
    run_git(folder / "code", "push", "origin", "HEAD")
    stack.answer(COMPOSE + "config --images", b"postgres:16\nshop-web\nnot-here\nshop-api\nhub.example.com/api\n")
    stack.answer(COMPOSE + "ps --all --quiet", b"c0ffee\nbeef\n")
    stack.answer_json(
        "docker inspect c0ffee beef",
        [
            {"Image": "sha256:aa", "Config": {"Image": "shop-web:latest"}},
            {"Image": "sha256:0123456789abcdef", "Config": {"Image": "old-thing"}},
        ],
    )
    stack.answer_json(
        "docker image inspect postgres:16",
        [{"Id": "sha256:pp", "RepoTags": ["postgres:16"], "RepoDigests": ["postgres@sha256:dd"], "Size": 5}],
    )
    for name in ("shop-web", "shop-web:latest"):
        stack.answer_json(f"docker image inspect {name}", [make_image("sha256:aa", ["shop-web:latest"])])
    stack.answer_json("docker image inspect sha256:0123456789abcdef", [make_image("sha256:0123456789abcdef", [])])
    made_up = {**make_image("sha256:bb", ["shop-api:latest"]), "RepoDigests": ["shop-api@sha256:made-up"]}
    pushed = {**make_image("sha256:cc", ["hub.example.com/api:1"]), "RepoDigests": ["hub.example.com/api@sha256:gg"]}
    stack.answer_json("docker image inspect shop-api", [made_up])
    stack.answer_json("docker image inspect shop-api:latest", [made_up])
    stack.answer_json("docker image inspect hub.example.com/api", [pushed])
    services = {"api": {"build": {"context": "."}}, "hub": {"build": {}, "image": "hub.example.com/api"}, "db": {}}
    stack.answer_json(COMPOSE + "config --format json", {"name": "shop", "services": services})
    stack.answer("docker save shop-api:latest", make_image_archive())
    stack.answer("docker image inspect not-here", "!Error response from daemon: No such image: not-here")
    stack.answer("docker save shop-web:latest", make_image_archive())
    stack.answer("docker save sha256:0123456789abcdef", make_image_archive())
    pod = {"image": "nginx:1", "imageID": "docker-pullable://nginx@sha256:ee"}
    local = {"image": "own:1", "imageID": "sha256:ff"}
    stack.answer_json(
        "kubectl --namespace shop get pods --output json", {"items": [{"status": {"containerStatuses": [pod, local]}}]}
    )
    stack.write(CONFIGURATION)
    return stack


def make_image(id_: str, tags: list[str]) -> dict[str, Any]:
    return {"Id": id_, "RepoTags": tags, "RepoDigests": [], "Size": 7}


def test_images_are_listed_and_those_that_no_registry_holds_are_saved(stack: KeptStack, tmp_path: Folder) -> None:
    ended = stack.back_up("images", "--json")
    assert ended.status == 3
    assert [each["message"] for each in ended.document["problems"]] == [
        "The image not-here is in the compose files, and not on this machine.",
        "The image own:1 of Kubernetes is in no registry that is known, and cannot be saved from there.",
    ]
    stack.restore(ended.document["id"], tmp_path)
    known = {each["name"]: each for each in json.loads((tmp_path / "images" / "images.json").read_text())["images"]}

    assert known["postgres:16"]["digests"] == ["postgres@sha256:dd"]
    assert known["nginx:1"]["digests"] == ["nginx@sha256:ee"]
    assert [name for name, each in known.items() if each["is_local_only"]] == [
        "shop-web",
        "shop-api",
        "sha256:0123456789abcdef",
        "own:1",
    ]
    saved = sorted(each.name for each in (tmp_path / "images").iterdir())
    assert saved == ["images.json", "sha256_0123456789abcdef-0123456789ab.tar", "shop-api-bb.tar", "shop-web-aa.tar"]
    assert (tmp_path / "images" / "shop-web-aa.tar").read_bytes() == make_image_archive()


def test_an_image_that_is_replaced_while_it_is_saved_is_not_kept_under_its_id(stack: KeptStack) -> None:
    stack.answer_json("docker image inspect shop-web:latest", [make_image("sha256:new", ["shop-web:latest"])])
    ended = stack.back_up("images", "--json")

    assert ended.status == 33
    assert "shop-web was replaced by another one" in ended.document["error"]["message"]


@pytest.mark.parametrize("share", [0.001, 0.5, 0.95])
def test_an_image_that_is_cut_makes_no_snapshot_though_docker_ends_well(stack: KeptStack, share: float) -> None:
    whole = make_image_archive()
    for spoilt in (whole[: round(len(whole) * share)], whole.replace(b"\n", b"\r\n"), b"no archive" * 100):
        stack.answer("docker save shop-web:latest", spoilt)
        try:
            ended = stack.back_up("images")
        finally:
            stack.answer("docker save shop-web:latest", whole)
        assert ended.status == 33, ended.err
        assert "is not whole" in ended.err


def test_what_is_in_git_is_named_and_what_is_not_there_is_a_warning(stack: KeptStack, tmp_path: Folder) -> None:
    clean = stack.good_backup("code", "page")
    stack.restore(clean["id"], tmp_path)
    known = json.loads((tmp_path / "code" / "git.json").read_text())
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=stack.folder / "code", capture_output=True, text=True, check=True
    ).stdout.strip()
    assert (known["commit"], known["is_pushed"], known["changes"]) == (commit, True, [])
    assert known["comes_back_by"] == f"git clone {stack.folder}/origin && git checkout {commit}"

    run_git(stack.folder / "code", "commit", "--allow-empty", "-m", "two")
    (stack.folder / "code" / "new é.py").write_text("2")
    try:
        ended = stack.back_up("code", "page")
    finally:
        (stack.folder / "code" / "new é.py").unlink()
        run_git(stack.folder / "code", "push", "origin", "HEAD")
    assert ended.status == 3
    assert "is not clean, so Git does not have all of it: 1 change (new é.py)" in ended.err
    assert "is not known to be on origin" in ended.err
    stack.good_backup("code", "page")


@pytest.mark.parametrize("channel", CHANNELS)
def test_git_is_asked_inside_too(stack: KeptStack, tmp_path: Folder, channel: str) -> None:
    place = f'path = "{stack.folder}/code"\nin = "{channel}"'
    stack.write(CONFIGURATION.replace('path = "code"', place))
    try:
        document = stack.good_backup("code", "page")
        cut = stack.back_up("code", "page", SHIM_CUT_AFTER="20")
    finally:
        stack.write(CONFIGURATION)
    stack.restore(document["id"], tmp_path)

    assert json.loads((tmp_path / "code" / "git.json").read_text())["path"] == f"{stack.folder}/code"
    assert cut.status == 33, cut.err


def test_a_token_in_the_address_of_a_remote_is_not_written_down(stack: KeptStack, tmp_path: Folder) -> None:
    run_git(stack.folder / "code", "remote", "add", "hub", "https://me:t0ken@example.com/shop.git")
    stack.write(CONFIGURATION.replace('path = "code"', 'path = "code"\nremote = "hub"'))
    try:
        ended = stack.back_up("code", "page", "--json")
    finally:
        stack.write(CONFIGURATION)
    stack.restore(ended.document["id"], tmp_path)

    assert json.loads((tmp_path / "code" / "git.json").read_text())["address"] == "https://example.com/shop.git"
    assert "t0ken" not in ended.out + ended.err


def test_what_is_declared_says_how_it_comes_back(stack: KeptStack, tmp_path: Folder) -> None:
    document = stack.good_backup("page", "static", "sessions")
    stack.restore(document["id"], tmp_path)

    assert {each["kind"] for each in document["components"]} == {"files", "regenerable", "ephemeral"}
    static = json.loads((tmp_path / "static" / "declared.json").read_text())
    assert (static["comes_back_by"], static["in"]) == (["python", "manage.py", "collectstatic"], "compose:web")
    assert json.loads((tmp_path / "sessions" / "declared.json").read_text())["comes_back_by"].startswith("docker")
    assert stack.back_up("static", "sessions").status == 2


VOLUME = """
[component.media]
kind = "files"
volume = "media"
path = "PATH"
exclude = ["*.log"]

[component.orders]
kind = "sqlite"
volume = "media"
path = "orders.db"

[component.keys]
kind = "secrets"
volume = "media"
paths = ["/sub/deep/*.log", "sub/again"]
"""
LISTING = "docker volume ls --quiet --filter label=com.docker.compose.volume=media"


def volume_of(name: str, project: str, mountpoint: Folder | str) -> dict[str, Any]:
    labels = {"com.docker.compose.volume": "media", "com.docker.compose.project": project}
    return {"Name": name, "Mountpoint": str(mountpoint), "Labels": labels}


def use_volumes(stack: KeptStack, *volumes: dict[str, Any], project: str = "shop") -> None:
    names = [str(each["Name"]) for each in volumes]
    stack.answer(LISTING, "\n".join(names).encode())
    stack.answer_json(f"docker volume inspect {' '.join(names)}", list(volumes))
    stack.answer("docker volume inspect media", "!Error response from daemon: get media: no such volume")
    stack.answer(COMPOSE + "config", f"name: {project}\nservices: {{}}\n".encode() if project else b"services: {}\n")


@pytest.fixture
def media(stack: KeptStack) -> Folder:
    folder = stack.folder / "volumes" / "shop_media"
    if not folder.exists():
        make_media(folder)
        make_database(folder / "orders.db")
    stack.write(VOLUME.replace("PATH", "/sub"))
    return folder


def test_a_volume_that_may_be_read_here_is_walked_here(stack: KeptStack, media: Folder, tmp_path: Folder) -> None:
    use_volumes(stack, volume_of("shop_media", "shop", media), volume_of("old_media", "old", "/nowhere"))
    document = stack.good_backup()
    stack.restore(document["id"], tmp_path)

    assert sorted(os.listdir(tmp_path / "media")) == sorted(os.listdir(media / "sub"))
    assert not (tmp_path / "media" / "deep" / "x.log").exists()
    assert rows_of(tmp_path / "orders" / "orders.db") == [("orders.db",)]
    assert {each.name for each in (tmp_path / "keys").rglob("*") if each.is_file()} == {"x.log", "again"}


def test_a_volume_that_may_not_be_read_here_comes_through_a_container(
    stack: KeptStack, media: Folder, tmp_path: Folder
) -> None:
    use_volumes(stack, volume_of("shop_media", "shop", "/var/lib/not/readable"))
    stack.answer("docker ps --quiet --filter volume=shop_media", b"holder\n")
    mounts = [{"Name": "other", "Destination": "/x"}, {"Name": "shop_media", "Destination": str(media)}]
    stack.answer_json("docker inspect holder", [{"Id": "holder", "Mounts": mounts}])
    document = stack.good_backup()
    stack.restore(document["id"], tmp_path)
    assert sorted(os.listdir(tmp_path / "media")) == sorted(os.listdir(media / "sub"))
    assert rows_of(tmp_path / "orders" / "orders.db") == [("orders.db",)]
    assert {each.name for each in (tmp_path / "keys").rglob("*") if each.is_file()} == {"x.log", "again"}

    stack.answer("docker ps --quiet --filter volume=shop_media", b"")
    ended = stack.back_up()
    assert ended.status == 31
    assert "no running container has it" in ended.err


@pytest.mark.parametrize(
    ("paths", "saved"),
    [
        ('paths = ["sub/deep", "/sub/again"]', {"sub/deep/odd \n name", "sub/deep/x.log", "sub/again"}),
        ('path = "sub/aga*"', {"sub/again"}),
        ('paths = ["sub/again"]', {"again"}),
        ('paths = ["sub/deep", "orders.db"]', {"sub/deep/odd \n name", "sub/deep/x.log", "orders.db"}),
    ],
)
def test_several_paths_of_a_volume_begin_at_its_folder_whoever_reads_it(
    stack: KeptStack, media: Folder, tmp_path: Folder, paths: str, saved: set[str]
) -> None:
    stack.write(f'[component.media]\nkind = "files"\nvolume = "media"\n{paths}\n')
    stack.answer("docker ps --quiet --filter volume=shop_media", b"holder\n")
    mounts = [{"Name": "shop_media", "Destination": str(media)}]
    stack.answer_json("docker inspect holder", [{"Id": "holder", "Mounts": mounts}])
    for place in (media, "/var/lib/not/readable"):
        use_volumes(stack, volume_of("shop_media", "shop", place))
        back = tmp_path / str(place == media)
        stack.restore(stack.good_backup()["id"], back)
        found = (back / "media").rglob("*")

        assert {str(each.relative_to(back / "media")) for each in found if each.is_file()} == saved


def test_a_folder_that_an_engine_elsewhere_names_is_not_the_one_here(
    stack: KeptStack, media: Folder, tmp_path: Folder
) -> None:
    here = stack.folder / "left-here" / "shop_media"
    if not here.exists():
        make_media(here)
        make_database(here / "orders.db")
    (here / "sub" / "old").write_text("of before it moved")
    use_volumes(stack, volume_of("shop_media", "shop", here))
    stack.answer("docker ps --quiet --filter volume=shop_media", b"holder\n")
    mounts = [{"Name": "shop_media", "Destination": str(media)}]
    stack.answer_json("docker inspect holder", [{"Id": "holder", "Mounts": mounts}])
    document = stack.good_backup(DOCKER_HOST="ssh://admin@other")
    stack.restore(document["id"], tmp_path)

    assert sorted(os.listdir(tmp_path / "media")) == sorted(os.listdir(media / "sub"))


def test_a_name_that_could_be_two_volumes_names_both(stack: KeptStack, media: Folder) -> None:
    use_volumes(stack, volume_of("a_media", "a", media), volume_of("b_media", "b", media), project="")
    ended = stack.back_up()
    assert ended.status == 32
    assert "a_media or b_media" in ended.err
    stack.good_backup(COMPOSE_PROJECT_NAME="b")

    use_volumes(stack, project="")
    stack.answer(LISTING, b"")
    assert stack.back_up().status == 31


def test_a_cut_answer_of_docker_is_no_answer(stack: KeptStack, media: Folder) -> None:
    use_volumes(stack, volume_of("shop_media", "shop", media))
    for count in random.Random(3).sample(range(20, 120), 3):
        assert stack.back_up(SHIM_CUT_AFTER=str(count)).status in {31, 32, 33}
