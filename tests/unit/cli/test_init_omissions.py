"""``rebond init`` leaves nothing out in silence: what it does not save, it says; what it writes can be loaded."""

import os
import pathlib
import sqlite3
import threading

import pytest
from tests.unit.cli.test_init import Here

Folder = pathlib.Path


@pytest.fixture
def here(tmp_path: Folder, monkeypatch: pytest.MonkeyPatch) -> Here:
    return Here(tmp_path, monkeypatch)


def begin(here: Here, *arguments: str | Folder) -> str:
    """Run it; what it wrote has to be good. Return what it said."""
    answer = here.init(*arguments)
    assert answer.status == 0, answer.err
    here.program.good("config", "check")
    return answer.err + answer.out


def make_database(path: Folder) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("create table t (x)")
    connection.commit()
    connection.close()


def test_of_a_database_only_the_folder_of_its_data_is_left_out(here: Here) -> None:
    here.write(
        "compose.yml",
        "services: {db: {image: 'postgres:16', volumes: ['./pg:/var/lib/postgresql/data', "
        "'./init:/docker-entrypoint-initdb.d', './dumps:/backups', 'archive:/wal']}}\nvolumes: {archive: }",
    )
    here.write("init/10-roles.sql")

    begin(here)
    assert here.document["component"]["files"]["exclude"] == ["/pg/"]
    assert here.document["component"]["archive"] == {"kind": "files", "in": "compose:db", "path": "/wal"}


def test_data_of_a_database_may_lie_where_its_variable_says(here: Here) -> None:
    here.write(
        "compose.yml",
        "services: {db: {image: 'postgres:16', environment: {PGDATA: /pg/data}, volumes: ['./pg:/pg', 'x:/x']}}",
    )

    begin(here)
    assert here.document["component"]["files"]["exclude"] == ["/pg/"]
    assert "x" in here.document["component"]


def test_what_speaks_to_a_database_is_none_and_its_volumes_are_saved(here: Here) -> None:
    here.write(
        "compose.yml",
        """
services:
  exporter: {image: prometheuscommunity/postgres-exporter}
  worker: {image: mycompany/redis-worker, volumes: ["jobs:/jobs"]}
  admin: {image: phpmyadmin}
  api: {image: postgrest/postgrest}
  backup: {image: prodrigestivill/postgres-backup-local, volumes: ["dumps:/backups"]}
  real: {image: "timescale/timescaledb-ha:pg16"}
volumes: {jobs: , dumps: }
""",
    )

    begin(here)
    kinds = {name: each["kind"] for name, each in here.document["component"].items()}
    assert kinds == {
        "files": "files",
        "jobs": "files",
        "dumps": "files",
        "database": "postgres",
        "images": "images",
    }


def test_a_folder_of_this_machine_is_saved_that_compose_mounts_from_elsewhere(here: Here) -> None:
    (here.folder / "srv" / "media").mkdir(parents=True)
    (here.folder / "srv" / "media" / "photo.jpg").write_text("photo")
    (here.stack / "linked").symlink_to(here.folder / "srv" / "linked")
    (here.folder / "srv" / "linked").mkdir()
    here.write(
        "compose.yml",
        """
services:
  web:
    image: x
    volumes:
      - ../srv/media:/app/media
      - ./linked:/app/linked
      - ../srv/later:/app/later
      - /var/run/docker.sock:/var/run/docker.sock
      - /etc/localtime:/etc/localtime:ro
      - /var/log:/var/log:ro
      - ..:/all
      - ./here:/app/here
""",
    )

    said = begin(here)
    components = here.document["component"]
    assert components["media"] == {"kind": "files", "path": str(here.folder / "srv" / "media"), "allow_empty": True}
    assert components["linked"]["path"] == str(here.folder / "srv" / "linked")
    assert "Written as comments, and not saved: later" in said
    assert "belongs to the machine: /var/log." in " ".join(said.split())
    assert f"this directory lies in it: {here.folder}" in said
    assert "docker.sock" not in said
    assert not {"here", "all"} & set(components)


def test_a_volume_without_a_name_is_saved_by_its_path(here: Here) -> None:
    here.write("compose.yml", "services: {web: {image: x, volumes: [/app/uploads, /other/uploads, /app/node_modules]}}")

    begin(here)
    components = here.document["component"]
    assert sorted(each["path"] for each in components.values() if "in" in each) == ["/app/uploads", "/other/uploads"]


@pytest.mark.parametrize("name", ["blog", "catalog", "district", "templates", "assets", "my-logos"])
def test_only_whole_words_make_a_volume_one_that_can_be_made_again(here: Here, name: str) -> None:
    here.write(
        "compose.yml", f"services: {{web: {{image: x, volumes: ['{name}:/a', 'app_cache:/b']}}}}\nvolumes: {{{name}: }}"
    )

    said = begin(here)
    assert here.document["component"][name]["path"] == "/a"
    assert "The volume app_cache (/b in web) is not saved" in said


def test_volumes_that_no_service_mounts_are_named(here: Here) -> None:
    here.write(
        "compose.yml",
        "services: {tool: {image: x, profiles: [tools], volumes: ['a:/a']}, web: {image: x}}\nvolumes: {a: , b: }",
    )

    assert "no service that was looked at mounts them: a, b" in begin(here)


def test_a_label_that_saves_nothing_of_one_service_takes_no_volume_from_another(here: Here) -> None:
    here.write(
        "compose.yml",
        """
services:
  nginx: {image: nginx, labels: {rebond.enable: "false"}, volumes: ["media:/srv:ro", "own:/own"]}
  cache: {image: x, labels: {rebond.kind: ephemeral}, volumes: ["media:/x"]}
  web: {image: x, volumes: ["media:/app/media"]}
volumes: {media: , own: }
""",
    )

    begin(here)
    assert here.document["component"]["media"]["in"] == "compose:web"
    assert "own" not in here.document["component"]


def test_a_store_of_another_kind_is_said_to_be_copied_while_it_writes(here: Here) -> None:
    here.write("compose.yml", "services: {mongo: {image: 'mongo:7', volumes: ['mongo:/data/db']}}")

    assert "The files of mongo are copied while they are written" in begin(here)
    assert here.document["component"]["mongo"]["kind"] == "files"


def test_a_file_of_compose_without_services_is_said_to_save_nothing(here: Here) -> None:
    here.write("docker-compose.yml", "db:\n  image: postgres:9\n  volumes: ['pg:/var/lib/postgresql/data']\n")

    assert "docker-compose.yml names no service that could be read" in begin(here)


def test_files_of_compose_that_are_not_read_are_said_aloud(here: Here) -> None:
    here.write("docker-compose.yml", "services: {web: {image: x}}")
    here.write("docker-compose.prod.yml", "services: {db: {image: 'postgres:16'}}")

    assert "nothing of them is saved: docker-compose.prod.yml" in " ".join(begin(here).split())


@pytest.mark.parametrize("volume", ["app.data", "données", "my volume", "-", "…"])
@pytest.mark.parametrize("label", ["my db", "base été", "a.b", 'q"uote'])
def test_names_of_components_can_always_be_read_again(here: Here, volume: str, label: str) -> None:
    here.write(
        "compose.yml",
        f"services: {{db: {{image: 'postgres:16', labels: {{rebond.name: '{label}'}}}}, "
        f"web: {{image: x, volumes: ['{volume}:/srv/kept']}}}}",
    )

    begin(here)
    assert sorted(each["kind"] for each in here.document["component"].values()) == [
        "files",
        "files",
        "images",
        "postgres",
    ]


def test_labels_that_cannot_be_meant_are_said_and_spoil_nothing(here: Here) -> None:
    here.write(
        "compose.yml",
        "services: {db: {image: 'postgres:16', labels: {rebond.rpo: soon, rebond.priority: high, rebond.rto: 2h}}, "
        "x: {image: x, labels: {rebond.kind: mongo}}, y: {image: x, labels: {rebond.kind: files}}}",
    )

    said = begin(here)
    assert here.document["component"]["database"]["rto"] == "2h"
    for label, text in (("rpo of db", "soon"), ("priority of db", "high"), ("kind of x", "mongo")):
        assert f"What the label rebond.{label} says cannot be meant, and is left out: {text}" in said
    assert "The label rebond.kind of y says files" in said


def test_names_with_signs_of_patterns_leave_out_nothing_else(here: Here) -> None:
    here.write("manage.py", 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")')
    here.write(
        "shop/settings.py",
        "from pathlib import Path\nBASE = Path(__file__).parent.parent\n"
        "MEDIA_ROOT = BASE / 'media [old]'\nSTATIC_ROOT = BASE / 'stat*'\n",
    )
    here.write("media [old]/photo.jpg", "photo")
    here.write("media o/kept.txt", "kept")
    here.write("static/kept.txt", "kept")
    here.write("a*.env", "A=1")
    here.write("ab.env", "A=2")
    make_database(here.stack / "db?.sqlite3")
    (here.stack / "dbx.sqlite3").write_text("no database")

    begin(here)
    here.program.good("backup")
    here.program.good("restore", "latest", "--to", here.folder / "back")
    back = {
        each.relative_to(here.folder / "back").as_posix()
        for each in (here.folder / "back").rglob("*")
        if each.is_file()
    }
    assert {"files/media o/kept.txt", "files/static/kept.txt", "files/dbx.sqlite3"} <= back
    for name, parts in (("photo.jpg", "media"), ("db?.sqlite3", "database"), ("a*.env", "secrets")):
        assert any(each.startswith(parts) and each.endswith(name) for each in back), (name, back)
    assert len([each for each in back if each.endswith("ab.env")]) == 1


def test_names_that_are_no_text_are_saved_with_the_files(here: Here) -> None:
    odd = os.fsencode(here.stack) + b"/caf\xe9"
    for name in (b"/v\xff/pyvenv.cfg", b"/node_modules/x.js", b"/.env"):
        path = odd + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        pathlib.Path(os.fsdecode(path)).write_text("A=1")
    make_database(pathlib.Path(os.fsdecode(odd + b"/a.db")))

    begin(here)
    here.program.good("backup")
    here.program.good("restore", "latest", "--to", here.folder / "back")
    back = os.fsencode(here.folder / "back" / "files") + b"/caf\xe9"
    assert sorted(os.listdir(back)) == [b".env", b"a.db", b"node_modules", b"v\xff"]


def test_a_pipe_of_variables_is_not_waited_for(here: Here) -> None:
    os.mkfifo(here.stack / ".env")
    done: list[str] = []
    runner = threading.Thread(target=lambda: done.append(begin(here)), daemon=True)
    runner.start()
    runner.join(60)

    assert done, "it waits for somebody to write into the pipe"


def test_files_of_secrets_that_compose_takes_from_elsewhere_are_saved(here: Here) -> None:
    outside = here.folder / "etc"
    outside.mkdir()
    for name in ("shop.env", "key.txt"):
        (outside / name).write_text("PASSWORD=geheim\n")
    here.write("keys/db.txt", "geheim")
    here.write(
        "compose.yml",
        f"services: {{web: {{image: x, env_file: [{outside}/shop.env, gone.env], secrets: [db, key]}}}}\n"
        f"secrets: {{db: {{file: ./keys/db.txt}}, key: {{file: ../etc/key.txt}}}}",
    )

    said = begin(here)
    assert here.document["component"]["secrets"]["paths"] == [
        str(outside / "shop.env"),
        "keys/db.txt",
        str(outside / "key.txt"),
    ]
    assert "geheim" not in said + here.text
    here.program.good("backup", "secrets")


def test_a_project_is_found_beside_a_folder_with_thousands(here: Here) -> None:
    for number in range(5100):
        (here.stack / "archive" / str(number)).mkdir(parents=True)
    (here.folder / "uploads").mkdir()
    here.write("backend/manage.py", 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")')
    here.write("backend/settings.py", f"MEDIA_ROOT = '{here.folder / 'uploads'}'\n")

    begin(here)
    assert here.document["component"]["media"]["path"] == str(here.folder / "uploads")


def test_databases_of_sqlite_are_found_in_folders_below_and_one_that_is_not_there_yet_hides_none(here: Here) -> None:
    make_database(here.stack / "var" / "data" / "live" / "app.db3")
    here.write("manage.py", 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")')
    here.write("settings.py", "DATABASES = {'default': {'ENGINE': 'x.sqlite3', 'NAME': '/nowhere/later.sqlite3'}}\n")

    said = begin(here)
    assert here.document["component"]["database"] == {"kind": "sqlite", "path": "var/data/live/app.db3"}
    assert "Written as comments, and not saved: sqlite" in said
