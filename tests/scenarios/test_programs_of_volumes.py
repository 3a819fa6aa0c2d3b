"""Kinds that are asked by a program and only name a volume: the program runs in the container that has it."""

import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from tests.scenarios.kept_stack import KeptStack, make_image_archive, run_git
from tests.shims.servers import PASSWORD

from rebond.testing.postgres_server import PostgresServer

Folder = pathlib.Path
COMPONENTS = """
[component.shop]
kind = "mysql"
volume = "data"
user = "keeper"
password = { env = "DB_PASSWORD" }

[component.cache]
kind = "redis"
volume = "data"
password = { env = "DB_PASSWORD" }

[component.dump]
kind = "command"
volume = "data"
run = "cat here.txt && pwd"

[component.code]
kind = "versioned"
volume = "data"
path = "code"

[component.static]
kind = "regenerable"
volume = "data"
run = "make static"

[component.images]
kind = "images"
volume = "data"
save = "local-only"
"""
POSTGRES = """
[component.orders]
kind = "postgres"
volume = "data"
host = "HOST"
user = "postgres"
database = "postgres"
"""
HOLDERS = "docker ps --quiet --filter volume=shop_data"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> KeptStack:
    stack = KeptStack(tmp_path_factory.mktemp("stack"))
    data = stack.folder / "data"
    (data / "code").mkdir(parents=True)
    (data / "here.txt").write_text("it starts in the volume\n")
    run_git(data / "code", "init")
    run_git(data / "code", "commit", "--allow-empty", "-m", "one")
    labels = {"com.docker.compose.volume": "data", "com.docker.compose.project": "shop"}
    volume = {"Name": "shop_data", "Mountpoint": "/var/lib/not/readable", "Labels": labels}
    stack.answer("docker compose --file {0}/compose.yml config", b"name: shop\n")
    stack.answer("docker volume ls --quiet --filter label=com.docker.compose.volume=data", b"shop_data\n")
    stack.answer_json("docker volume inspect shop_data", [volume])
    stack.answer_json("docker image inspect postgres:16", [make_image("sha256:pp", ["postgres:16"], "postgres@d")])
    stack.answer_json("docker image inspect own", [make_image("sha256:new", ["own:latest"])])
    stack.answer_json("docker image inspect sha256:old", [make_image("sha256:old", [])])
    stack.answer("docker save sha256:old", make_image_archive())
    return stack


def make_image(id_: str, tags: list[str], *digests: str) -> dict[str, Any]:
    return {"Id": id_, "RepoTags": tags, "RepoDigests": list(digests), "Size": 7}


def mount_in(stack: KeptStack, *containers: tuple[str, str]) -> None:
    """Say which containers, of which services, have the volume: ``holder`` runs, others do not exist."""
    stack.answer(HOLDERS, "\n".join(name for name, _ in containers).encode())
    described = [
        {
            "Id": name,
            "Name": f"/shop-{name}-1",
            "Image": "sha256:old" if name == "web" else "sha256:pp",
            "Config": {
                "Image": "own" if name == "web" else "postgres:16",
                "Labels": {"com.docker.compose.service": service} if service else {},
            },
            "Mounts": [{"Name": "shop_data", "Destination": str(stack.folder / "data")}],
        }
        for name, service in containers
    ]
    stack.answer_json(f"docker inspect {' '.join(name for name, _ in containers)}", described)


def test_each_kind_is_asked_in_the_container_that_has_the_volume(stack: KeptStack, tmp_path: Folder) -> None:
    stack.write(COMPONENTS)
    mount_in(stack, ("holder", "db"))
    log = stack.folder / "calls"
    ended = stack.back_up("--json", SHIM_LOG=str(log))
    assert ended.status == 3, ended.err  # the code was never pushed
    assert [each["code"] for each in ended.document["problems"]] == ["not-pushed"], ended.document["problems"]
    stack.restore(ended.document["id"], tmp_path)

    assert (tmp_path / "shop" / "shop.sql").read_bytes().endswith(b"-- Dump completed\n")
    assert (tmp_path / "cache" / "cache.rdb").read_bytes() == (stack.folder / "redis.rdb").read_bytes()
    assert (tmp_path / "dump" / "dump").read_text() == f"it starts in the volume\n{stack.folder}/data\n"
    assert json.loads((tmp_path / "code" / "git.json").read_text())["path"] == f"{stack.folder}/data/code"
    assert json.loads((tmp_path / "static" / "declared.json").read_text())["volume"] == "data"
    images = json.loads((tmp_path / "images" / "images.json").read_text())["images"]
    assert [each["name"] for each in images] == ["postgres:16"]
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert all("holder" in call for call in calls if call[1] == "exec")


@pytest.mark.parametrize("name", ["shop", "cache", "dump"])
def test_two_services_with_the_volume_are_named_and_none_is_asked(
    stack: KeptStack, name: str, tmp_path: Folder
) -> None:
    stack.write(COMPONENTS)
    mount_in(stack, ("holder", "db"), ("web", "copier"))
    log = tmp_path / "calls"
    ended = stack.back_up(name, SHIM_LOG=str(log))

    assert ended.status == 32
    assert "The volume shop_data is in several running containers: copier and db." in ended.err
    assert 'in = "compose:NAME"' in ended.err
    assert '"exec"' not in log.read_text()


def test_several_containers_of_one_service_are_as_good_as_one(stack: KeptStack, tmp_path: Folder) -> None:
    stack.write(COMPONENTS)
    mount_in(stack, ("holder", "db"), ("web", "db"))
    stack.good_backup("dump")


def test_where_nobody_has_the_volume_it_is_said_what_to_do(stack: KeptStack) -> None:
    stack.write(COMPONENTS)
    mount_in(stack)
    ended = stack.back_up("shop")
    assert ended.status == 31
    assert "No running container has the volume shop_data" in ended.err
    assert "Start the service that uses it" in ended.err


def test_images_of_a_service_or_volume_are_those_that_its_containers_were_made_of(
    stack: KeptStack, tmp_path: Folder
) -> None:
    stack.write(COMPONENTS.replace('kind = "images"\nvolume = "data"', 'kind = "images"\nin = "compose:web"'))
    stack.answer("docker compose --file {0}/compose.yml ps --all --quiet web", b"web\n")
    mount_in(stack, ("web", "web"))
    document = stack.good_backup("images")
    stack.restore(document["id"], tmp_path)

    images = json.loads((tmp_path / "images" / "images.json").read_text())["images"]
    assert [each["id"] for each in images] == ["sha256:old"]  # own:latest is another image since
    assert sorted(each.name for each in (tmp_path / "images").iterdir()) == ["images.json", "sha256_old-old.tar"]


def test_images_of_a_deployment_are_those_of_its_pods(stack: KeptStack, tmp_path: Folder) -> None:
    stack.write('[component.images]\nkind = "images"\nin = "kubernetes:deploy/media/app"\n')
    owner = {"spec": {"selector": {"matchLabels": {"app": "media", "tier": "web"}}}}
    stack.answer_json("kubectl --namespace shop get deploy/media --output json", owner)
    statuses = [
        {"name": "app", "image": "nginx:1", "imageID": "nginx@sha256:ee"},
        {"name": "side", "image": "side:1", "imageID": "side@sha256:dd"},
    ]
    pods = {"items": [{"status": {"containerStatuses": statuses}}]}
    stack.answer_json("kubectl --namespace shop get pods --selector app=media,tier=web --output json", pods)
    stack.restore(stack.good_backup()["id"], tmp_path)
    images = json.loads((tmp_path / "images" / "images.json").read_text())["images"]
    assert [each["name"] for each in images] == ["nginx:1"]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        made.sql("CREATE TABLE rows AS SELECT generate_series(1, 10) AS number")
        yield made


@pytest.mark.judge("postgres")
def test_a_database_is_dumped_in_the_container_that_has_its_volume(
    stack: KeptStack, server: PostgresServer, tmp_path: Folder
) -> None:
    stack.write(POSTGRES.replace("HOST", server.socket_folder))
    mount_in(stack, ("holder", "db"))
    document = stack.good_backup("orders")
    stack.restore(document["id"], tmp_path)
    assert PASSWORD not in (tmp_path / "orders" / "pre-data.sql").read_text()
    assert "CREATE TABLE public.rows" in (tmp_path / "orders" / "pre-data.sql").read_text()

    mount_in(stack, ("holder", "db"), ("web", "copier"))
    assert "copier and db" in stack.back_up("orders").err


@pytest.mark.judge("postgres")
def test_the_doctor_asks_the_same_container_and_says_what_is_ambiguous(
    stack: KeptStack, server: PostgresServer
) -> None:
    stack.write(POSTGRES.replace("HOST", server.socket_folder))
    found = {}
    for containers in ((("holder", "db"),), (("holder", "db"), ("web", "copier")), ()):
        mount_in(stack, *containers)
        ended = stack.program.run("doctor", "--json", "--config", stack.folder / "rebond.toml")
        found[len(containers)] = {
            each["code"]: each for each in ended.document["findings"] if each["check"] == "services"
        }
    assert "volume-unreachable" not in found[1]
    assert "copier and db" in found[2]["volume-unreachable"]["message"]
    assert found[2]["volume-unreachable"]["command"].startswith("${EDITOR:-vi}")
    assert found[0]["volume-unreachable"]["command"].endswith("up --detach")
