"""A database of the encoding SQL_ASCII, whose names and rows are bytes of which nobody says what letters they are."""

import gzip
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from tests.scenarios.test_postgres import CONFIGURATION, load
from tests.unit.cli.program_runs import Program

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
MAKE = """
CREATE SCHEMA "été"; CREATE TABLE "été"."café" ("clé" serial PRIMARY KEY, "à" text DEFAULT 'é');
INSERT INTO "été"."café" ("à") VALUES ('é'), (E'\\\\xff'), ('plain');
CREATE INDEX "où" ON "été"."café" ("à"); COMMENT ON TABLE "été"."café" IS 'prêt';
ALTER TABLE "été"."café" OWNER TO "rôle"; ALTER SCHEMA "été" OWNER TO "rôle";
COMMENT ON DATABASE shop IS 'là'; ALTER DATABASE shop SET search_path = "été";
CREATE FUNCTION "été"."fée"() RETURNS text LANGUAGE sql AS $$ SELECT 'é' $$;
SELECT pg_catalog.lo_from_bytea(4711, '\\xe9ff');
""".encode("latin-1")
SUM = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t"


def run(server: PostgresServer, program: str, *words: str, given: bytes = b"") -> bytes:
    done = subprocess.run([str(server.programs / program), *words], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sum_rows(server: PostgresServer, database: str) -> bytes:
    query = SUM.format('"été"."café"').encode("latin-1")
    return run(server, "psql", "-XqtA", "-v", "ON_ERROR_STOP=1", "-d", server.connection(database), given=query)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer(encoding="SQL_ASCII") as made:
        made.sql("CREATE DATABASE shop")
        run(made, "psql", "-Xq", "-d", made.connection("postgres"), given='CREATE ROLE "rôle"'.encode("latin-1"))
        run(made, "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", made.connection("shop"), given=MAKE)
        yield made


@pytest.fixture(scope="module")
def saved(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("saved")
    made = Program.with_vault(folder)
    del made.environment["REBOND_VAULT"], made.environment["REBOND_KEY_FILE"]
    (folder / "stack").mkdir()
    (folder / "stack" / "rebond.toml").write_text(CONFIGURATION.replace("HOST", server.socket_folder))
    made.environment["REBOND_CONFIG"] = str(folder / "stack" / "rebond.toml")
    made.good("backup", "--quiet")
    return made


def test_names_that_are_no_utf_8_come_back_byte_for_byte(saved: Program, server: PostgresServer) -> None:
    done = saved("restore", "latest", "db", "--into", f"postgresql://postgres@/back?host={server.socket_folder}")
    assert done.status == 0, done.err
    assert server.dump("back") == server.dump("shop")
    assert sum_rows(server, "back") == sum_rows(server, "shop")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "UTF8"])
def test_another_server_gets_the_roles_too_whatever_its_other_databases_are(
    saved: Program, server: PostgresServer, encoding: str
) -> None:
    with PostgresServer(encoding=encoding) as other:
        done = saved("restore", "latest", "db", "--into", f"postgresql://postgres@/shop?host={other.socket_folder}")
        assert done.status in {0, 3}, done.err  # the locale of the other one may not be there
        assert other.dump("shop") == server.dump("shop")


def test_exports_and_the_script_beside_the_files_load_them(
    saved: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    script = gzip.decompress(saved.good("export", "latest", "db", "--format", "sql.gz", "--output", "-").raw)
    server.sql("CREATE DATABASE plain TEMPLATE template0")
    run(server, "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", server.connection("plain"), given=script)
    dump = saved.good("export", "latest", "db", "--format", "dump", "--output", "-").raw
    server.sql("CREATE DATABASE custom TEMPLATE template0")
    run(server, "pg_restore", "--exit-on-error", "-d", server.connection("custom"), given=dump)
    saved.good("restore", "latest", "--to", str(tmp_path / "back"))
    done = load(server, tmp_path / "back" / "db", "scripted")
    assert done.returncode == 0, done.stderr
    for each in ("plain", "custom", "scripted"):
        assert sum_rows(server, each) == sum_rows(server, "shop")
        assert server.dump(each, "--schema-only") == server.dump("shop", "--schema-only")
    shutil.rmtree(tmp_path / "back")
