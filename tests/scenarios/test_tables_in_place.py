"""Single tables of a live database that come back in their place, by the plan, and are undone again."""

import json
import pathlib
from collections.abc import Iterator

import pytest
from tests.scenarios.test_guided_restore import type_into
from tests.unit.cli.program_runs import Answer, Program

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
CONFIGURATION = """\
version = 1
[stack]
name = "shop"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.code]
kind = "files"
path = "src"
[component.db]
kind = "postgres"
host = "HOST"
database = "shop"
user = "postgres"
[component.made]
kind = "regenerable"
run = "touch ../made-anew"
[restore]
stop = [{ run = "touch ../was-stopped" }]
healthy = [{ run = "test ! -e ../sick", within = "1s" }]
"""
TABLES = """
CREATE TYPE state AS ENUM ('new', 'paid');
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int NOT NULL REFERENCES customers, state state NOT NULL,
  cents int, euros numeric GENERATED ALWAYS AS (cents / 100.0) STORED);
CREATE TABLE items (id serial PRIMARY KEY, "order" int NOT NULL, what text,
  CONSTRAINT "of an order" FOREIGN KEY ("order") REFERENCES orders ON DELETE CASCADE);
COMMENT ON CONSTRAINT "of an order" ON items IS 'it''s theirs';
CREATE TABLE audit (what text);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN INSERT INTO public.audit VALUES (TG_NAME || ' ' || TG_OP); RETURN NEW; END $$;
CREATE TRIGGER told AFTER INSERT OR TRUNCATE ON orders EXECUTE FUNCTION tell();
CREATE TRIGGER told_always AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION tell();
ALTER TABLE orders ENABLE ALWAYS TRIGGER told_always;
CREATE TRIGGER silent AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION tell();
ALTER TABLE orders DISABLE TRIGGER silent;
CREATE TABLE notes (words text);
CREATE RULE elsewhere AS ON INSERT TO notes DO INSTEAD NOTHING;
ALTER TABLE notes DISABLE RULE elsewhere;
INSERT INTO notes SELECT 'note ' || n FROM generate_series(1, 5) n;
ALTER TABLE notes ENABLE RULE elsewhere;
CREATE SCHEMA "odd one";
CREATE TABLE "odd one"."a ""table"".x" ("a b" text, "c""d" int);
INSERT INTO "odd one"."a ""table"".x" VALUES (E'tab\\t\\\\.', 1), (NULL, NULL);
CREATE TABLE visits (day date NOT NULL, who int REFERENCES customers, PRIMARY KEY (day, who)) PARTITION BY RANGE (day);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE visits_2 PARTITION OF visits FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE follow_ups (day date, who int, FOREIGN KEY (day, who) REFERENCES visits);
INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 20) n;
INSERT INTO orders (customer, state, cents) SELECT 1 + n % 20, 'paid', n FROM generate_series(1, 300) n;
INSERT INTO items ("order", what) SELECT n, 'thing' FROM generate_series(1, 300) n;
INSERT INTO visits SELECT '2026-01-05', n FROM generate_series(1, 20) n;
INSERT INTO visits SELECT '2026-02-05', n FROM generate_series(1, 20) n;
INSERT INTO follow_ups VALUES ('2026-01-05', 3);
CREATE INDEX "by cents" ON orders (cents) WHERE state = 'paid';
COMMENT ON INDEX "by cents" IS 'dear';
COMMENT ON TRIGGER told ON orders IS 'tells';
CREATE STATISTICS together ON customer, state FROM orders;
CREATE PUBLICATION told FOR TABLE orders, customers;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON orders USING (cents > 0);
CREATE VIEW paid AS SELECT id, cents FROM orders WHERE state = 'paid';
TRUNCATE audit;
"""
VIEW = "CREATE VIEW paid AS SELECT id, cents FROM orders WHERE state = 'paid'"
DESCRIBE = """
SELECT 'k', conname, conrelid::regclass::text, pg_get_constraintdef(oid),
  coalesce(obj_description(oid, 'pg_constraint'), '') FROM pg_constraint
  WHERE connamespace::regnamespace::text !~ '^pg_'
UNION ALL SELECT 't', tgname, tgrelid::regclass::text, pg_get_triggerdef(oid), tgenabled::text FROM pg_trigger
  WHERE NOT tgisinternal
UNION ALL SELECT 'r', rulename, ev_class::regclass::text, pg_get_ruledef(oid), ev_enabled::text FROM pg_rewrite
  WHERE ev_class > 16384
UNION ALL SELECT 'i', indexrelid::regclass::text, indrelid::regclass::text, pg_get_indexdef(indexrelid),
  coalesce(obj_description(indexrelid, 'pg_class'), '')
  FROM pg_index WHERE indrelid > 16384 AND NOT indrelid::regclass::text LIKE 'pg_toast%'
UNION ALL SELECT 'c', attname, attrelid::regclass::text, format_type(atttypid, atttypmod),
  attgenerated::text || attidentity::text || attnotnull::text FROM pg_attribute
  WHERE attrelid > 16384 AND attnum > 0 AND NOT attisdropped AND NOT attrelid::regclass::text ~ '^pg_|rebond_'
UNION ALL SELECT 's', stxname, stxrelid::regclass::text, pg_get_statisticsobjdef(oid), '' FROM pg_statistic_ext
UNION ALL SELECT 'p', pubname, tablename, attnames::text, coalesce(rowfilter, '') FROM pg_publication_tables
UNION ALL SELECT 'l', policyname, tablename, qual, cmd FROM pg_policies
UNION ALL SELECT 'e', relname, relrowsecurity::text, relforcerowsecurity::text, relpersistence::text FROM pg_class
  WHERE oid > 16384 AND relkind IN ('r', 'p') AND relnamespace::regnamespace::text !~ '^(pg_|rebond_)'
UNION ALL SELECT 'd', tgname, tgrelid::regclass::text, obj_description(oid, 'pg_trigger'), '' FROM pg_trigger
  WHERE NOT tgisinternal
ORDER BY 1, 2, 3, 4
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        yield made


class Shop:
    """A stack with a database of joined tables, saved once."""

    def __init__(self, tmp_path: pathlib.Path, server: PostgresServer) -> None:
        self.server, self.top = server, tmp_path
        server.sql("DROP DATABASE IF EXISTS shop WITH (FORCE)")
        server.sql("CREATE DATABASE shop")
        self.sql(TABLES)
        (tmp_path / "stack" / "src").mkdir(parents=True)
        (tmp_path / "stack" / "src" / "app.py").write_text("saved")
        (tmp_path / "stack" / "rebond.toml").write_text(CONFIGURATION.replace("HOST", server.socket_folder))
        self.program = Program.with_vault(tmp_path)
        self.program.leave_vault_to_configuration()
        self.program.environment["REBOND_CONFIG"] = str(tmp_path / "stack" / "rebond.toml")
        self.program.good("backup", "code", "db")
        self.saved = self.everything()

    def sql(self, text: str) -> str:
        return self.server.sql(text, "shop")

    def everything(self) -> dict[str, str]:
        """Return what defines the tables, and all their rows."""
        tables = self.sql(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND oid > 16384 "
            "AND relnamespace::regnamespace::text !~ '^(pg_|rebond_)' AND relname <> 'audit' ORDER BY 1"
        ).splitlines()
        rows = {each: self.sql(f"SELECT t::text FROM {each} t ORDER BY 1") for each in tables}
        return {"": self.sql(DESCRIBE), **rows}

    def schemas(self) -> list[str]:
        return self.sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'rebond%'").split()

    def restore(self, *tables: str) -> Answer:
        named = [word for each in tables for word in ("--table", each)]
        return self.program("restore", "latest", "db", "--in-place", "--yes", "--json", *named)

    def bring_back(self, *tables: str) -> str:
        answer = self.restore(*tables)
        assert answer.status == 0, answer.err
        run: str = json.loads(answer.out)["run"]
        return run


@pytest.fixture
def shop(tmp_path: pathlib.Path, server: PostgresServer) -> Shop:
    return Shop(tmp_path, server)


def test_rows_come_back_with_all_that_belongs_to_the_table_and_nothing_else_is_touched(shop: Shop) -> None:
    shop.sql("UPDATE orders SET cents = -1 WHERE id > 10; DELETE FROM orders WHERE id % 7 = 0")
    shop.sql("INSERT INTO items (\"order\", what) VALUES (1, 'new'); UPDATE customers SET name = upper(name)")
    shop.sql("TRUNCATE audit")
    damaged = shop.everything()

    run = shop.bring_back("orders")

    now = shop.everything()
    assert now["orders"] == shop.saved["orders"] != damaged["orders"]
    assert {**now, "orders": ""} == {**damaged, "orders": ""}
    assert shop.sql("SELECT count(*) FROM audit").strip() == "0", "its triggers told of rows that nobody wrote"
    assert (shop.top / "was-stopped").exists()
    assert not (shop.top / "made-anew").exists()
    assert len(shop.schemas()) == 1
    assert shop.sql("INSERT INTO orders (customer, state) VALUES (1, 'new') RETURNING id").split()[0] == "301"
    assert shop.sql("SELECT count(*) FROM audit").strip() == "2", "its triggers do not act any more"

    refused = shop.program("restore", "--rollback", run, "--yes")
    assert (refused.status, "db" in refused.err) == (6, True)
    shop.program.good("restore", "--rollback", run, "--yes", "--set-newer-aside")
    assert shop.everything() == damaged
    (schema,) = shop.schemas()
    assert shop.sql(f"SELECT count(*) FROM {schema}.orders_1_since").strip() == "301"


def test_it_is_undone_without_a_word_where_nobody_wrote_and_nothing_is_left(shop: Shop) -> None:
    shop.sql("DELETE FROM items WHERE id > 4")
    damaged = shop.everything()
    run = shop.bring_back("items")
    assert shop.everything() == shop.saved
    shop.program.good("restore", "--rollback", run, "--yes")
    assert (shop.everything(), shop.schemas()) == (damaged, [])


def test_what_was_changed_without_more_or_fewer_rows_is_seen(shop: Shop) -> None:
    run = shop.bring_back("notes", "items")
    shop.sql("UPDATE items SET what = what WHERE id = 7")
    assert shop.program("restore", "--rollback", run, "--yes").status == 6


def test_accepting_deletes_the_old_rows(shop: Shop) -> None:
    shop.sql("UPDATE notes SET words = ''")
    run = shop.bring_back("public.notes", '"odd one"."a ""table"".x"')
    assert shop.everything() == shop.saved
    shop.program.good("restore", "--accept", run, "--yes")
    assert shop.schemas() == []


def test_tables_that_hold_one_another_come_back_together(shop: Shop) -> None:
    shop.sql("DELETE FROM orders WHERE id > 100")  # and their items with them
    shop.sql("DELETE FROM customers WHERE id NOT IN (SELECT customer FROM orders UNION SELECT who FROM visits)")
    damaged = shop.everything()
    run = shop.bring_back("items", "orders", "customers")
    assert shop.everything() == shop.saved
    shop.program.good("restore", "--rollback", run, "--yes")
    assert shop.everything() == damaged


def test_rows_that_others_point_to_are_not_taken_away(shop: Shop) -> None:
    shop.sql("INSERT INTO orders (customer, state) VALUES (2, 'new')")
    shop.sql("INSERT INTO items (\"order\", what) VALUES (301, 'since')")
    before = shop.everything()

    answer = shop.restore("orders")

    told = json.loads(answer.out)["error"]
    assert (answer.status, shop.everything(), shop.schemas()) == (40, before, [])
    assert "301" in told["message"]
    assert "--table for each" in told["hint"]
    shop.bring_back("orders", "items")
    assert shop.everything() == shop.saved


def test_undoing_says_which_rows_stand_in_its_way(shop: Shop) -> None:
    shop.sql("DELETE FROM orders WHERE id > 100")
    run = shop.bring_back("orders")
    shop.sql("INSERT INTO items (\"order\", what) VALUES (300, 'since')")
    held = shop.everything()
    answer = shop.program("restore", "--rollback", run, "--yes", "--json")
    assert (answer.status, shop.everything()) == (40, held)
    assert "300" in json.loads(answer.out)["error"]["message"]
    shop.sql('DELETE FROM items WHERE "order" = 300')
    shop.program.good("restore", "--rollback", run, "--yes")
    assert shop.sql("SELECT count(*) FROM orders").strip() == "100"


def test_a_partition_comes_back_alone(shop: Shop) -> None:
    shop.sql("DELETE FROM visits WHERE who = 5; DELETE FROM visits_2 WHERE who > 6")
    before = shop.everything()
    shop.bring_back("visits_1")
    now = shop.everything()
    assert now["visits_1"] == shop.saved["visits_1"] != before["visits_1"]
    assert (now["visits_2"], now[""]) == (before["visits_2"], before[""])


def test_a_table_that_was_dropped_comes_back_with_its_keys_and_goes_again_when_undone(shop: Shop) -> None:
    shop.sql("DROP TABLE orders CASCADE")
    damaged = shop.everything()
    answer = shop.restore("orders", "items")
    assert (answer.status, "public.paid" in answer.err) == (3, True), answer.err
    shop.sql(VIEW)
    assert shop.everything() == shop.saved
    shop.sql("DROP VIEW paid")
    shop.program.good("restore", "--rollback", json.loads(answer.out)["run"], "--yes")
    assert (shop.everything(), shop.schemas()) == (damaged, [])


def test_a_sequence_that_was_set_back_gives_no_number_twice(shop: Shop) -> None:
    shop.sql("TRUNCATE items RESTART IDENTITY")
    shop.bring_back("items")
    assert shop.sql('INSERT INTO items ("order") VALUES (1) RETURNING id').split()[0] == "301"


def test_all_tables_of_a_schema(shop: Shop) -> None:
    shop.sql('DELETE FROM "odd one"."a ""table"".x"')
    shop.program.good("restore", "latest", "db", "--in-place", "--yes", "--schema", "odd one")
    assert shop.everything() == shop.saved


def test_what_cannot_be_is_said_before_anything_is_stopped(shop: Shop, server: PostgresServer) -> None:
    shop.sql("ALTER TABLE notes ADD COLUMN more int; DROP TABLE items; CREATE VIEW items AS SELECT 1 AS id")
    shop.sql('DROP SCHEMA "odd one" CASCADE')
    for table, words in (
        ("notes", "more integer"),
        ("items", "no table"),
        ('"odd one"."a ""table"".x"', "is gone too"),
    ):
        answer = shop.restore(table)
        told = json.loads(answer.out)["error"]
        assert (answer.status, words in told["message"]) == (40, True), told
        assert "--into" in told["hint"]
    assert shop.restore("nothing").status == 2
    server.sql("DROP ROLE IF EXISTS clerk")
    server.sql("CREATE ROLE clerk LOGIN; GRANT pg_read_all_data TO clerk")
    path = shop.top / "stack" / "rebond.toml"
    path.write_text(path.read_text().replace('user = "postgres"', 'user = "clerk"'))
    for right, words in (("", "orders belongs to"), ("ALTER TABLE {} OWNER TO clerk", "CREATE ON DATABASE")):
        for each in ("orders", "items_x", "customers", "visits", "follow_ups") if right else ():
            shop.sql(f"ALTER TABLE IF EXISTS {each} OWNER TO clerk")
        told = json.loads(shop.restore("orders").out)["error"]
        assert words in told["message"] + told["hint"], told
    assert not (shop.top / "was-stopped").exists()
    assert shop.schemas() == []


def test_a_publication_of_all_tables_is_a_doubt(shop: Shop) -> None:
    """A subscriber stops at rows of a table that it does not have."""
    shop.sql("CREATE PUBLICATION everything FOR ALL TABLES")
    plan = json.loads(
        shop.program.good("restore", "latest", "--in-place", "--dry-run", "--table", "notes", "--json").out
    )
    (told,) = plan["missing"]
    assert (told["code"], "everything" in told["message"]) == ("beside-is-published", True)


def test_what_goes_with_tables_and_what_does_not(shop: Shop) -> None:
    for words in (
        ("code", "db", "--table", "orders"),
        ("code", "--table", "orders"),
        ("db", "--table", "orders", "--rename", "orders=old"),
    ):
        assert shop.program("restore", "latest", *words, "--in-place", "--yes").status == 2, words
    plan = json.loads(
        shop.program.good("restore", "latest", "--in-place", "--dry-run", "--table", "orders", "--json").out
    )
    assert [each["name"] for each in plan["parts"]] == ["db"]
    assert (plan["parts"][0]["files"], plan["parts"][0]["only"]) == (1, ["orders"])
    shown = shop.program.good("restore", "latest", "--in-place", "--dry-run", "--table", "orders").out
    assert "Of db only this, and all else of it stays: orders" in shown
    told = json.loads(shop.restore("visits").out)["error"]
    assert "public.visits_1, public.visits_2" in told["message"]


def test_whoever_is_guided_names_tables(shop: Shop) -> None:
    shop.sql("UPDATE notes SET words = 'spoilt'")
    status, said = type_into(
        shop,
        ["restore"],
        ("What is broken?", ""),
        ("between", "db\r"),
        ("Which tables of db?", ""),
        ("between", "notes\r"),
        ("When was it good?", ""),
        ("Number", "1\r"),
        ("Carry this plan out?", "y\r"),
    )
    assert (status, "db --in-place --table notes" in said) == (0, True), said
    assert shop.everything() == shop.saved
