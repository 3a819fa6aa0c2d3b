"""Triggers of the server's own that somebody turned off: no dump tells of most of them, and they are off again."""

import gzip
import os
import pathlib
import subprocess
from collections.abc import Iterator

import pytest
from tests.scenarios.table_in_place import KEYS, TableInPlace

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
VERSIONS = [None, 18]  # None: that of the machine
SHOP = """
CREATE SCHEMA "odd $rebond$ 'one";
CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 20);
CREATE TABLE "odd $rebond$ 'one"."b ""x" (id int UNIQUE DEFERRABLE, a int CONSTRAINT "to 'a" REFERENCES a,
  other int CONSTRAINT other REFERENCES a);
INSERT INTO "odd $rebond$ 'one"."b ""x" SELECT n, n, n FROM generate_series(1, 20) n;
CREATE TABLE w (id int PRIMARY KEY, a int REFERENCES a) PARTITION BY RANGE (id);
CREATE TABLE w1 PARTITION OF w FOR VALUES FROM (0) TO (10);
CREATE TABLE w2 PARTITION OF w FOR VALUES FROM (10) TO (30);
INSERT INTO w SELECT n, n FROM generate_series(1, 20) n;
CREATE TABLE f (w int REFERENCES w); INSERT INTO f VALUES (3), (13);
CREATE TABLE told (words text);
CREATE FUNCTION tell() RETURNS event_trigger LANGUAGE plpgsql AS $$
  BEGIN INSERT INTO public.told VALUES (TG_TAG); END $$;
CREATE EVENT TRIGGER told ON ddl_command_end EXECUTE FUNCTION tell();
ALTER TABLE "odd $rebond$ 'one"."b ""x" DISABLE TRIGGER ALL;
ALTER TABLE ONLY w1 DISABLE TRIGGER ALL;
ALTER TABLE f DISABLE TRIGGER ALL;
DROP EVENT TRIGGER told;
TRUNCATE told;
SELECT format('ALTER TABLE ONLY a ENABLE ALWAYS TRIGGER %I', tgname) FROM pg_trigger
  WHERE tgrelid = 'a'::regclass ORDER BY oid LIMIT 1 \\gexec
CREATE EVENT TRIGGER told ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION tell();
"""


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with PostgresServer(major=request.param) as made:
        yield made


@pytest.fixture
def place(server: PostgresServer, tmp_path: pathlib.Path) -> TableInPlace:
    return TableInPlace(tmp_path, server, SHOP)


def make_new(server: PostgresServer) -> str:
    server.sql("DROP DATABASE IF EXISTS loaded WITH (FORCE)")
    server.sql("CREATE DATABASE loaded")
    return server.connection("loaded")


def test_triggers_of_keys_that_were_off_are_off_again(place: TableInPlace) -> None:
    """They acted after a restore, which ended with 0: what the application wrote without its keys was refused."""
    turned = place.sql(KEYS)
    assert turned.count("|D") >= 8
    assert turned.count("|A") == 1
    place.sql("DROP EVENT TRIGGER told; DROP TABLE f")
    assert place.program("restore", "latest", "db", "--in-place", "--yes", "--json").status == 0
    assert (place.sql(KEYS), place.sql("SELECT * FROM told")) == (turned, "")
    place.sql("INSERT INTO f VALUES (99)")


def test_who_may_not_turn_them_off_is_told(place: TableInPlace, server: PostgresServer) -> None:
    place.sql("DROP EVENT TRIGGER told")
    place.program.good("backup", "db")
    server.sql("DROP ROLE IF EXISTS plain")
    server.sql("CREATE ROLE plain LOGIN CREATEDB")
    server.sql("DROP DATABASE IF EXISTS loaded")
    target = f"postgresql://plain@/loaded?host={server.socket_folder}"
    answer = place.program("restore", "latest", "db", "--into", target, "--no-owner", "--json")
    told = {each["code"]: each["message"] for each in answer.document["problems"]}
    assert answer.status == 3, answer.out + answer.err
    assert "public.f" in told["key-triggers-act"]
    assert server.sql("SELECT count(*) FROM f", "loaded").strip() == "2"
    server.sql("DROP DATABASE loaded")
    server.sql("DROP ROLE plain")


def test_restore_sh_turns_them_off_too(place: TableInPlace, server: PostgresServer, tmp_path: pathlib.Path) -> None:
    turned, into = place.sql(KEYS), make_new(server)
    place.program.good("restore", "latest", "db", "--to", tmp_path / "laid", "--quiet")
    script = [str(tmp_path / "laid" / "db" / "restore.sh"), into]
    subprocess.run(["sh", *script], check=True, env={**os.environ, **place.program.environment})
    assert (server.sql(KEYS, "loaded"), server.sql("SELECT * FROM told", "loaded")) == (turned, "")


@pytest.mark.parametrize("form", ["sql.gz", "dump"])
def test_an_export_turns_them_off_too_and_names_none(
    place: TableInPlace, server: PostgresServer, tmp_path: pathlib.Path, form: str
) -> None:
    """It named them by their numbers on the old server: stock tools failed there, or hit the trigger of another key."""
    turned, into = place.sql(KEYS), make_new(server)
    path = tmp_path / f"shop.{form}"
    place.program.good("export", "latest", "db", "--format", form, "--output", path, "--quiet")
    if form == "dump":
        words = [str(server.programs / "pg_restore"), "--exit-on-error", "-d", into, str(path)]
        words[0] = words[0] if pathlib.Path(words[0]).exists() else "pg_restore"
        subprocess.run(words, check=True)
    else:
        script = gzip.decompress(path.read_bytes())
        assert b'TRIGGER "RI_Constraint' not in script
        words = [str(server.programs / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", into]
        subprocess.run(words, input=script, check=True, capture_output=True)
    assert (server.sql(KEYS, "loaded"), server.sql("SELECT * FROM told", "loaded")) == (turned, "")
