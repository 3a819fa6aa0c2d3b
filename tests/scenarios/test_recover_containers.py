"""A stack of containers comes back on a bare machine: what is printed for what the plan cannot bring, is what does."""

import os
import pathlib
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
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
in = "docker:web"
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


LOADER = """#!/bin/sh
# What the stand-in does not know: an engine that keeps what it is given, by the id that the tests have for it.
case "$1 $2" in
  "load ") cat > "$LOADED/image"; exit ${LOAD_STATUS:-0};;
  "image inspect")
    test "$5" = "${NAME_TAKEN:-}" && { echo sha256:another; exit 0; }
    test -e "$LOADED/image" && { echo sha256:0123456789abcdef; exit 0; }
    echo "Error response from daemon: No such image: $5" >&2; exit 1;;
esac
exec "$STAND_IN" "$@"
"""


class BareMachine:
    """A machine with an engine that has nothing yet, and nothing of the stack."""

    def __init__(self, stack: KeptStack, folder: Folder) -> None:
        self._stack = stack
        self.loaded = folder / "loaded"
        self.loaded.mkdir()
        (folder / "bin").mkdir()
        engine = folder / "bin" / "docker"
        engine.write_text(LOADER)
        engine.chmod(0o755)
        self.environment = {
            "SHIM_RUNNING": "nothing",
            "REBOND_STATE_DIR": str(folder / "state"),
            "HOME": str(folder),
            "LOADED": str(self.loaded),
            "STAND_IN": str(shutil.which("docker", path=stack.program.environment["PATH"])),
            "PATH": f"{folder / 'bin'}:{stack.program.environment['PATH']}",
        }

    def recover(self, *arguments: str, status: int = 0, **environment: str) -> Any:
        words: tuple[str | Folder, ...] = ("recover", self._stack.folder / "vault", *arguments, "--json")
        ended = self._stack.program.run(*words, **{**self.environment, **environment})
        assert ended.status == status, ended.err + ended.out
        return ended.document


@pytest.fixture
def gone(stack: KeptStack, tmp_path: Folder) -> Iterator[BareMachine]:
    """The stack's own files are not there while this lasts."""
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in ("page", "media", "rebond.toml"):
        (stack.folder / name).rename(kept / name)
    yield BareMachine(stack, tmp_path)
    for each in kept.iterdir():
        there = stack.folder / each.name
        shutil.rmtree(there, ignore_errors=True)
        there.unlink(missing_ok=True)
        each.rename(there)


def test_images_that_no_registry_holds_are_loaded_before_anything_is_started(
    gone: BareMachine, stack: KeptStack
) -> None:
    plan = gone.recover("--dry-run")
    kinds = [(each["kind"], each["subject"]) for each in plan["steps"]]
    assert ("fetch", "images") in kinds
    assert ("set-aside", "images") not in kinds
    assert not any(gone.loaded.iterdir())

    gone.recover("--yes")
    assert (gone.loaded / "image").read_bytes() == make_image_archive()
    assert (stack.folder / "page").read_text() == "hello"


def test_an_image_that_is_there_is_not_loaded_again_and_a_name_that_means_another_keeps_it(gone: BareMachine) -> None:
    found = gone.recover("--yes", status=3, NAME_TAKEN="shop-web:1")
    assert [each["message"] for each in found["problems"]] == [
        "shop-web:1 means another image on this machine, which stays; the one that was saved was not loaded."
    ]
    assert not any(gone.loaded.iterdir())

    (gone.loaded / "image").write_bytes(b"there")
    gone.recover("--yes")
    assert (gone.loaded / "image").read_bytes() == b"there"


def test_an_engine_that_takes_no_image_ends_the_recovery_with_its_words(gone: BareMachine, stack: KeptStack) -> None:
    failed = gone.recover("--yes", status=33, LOAD_STATUS="1")
    assert "docker failed with status 1" in failed["error"]["message"]
    assert not (stack.folder / "page").exists()


def test_what_lies_in_a_container_that_nobody_knows_how_to_make_comes_back_by_the_command_that_the_plan_prints(
    stack: KeptStack, gone: BareMachine
) -> None:
    left = {
        each["name"]: each for each in gone.recover("--dry-run", PATH=stack.program.environment["PATH"])["left_out"]
    }
    assert set(left) == {"media"}
    restore = left["media"]["hint"].partition(": ")[2].split()[1:]
    assert restore[2:4] == ["media", "--in-place"]

    gone.recover("--yes")
    make_media(stack.folder / "media")
    shutil.rmtree(stack.folder / "media" / "sub")
    mounts = [{"Destination": str(stack.folder / "media"), "Source": str(stack.folder / "media")}]
    stack.answer_json("docker inspect web", [{"Mounts": mounts}])
    stack.program.good(*restore, "--yes")
    assert (stack.folder / "media" / "sub" / "deep" / "x.log").read_text() == "log"


@pytest.mark.parametrize("address", ["docker:web", "podman:web", "kubernetes:deploy/media/app"])
def test_what_no_folder_of_this_machine_holds_is_copied_into_its_container_by_the_line_that_the_plan_prints(
    tmp_path: Folder, address: str
) -> None:
    stack = KeptStack(tmp_path)
    (tmp_path / "inside" / "uploads").mkdir(parents=True)
    (tmp_path / "inside" / "uploads").chmod(0o751)
    (tmp_path / "inside" / "uploads" / "it's.txt").write_text("uploaded")
    (tmp_path / "inside" / "note").write_text("noted")
    (tmp_path / "page").write_text("hello")
    stack.write(
        "[component.page]\nkind = 'files'\npath = 'page'\n"
        f"[component.uploads]\nkind = 'files'\nin = '{address}'\npath = 'ROOT/inside/uploads'\n"
        f"[component.note]\nkind = 'files'\nin = '{address}'\npath = 'ROOT/inside/note'\n"
    )
    stack.answer_json(f"{address.partition(':')[0]} inspect web", [{"Id": "web", "Mounts": []}])
    stack.good_backup()
    for each in ("inside", "page", "rebond.toml"):
        (tmp_path / each).rename(tmp_path / f"{each}.of-before")

    ended = stack.program.run("recover", tmp_path / "vault", "--yes", "--json")
    assert ended.status == 0, ended.err
    lines = dict(each.partition(" back: ")[::2] for each in ended.err.splitlines() if each.startswith("What brings"))
    for name in ("uploads", "note"):
        line = lines[f"What brings {name}"]
        programs = f"{Folder(sys.executable).parent}:{stack.program.environment['PATH']}"
        environment = {**os.environ, **stack.program.environment, "PATH": programs}
        typed = subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, check=False)
        assert typed.returncode == 0, (line, typed.stderr)
    uploads = tmp_path / "inside" / "uploads"
    assert (stat.S_IMODE(uploads.stat().st_mode), (uploads / "it's.txt").read_text()) == (0o751, "uploaded")
    assert (tmp_path / "inside" / "note").read_text() == "noted"


@pytest.mark.parametrize("address", ["docker:web", "kubernetes:deploy/media/app"])
def test_a_restore_in_place_prints_the_same_line_with_what_its_container_keeps_in_itself(
    tmp_path: Folder, address: str
) -> None:
    stack = KeptStack(tmp_path)
    (tmp_path / "inside" / "uploads").mkdir(parents=True)
    (tmp_path / "inside" / "uploads" / "it's.txt").write_text("uploaded")
    (tmp_path / "page").write_text("hello")
    stack.write(
        "[component.page]\nkind = 'files'\npath = 'page'\n"
        f"[component.uploads]\nkind = 'files'\nin = '{address}'\npath = 'ROOT/inside/uploads'\n"
    )
    client = address.partition(":")[0]
    stack.answer_json(f"{client} inspect web", [{"Id": "web", "Mounts": []}])
    stack.good_backup()
    (tmp_path / "inside" / "uploads" / "it's.txt").write_text("broken")

    def in_place() -> Any:
        options = ("--config", tmp_path / "rebond.toml", "--json")
        ended = stack.program.run("restore", "latest", "--in-place", "--dry-run", *options)
        assert ended.status == 0, ended.err
        return ended.document["left_out"]

    (left,) = in_place()
    assert "keeps the files of uploads" in left["reason"]
    line = left["hint"].partition(": ")[2]
    assert line.startswith("rebond restore "), line
    programs = f"{Folder(sys.executable).parent}:{stack.program.environment['PATH']}"
    environment = {**os.environ, **stack.program.environment, "PATH": programs}
    typed = subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, check=False)
    assert typed.returncode == 0, (line, typed.stderr)
    assert (tmp_path / "inside" / "uploads" / "it's.txt").read_text() == "uploaded"

    if client == "docker":
        stack.answer("docker inspect web", "!Error: No such object: web")
        (left,) = in_place()
        assert (left["reason"], "compose" in left["hint"]) == (
            "docker:web, where the files of uploads belong, is not there.",
            False,
        )
