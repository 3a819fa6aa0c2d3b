"""Rows that go into tables which are there: as they were saved, whatever acts on rows that an application puts."""

import pathlib
from collections.abc import Iterator

import pytest
from tests.scenarios.test_postgres_hard_to_load import save
from tests.unit.cli.program_runs import Answer, Program

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
MAKE = """
CREATE TABLE customer (id int PRIMARY KEY, tags text[]);
CREATE TABLE "Orders" (id int PRIMARY KEY, changed text,
  customer int REFERENCES customer DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE audit (said text);
INSERT INTO customer VALUES (1, ARRAY[NULL, 'NULL', '']); INSERT INTO "Orders" VALUES (1, 'then', 1), (2, 'then', 1);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO public.audit VALUES (TG_NAME); NEW.changed := 'now'; RETURN NEW; END $$;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO public.audit VALUES (TG_NAME); RETURN NULL; END $$;
CREATE TRIGGER "is touched" BEFORE INSERT ON "Orders" FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER is_noted AFTER INSERT OR DELETE ON "Orders" FOR EACH STATEMENT EXECUTE FUNCTION note();
ALTER TABLE "Orders" ENABLE ALWAYS TRIGGER is_noted;
CREATE CONSTRAINT TRIGGER is_judged AFTER INSERT ON "Orders" DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER is_off BEFORE INSERT ON "Orders" FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE "Orders" DISABLE TRIGGER is_off;
"""
SCHEMA = """
CREATE SCHEMA "Of sales"; COMMENT ON SCHEMA "Of sales" IS 'who bought what'; GRANT USAGE ON SCHEMA "Of sales" TO reader;
CREATE TABLE "Of sales".sold (id int PRIMARY KEY); INSERT INTO "Of sales".sold VALUES (1);
CREATE SEQUENCE "Of sales".alone; SELECT nextval('"Of sales".alone');
CREATE MATERIALIZED VIEW "Of sales".counted AS SELECT count(*) FROM "Of sales".sold;
CREATE PUBLICATION away FOR TABLE "Of sales".sold; CREATE PUBLICATION there FOR TABLE "Of sales".sold;
CREATE PUBLICATION whole FOR TABLES IN SCHEMA "Of sales";
"""
ROWS = 'TABLE "Orders"; TABLE customer; SELECT count(*) FROM audit;'
STATES = "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        yield made


def load_tables(program: Program, server: PostgresServer, user: str = "postgres") -> Answer:
    into = f"postgresql://{user}@/shop?host={server.socket_folder}"
    return program("restore", "latest", "--into", into, "--table", "Orders", "--table", "customer")


def test_triggers_and_settings_change_no_row_that_comes_back(server: PostgresServer, tmp_path: pathlib.Path) -> None:
    program = save(server, tmp_path, MAKE)
    wanted, states = server.sql(ROWS, "shop"), server.sql(STATES, "shop")
    server.sql('TRUNCATE "Orders", customer; ALTER DATABASE shop SET array_nulls = off', "shop")
    server.sql("ALTER DATABASE shop SET xmloption = document", "shop")

    done = load_tables(program, server)
    assert done.status == 0, done.err
    assert server.sql(ROWS, "shop") == wanted
    assert server.sql(STATES, "shop") == states
    told = done.out + done.err
    assert "public.Orders.is touched, public.Orders.is_judged, public.Orders.is_noted did not act on them" in told


def test_rows_whose_key_leads_nowhere_stay_away_with_triggers_too(
    server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    program = save(server, tmp_path, MAKE)
    states = server.sql(STATES, "shop")
    server.sql('TRUNCATE "Orders", customer', "shop")
    into = f"postgresql://postgres@/shop?host={server.socket_folder}"
    done = program("restore", "latest", "--into", into, "--table", "Orders")
    assert done.status == 40, done.err
    assert "foreign key" in done.err
    assert server.sql('TABLE "Orders"', "shop") == ""
    assert server.sql(STATES, "shop") == states


def test_who_may_not_turn_a_trigger_off_is_told_who_may(server: PostgresServer, tmp_path: pathlib.Path) -> None:
    program = save(server, tmp_path, MAKE)
    server.sql('TRUNCATE "Orders", customer', "shop")
    server.sql("CREATE ROLE guest LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO guest", "shop")
    done = load_tables(program, server, "guest")
    assert done.status == 40, done.err
    assert "only postgres may turn it off" in done.err
    assert server.sql(ROWS, "shop") == "0\n"


def test_a_schema_comes_back_with_its_rights_and_without_publications_that_are_not_there(
    server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    server.sql("CREATE ROLE reader")
    program = save(server, tmp_path, SCHEMA)
    server.sql("CREATE DATABASE again")
    server.sql("CREATE PUBLICATION there", "again")
    into = f"postgresql://postgres@/again?host={server.socket_folder}"
    done = program("restore", "latest", "--into", into, "--schema", "Of sales")
    assert done.status == 0, done.err
    assert "The publications away, whole are not there" in done.out + done.err
    wanted = server.dump("shop", "--schema", '"Of sales"', "--no-publications")
    assert "GRANT USAGE" in wanted
    assert "COMMENT ON SCHEMA" in wanted
    assert server.dump("again", "--schema", '"Of sales"', "--no-publications") == wanted
    assert server.sql("SELECT pubname, tablename FROM pg_publication_tables", "again") == "there|sold\n"


def test_foreign_keys_that_a_table_alone_comes_back_without_are_named(
    server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    program = save(server, tmp_path, MAKE)
    server.sql('DROP TABLE "Orders"', "shop")
    into = f"postgresql://postgres@/shop?host={server.socket_folder}"
    done = program("restore", "latest", "--into", into, "--table", "Orders")
    assert done.status == 0, done.err
    assert "come back alone: public.Orders.Orders_customer_fkey." in done.out + done.err
