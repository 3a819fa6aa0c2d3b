"""An exported dump that stock pg_restore puts in the place of what is there (--clean), again and again."""

import os
import pathlib
import subprocess
from collections.abc import Iterator

import pytest
from tests.scenarios.test_postgres_hard_to_load import save

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
MAKE = """
CREATE TYPE size AS (width int, height int); CREATE CAST (size AS text) WITH INOUT;
CREATE TABLE item (id serial PRIMARY KEY, size size, name text DEFAULT 'x'); CREATE INDEX of_names ON item (name);
CREATE FUNCTION next_name() RETURNS text LANGUAGE sql AS $$ SELECT 'n'; $$;
CREATE TABLE named (id int GENERATED ALWAYS AS IDENTITY, name text DEFAULT next_name());
INSERT INTO item (size) VALUES ((1, 2)), ((3, 4)); INSERT INTO named (name) VALUES ('a');
CREATE SEQUENCE "Alone" START 5;
CREATE VIEW "shown items" AS SELECT id, name FROM item; ALTER VIEW "shown items" ALTER name SET DEFAULT 'of the view';
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM "shown items";
CREATE FOREIGN DATA WRAPPER away; CREATE SERVER "far away" FOREIGN DATA WRAPPER away;
CREATE USER MAPPING FOR postgres SERVER "far away"; CREATE FOREIGN TABLE far (id int) SERVER "far away";
SELECT lo_from_bytea(77, 'x'); CREATE ROLE of_large; ALTER LARGE OBJECT 77 OWNER TO of_large;
SELECT lo_from_bytea(oid, 'y') FROM generate_series(78, 80) oid;
"""


@pytest.fixture(scope="module", params=[None, 18])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with PostgresServer(major=request.param) as made:
        yield made


def test_a_dump_takes_the_place_of_what_is_there_as_often_as_one_likes(
    server: PostgresServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{server.programs}:{os.environ['PATH']}")
    program = save(server, tmp_path, MAKE)
    program.good("export", "latest", "db", "--format", "dump", "--output", str(tmp_path / "x.dump"), "--quiet")
    server.sql("CREATE DATABASE stock TEMPLATE template0")
    words = ["--clean", "--exit-on-error", "-d", server.connection("stock"), str(tmp_path / "x.dump")]
    for more in (["--if-exists"], ["--if-exists"], []):
        done = subprocess.run([str(server.programs / "pg_restore"), *more, *words], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        assert server.dump("stock") == server.dump("shop")
