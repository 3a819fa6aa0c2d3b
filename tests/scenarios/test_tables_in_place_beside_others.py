"""Tables that come back in their place among what holds them or hangs on them: partitions, subscribers, sessions."""

import json
import pathlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from tests.scenarios.test_tables_in_place import Shop
from tests.scenarios.test_tables_in_place_changed import rollback

from rebond.sources.postgres import table_exchange
from rebond.sources.postgres.table_looks import TableLooks
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer(settings={"max_prepared_transactions": "2"}) as made:
        yield made


@pytest.fixture
def shop(tmp_path: pathlib.Path, server: PostgresServer) -> Shop:
    return Shop(tmp_path, server)


def tell(shop: Shop, *tables: str) -> dict[str, str]:
    """Return what the plan doubts, by code."""
    named = [word for each in tables for word in ("--table", each)]
    plan = json.loads(shop.program.good("restore", "latest", "--in-place", "--dry-run", "--json", *named).out)
    return {each["code"]: each["message"] for each in plan["missing"]}


def test_a_partition_that_was_dropped_is_one_again_and_goes_again_when_undone(shop: Shop) -> None:
    """Also where another table points to the whole one: then it has to be detached first."""
    shop.sql("ALTER TABLE visits DETACH PARTITION visits_2; DROP TABLE visits_2")
    damaged = shop.everything()
    shop.bring_back("visits_2")
    assert shop.everything() == shop.saved
    shop.sql("INSERT INTO follow_ups VALUES ('2026-02-05', 3)")
    status, told = rollback(shop, "--set-newer-aside")
    assert (status, "visits_2" in told) == (40, True), told
    shop.sql("DELETE FROM follow_ups WHERE day = '2026-02-05'")
    assert rollback(shop)[0] == 0
    assert (shop.everything(), shop.schemas()) == (damaged, [])


def test_a_partition_whose_whole_table_is_gone_is_said_before_anything_is_stopped(shop: Shop) -> None:
    shop.sql("DROP TABLE visits CASCADE")
    told = json.loads(shop.restore("visits_1").out)["error"]
    assert "public.visits" in told["message"]
    assert "pre-data.sql" in told["hint"]
    assert not (shop.top / "was-stopped").exists()
    shop.sql("CREATE TABLE visits (day date NOT NULL, who int REFERENCES customers, PRIMARY KEY (day, who)) "
             "PARTITION BY RANGE (day)")  # fmt: skip
    shop.bring_back("visits_1", "visits_2")
    assert shop.sql("SELECT count(*) FROM visits").strip() == "40"


def test_all_that_belongs_to_a_table_that_was_dropped_comes_back(shop: Shop) -> None:
    shop.sql(
        "CREATE TABLE rich (id int PRIMARY KEY, words text COMPRESSION pglz, more text) WITH (fillfactor = 70);"
        "ALTER TABLE rich ALTER words SET STORAGE EXTERNAL; ALTER TABLE rich ALTER more SET STATISTICS 7;"
        "COMMENT ON TABLE rich IS 'rich'; COMMENT ON COLUMN rich.words IS 'words'; "
        "GRANT SELECT (words) ON rich TO PUBLIC;"
        "CREATE INDEX by_more ON rich (more); ALTER TABLE rich CLUSTER ON by_more; "
        "ALTER TABLE rich REPLICA IDENTITY FULL;"
        "CREATE STATISTICS counted (ndistinct) ON words, more FROM rich; COMMENT ON STATISTICS counted IS 'counted';"
        "CREATE POLICY few ON rich USING (id > 0); COMMENT ON POLICY few ON rich IS 'few'; "
        "INSERT INTO rich VALUES (1)"
    )
    shop.program.good("backup", "code", "db")
    before = describe(shop)
    shop.sql("DROP TABLE rich")
    shop.bring_back("rich")
    assert describe(shop) == before


def describe(shop: Shop) -> list[str]:
    words = ["pg_dump", "-s", "-N", "rebond*", "-h", shop.server.socket_folder, "-U", "postgres", "shop"]
    words[0] = str(shop.server.programs / words[0]) if (shop.server.programs / words[0]).exists() else words[0]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return [each for each in said.splitlines() if "restrict" not in each]


def test_large_objects_that_rows_may_name_are_a_doubt(shop: Shop) -> None:
    """They do not come with a table: rows would name what is gone, and nobody was told."""
    shop.sql("CREATE TABLE pictures (id int, picture oid); INSERT INTO pictures VALUES (1, lo_from_bytea(0, 'x'))")
    shop.program.good("backup", "code", "db")
    assert "public.pictures.picture" in tell(shop, "pictures")["large-objects-stay-gone"]
    assert tell(shop, "notes") == {}


def test_a_publication_that_does_not_say_that_a_table_was_emptied_is_a_doubt(shop: Shop) -> None:
    """Its subscribers have each row twice, or stop at the first one."""
    shop.sql("CREATE PUBLICATION adding FOR TABLE notes WITH (publish = 'insert, update')")
    shop.sql("CREATE PUBLICATION changing FOR TABLE notes WITH (publish = 'update, delete')")
    assert "adding" in tell(shop, "notes")["rows-stay-at-subscribers"]
    assert "changing" not in tell(shop, "notes")["rows-stay-at-subscribers"]
    assert tell(shop, "items") == {}


def test_who_holds_a_table_is_named_with_what_ends_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is the table at the other end of a key that is held."""
    monkeypatch.setattr(table_exchange, "_LOCK_SECONDS", 1)
    before = shop.everything()
    connection = f"{shop.server.connection()} dbname=shop application_name='night shift'"
    with psycopg.connect(connection) as session:
        session.execute("DECLARE rows CURSOR FOR SELECT * FROM items")
        session.execute("FETCH 1 FROM rows")
        number = session.info.backend_pid
        told = json.loads(shop.restore("orders").out)["error"]
        for words in (f"pid {number}", "night shift", "postgres", "idle in transaction", "Z)"):
            assert words in told["message"], told
        assert f"SELECT pg_terminate_backend({number});" in told["hint"]
    shop.sql("BEGIN; INSERT INTO notes VALUES ('x'); PREPARE TRANSACTION 'it''s left'")
    try:
        told = json.loads(shop.restore("notes").out)["error"]
        assert "ROLLBACK PREPARED 'it''s left';" in told["hint"], told
    finally:
        shop.sql("ROLLBACK PREPARED 'it''s left'")
    assert (shop.everything(), shop.schemas()) == (before, [])


def test_a_standby_that_took_over_before_it_heard_of_it_has_nothing_to_undo(shop: Shop) -> None:
    """As it is there then: the rows lie beside and were never put. It was said that the old ones are lost."""
    shop.sql("UPDATE notes SET words = 'old'")
    run = shop.bring_back("notes")
    (schema,) = shop.schemas()
    shop.sql(f"DROP TABLE {schema}.notes_1_before; COMMENT ON SCHEMA {schema} IS 'rebond: ready'")
    shop.sql("UPDATE notes SET words = 'old'")
    held = shop.everything()
    shop.program.good("restore", "--rollback", run, "--yes")
    assert (shop.everything(), shop.schemas()) == (held, [])


def test_a_type_whose_fields_changed_is_said_before_anything_is_stopped(shop: Shop) -> None:
    """Rows name no field: what was a word would have come back as a note, with status 0."""
    shop.sql(
        'CREATE TYPE pair AS (a numeric(9, 2), "B, b" text COLLATE "C"); CREATE DOMAIN known AS pair;'
        "CREATE TYPE deep AS (pairs known[], at timestamp with time zone);"
        "CREATE TABLE paired (id int PRIMARY KEY, p pair); CREATE TABLE deeply (d deep);"
        "INSERT INTO paired VALUES (1, (1, 'word')); INSERT INTO deeply VALUES ((ARRAY[(2, 'x')::known], now()))"
    )
    shop.program.good("backup", "code", "db")
    saved = shop.sql("SELECT * FROM paired; SELECT * FROM deeply")
    shop.sql("DELETE FROM paired; DELETE FROM deeply")
    shop.bring_back("paired", "deeply")
    assert shop.sql("SELECT * FROM paired; SELECT * FROM deeply") == saved
    (shop.top / "was-stopped").unlink(missing_ok=True)
    shop.sql('ALTER TYPE pair ADD ATTRIBUTE note text; ALTER TYPE pair DROP ATTRIBUTE "B, b"')
    for table in ("paired", "deeply"):
        told = json.loads(shop.restore(table).out)["error"]["message"]
        assert "public.pair in public." + table in told
        assert told.endswith('a numeric(9,2), note text; then: a numeric(9,2), "B, b" text.')
    assert not (shop.top / "was-stopped").exists()
    assert shop.sql("SELECT * FROM paired").strip() == "1|(1.00,)"


MIGRATIONS = {
    "trigger": "CREATE TRIGGER meanwhile BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION spoil()",
    "rule": "CREATE RULE meanwhile AS ON INSERT TO notes DO ALSO INSERT INTO audit VALUES ('meanwhile')",
    "check": "ALTER TABLE notes ADD CONSTRAINT meanwhile CHECK (words LIKE 'm%') NOT VALID",
}


def migrate_while_waited_for(shop: Shop, statement: str, run: Callable[[], object]) -> None:
    """Let a migration hold the table until somebody waits for it, and end then."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with psycopg.connect(f"{shop.server.connection()} dbname=shop") as session:
        session.execute(statement)
        other = threading.Thread(target=run)
        other.start()
        until = time.monotonic() + 60
        while shop.sql(waiting).strip() == "0" and time.monotonic() < until:
            time.sleep(0.05)
        session.commit()
    other.join(60)


@pytest.mark.parametrize("kind", sorted(MIGRATIONS))
@pytest.mark.parametrize("is_back", [False, True])
def test_what_a_migration_brings_while_it_is_waited_for_does_not_act_on_the_rows(
    shop: Shop, kind: str, is_back: bool
) -> None:
    """It was looked for before the lock was there: the trigger wrote over each row that came back, with status 0."""
    shop.sql("CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ "
             "BEGIN NEW.words := 'spoilt'; RETURN NEW; END $$; UPDATE notes SET words = 'old'")  # fmt: skip
    statuses: list[int] = []
    if is_back:
        shop.bring_back("notes")

    def run() -> None:
        statuses.append(rollback(shop)[0] if is_back else shop.restore("notes").status)

    migrate_while_waited_for(shop, MIGRATIONS[kind], run)
    assert statuses == [0]
    expected = {"old"} if is_back else {f"note {n}" for n in range(1, 6)}
    assert (set(shop.sql("SELECT words FROM notes").splitlines()), shop.sql("SELECT * FROM audit")) == (expected, "")
    assert "meanwhile" in shop.everything()[""]


def test_a_table_that_is_changed_again_and_again_is_left_as_it_is(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TableLooks, "answer", property(lambda _: "another"), raising=False)
    before = shop.everything()
    answer = shop.restore("notes")
    told = json.loads(answer.out)["error"]
    assert (answer.status, "again and again" in told["message"], shop.everything()) == (40, True, before), told
