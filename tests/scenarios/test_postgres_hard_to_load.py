"""What the order or the place of a load decides: rows that another server keeps elsewhere, views that need keys."""

import gzip
import pathlib
import subprocess
from collections.abc import Iterator

import pytest
from tests.scenarios.test_postgres import configure, load
from tests.unit.cli.program_runs import Answer, Program

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
MAKE = """
CREATE TYPE color AS ENUM ('red', 'green', 'blue', 'black', 'white', 'cyan', 'pink', 'grey');
CREATE TABLE painted (part int, color color, n int) PARTITION BY RANGE (part);
CREATE TABLE old PARTITION OF painted FOR VALUES FROM (0) TO (10);
CREATE TABLE "Hashed" PARTITION OF painted DEFAULT PARTITION BY HASH (color);
CREATE TABLE hashed_0 PARTITION OF "Hashed" FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE hashed_1 (n int, gone int, color color, part int); ALTER TABLE hashed_1 DROP COLUMN gone;
ALTER TABLE "Hashed" ATTACH PARTITION hashed_1 FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE hashed_2 PARTITION OF "Hashed" FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO painted SELECT 10 * g, e, g FROM unnest(enum_range(NULL::color)) e, generate_series(0, 300) g;

CREATE TABLE item (id int PRIMARY KEY, name text, size int);
INSERT INTO item SELECT g, 'n' || g, g % 7 FROM generate_series(1, 100) g;
CREATE MATERIALIZED VIEW needs_key AS SELECT id, name, count(*) FROM item GROUP BY id;
CREATE UNIQUE INDEX needs_key_id ON needs_key (id); CREATE INDEX needs_key_name ON needs_key (name);
CLUSTER needs_key USING needs_key_id;
CREATE MATERIALIZED VIEW needs_view AS SELECT name FROM needs_key WHERE id < 50;
CREATE INDEX needs_view_name ON needs_view (name);
CREATE STATISTICS of_view ON id, name FROM needs_key;
"""
ROWS = """SELECT 'painted', md5(string_agg(p::text, ' ' ORDER BY part, color, n)), count(*) FROM painted p;
SELECT 'needs_key', count(*), sum(id) FROM needs_key; SELECT 'needs_view', count(*) FROM needs_view;"""
LOOKS_AWAY = """
CREATE EXTENSION postgres_fdw;
CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nowhere', dbname 'x');
CREATE USER MAPPING FOR postgres SERVER away;
CREATE TABLE spread (id int, name text) PARTITION BY LIST (id);
CREATE TABLE near PARTITION OF spread FOR VALUES IN (1); INSERT INTO near SELECT 1, 'x' FROM generate_series(1, 99);
CREATE FOREIGN TABLE far PARTITION OF spread FOR VALUES IN (2) SERVER away;
"""
NAMES_NO_SCHEMA = """
CREATE FUNCTION inner_part(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN btrim(t); END';
CREATE FUNCTION whole(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN inner_part(t); END';
CREATE TABLE note (id int, body text); INSERT INTO note VALUES (1, ' a ');
SET search_path = public;
"""
OF_ROWS = (
    "CREATE TABLE tidy (body text, made text GENERATED ALWAYS AS (whole(body)) STORED);INSERT INTO tidy VALUES ('a')"
)
OF_VIEWS = """CREATE MATERIALIZED VIEW "Short notes" AS SELECT id, whole(body) AS body FROM note;
CREATE MATERIALIZED VIEW ids AS SELECT id FROM "Short notes"; CREATE INDEX ON ids (id);
CREATE MATERIALIZED VIEW lengths AS SELECT id, length(body) FROM note;"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        yield made


def save(server: PostgresServer, folder: pathlib.Path, script: str) -> Program:
    server.sql("DROP DATABASE IF EXISTS shop")
    server.sql("CREATE DATABASE shop")
    server.sql(script, "shop")
    program = Program.with_vault(folder)
    program.leave_vault_to_configuration()
    (folder / "stack").mkdir()
    configure(folder, server)
    program.environment["REBOND_CONFIG"] = str(folder / "stack" / "rebond.toml")
    program.good("backup", "--quiet")
    return program


def load_into(program: Program, server: PostgresServer) -> Answer:
    server.sql("DROP DATABASE IF EXISTS again")
    return program("restore", "latest", "--into", f"postgresql://postgres@/again?host={server.socket_folder}")


def test_rows_of_a_hashed_enum_find_their_partition_anew_and_a_view_comes_after_its_key(
    server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    program = save(server, tmp_path, MAKE)
    wanted = server.dump("shop", "--schema-only"), server.sql(ROWS, "shop")

    assert load_into(program, server).status == 0
    assert (server.dump("again", "--schema-only"), server.sql(ROWS, "again")) == wanted

    program.good("restore", "latest", "--to", tmp_path / "back", "--quiet")
    done = load(server, tmp_path / "back" / "db", "by_hand", "3")
    assert done.returncode == 0, done.stderr
    assert (server.dump("by_hand", "--schema-only"), server.sql(ROWS, "by_hand")) == wanted

    program.good("export", "latest", "db", "--format", "dump", "--output", str(tmp_path / "x.dump"), "--quiet")
    server.sql("CREATE DATABASE stock TEMPLATE template0")
    words = ["-j", "3", "--exit-on-error", "-d", server.connection("stock"), str(tmp_path / "x.dump")]
    subprocess.run([str(server.programs / "pg_restore"), *words], check=True)
    assert (server.dump("stock", "--schema-only"), server.sql(ROWS, "stock")) == wanted

    program.good("export", "latest", "db", "--format", "sql.gz", "--output", str(tmp_path / "x.sql.gz"), "--quiet")
    server.sql("CREATE DATABASE plain TEMPLATE template0")
    server.sql(gzip.decompress((tmp_path / "x.sql.gz").read_bytes()), "plain")
    assert (server.dump("plain", "--schema-only"), server.sql(ROWS, "plain")) == wanted


def test_a_schema_with_partitions_of_a_hashed_enum_comes_back(server: PostgresServer, tmp_path: pathlib.Path) -> None:
    program = save(server, tmp_path, "CREATE SCHEMA kept; SET search_path = kept;" + MAKE)
    server.sql("DROP DATABASE IF EXISTS again")
    server.sql("CREATE DATABASE again")
    into = f"postgresql://postgres@/again?host={server.socket_folder}"
    program.good("restore", "latest", "--into", into, "--schema", "kept")
    rows = "SET search_path = kept; " + ROWS.partition("SELECT 'needs_key'")[0]
    assert server.sql(rows, "again") == server.sql(rows, "shop")


def test_a_load_asks_no_foreign_server_for_rows(server: PostgresServer, tmp_path: pathlib.Path) -> None:
    if server.sql("SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'") == "0\n":
        pytest.skip("this PostgreSQL comes without postgres_fdw")
    program = save(server, tmp_path, LOOKS_AWAY)
    done = load_into(program, server)
    assert done.status == 0, done.err
    assert "away" not in done.err
    assert server.sql("SELECT reltuples FROM pg_class WHERE relname = 'near'", "again") == "99\n"
    program.good("restore", "latest", "--to", tmp_path / "back", "--quiet")
    by_hand = load(server, tmp_path / "back" / "db", "by_hand")
    assert by_hand.returncode == 0, by_hand.stderr
    assert "not every table could be analyzed" in by_hand.stderr


def test_a_view_that_cannot_be_filled_costs_no_row_and_is_told(server: PostgresServer, tmp_path: pathlib.Path) -> None:
    program = save(server, tmp_path, NAMES_NO_SCHEMA + OF_VIEWS)
    done = load_into(program, server)
    assert done.status == 3, done.err
    assert 'REFRESH MATERIALIZED VIEW public."Short notes";' in done.err
    assert "REFRESH MATERIALIZED VIEW public.ids;" in done.err
    assert "public.lengths" not in done.err
    assert server.sql("TABLE note; TABLE lengths", "again") == "1| a \n1|3\n"
    assert server.dump("again", "--schema-only") == server.dump("shop", "--schema-only")


def test_a_function_that_names_no_schema_is_told_with_what_can_be_done(
    server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    program = save(server, tmp_path, NAMES_NO_SCHEMA + OF_ROWS)
    done = load_into(program, server)
    assert done.status == 40, done.err
    assert "names something without its schema" in done.err
    assert "inner_part" in done.err
    program.good("restore", "latest", "--to", tmp_path / "back", "--quiet")
    path = tmp_path / "back" / "db" / "pre-data.sql"
    changed = "ALTER FUNCTION public.whole(text) SET search_path = public;\nCREATE TABLE public.tidy"
    path.write_text(path.read_text().replace("CREATE TABLE public.tidy", changed))
    by_hand = load(server, tmp_path / "back" / "db", "by_hand")
    assert by_hand.returncode == 0, by_hand.stderr
    assert server.sql("TABLE tidy", "by_hand") == "a|a\n"
