"""``rebond init`` leaves nothing out in silence: what it does not save, it says; what it writes can be loaded."""

import collections
import os
import pathlib
import sqlite3
import subprocess
import sys
import threading

import pytest
from tests.scenarios.test_full_disk_and_faults import WITHOUT_RIGHTS
from tests.unit.cli.test_init import Here

from rebond.stack.discovery.looking import Surveyed
from rebond.stack.discovery.nearby_folders import NearbyFolders
from rebond.stack.discovery.proposing import propose
from rebond.stack.discovery.savable import is_savable

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


@pytest.mark.parametrize(
    ("image", "mount", "kind"),
    [
        ("ghcr.io/acme/app-db:1", "./pgdata:/var/lib/postgresql/data", "postgres"),
        ("acme/web-postgres", "kept:/var/lib/postgresql/data", "postgres"),
        ("acme/shop-api-mysql", "kept:/var/lib/mysql", "mysql"),
        ("zalando/spilo-16", "kept:/home/postgres/pgdata", "postgres"),
        ("acme/store-app", "kept:/bitnami/mariadb", "mysql"),
    ],
)
def test_who_writes_the_data_of_a_database_is_one_whatever_it_is_called(
    here: Here, image: str, mount: str, kind: str
) -> None:
    here.write("compose.yml", f"services: {{db: {{image: '{image}', volumes: ['{mount}']}}}}\nvolumes: {{kept: }}")

    begin(here)
    components = here.document["component"]
    assert components["database"]["kind"] == kind
    assert sorted(components) == ["database", "files", "images"]
    assert components["files"].get("exclude", []) == (["/pgdata/"] if mount.startswith(".") else [])


def test_who_only_reads_the_data_of_a_database_or_speaks_to_its_socket_is_none(here: Here) -> None:
    here.write(
        "compose.yml",
        """
services:
  db: {image: "postgres:16", volumes: ["./pg:/var/lib/postgresql/data"]}
  backup: {image: acme/pg-backup, volumes: ["./pg:/var/lib/postgresql/data:ro"]}
  web: {image: acme/web, volumes: ["../mysql.sock:/var/lib/mysql/mysql.sock"]}
""",
    )

    begin(here)
    assert [each["kind"] for each in here.document["component"].values()].count("postgres") == 1
    assert "mysql" not in [each["kind"] for each in here.document["component"].values()]


@pytest.mark.parametrize(
    ("image", "mount", "is_told"),
    [
        ("acme/mongo-app", "./m:/data/db", True),
        ("acme/mongo-app", "kept:/data/db", True),
        ("acme/clickhouse-api", "./m:/var/lib/clickhouse", True),
        ("acme/mongo-app", "./m:/data/db:ro", False),
        ("acme/mongo-backup", "./m:/backup", False),
    ],
)
def test_a_store_that_writes_is_told_whatever_it_is_called(here: Here, image: str, mount: str, is_told: bool) -> None:
    here.write("compose.yml", f"services: {{box: {{image: '{image}', volumes: ['{mount}']}}}}\nvolumes: {{kept: }}")

    assert ("The files of box are copied while they are written" in flat(begin(here))) is is_told


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
    assert components["media"] == {"kind": "files", "path": str(here.folder / "srv" / "media")}
    assert components["linked"]["allow_empty"] is True
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


def test_mounts_with_signs_of_patterns_are_saved_by_their_own_names(here: Here) -> None:
    outside = here.folder / "ext"
    for name, file in (("data[1]", "own.txt"), ("data1", "strange.txt"), ("now *", "own.txt"), ("bare?", "")):
        (outside / name).mkdir(parents=True)
        if file:
            (outside / name / file).write_text(name)
    (here.stack / "linked").symlink_to(outside / "data[1]")
    here.write(
        "compose.yml",
        """
services:
  web: {image: x, volumes: ["../ext/data[1]:/a", "../ext/now *:/b", "../ext/bare?:/c", "named:/srv/x[1]"]}
  odd: {image: x, labels: {rebond.kind: files, rebond.name: labelled, rebond.path: "/srv/y[2]"}}
volumes: {named: }
""",
    )

    assert "Links lead out" not in begin(here)
    components = here.document["component"]
    assert components["named"]["path"] == "/srv/x[[]1]"
    assert components["labelled"]["path"] == "/srv/y[[]2]"
    assert [each for each in components if components[each].get("allow_empty")] == ["bare"]
    here.program.good("backup", "data-1", "now")
    here.program.good("restore", "latest", "--to", here.folder / "back")
    back = [each for each in (here.folder / "back").rglob("*") if each.is_file() and each.suffix == ".txt"]
    assert sorted((each.name, each.read_text()) for each in back) == [("own.txt", "data[1]"), ("own.txt", "now *")]
    for path, is_saved in (("data[1]/own.txt", True), ("data1/strange.txt", False), ("now */own.txt", True)):
        assert here.program.ask("explain", outside / path)["saved"] is is_saved, path


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


DJANGO = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")  # django'
BASE = "from pathlib import Path\nBASE_DIR = Path(__file__).resolve().parent.parent\n"


def write_django(here: Here, settings: str) -> None:
    here.write("manage.py", DJANGO)
    here.write("shop/settings.py", BASE + settings)


def flat(said: str) -> str:
    return " ".join(said.split())


def test_databases_that_settings_name_and_nothing_saves_are_said(here: Here) -> None:
    write_django(
        here,
        """DATABASES = {
    "default": {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "HOST": "db", "PASSWORD": "geheim"},
    "far": {"ENGINE": "django.db.backends.postgresql", "NAME": "far", "HOST": "far.example", "PASSWORD": "geheim"},
    "old": {"ENGINE": "django.db.backends.mysql", "NAME": "old", "USER": "u"},
}
""",
    )
    here.write("compose.yml", "services: {db: {image: 'postgres:16'}}")

    said = flat(begin(here))
    assert "settings.py names a database (postgres, host far.example) that nothing here saves" in said
    assert "settings.py names a database (mysql, host localhost) that nothing here saves" in said
    assert "host db)" not in said
    assert '# host     = "far.example"' in here.text
    assert "geheim" not in said + here.text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("DATABASE_URL=mysql://u:geheim@far/d", "DATABASE_URL names a database (mysql, host far)"),
        ("REPORTS_URL=postgresql+psycopg2://u:geheim@far/d", "REPORTS_URL names a database (postgres, host far)"),
        ("MONGO=mongodb+srv://u:geheim@far/d", "MONGO names a database (?, host far)"),
        ("ODD=postgres://u:geheim@[far/d", "ODD names a database (postgres, host ?)"),
        ("DB_NAME=shop\nDB_PASSWORD=geheim", "The variables DB_NAME name a database"),
        ("PGDATABASE=shop", "The variables PGDATABASE name a database"),
        ("MYSQL_DATABASE=shop", "The variables MYSQL_DATABASE name a database"),
        ("AWS_STORAGE_BUCKET_NAME=media", "AWS_STORAGE_BUCKET_NAME name a place in an object store"),
        ("DATABASE_URL=sqlite:////nowhere/x.db", "Written as comments, and not saved: database"),
    ],
)
def test_what_variables_name_and_nothing_saves_is_said(here: Here, line: str, words: str) -> None:
    here.write(".env", line + "\n")

    said = flat(begin(here))
    assert words in said
    assert "geheim" not in said + here.text


@pytest.mark.parametrize(
    "line",
    [
        "DATABASE_URL=postgres://u:geheim@db/d",
        "DATABASE_URL=postgres://u:geheim@pooler/d",
        "DB_NAME=shop",
        "OTHER=postgres://u:geheim@localhost/d",
        "CACHE_URL=redis://cache",
        "PAGE=https://shop.example/db",
    ],
)
def test_what_is_saved_is_not_said_to_be_missing(here: Here, line: str) -> None:
    here.write("compose.yml", "services: {db: {image: 'postgres:16'}, pooler: {image: edoburu/pgbouncer}}")
    here.write(".env", line + "\n")

    said = begin(here)
    assert "nothing here saves" not in said
    assert "Written as comments" not in said


def test_an_address_of_sqlite_is_saved_as_a_database(here: Here) -> None:
    make_database(here.stack / "deep" / "er" / "than" / "any" / "one" / "looks" / "x.db")
    here.write(".env", "DATABASE_URL=sqlite:///deep/er/than/any/one/looks/x.db?timeout=5\n")

    begin(here)
    assert here.document["component"]["database"]["path"] == "deep/er/than/any/one/looks/x.db"


def test_the_port_that_a_variable_names_is_asked(here: Here) -> None:
    here.write(".env", "POSTGRES_DB=shop\nPOSTGRES_HOST=far\nPOSTGRES_PORT=6543\n")

    begin(here)
    assert here.document["component"]["database"]["port"] == 6543


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("MEDIA_ROOT = find_media()", "MEDIA_ROOT of manage.py cannot be told without running it"),
        ("MEDIA_ROOT = '/nowhere/media'", "MEDIA_ROOT of manage.py is /nowhere/media, which is not on this machine"),
        ("DEFAULT_FILE_STORAGE = 'storages.backends.s3.S3Storage'", "uploads go to storages.backends.s3.S3Storage"),
        ("STORAGES = {'default': {'BACKEND': 'storages.x.Y'}}", "uploads go to storages.x.Y"),
        ("DATABASES = find_them()", "DATABASES in settings.py names a database (?, host ?)"),
        ("DATABASES = {'default': env.db('DB')}", "DB names a database (?, host ?)"),
    ],
)
def test_what_settings_do_not_tell_is_said(here: Here, settings: str, words: str) -> None:
    write_django(here, settings)

    assert words in flat(begin(here))


@pytest.mark.parametrize(
    "settings",
    [
        "MEDIA_ROOT = '/app/media'",
        "MEDIA_ROOT = BASE_DIR / 'media'",
        "STORAGES = {'default': {'BACKEND': 'django.core.files.storage.FileSystemStorage'}}",
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'HOST': get('HOST')}}",
        "DATABASES = {'default': env.db('DATABASE_URL')}",
    ],
)
def test_nothing_is_said_of_what_is_saved_elsewhere(here: Here, settings: str) -> None:
    write_django(here, settings)
    here.write("compose.yml", "services: {db: {image: 'postgres:16'}, web: {image: x, volumes: ['m:/app/media']}}")

    said = flat(begin(here))
    for words in ("MEDIA_ROOT", "uploads go", "names a database", "not found"):
        assert words not in said


def test_settings_that_are_not_found_are_said_and_those_of_compose_are_read(here: Here) -> None:
    here.write("manage.py", "from django.core.management import execute_from_command_line")
    here.write("tools/manage.py", "print('nothing of Django')".replace("Django", "that"))

    assert "The settings of manage.py were not found" in flat(begin(here))
    (here.stack / "rebond.toml").unlink()
    (here.folder / "up").mkdir()
    here.write("config/production.py", f"MEDIA_ROOT = '{here.folder / 'up'}'")
    here.write("compose.yml", "services: {web: {image: x, environment: {DJANGO_SETTINGS_MODULE: config.production}}}")
    assert "were not found" not in begin(here)
    assert here.document["component"]["media"]["path"] == str(here.folder / "up")


@pytest.mark.parametrize(
    "settings",
    [
        "STATIC_ROOT = BASE_DIR / 'static'\nif DEBUG:\n    STATICFILES_DIRS = [BASE_DIR / 'static']\n",
        "STATIC_ROOT = BASE_DIR / 'static'\nSTATICFILES_DIRS = [('own', BASE_DIR / 'static' / 'own')]\n",
        "STATIC_ROOT = BASE_DIR / 'static'\nMEDIA_ROOT = BASE_DIR / 'static' / 'media'\n",
    ],
)
def test_a_folder_of_static_files_that_holds_others_too_is_saved(here: Here, settings: str) -> None:
    write_django(here, settings)
    here.write("static/own/logo.svg", "logo")

    begin(here)
    assert "exclude" not in here.document["component"]["files"]


def test_links_that_lead_out_are_named_unless_what_they_lead_to_is_saved(here: Here) -> None:
    for name in ("data", "media", "env"):
        (here.folder / "far" / name).mkdir(parents=True)
    (here.folder / "far" / "secret").write_text("A=geheim")
    write_django(here, "MEDIA_ROOT = BASE_DIR / 'media'")
    for link, target in (
        ("media", "../far/media"),
        ("data", "../far/data"),
        (".env", "../far/secret"),
        ("inside", "shop"),
        ("gone", "nowhere"),
        ("round", "round"),
        ("shell", "/bin/sh"),
    ):
        (here.stack / link).symlink_to(target)

    assert "only they are saved, not what they lead to: data." in flat(begin(here))


def test_many_links_and_many_components_are_not_multiplied(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = []
    for number in range(8):
        (here.folder / "far" / f"data-{number}").mkdir(parents=True)
        (here.stack / f"link-{number}").symlink_to(here.folder / "far")
        mounts.append(f"'../far/data-{number}:/data-{number}'")
    here.write("compose.yml", f"services: {{web: {{image: x, volumes: [{', '.join(mounts)}]}}}}")
    followed: collections.Counter[str] = collections.Counter()
    resolve = pathlib.Path.resolve

    def count(self: Folder, strict: bool = False) -> Folder:
        followed[self.name] += 1
        return resolve(self, strict)

    monkeypatch.setattr(pathlib.Path, "resolve", count)
    assert "not what they lead to: link-0, link-1" in flat(begin(here))
    assert max(followed[f"link-{number}"] for number in range(8)) == 2


def test_manifests_are_said_not_to_be_looked_at(here: Here) -> None:
    here.write("k8s/db.yaml", "kind: StatefulSet\n")

    assert "Manifests of Kubernetes are here" in begin(here)


def test_what_is_only_named_is_not_said_to_be_saved(here: Here) -> None:
    here.write("compose.yml", "services: {cache: {image: 'redis:7'}}")

    said = begin(here)
    assert "It saves: files, images." in said
    assert "Named, and nothing of it saved: cache." in said
    (here.stack / "rebond.toml").unlink()
    document = here.program("init", "--yes", "--json").document
    assert document["components"] == ["files", "cache", "images"]
    assert document["not_saved"] == ["cache"]


def test_a_kit_that_is_not_made_is_not_passed_over(here: Here) -> None:
    begin(here)
    (here.stack / "rebond.toml").unlink()
    (here.folder / "state" / "init").rename(here.folder / "gone")
    key = here.folder / "home" / ".config" / "rebond" / "shop.owner.key"
    vault = here.folder / "home" / ".data" / "rebond" / "shop"
    kit = here.folder / "kit.txt"

    answer = here.init("--vault", vault, "--kit", kit, REBOND_KEY_FILE=str(key.rename(here.folder / "own.key")))
    assert answer.status == 0, answer.err
    assert f"{kit} was not written: 'rebond kit' prints one" in flat(answer.err + answer.out)
    assert not kit.exists()


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_stands_where_the_configuration_goes_is_told_before_a_vault_is_made(here: Here, kind: str) -> None:
    target = here.stack / "rebond.toml"
    target.mkdir() if kind == "folder" else target.symlink_to("../gone.toml")
    before = here.tree()

    refused = here.init()
    assert refused.status == 2
    assert "is no file with a configuration" in refused.err
    assert here.tree() == before


@pytest.mark.parametrize("place", ["s3://bucket/backups", "/dev/null/backups", "~/own"])
def test_a_place_of_backups_that_is_no_folder_here_takes_no_vault(here: Here, place: str) -> None:
    here.write(".env", f"BACKUP_DIR={place}\n")
    begin(here)

    home = here.folder / "home"
    expected = home / "own" / "vault" if place == "~/own" else home / ".data" / "rebond" / "shop"
    assert here.document["vault"]["url"] == str(expected)
    assert sorted(os.listdir(here.stack)) == [".env", "rebond.toml"]


def test_a_line_that_is_no_variable_is_told_with_its_number_and_hides_no_other(
    here: Here, caplog: pytest.LogCaptureFixture
) -> None:
    here.write(".env", '\ufeffPOSTGRES_HOST=db\n\n\nKEY="geheim and not closed\nPOSTGRES_DB=shop\nALONE\n')

    answer = here.init()
    said = answer.err + answer.out
    assert here.document["component"]["database"]["host"] == {"env": "POSTGRES_HOST", "default": "localhost"}
    checked = here.program("config", "check")
    assert f"Line 4 of {here.stack / '.env'} is no variable, and is left out." in checked.err + checked.out
    assert "geheim" not in said + checked.err + checked.out
    assert caplog.records == [], "the library speaks by itself, in its own words, and without the name of the file"


def test_the_longest_and_oddest_names_are_kept_apart(here: Here) -> None:
    long = "x" * 80
    here.write(
        "compose.yml",
        f"services: {{a: {{image: x, volumes: ['{long}1:/a', '{long}2:/b', '-:/c', '__:/d']}}, "
        "'b/c': {image: mysql}}",
    )

    begin(here)
    components = here.document["component"]
    assert sorted(each["path"] for each in components.values() if "in" in each) == ["/a", "/b", "/c", "/d"]
    assert "# [component.database]" in here.text, "no address of compose has a slash"


def test_an_address_where_a_name_belongs_is_not_written_out(here: Here) -> None:
    here.write(
        "compose.yml",
        "services: {db: {image: 'postgres:16', environment: {POSTGRES_DB: 'postgres://u:geheim@h/d'}}}",
    )

    begin(here)
    assert "geheim" not in here.text


def test_a_whole_machine_is_saved_without_what_its_kernel_makes() -> None:
    proposal = propose(Surveyed(directory=pathlib.Path("/"), name="stack"), is_savable=is_savable, language="en")

    assert proposal.components[0].lines["exclude"] == ["/dev/*", "/proc/*", "/run/*", "/sys/*"]
    walked = [str(each.folder) for each in NearbyFolders(pathlib.Path("/"), deepest=1, most=50)]
    assert not {"/dev", "/proc", "/run", "/sys"} & set(walked)
    assert "/" in walked
    assert "/etc" in walked


def test_variables_that_this_user_may_not_read_are_said_not_to_be_looked_at(here: Here) -> None:
    here.write(".env", "POSTGRES_DB=shop\n").chmod(0)
    words = [sys.executable, "-c", WITHOUT_RIGHTS, "init", "--yes", "--kit", str(here.folder / "kit.txt")]
    done = subprocess.run(words, capture_output=True, text=True, env=here.program.environment, check=False)

    assert done.returncode == 0, done.stderr
    assert ".env cannot be read by this user, so nobody looked which databases are named there" in done.stdout
