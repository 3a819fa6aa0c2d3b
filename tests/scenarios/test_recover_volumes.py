"""On a bare machine the plan itself fills the volumes of a stack before anything is started, and replaces nothing."""

import contextlib
import json
import os
import pathlib
import shutil
import sqlite3
import stat
from collections.abc import Iterable

import pytest
from tests.scenarios.volumes_gone import CONFIGURATION, LATE, VolumesGone

from rebond.operations.recovery import carrying_out
from rebond.operations.recovery.parts import Part

Folder = pathlib.Path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> VolumesGone:
    return VolumesGone.saved(tmp_path_factory.mktemp("template"))


@pytest.fixture
def stack(template: VolumesGone, tmp_path: Folder) -> VolumesGone:
    return template.copied(tmp_path / "machine")


def test_the_plan_makes_the_places_after_the_files_are_there_and_fills_them_before_anything_is_started(
    stack: VolumesGone,
) -> None:
    plan = json.loads(stack.recover("--dry-run", "--json").out)
    assert plan["left_out"] == []
    kinds = [(each["kind"], each["subject"]) for each in plan["steps"]]
    late = [(kind, name) for name in LATE for kind in ("fetch", "put")]
    begin = kinds.index(("make", ""))
    assert kinds[begin - 1 :] == [("rebuild", "echo rebuild >> ../trace"), ("make", ""), *late, kinds[-1]]
    assert kinds[-1] == ("start", "echo start >> ../trace")
    assert ("put", "code") in kinds[:begin]
    places = {each["name"]: each["place"] for each in plan["parts"]}
    assert (places["media"], places["uploads"]) == ("volume media", "compose:web:/srv/uploads")
    assert stack.files() == {}

    text = stack.recover("--dry-run").out
    assert "make the volumes and containers that are filled next, and start none of them" in text


def test_all_comes_back_with_its_modes_and_what_the_image_brought_is_set_aside(stack: VolumesGone) -> None:
    answer = stack.recover()
    assert answer.status == 0, answer.err
    assert stack.files() == stack.saved_files
    with contextlib.closing(sqlite3.connect(stack.engine.volume("shop_data") / "queue.db")) as database:
        assert database.execute("SELECT job FROM jobs").fetchall() == [(1,)]
    assert stack.trace() == ["rebuild", "start"]
    aside = next(line for line in answer.out.splitlines() if "The old version of media lies in" in line)
    assert (Folder(aside.rpartition(" ")[2]) / "from-image").exists()
    assert "What brings" not in answer.err

    # What comes next says how long each step took here.
    shutil.rmtree(stack.root)
    stack.lose()
    plan = json.loads(stack.recover("--dry-run", "--json").out)
    assert all(each["expected_seconds"] is not None for each in plan["steps"])


def test_accepted_it_leaves_nothing_beside_and_undone_only_what_the_engine_made(stack: VolumesGone) -> None:
    assert stack.recover().status == 0
    stack.program.good("restore", "--accept", "latest", "--yes")
    assert (stack.files(), stack.beside()) == (stack.saved_files, [])

    shutil.rmtree(stack.root)
    stack.lose()
    assert stack.recover().status == 0
    stack.program.good("restore", "--rollback", "latest", "--yes")
    assert {*stack.files()} == {"shop_media/from-image", "shop_data/from-image"}
    assert stack.beside() == []


@pytest.mark.parametrize("project", ["", "1"], ids=["compose-says-the-project", "compose-1.29"])
def test_undone_it_names_what_the_engine_made_for_it_with_the_line_that_removes_that(
    stack: VolumesGone, project: str
) -> None:
    stack.program.environment["ENGINE_OLD"] = project
    stack.engine.make("other_media")
    stack.engine.make("shop_keys")
    (stack.engine.folder / "containers" / "another").touch()
    assert stack.recover().status == 0
    (stack.root / "compose.yml").unlink()  # whatever says what the project is called
    said = stack.program.good("restore", "--rollback", "latest", "--yes", "--set-newer-aside").err
    line = "docker rm --force web && docker volume rm shop_data shop_media && docker network rm shop_default"
    assert (
        "docker keeps what was made since this recovery began: web, shop_data, shop_media, shop_default. When nothing "
        f"in it is missed, this removes it: {line}\n"
    ) in said
    stack.type(line)
    assert stack.files() == {}
    assert {each.name for each in (stack.engine.folder / "volumes").iterdir()} == {"other_media", "shop_keys"}
    assert [each.name for each in (stack.engine.folder / "containers").iterdir()] == ["another"]


def test_a_volume_that_holds_something_is_left_alone_and_the_rest_comes_back(stack: VolumesGone) -> None:
    (stack.engine.make("shop_media") / "since.txt").write_text("nobody saved this")
    answer = stack.recover()
    assert answer.status == 3
    said = f"{stack.engine.volume('shop_media')}, where media belongs, already holds something, which stays as it is."
    assert f"media is not brought back by this run: {said}" in answer.err
    wanted = {name: each for name, each in stack.saved_files.items() if not name.startswith("shop_media/")}
    found = stack.files()
    assert found.pop("shop_media/since.txt")
    assert found == wanted
    assert "Brought back code, data, uploads, keys, queue in" in answer.out
    assert "media of" not in answer.out

    command = next(line for line in answer.err.splitlines() if line.startswith("What brings media back: "))
    words = command.partition(": rebond ")[2].split()
    stack.program.good(*words, "--yes", REBOND_KEY_FILE=str(stack.folder / "owner.key"))
    assert stack.files() == stack.saved_files  # with what was there beside it


def test_where_the_stack_is_known_already_the_plan_says_which_volume_is_in_use(stack: VolumesGone) -> None:
    (stack.engine.make("shop_media") / "since.txt").write_text("nobody saved this")
    stack.root.mkdir()
    (stack.root / "compose.yml").write_text("services: {}\n")
    plan = json.loads(stack.recover("--dry-run", "--json").out)
    (left,) = plan["left_out"]
    assert left["name"] == "media"
    assert "already holds something" in left["reason"]
    assert "This puts what was saved there, and keeps what it finds: rebond restore" in left["hint"]


def test_volumes_that_are_there_and_empty_are_filled(stack: VolumesGone) -> None:
    for each in ("media", "data", "keys"):
        stack.engine.make(f"shop_{each}")
    assert stack.recover().status == 0
    assert stack.files() == stack.saved_files


def test_a_volume_that_a_container_of_before_left_is_not_taken_for_a_new_one(stack: VolumesGone) -> None:
    """Without the container nobody can say before it is made what it has mounted."""
    (stack.engine.make("shop_keys") / "signing.pem").write_text("of today")
    answer = stack.recover()
    assert (answer.status, "keys is not brought back by this run" in answer.err) == (3, True)
    assert (stack.engine.volume("shop_keys") / "signing.pem").read_text() == "of today"


def test_an_old_compose_that_names_no_project_leads_to_no_volume_of_another_stack(stack: VolumesGone) -> None:
    """1.29 says nothing of it; a volume of another stack that compose calls the same may be the only one there is."""
    stack.program.environment["ENGINE_OLD"] = "1"
    others = stack.engine.make("other_media")
    assert stack.recover().status == 0
    assert stack.files() == stack.saved_files
    assert [*others.iterdir()] == []

    (others / "a.txt").write_text("of another stack")
    environment = {"REBOND_KEY_FILE": str(stack.folder / "owner.key"), "REBOND_VAULT": str(stack.folder / "vault")}
    stack.program.good("backup", "--config", stack.root / "rebond.toml", **environment)
    assert "a.txt" not in stack.program.good("ls", "-r", "latest", "media", **environment).out


def test_what_lies_in_a_container_itself_is_left_out_with_its_reason(stack: VolumesGone) -> None:
    stack.engine.know({"web": {"volumes": {"media": "/srv/media", "data": "/srv/data"}}})
    answer = stack.recover()
    assert answer.status == 3
    for each in ("uploads", "keys"):
        assert (
            f"{each} is not brought back by this run: Where the files of {each} lie on this machine is not to be"
            in (answer.err)
        )
    assert "shop_media/deep/photo.jpg" in stack.files()

    for each in ("uploads", "keys"):
        stack.type(_find_line(answer.err, each))
    itself = stack.engine.layer("web")
    assert (itself / "uploads" / "a.txt").read_text() == "uploaded"
    key = itself / "keys" / "signing.pem"
    assert (key.read_text(), stat.S_IMODE(key.stat().st_mode)) == ("key", 0o600)
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o755  # the folder is not the component's
    assert stat.S_IMODE((itself / "uploads").stat().st_mode) == 0o751

    resumed = stack.resume()
    assert [_find_line(resumed.err, each) for each in ("uploads", "keys")] == [
        _find_line(answer.err, each) for each in ("uploads", "keys")
    ]


def test_a_database_in_a_container_itself_is_brought_beside_the_stack_and_copied_over_nothing(
    tmp_path: Folder,
) -> None:
    """Somebody may have it open by then, with a log of SQLite beside it that belongs to no other."""
    inside = ('volume = "data"\npath = "queue.db"', 'in = "compose:web"\npath = "/srv/data/queue.db"')
    stack = VolumesGone.saved(tmp_path, CONFIGURATION.replace(*inside))
    stack.engine.know({"web": {"volumes": {"media": "/srv/media"}}})
    stack.type(_find_line(stack.recover().err, "queue"))
    with contextlib.closing(sqlite3.connect(stack.root.with_name("shop-queue") / "queue" / "queue.db")) as database:
        assert database.execute("SELECT job FROM jobs").fetchall() == [(1,)]


def _find_line(said: str, component: str) -> str:
    (found,) = [each for each in said.splitlines() if each.startswith(f"What brings {component} back: ")]
    return found.partition(": ")[2]


def test_in_place_too_what_sqlite_and_secrets_have_in_volumes_goes_where_it_was(stack: VolumesGone) -> None:
    assert stack.recover().status == 0
    stack.program.good("restore", "--accept", "latest", "--yes")
    key, queue = stack.engine.volume("shop_keys") / "signing.pem", stack.engine.volume("shop_data") / "queue.db"
    key.write_text("of today")
    with contextlib.closing(sqlite3.connect(queue)) as database, database:
        database.execute("DELETE FROM jobs")
    environment = {"REBOND_KEY_FILE": str(stack.folder / "owner.key"), "REBOND_VAULT": str(stack.folder / "vault")}
    words = ("restore", "latest", "queue", "keys", "--in-place", "--config", stack.root / "rebond.toml", "--yes")
    stack.program.good(*words, **environment)
    assert stack.files() == stack.saved_files
    stack.program.good("restore", "--rollback", "latest", "--yes")
    assert key.read_text() == "of today"


def test_an_engine_that_makes_nothing_keeps_the_rest_from_nothing(stack: VolumesGone) -> None:
    stack.engine.know({"web": {"fails": "pull access denied for shop-web"}})
    answer = stack.recover()
    assert answer.status == 3
    assert answer.err.count("pull access denied for shop-web") == len(LATE)
    assert {*stack.files()} == {"shop/rebond.toml", "shop/compose.yml"}
    assert stack.trace() == ["rebuild", "start"]
    assert answer.err.count("What brings ") == len(LATE)


def test_a_disk_of_the_engine_without_room_for_all_is_told_before_anything_is_fetched_there(
    stack: VolumesGone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the engine puts a volume is known when it is made, and not when the run begins; each alone has room."""
    real, made = os.statvfs, stack.engine.folder / "containers" / "web"

    class Narrow:
        def __init__(self, path: bytes) -> None:
            found = real(path)
            self.f_frsize, self.f_bavail = (1, 10_000) if made.exists() else (found.f_frsize, found.f_bavail)

    with monkeypatch.context() as patched:
        patched.setattr("rebond.operations.recovery.checking.os.statvfs", Narrow)
        answer = stack.recover()
    assert (answer.status, "has room for 10.0 kB; the new version needs 8.21 kB" in answer.err) == (40, True), (
        answer.err
    )
    brought = {"shop_media/from-image", "shop_data/from-image"}
    assert {*stack.files()} == {"shop/rebond.toml", "shop/compose.yml", *brought}
    assert "Then go on with: rebond restore --resume" in answer.err
    assert stack.resume().status == 0
    assert stack.files() == stack.saved_files


def test_a_disk_that_is_known_before_the_run_is_looked_at_before_anything_is_made(
    stack: VolumesGone, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.engine.make("shop_media")
    stack.root.mkdir()
    (stack.root / "compose.yml").write_text("services: {}\n")
    rooms: list[str] = []

    def look(parts: Iterable[Part]) -> None:
        rooms.extend(each.name for each in parts if each.rooms())

    monkeypatch.setattr(carrying_out, "check_room", look)
    assert stack.recover().status == 0
    assert rooms == ["code", "media", *LATE]


def test_an_engine_on_another_machine_is_not_filled_here(stack: VolumesGone) -> None:
    """Its folders have the names of some that may be here."""
    stack.program.environment["DOCKER_HOST"] = "tcp://10.0.0.7:2375"
    answer = stack.recover()
    assert answer.status == 3
    assert answer.err.count("is not brought back by this run") == len(LATE)
    brought = {"shop_media/from-image", "shop_data/from-image"}
    assert {*stack.files()} == {"shop/rebond.toml", "shop/compose.yml", *brought}


def test_a_volume_that_no_compose_file_names_is_made_by_its_name(tmp_path: Folder) -> None:
    configuration = CONFIGURATION.partition("[component.queue]")[0].replace('compose = ["compose.yml"]\n', "")
    stack = VolumesGone.saved(tmp_path, configuration.replace('volume = "media"', 'volume = "shop_media"'))
    assert stack.recover().status == 0
    wanted = {name for name in stack.saved_files if not name.startswith(("shop/uploads", "shop_data", "shop_keys"))}
    assert {*stack.files()} == wanted
