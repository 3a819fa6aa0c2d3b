"""``rebond init`` and the databases of compose: each is proposed once, and what its server is said to have with it."""

import pathlib
from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.cli.test_init import Here
from tests.unit.cli.test_init_omissions import begin

from rebond.stack.discovery.looking import look_around
from rebond.stack.discovery.proposing import propose
from rebond.stack.discovery.savable import is_savable

Folder = pathlib.Path


class Stack:
    """A directory, and what is proposed for it."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def propose(self) -> None:
        proposal = propose(look_around(self.folder, {}, socket_folders=()), is_savable=is_savable, language="en")
        self.components: Mapping[str, Any] = {
            each.heading.partition(".")[2]: each.lines for each in proposal.components if each.is_active
        }
        remarks = [*proposal.remarks, *(remark for each in proposal.components for remark in each.remarks)]
        self.said = "\n".join(each.template.format(**each.values) for each in remarks)

    @property
    def databases(self) -> Mapping[str, Mapping[str, Any]]:
        """The components that are databases of servers, by the service that they are in."""
        found = self.components.values()
        return {str(each["in"]): each for each in found if each["kind"] in {"postgres", "mysql"}}


@pytest.fixture
def here(tmp_path: Folder) -> Stack:
    return Stack(tmp_path)


def test_what_is_proposed_for_databases_can_be_loaded(tmp_path: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Here(tmp_path, monkeypatch)
    data = "volumes: ['kept:/var/lib/postgresql/data']"
    here.write(
        "compose.yml",
        f"services: {{db: {{image: 'postgres:16', {data}}}, dumps: {{image: acme/pg-backup, {data}}}, "
        "web: {image: acme/web, environment: {DATABASE_URL: 'postgres://u:p@db/shop'}}}\nvolumes: {kept: }",
    )

    begin(here)
    assert here.document["component"]["database"]["databases"] == ["*"]
    assert "# Other services mount its data too, and are taken for helpers of it: dumps." in here.text


@pytest.mark.parametrize(
    ("server", "helper"),
    [
        ("image: postgres:16", "image: acme/pg-backup"),
        ("image: postgres:16", "image: acme/wal-archiver"),
        ("image: postgres:16", "image: postgres:16, command: ['chown', '-R', '999', '/var/lib/postgresql/data']"),
        ("image: postgres:16, command: -c fsync=on", "image: postgres:16, entrypoint: sh -c pg_basebackup"),
        ("image: postgres:16, command: [postgres, -c, fsync=on]", "image: busybox, command: chown 999 /var/lib"),
        ("image: acme/store, environment: [POSTGRES_PASSWORD=x]", "image: acme/store"),
        ("build: db", "image: acme/postgres-backup"),
        ("image: acme/app-db, command: /start.sh", "image: prodrigestivill/postgres-backup-local"),
        ("image: acme/pg-backup, labels: {rebond.kind: postgres}", "image: postgres:16, labels: {rebond.kind: files}"),
    ],
)
@pytest.mark.parametrize("mount", ["kept", "./pg"])
@pytest.mark.parametrize("is_first", [True, False])
def test_services_that_share_the_data_of_one_database_are_one_database(
    here: Stack, server: str, helper: str, mount: str, is_first: bool
) -> None:
    target = "/var/lib/postgresql/data"
    services = [f"the-server: {{{server}, volumes: ['{mount}:{target}']}}"]
    services.insert(0 if is_first else 1, f"helper: {{{helper}, volumes: ['{mount}:{target}', 'jobs:/jobs']}}")
    here.write("compose.yml", f"services: {{{', '.join(services)}}}\nvolumes: {{kept: , jobs: }}")

    here.propose()
    components = here.components
    assert [*here.databases] == ["compose:the-server"]
    assert "kept" not in components, "what the database saves is not copied while it runs"
    assert components["files"].get("exclude", []) == (["/pg/"] if mount == "./pg" else [])
    is_labelled = "files" in helper
    assert ("jobs" in components) or is_labelled
    if not is_labelled:
        assert "are taken for helpers of it: helper" in here.said


def test_a_folder_of_the_data_and_the_one_above_it_are_one_database(here: Stack) -> None:
    here.write(
        "compose.yml",
        "services: {db: {image: 'mysql:8', volumes: ['./my/data:/var/lib/mysql']}, "
        "dumps: {image: acme/mysql-tools, volumes: ['./my:/var/lib/mysql', './out:/out']}}",
    )

    here.propose()
    assert [*here.databases] == ["compose:db"]


def test_databases_with_folders_of_their_own_are_each_proposed(here: Stack) -> None:
    here.write(
        "compose.yml",
        "services: {one: {image: 'postgres:16', volumes: ['a:/var/lib/postgresql/data']}, "
        "two: {image: 'postgres:16', volumes: ['b:/var/lib/postgresql/data']}, "
        "three: {image: 'postgres:16', volumes: ['/var/lib/postgresql/data']}, "
        "four: {image: 'postgres:16', volumes: ['/var/lib/postgresql/data']}}\nvolumes: {a: , b: }",
    )

    here.propose()
    assert [*here.databases] == [f"compose:{each}" for each in ("one", "two", "three", "four")]


@pytest.mark.parametrize(
    ("more", "file"),
    [
        ("web: {image: acme/web, environment: {DATABASE_URL: 'postgres://u:p@db:5432/stats?x=1'}}", ""),
        ("sso: {image: keycloak, environment: {KC_DB_URL: 'jdbc:postgresql://db/stats'}}", ""),
        ("web: {image: acme/web, environment: [DB_HOST=db, DB_NAME=stats]}", ""),
        ("web: {image: acme/web, environment: [STATS_DB_HOST=db:5432, STATS_DB_DATABASE=stats]}", ""),
        ("web: {image: acme/web, environment: [PGHOST=db, PGDATABASE=stats]}", ""),
        ("web: {image: edoburu/pgbouncer, environment: [DB_HOST=db]}", "POSTGRES_HOST=web\nPOSTGRES_DB=stats"),
        ("web: {image: edoburu/pgbouncer}", "STATS_URL=postgres://u:p@web:6432/stats"),
        ("web: {image: acme/web}", "STATS_URL=postgresql+asyncpg://u:p@db/stats"),
        ("web: {image: acme/web}", "STATS_URL=postgres://u:p@localhost:5433/stats"),
        ("web: {image: acme/web}", "STATS_DB_HOST=127.0.0.1\nSTATS_DB=stats"),
    ],
)
def test_what_others_name_on_the_server_of_compose_is_saved_too(here: Stack, more: str, file: str) -> None:
    here.write(
        "compose.yml",
        f"services: {{db: {{image: 'postgres:16', environment: [POSTGRES_DB=shop, POSTGRES_USER=u]}}, {more}}}",
    )
    here.write(".env", file)

    here.propose()
    found = here.databases["compose:db"]
    assert (found["databases"], found["user"], found.get("database")) == (["*"], "u", None)
    assert "(shop, stats)" in here.said
    assert "that nothing here saves" not in here.said


@pytest.mark.parametrize("variable", ["POSTGRES_MULTIPLE_DATABASES", "POSTGRES_DATABASES"])
def test_what_the_server_makes_for_itself_is_saved_too(here: Stack, variable: str) -> None:
    here.write(
        "compose.yml",
        f"services: {{db: {{image: 'postgres:16', environment: {{POSTGRES_DB: shop, {variable}: 'shop,stats'}}}}, "
        "other: {image: 'postgres:16', volumes: ['./init:/docker-entrypoint-initdb.d:ro']}, "
        "third: {image: 'postgres:16', environment: {POSTGRES_DB: a}, "
        "volumes: ['./a.sql:/docker-entrypoint-initdb.d/a.sql']}}",
    )
    here.write("init/1.sh", '# CREATE DATABASE no\npsql -c "CREATE DATABASE \\"stats\\""\n')
    here.write("a.sql", "-- create database b;\ncreate database a;\n")

    here.propose()
    found = here.databases
    assert found["compose:db"]["databases"] == ["*"]
    assert found["compose:other"]["databases"] == ["*"]
    assert found["compose:third"]["database"] == "a"


def test_names_of_another_server_are_none_of_this_one(here: Stack) -> None:
    here.write(
        "compose.yml",
        "services: {db: {image: 'postgres:16', environment: [POSTGRES_DB=shop]}, "
        "web: {image: acme/web, environment: [DB_HOST=db, DB_NAME=shop, REDIS_HOST=db2, REDIS_DB=3, "
        "'A=mysql://u@db/x', 'B=postgres://u@elsewhere/stats', 'C=postgres://u@[db/x', 'D_HOST=db', 'D_NAME=a/b']}}",
    )
    here.write(".env", "E=postgres://u:p@db/shop\nREDIS_HOST=localhost\nREDIS_DB=3\nMYSQL_HOST=web\nMYSQL_DB=x\n")

    here.propose()
    assert here.databases["compose:db"]["database"] == "shop"


def test_a_second_database_of_one_server_is_said_where_only_the_first_is_saved(here: Stack) -> None:
    here.write(".env", "DATABASE_URL=postgres://u:p@far/shop\nSTATS_URL=postgres://u:p@far/stats\n")

    here.propose()
    assert "STATS_URL names a database (postgres, host far) that nothing here saves" in here.said
    assert "DATABASE_URL names a database" not in here.said
