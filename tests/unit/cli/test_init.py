"""``rebond init``: looks, writes, makes, and goes on where it was cut."""

import json
import os
import pathlib
import pty
import subprocess
import sys
import tomllib
from typing import Any

import pytest
from tests.scenarios.test_full_disk_and_faults import WITHOUT_RIGHTS
from tests.unit.cli.program_runs import PASSPHRASE, Answer, Program

Folder = pathlib.Path
SECRETS = ("s3cr3t-never-written", "django-insecure-zzz", "tr%75e")
COMPOSE = """
services:
  db:
    image: postgres:15-alpine
    environment:
      POSTGRES_DB: ${POSTGRES_DB:-shop}
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD?set it}
    volumes: [postgres_data:/var/lib/postgresql/data]
  backend:
    build: .
    volumes: [media_volume:/app/media, static_volume:/app/static]
    labels: {rebond.prioriti: P1}
  nginx:
    image: nginx:1
    volumes: ["media_volume:/srv:ro", "media_volume:/app/media:ro"]
  redis: {image: "redis:7", volumes: [redis_data:/data]}
  own: {image: "mysql:8", volumes: ["./mysql:/var/lib/mysql"], labels: {rebond.name: orders, rebond.rpo: 6h}}
  hidden: {image: x, volumes: [secret_volume:/x], labels: {rebond.enable: "false"}}
  tools: {image: busybox, profiles: [tools], volumes: [tool_volume:/x]}
volumes: {postgres_data: , media_volume: , static_volume: , redis_data: , secret_volume: , tool_volume: }
"""


class Here:
    """A directory to begin in, and the program with homes of its own."""

    def __init__(self, folder: Folder, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.stack = folder / "shop"
        self.stack.mkdir()
        self.program = Program(folder)
        del self.program.environment["REBOND_VAULT"], self.program.environment["REBOND_PASSPHRASE"]
        self.program.environment |= {
            "HOME": str(folder / "home"),
            "XDG_CONFIG_HOME": str(folder / "home" / ".config"),
            "XDG_DATA_HOME": str(folder / "home" / ".data"),
            "PATH": "/nowhere",  # no kubectl of this machine
            "PGHOST": "",
        }
        patch.chdir(self.stack)
        patch.setattr("rebond.stack.discovery.looking.find_running_servers", lambda *_: ())

    def write(self, name: str, text: str = "x") -> Folder:
        path = self.stack / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def init(self, *arguments: str | Folder, **environment: str) -> Answer:
        return self.program("init", "--yes", *arguments, **environment)

    @property
    def text(self) -> str:
        return (self.stack / "rebond.toml").read_text()

    @property
    def document(self) -> Any:
        return tomllib.loads(self.text)

    @property
    def keys(self) -> list[str]:
        return sorted(os.listdir(self.folder / "home" / ".config" / "rebond"))

    def tree(self) -> dict[str, bytes]:
        return {str(each): each.read_bytes() for each in self.folder.rglob("*") if each.is_file()}


@pytest.fixture
def here(tmp_path: Folder, monkeypatch: pytest.MonkeyPatch) -> Here:
    return Here(tmp_path, monkeypatch)


def fill_with_django(here: Here) -> None:
    here.write("compose.yml", COMPOSE)
    here.write("manage.py", 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")')
    here.write(
        "shop/settings.py",
        "from pathlib import Path\nBASE = Path(__file__).resolve().parent.parent\n"
        "MEDIA_ROOT = BASE / 'uploads'\nSTATIC_ROOT = BASE / 'staticfiles'\n",
    )
    here.write("uploads/photo.jpg")
    here.write("frontend/node_modules/left-pad/index.js")
    here.write("frontend/package-lock.json", "{}")
    here.write("env/pyvenv.cfg")
    here.write(".git/HEAD", "ref: refs/heads/main\n")
    here.write(".git/config", '[remote "upstream"]\n\turl = git@x:y\n')
    here.write(".env.example", "POSTGRES_PASSWORD=change-me\n")
    here.write(
        ".env",
        f"POSTGRES_DB=viatique\nPOSTGRES_PASSWORD={SECRETS[0]}\nSECRET_KEY={SECRETS[1]}\nBACKUP_DIR=backups\n"
        f"BACKUP_RETENTION_DAYS=45\nDATABASE_URL=postgres://u:{SECRETS[2]}@h/d\n",
    )


def test_a_plain_folder_is_saved_and_restored_at_once(here: Here) -> None:
    here.write("a.txt", "hello")

    answer = here.init()
    assert answer.status == 0, answer.err
    assert "FOR THE SAFE" in answer.out
    assert "page 2 of 2" in answer.out
    here.program.good("backup")
    assert list_codes_to_mend(here) == ["not-started"]
    here.program.good("restore", "latest", "--to", here.folder / "back")
    assert (here.folder / "back" / "files" / "a.txt").read_text() == "hello"


def list_codes_to_mend(here: Here) -> list[str]:
    found = here.program("doctor", "--json").document["findings"]
    return [each["code"] for each in found if each["weight"] != "note"]


def test_an_empty_folder_works_at_once(here: Here) -> None:
    assert here.init().status == 0

    assert here.program.ask("backup")["state"] == "whole"
    assert list_codes_to_mend(here) == ["not-started"], "who starts the runs is for the user to choose"


def test_a_stack_is_described_with_the_reason_for_each_part(here: Here) -> None:
    fill_with_django(here)

    answer = here.init()
    assert answer.status == 0, answer.err
    document = here.document
    components = document["component"]
    assert document["stack"]["compose"] == ["compose.yml"]
    assert document["stack"]["env"] == [".env"]
    assert components["database"]["in"] == "compose:db"
    assert components["orders"] | {"run": ""} == components["orders"] | {"run": "", "in": "compose:own", "rpo": "6h"}
    assert components["media"] == {"kind": "files", "in": "compose:backend", "path": "/app/media"}
    assert components["redis"] == {"kind": "ephemeral"}
    assert components["node"]["paths"] == ["frontend/node_modules"]
    assert components["node"]["rebuild"] == "cd frontend && npm ci"
    assert components["python"]["paths"] == ["env"]
    assert components["history"]["remote"] == "upstream"
    assert components["static"]["kind"] == "regenerable"
    assert components["secrets"]["paths"] == [".env"]
    main = components["files"]
    assert main["strategy"] == "smart"
    assert {"/uploads/", "/frontend/node_modules/", "/env/", "/.env"} <= set(main["omit"])
    assert {"/backups/vault", "/staticfiles/", "/mysql/"} <= set(main["exclude"])
    assert document["class"]["daily"]["keep"] == {"within": "45d"}
    assert not {"hidden", "secret", "tool", "tools"} & set(components)
    assert document["vault"]["url"] == str(here.stack / "backups" / "vault")
    for said in ("rebond.prioriti", "static_volume", "profiles are not active: tools", "The label of hidden"):
        assert said in here.text
        assert said in answer.err
    here.program.good("config", "check")


def test_a_compose_file_that_cannot_be_read_is_said_aloud(here: Here) -> None:
    here.write("compose.yml", "services: [")

    answer = here.init()
    assert answer.status == 0
    assert "compose.yml cannot be read: line 1" in answer.err
    assert "compose.yml cannot be read: line 1" in here.text


def test_a_folder_that_may_not_be_entered_stops_nothing(here: Here) -> None:
    here.write("compose.yml", "services: {db: {image: 'postgres:16', volumes: ['./data:/var/lib/postgresql/data']}}")
    here.write("data/pgdata/PG_VERSION", "16")
    here.write("data/db.sqlite3")
    (here.stack / "data").chmod(0)  # as the image of PostgreSQL leaves it, for anybody but its own user
    without_rights = [sys.executable, "-c", WITHOUT_RIGHTS, "init", "--yes"]
    done = subprocess.run(without_rights, capture_output=True, text=True, env=here.program.environment, check=False)
    (here.stack / "data").chmod(0o700)

    assert done.returncode == 0, done.stderr
    assert here.document["component"]["database"]["in"] == "compose:db"


def test_no_secret_gets_into_anything_that_is_written_or_said(here: Here) -> None:
    fill_with_django(here)

    answer = here.init()
    found = {name: content for name, content in here.tree().items() if not name.startswith(str(here.stack / ".env"))}
    for secret in SECRETS:
        assert secret not in answer.out + answer.err
        assert [name for name, content in found.items() if secret.encode() in content] == []


def test_sqlite_that_django_uses_is_saved_as_a_database(here: Here) -> None:
    import sqlite3

    connection = sqlite3.connect(here.stack / "db.sqlite3")
    connection.execute("create table t (x)")
    connection.commit()
    connection.close()

    assert here.init().status == 0
    assert here.document["component"]["database"] == {"kind": "sqlite", "path": "db.sqlite3"}
    assert "/db.sqlite3-wal" in here.document["component"]["files"]["omit"]
    names = [each["name"] for each in here.program.ask("backup")["components"]]
    assert names == ["files", "database"]


def test_a_second_run_changes_nothing_and_says_so(here: Here) -> None:
    here.init()
    before = here.tree()

    again = here.init()
    assert again.status == 0
    assert "Nothing was changed" in again.out
    assert here.tree() == before
    assert here.program.ask("init")["changed"] is False


def test_the_vault_is_never_inside_what_is_saved(here: Here) -> None:
    here.program.environment |= {"XDG_DATA_HOME": str(here.stack / "home"), "XDG_CONFIG_HOME": str(here.stack / "etc")}

    assert here.init().status == 0
    excluded = here.document["component"]["files"]["exclude"]
    assert {"/home/rebond/shop", "/etc/rebond/shop.owner.key"} <= set(excluded)
    here.program.good("backup")
    assert here.program.ask("backup")["added_bytes"] == 0


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_made(here: Here) -> None:
    before = here.tree()

    refused = here.program("init", "--yes", "--config", "/proc/rebond.toml")
    assert refused.status == 2
    assert "rebond init --config" in refused.err
    assert here.tree() == before


def test_the_configuration_may_lie_elsewhere(here: Here) -> None:
    here.write("a.txt")
    place = here.folder / "rebond.toml"

    here.program.good("init", "--yes", "--config", place)
    assert tomllib.loads(place.read_text())["stack"]["root"] == str(here.stack)
    assert here.program.ask("backup", "--config", place)["files"] == 1
    assert not (here.stack / "rebond.toml").exists()


def test_what_is_found_at_the_users_own_place_counts_for_its_directory(here: Here) -> None:
    place = here.folder / "home" / ".config" / "rebond" / "rebond.toml"
    place.parent.mkdir(parents=True)
    here.program.good("init", "--yes", "--config", place)

    assert here.program.ask("init")["configuration"] == str(place)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_safe_leaves_a_writers_key_only(here: Here, language: str) -> None:
    here.write("a.txt", "hello")

    document = here.program.ask("init", "--safe", "--lang", language)
    assert here.keys == ["shop.writer.key"]
    assert here.document["vault"]["key"]["file"].endswith("shop.writer.key")
    here.program.good("backup")
    refused = here.program("restore", "latest", "--to", here.folder / "no")
    assert refused.status == 12
    here.program.good("restore", "latest", "--to", here.folder / "back", REBOND_PASSPHRASE=document["recovery_key"])
    assert (here.folder / "back" / "files" / "a.txt").read_text() == "hello"
    slots = here.program.ask("key", "list", REBOND_PASSPHRASE=document["recovery_key"])["slots"]
    assert [each["method"] for each in slots if each["trusted"]] == ["recovery key"]
    assert ("COFFRE-FORT" in document["kit"].upper()) == (language == "fr")


def test_a_passphrase_of_the_environment_opens_the_vault_too(here: Here) -> None:
    here.init(REBOND_PASSPHRASE=PASSPHRASE)

    where = ("--vault", here.document["vault"]["url"], "--config", "rebond.toml")
    assert here.program("snapshots", *where, REBOND_PASSPHRASE=PASSPHRASE).status == 0
    assert here.program("snapshots", *where, REBOND_PASSPHRASE="another").status == 12


def test_a_kit_on_standard_output_is_the_kit_alone_and_comes_before_what_is_said_of_it(here: Here) -> None:
    answer = here.init()
    assert answer.out.startswith("# Rebond recovery kit")
    assert "was written" not in answer.out
    assert "Put the recovery kit in a safe" in answer.err

    both = subprocess.run(
        [
            sys.executable,
            "-m",
            "rebond.cli",
            "init",
            "--yes",
            "--config",
            "other.toml",
            "--vault",
            here.folder / "other",
        ],
        cwd=here.stack,
        env={**os.environ, **here.program.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    ).stdout
    assert both.index("FOR THE SAFE") < both.index("other.toml was written") < both.index("Next:")


def test_the_kit_can_go_into_a_file_and_never_over_another(here: Here) -> None:
    kit = here.folder / "kit.txt"

    answer = here.init("--kit", kit)
    assert kit.stat().st_mode & 0o777 == 0o600
    assert "Recovery key" in kit.read_text()
    assert "Recovery key" not in answer.out
    (here.stack / "rebond.toml").unlink()
    assert here.init("--kit", kit).status == 6


@pytest.mark.parametrize("name", ["made.key", "REBOND_PASSPHRASE.key"])
def test_a_vault_that_is_there_is_used_with_the_key_that_opens_it(here: Here, name: str) -> None:
    vault, key = here.folder / "made", here.folder / name
    here.program.good("vault", "create", vault, "--key-file", key, "--kit", here.folder / "kit")

    answer = here.init("--vault", vault, REBOND_KEY_FILE=str(key))
    assert answer.status == 0, answer.err
    assert here.document["vault"] == {"url": str(vault), "key": {"file": str(key)}}
    assert "FOR THE SAFE" not in answer.out
    here.program.good("backup")


def test_a_vault_of_somebody_else_is_refused(here: Here) -> None:
    vault = here.folder / "made"
    here.program.good("vault", "create", vault, "--key-file", here.folder / "k", "--kit", here.folder / "kit")

    refused = here.init("--vault", vault)
    assert refused.status == 13
    assert "key issue writer" in refused.err
    assert not (here.stack / "rebond.toml").exists()
    assert not (here.folder / "home").exists()


def test_a_configuration_whose_vault_is_gone_makes_no_new_one(here: Here) -> None:
    here.init("--vault", here.folder / "disk" / "vault")
    (here.folder / "disk").rename(here.folder / "unmounted")

    answer = here.init()
    assert answer.status == 10
    assert "mount it" in answer.err
    assert not (here.folder / "disk").exists()


def test_two_directories_of_one_name_get_vaults_of_their_own(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.init()
    other = here.folder / "other" / "shop"
    other.mkdir(parents=True)
    monkeypatch.chdir(other)

    here.program.good("init", "--yes")
    first, second = here.document["vault"], tomllib.loads((other / "rebond.toml").read_text())["vault"]
    assert first["url"] != second["url"]
    assert first["key"] != second["key"]


def test_a_run_that_was_cut_before_the_configuration_is_gone_on_with(here: Here) -> None:
    here.init("--vault", here.folder / "vault")
    (here.stack / "rebond.toml").unlink()

    again = here.program.ask("init")
    assert again["vault"] == str(here.folder / "vault")
    assert not again["is_new"]
    here.program.good("backup")
    for key in (again["recovery_key"],):
        here.program.good("snapshots", "--vault", here.folder / "vault", REBOND_PASSPHRASE=key)


def test_a_kit_that_could_not_be_shown_is_made_again(here: Here) -> None:
    with open("/dev/full", "wb") as full:
        failed = subprocess.run(
            [sys.executable, "-m", "rebond.cli", "init", "--yes", "--safe"],
            stdout=full,
            env={**os.environ, **here.program.environment},
            check=False,
            capture_output=False,
            stderr=subprocess.PIPE,
        )
    assert failed.returncode == 1
    assert not (here.stack / "rebond.toml").exists()
    assert here.keys == ["shop.owner.key", "shop.writer.key"]

    again = here.program.ask("init", "--safe")
    assert not again["is_new"]
    assert here.keys == ["shop.writer.key"]
    here.program.good("snapshots", REBOND_PASSPHRASE=again["recovery_key"])


def test_an_owners_key_that_a_cut_run_left_behind_goes_with_the_next(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rebond.cli.founding.setup.seal_off", fail)
        assert here.init("--safe").status == 130
    assert here.keys == ["shop.owner.key", "shop.writer.key"]
    assert (here.stack / "rebond.toml").exists()

    again = here.init()
    assert again.status == 0
    assert "FOR THE SAFE" in again.out
    assert here.keys == ["shop.writer.key"]


def test_on_a_terminal_it_asks_where_the_vault_goes(here: Here) -> None:
    wanted = here.folder / "elsewhere"
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rebond.cli", "init"],
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=follower,
        env={**os.environ, **here.program.environment},
    )
    os.close(follower)
    os.write(leader, f"{wanted}\n".encode())
    assert process.communicate(timeout=60)[0]
    os.close(leader)

    assert process.returncode == 0
    assert here.document["vault"]["url"] == str(wanted)


def test_its_json_is_one_document(here: Here) -> None:
    document = json.loads(here.init("--json").out)

    assert document["changed"] is True
    assert document["components"] == ["files"]
    assert "FOR THE SAFE" in document["kit"]


@pytest.mark.parametrize("address", ["sftp://host/x", "s3:bucket", "nowhere://x"])
def test_an_address_that_cannot_be_meant_leaves_nothing(here: Here, address: str) -> None:
    before = here.tree()

    assert here.init("--vault", address).status == 2
    assert here.tree() == before
    assert here.init().status == 0


def test_a_kit_that_could_not_be_written_is_told_before_anything_is_made(here: Here) -> None:
    before = here.tree()

    assert here.init("--kit", here.folder / "missing" / "kit").status == 2
    assert here.tree() == before
