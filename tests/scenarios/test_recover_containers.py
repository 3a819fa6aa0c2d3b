"""A stack of containers comes back on a bare machine: what is printed for what the plan cannot bring, is what does."""

import json
import pathlib
import shutil
from typing import Any

import pytest
from tests.scenarios.kept_stack import KeptStack, make_image_archive, make_media

Folder = pathlib.Path
COMPOSE = "docker compose --file {0}/compose.yml "
CONFIGURATION = """
[component.page]
kind = "files"
path = "page"

[component.media]
kind = "files"
in = "compose:web"
path = "ROOT/media"

[component.images]
kind = "images"
save = "local-only"
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> KeptStack:
    stack = KeptStack(tmp_path_factory.mktemp("stack"))
    (stack.folder / "page").write_text("hello")
    make_media(stack.folder / "media")
    image = {"Id": "sha256:0123456789abcdef", "RepoTags": ["shop-web:1"], "RepoDigests": [], "Size": 7}
    stack.answer(COMPOSE + "config --images", b"shop-web:1\n")
    stack.answer_json("docker image inspect shop-web:1", [image])
    stack.answer("docker save shop-web:1", make_image_archive())
    stack.answer_json("kubectl --namespace shop get pods --output json", {"items": []})
    stack.write(CONFIGURATION)
    stack.good_backup("page", "media", "images")
    return stack


def plan_on_a_bare_machine(stack: KeptStack, folder: Folder) -> dict[str, Any]:
    """Return the components that the plan leaves out, by name."""
    bare = folder / "bare"
    bare.mkdir()
    environment = {"SHIM_RUNNING": "nothing", "REBOND_STATE_DIR": str(bare / "state"), "HOME": str(bare)}
    ended = stack.program.run("recover", stack.folder / "vault", "--dry-run", "--json", **environment)
    assert ended.status == 0, ended.err + ended.out
    return {each["name"]: each for each in ended.document["left_out"]}


def test_what_lies_in_containers_comes_back_by_the_commands_that_the_plan_prints(
    stack: KeptStack, tmp_path: Folder
) -> None:
    left = plan_on_a_bare_machine(stack, tmp_path)
    assert set(left) == {"media", "images"}

    load = left["images"]["hint"].partition(": ")[2]
    cat, engine = load.split(" | ")
    assert engine == "docker load"
    words = cat.split()[1:]
    assert words[2] == "images/shop-web_1-0123456789ab.tar"
    stack.restore(words[1], tmp_path / "back", "images")
    assert words[0] == "cat"
    assert (tmp_path / "back" / words[2]).read_bytes() == make_image_archive()

    restore = left["media"]["hint"].partition(": ")[2].split()[1:]
    assert restore[2:4] == ["media", "--in-place"]
    kept = sorted(each.name for each in (stack.folder / "media").iterdir())
    shutil.rmtree(stack.folder / "media" / "sub")
    mounts = [{"Destination": str(stack.folder / "media"), "Source": str(stack.folder / "media")}]
    stack.answer(COMPOSE + "ps --all --quiet web", b"c0ffee\n")
    stack.answer("docker inspect c0ffee", json.dumps([{"Mounts": mounts}]).encode())
    stack.program.good(*restore, "--yes")
    assert sorted(each.name for each in (stack.folder / "media").iterdir()) == kept
