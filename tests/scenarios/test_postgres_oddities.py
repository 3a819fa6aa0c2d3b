"""Databases with odd settings, names, roles and encodings: saved, loaded elsewhere, and the same."""

import pathlib
import re
import subprocess
from collections.abc import Iterator

import pytest
from tests.scenarios.server_access import find_access
from tests.unit.cli.program_runs import Program

from rebond.errors import RestoreError
from rebond.sources.postgres.feeding import LoadSession, ScriptGuard
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
CONFIGURATION = """\
version = 1
[stack]
name = "shop"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.all]
kind = "postgres"
host = "HOST"
user = "postgres"
databases = [NAMES]
[component.odd]
kind = "postgres"
host = "HOST"
user = "postgres"
database = "odd"
[component.latin]
kind = "postgres"
host = "HOST"
user = "postgres"
database = "latin"
"""
ODD = "odd"
LATIN = "latin"
LONG = ("tenant_with_a_rather_long_name_in_front_of_one", "tenant_with_a_rather_long_name_in_front_of_two")
ACCENTS = "base_éàüöîèç_éàüöîèç_éàüöîèç"  # with what is put behind it, longer than PostgreSQL takes
MAKE_ODD = """
CREATE TABLE mine (n int); INSERT INTO mine VALUES (1); ALTER TABLE mine OWNER TO odd_owner;
GRANT SELECT ON mine TO odd_passes WITH GRANT OPTION;
SET ROLE odd_passes; GRANT SELECT ON mine TO odd_reader; RESET ROLE;
ALTER DEFAULT PRIVILEGES FOR ROLE odd_owns_nothing GRANT SELECT ON TABLES TO odd_reader;
CREATE SCHEMA "a
b"; CREATE TABLE "a
b"."t %:x\\!" ("i
d" serial PRIMARY KEY, "a:b" text);
INSERT INTO "a
b"."t %:x\\!" ("a:b") VALUES (E'\\\\.'), (E'a\\n\\\\.\\nb');
ALTER DATABASE odd SET search_path = '';
ALTER DATABASE odd SET temp_tablespaces = '';
ALTER DATABASE odd SET log_min_duration_statement = 100;
"""
MAKE_LATIN = """CREATE SCHEMA "été"; CREATE TABLE "été"."café" ("clé" serial PRIMARY KEY, v text);
ALTER TABLE "été"."café" OWNER TO odd_owner; ALTER SCHEMA "été" OWNER TO odd_owner;
INSERT INTO "été"."café" (v) VALUES ('é')"""
SETTINGS = "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        for each in ("odd_owner", "odd_passes", "odd_reader", "odd_owns_nothing"):
            made.sql(f"CREATE ROLE {each}")
        made.sql(
            "CREATE ROLE odd_group; GRANT odd_group, odd_passes, pg_monitor TO odd_owner; GRANT odd_group TO odd_reader"
        )
        made.sql(f"CREATE DATABASE {ODD}")
        made.sql(MAKE_ODD, ODD)
        made.sql(f"CREATE DATABASE {LATIN} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        made.sql(MAKE_LATIN, LATIN)
        for each in LONG:
            made.sql(f"CREATE DATABASE {each}")
            made.sql(f"CREATE TABLE mine AS SELECT '{each}' AS name", each)
        yield made


@pytest.fixture(scope="module")
def other() -> Iterator[PostgresServer]:
    """Another server, with roles of which each says something that would end a load."""
    with PostgresServer() as made:
        made.sql("CREATE ROLE careful SUPERUSER LOGIN")
        made.sql("ALTER ROLE careful SET default_transaction_read_only = on")
        made.sql("CREATE ROLE nobody_else LOGIN CREATEDB; CREATE ROLE odd_passes; CREATE ROLE odd_group SUPERUSER")
        yield made


@pytest.fixture(scope="module")
def saved(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("saved")
    made = Program.with_vault(folder)
    del made.environment["REBOND_VAULT"], made.environment["REBOND_KEY_FILE"]
    (folder / "stack").mkdir()
    names = ", ".join(f'"{each}"' for each in (ODD, LATIN, *LONG))
    text = CONFIGURATION.replace("HOST", server.socket_folder).replace("NAMES", names)
    (folder / "stack" / "rebond.toml").write_text(text)
    made.environment["REBOND_CONFIG"] = str(folder / "stack" / "rebond.toml")
    # of the environment of a user, and of another server
    made.good("backup", "--quiet", PGHOSTADDR="127.0.0.9", PGOPTIONS="-c search_path=x -c DateStyle=German")
    return made


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def address(server: PostgresServer, user: str, database: str = "") -> str:
    return f"postgresql://{user}@/{database}?host={server.socket_folder}"


def test_settings_roles_encodings_and_names_that_begin_alike_come_back(
    saved: Program, server: PostgresServer, other: PostgresServer
) -> None:
    for each in LONG:
        other.sql(f"CREATE DATABASE {each}")
        other.sql("CREATE TABLE before (n int)", each)
    done = saved("restore", "latest", "all", "--into", address(other, "careful"), "--yes")
    assert done.status == 0, done.err
    joined = sorted(
        re.findall(r"The new role (\w+) joined (\w+), which was on this server before", done.out + done.err)
    )
    assert joined == [("odd_owner", "odd_group"), ("odd_owner", "odd_passes"), ("odd_reader", "odd_group")]
    assert 'REVOKE "odd_group" FROM "odd_owner";' in done.out + done.err
    for each in (ODD, LATIN, *LONG):
        assert other.dump(each) == server.dump(each)
    assert other.sql(f"{SETTINGS} = 'odd' ORDER BY 1") == server.sql(f"{SETTINGS} = 'odd' ORDER BY 1")
    assert 'search_path=""' in other.sql(f"{SETTINGS} = 'odd'")
    kept = other.sql("SELECT count(*) FROM pg_database WHERE datname ~ '^tenant.*_before_'")
    assert kept == "2\n"


def test_who_is_no_superuser_is_told_of_the_setting_that_is_missing(saved: Program, other: PostgresServer) -> None:
    into = address(other, "nobody_else", "small")
    done = saved("restore", "latest", "odd", "--into", into, "--no-owner")
    assert done.status == 3, done.err
    told = done.out + done.err
    assert "lacks a setting that nobody_else may not make" in told
    assert 'ALTER DATABASE "small" SET "log_min_duration_statement"' in told
    assert other.sql("TABLE public.mine", "small") == "1\n"
    assert 'search_path=""' in other.sql(f"{SETTINGS} = 'small'")


@pytest.mark.judge("psql-restrict")
def test_rows_hold_no_commands_of_psql(other: PostgresServer, tmp_path: pathlib.Path) -> None:
    other.sql("CREATE TABLE rows_of_others (n text)")
    access = find_access(other)
    hostile = [b"1\n\\.\n", f"\\! touch {tmp_path}/done\n\\echo COPY 1\n".encode()]
    session = LoadSession(access, "postgres", ScriptGuard(access))
    session.load([], "COPY public.rows_of_others FROM STDIN;", hostile, [])
    with pytest.raises(RestoreError, match="restricted"):
        session.finish()
    assert not (tmp_path / "done").exists()


def test_stock_programs_load_an_export_of_them(
    saved: Program, server: PostgresServer, other: PostgresServer, tmp_path: pathlib.Path
) -> None:
    for name, encoding in ((ODD, "UTF8"), (LATIN, "LATIN1")):
        dumped = str(tmp_path / f"{name}.dump")
        saved.good("export", "latest", name, "--format", "dump", "--output", dumped, "--quiet")
        other.sql(f"CREATE DATABASE stock_{name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
        words = ["--no-owner", "--no-acl", "--exit-on-error", "-d", other.connection(f"stock_{name}"), dumped]
        subprocess.run([str(other.programs / "pg_restore"), *words], check=True)
        plain = ("--no-owner", "--no-acl")
        assert other.dump(f"stock_{name}", *plain) == server.dump(name, *plain)
