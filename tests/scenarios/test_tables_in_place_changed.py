"""What others change at tables while these come back, or afterwards: nothing is lost, and nothing told wrongly."""

import json
import pathlib
from collections.abc import Iterator

import pytest
from tests.scenarios.test_tables_in_place import Shop

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        yield made


@pytest.fixture
def shop(tmp_path: pathlib.Path, server: PostgresServer) -> Shop:
    return Shop(tmp_path, server)


def migrate_when_stopped(shop: Shop, script: str) -> None:
    """Let somebody migrate the database when all rows have been fetched."""
    file, path = shop.top / "migration.sql", shop.top / "stack" / "rebond.toml"
    file.write_text(script)
    psql = f"psql -X -q -v ON_ERROR_STOP=1 -h {shop.server.socket_folder} -U postgres -f {file} shop"
    path.write_text(path.read_text().replace("touch ../was-stopped", psql))


def rollback(shop: Shop, *more: str) -> tuple[int, str]:
    answer = shop.program("restore", "--rollback", "latest", "--yes", "--json", *more)
    error = json.loads(answer.out).get("error", {})
    return answer.status, f"{error.get('message', '')} {error.get('hint', '')}"


def test_a_column_that_came_while_it_was_under_way_loses_nothing(shop: Shop) -> None:
    migrate_when_stopped(
        shop, "ALTER TABLE notes ADD COLUMN IF NOT EXISTS more text; UPDATE notes SET more = 'dear', words = 'new'"
    )
    answer = shop.restore("notes")
    assert (answer.status, "more text" in json.loads(answer.out)["error"]["message"]) == (40, True), answer.out
    assert set(shop.sql("SELECT * FROM notes").splitlines()) == {"new|dear"}
    assert shop.schemas() == []


def test_a_column_that_changed_its_type_meanwhile_changes_no_value(shop: Shop) -> None:
    shop.sql("CREATE TABLE prices (euros numeric(9, 2)); INSERT INTO prices VALUES (1.25)")
    shop.program.good("backup", "code", "db")
    migrate_when_stopped(shop, "ALTER TABLE prices ALTER euros TYPE numeric(9, 3); UPDATE prices SET euros = 1.125")
    assert shop.restore("prices").status == 40
    assert shop.sql("SELECT * FROM prices").strip() == "1.125"


def test_what_was_written_into_a_column_that_came_since_is_kept(shop: Shop) -> None:
    shop.sql("UPDATE notes SET words = 'broken'")
    shop.bring_back("notes")
    shop.sql("ALTER TABLE notes ADD COLUMN more text; UPDATE notes SET more = 'dear'")
    assert rollback(shop, "--set-newer-aside")[0] == 0
    (schema,) = shop.schemas()
    assert set(shop.sql(f"SELECT more FROM {schema}.notes_1_since").splitlines()) == {"dear"}
    assert set(shop.sql("SELECT words, more IS NULL FROM notes").splitlines()) == {"broken|t"}


@pytest.mark.parametrize("change", ["RENAME words TO texts", "ALTER words TYPE varchar(9)"])
def test_old_rows_that_do_not_fit_any_more_are_said_and_lie_where_they_were(shop: Shop, change: str) -> None:
    shop.sql("UPDATE notes SET words = 'broken'")
    shop.bring_back("notes")
    shop.sql(f"ALTER TABLE notes {change}")
    held = shop.everything()
    status, told = rollback(shop, "--set-newer-aside")
    assert (status, "words text" in told, "--accept" in told, shop.everything()) == (40, True, True, held), told
    (schema,) = shop.schemas()
    assert set(shop.sql(f"SELECT * FROM {schema}.notes_1_before").splitlines()) == {"broken"}
    shop.program.good("restore", "--accept", "latest", "--yes")
    assert (shop.everything(), shop.schemas()) == (held, [])


def test_old_rows_that_somebody_dropped_are_not_said_to_be_back(shop: Shop) -> None:
    shop.sql("UPDATE notes SET words = 'broken'")
    shop.bring_back("notes")
    (schema,) = shop.schemas()
    shop.sql(f"DROP SCHEMA {schema} CASCADE")
    status, told = rollback(shop)
    assert (status, schema in told, "--accept" in told) == (40, True, True), told
    shop.program.good("restore", "--accept", "latest", "--yes")
    assert shop.everything() == shop.saved


def test_a_run_whose_old_rows_were_dropped_in_the_middle_can_be_ended(shop: Shop) -> None:
    path, script = shop.top / "stack" / "rebond.toml", shop.top / "drop.sql"
    script.write_text(
        "SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace WHERE nspname LIKE 'rebond%' \\gexec\n"
        "SELECT 1 / 0"
    )
    psql = f"psql -X -q -v ON_ERROR_STOP=1 -h {shop.server.socket_folder} -U postgres -f {script} shop"
    path.write_text(path.read_text().replace("test ! -e ../sick", psql))
    shop.sql("UPDATE notes SET words = 'broken'")
    assert shop.restore("notes").status != 0
    status, told = rollback(shop)
    assert (status, shop.everything()) == (40, shop.saved), told
    shop.sql(told[told.index("CREATE SCHEMA") :])
    assert rollback(shop)[0] == 0
    assert (shop.everything(), shop.schemas()) == (shop.saved, [])


def test_identity_columns_give_no_number_twice(shop: Shop) -> None:
    shop.sql("TRUNCATE orders, items RESTART IDENTITY")
    shop.bring_back("orders", "items")
    assert shop.sql("INSERT INTO orders (customer, state) VALUES (1, 'new') RETURNING id").split()[0] == "301"


def test_a_sequence_that_has_another_name_now_goes_on_too(shop: Shop) -> None:
    shop.sql("TRUNCATE items RESTART IDENTITY; ALTER SEQUENCE items_id_seq RENAME TO \"the 'counter'\"")
    shop.bring_back("items")
    assert shop.sql('INSERT INTO items ("order") VALUES (1) RETURNING id').split()[0] == "301"


def test_a_serial_that_became_an_identity_goes_on_too(shop: Shop) -> None:
    shop.sql(
        "TRUNCATE items; ALTER TABLE items ALTER id DROP DEFAULT; DROP SEQUENCE items_id_seq; "
        "ALTER TABLE items ALTER id ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME numbers)"
    )
    shop.bring_back("items")
    assert shop.sql('INSERT INTO items ("order") VALUES (1) RETURNING id').split()[0] == "301"


def test_a_column_that_counts_no_more_gets_its_rows(shop: Shop) -> None:
    shop.sql("ALTER TABLE items ALTER id DROP DEFAULT; DROP SEQUENCE items_id_seq; DELETE FROM items")
    shop.bring_back("items")
    assert shop.sql("SELECT count(*) FROM items").strip() == "300"


def test_a_sequence_that_cannot_go_where_it_was_stays(shop: Shop) -> None:
    shop.sql("TRUNCATE items RESTART IDENTITY; ALTER SEQUENCE items_id_seq MAXVALUE 90")
    shop.bring_back("items")
    assert shop.sql("SELECT count(*) FROM items").strip() == "300"


def test_nobody_may_read_beside_what_policies_hide(shop: Shop) -> None:
    """Rights that every new schema and table gives away are not given away of these."""
    shop.sql("DROP ROLE IF EXISTS reader")
    shop.sql("CREATE ROLE reader; GRANT SELECT ON orders TO reader")
    for role in ("PUBLIC", "reader"):
        shop.sql(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO {role}")
        shop.sql(f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {role}")
    try:
        shop.bring_back("orders")
        (schema,) = shop.schemas()
        for right in ("USAGE", "CREATE"):
            assert shop.sql(f"SELECT has_schema_privilege('reader', '{schema}', '{right}')").strip() == "f"
    finally:
        shop.sql("DROP OWNED BY reader; DROP ROLE reader")


def test_it_lasts_whatever_the_role_says_of_its_commits(shop: Shop, server: PostgresServer) -> None:
    shop.sql(
        "CREATE TABLE seen (object text, how text); CREATE FUNCTION see() RETURNS event_trigger LANGUAGE plpgsql AS $$ "
        "BEGIN INSERT INTO public.seen SELECT object_identity, current_setting('synchronous_commit') "
        "FROM pg_event_trigger_ddl_commands(); END $$; "
        "CREATE EVENT TRIGGER seeing ON ddl_command_end WHEN TAG IN ('COMMENT') EXECUTE FUNCTION see()"
    )
    for said, meant in (("off", "local"), ("local", "local"), ("remote_apply", "remote_apply")):
        server.sql(f"ALTER ROLE postgres SET synchronous_commit = {said}")
        try:
            shop.bring_back("notes")
            assert rollback(shop)[0] == 0
        finally:
            server.sql("ALTER ROLE postgres RESET synchronous_commit")
        # When all rows lie beside, when they are put, when they are taken back.
        assert shop.sql("DELETE FROM seen WHERE object LIKE 'rebond%' RETURNING how").split()[:3] == [meant] * 3


@pytest.mark.parametrize("words", [("--table", "systems"), ("--schema", "public")])
def test_rows_that_an_extension_made_are_not_exchanged_for_the_few_that_were_saved(
    shop: Shop, words: tuple[str, ...]
) -> None:
    """As PostGIS has one: spatial_ref_sys, of which only the rows of users are saved."""
    shop.sql("CREATE EXTENSION citext; CREATE TABLE systems (id int); ALTER EXTENSION citext ADD TABLE systems")
    shop.sql("INSERT INTO systems SELECT * FROM generate_series(1, 8)")
    shop.sql(
        "UPDATE pg_extension SET extconfig = ARRAY['systems'::regclass::oid], extcondition = ARRAY['WHERE id > 5'] "
        "WHERE extname = 'citext'"
    )
    shop.program.good("backup", "code", "db")
    answer = shop.program("restore", "latest", "db", "--in-place", "--yes", "--json", *words)
    assert shop.sql("SELECT count(*) FROM systems").strip() == "8"
    told = json.loads(answer.out)["error"]
    assert (answer.status, "WHERE id > 5" in told["message"]) == (40, True), told
    assert not (shop.top / "was-stopped").exists()


def test_policies_that_hide_rows_from_the_owner_are_said_before_anything_is_stopped(
    shop: Shop, server: PostgresServer
) -> None:
    shop.sql("ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY")
    server.sql("DROP ROLE IF EXISTS bound")
    server.sql("CREATE ROLE bound LOGIN; GRANT CREATE ON DATABASE shop TO bound")
    shop.sql("ALTER TABLE notes OWNER TO bound")
    path = shop.top / "stack" / "rebond.toml"
    path.write_text(path.read_text().replace('user = "postgres"', 'user = "bound"'))
    told = json.loads(shop.restore("notes").out)["error"]
    assert "FORCE ROW LEVEL SECURITY" in told["message"]
    assert "BYPASSRLS" in told["hint"]
    assert not (shop.top / "was-stopped").exists()


def test_keys_of_partitions_keep_their_own_names_and_comments(shop: Shop) -> None:
    shop.sql(
        "CREATE TABLE whole (id int, who int) PARTITION BY RANGE (id); CREATE TABLE part (LIKE whole); "
        "CREATE TABLE middle (id int, who int) PARTITION BY RANGE (id); CREATE TABLE leaf (LIKE whole); "
        "ALTER TABLE part ADD CONSTRAINT own FOREIGN KEY (who) REFERENCES customers; "
        "ALTER TABLE leaf ADD CONSTRAINT deep FOREIGN KEY (who) REFERENCES customers; "
        "ALTER TABLE middle ADD CONSTRAINT half FOREIGN KEY (who) REFERENCES customers; "
        "ALTER TABLE whole ADD CONSTRAINT all_of_it FOREIGN KEY (who) REFERENCES customers; "
        "COMMENT ON CONSTRAINT own ON part IS 'ours'; COMMENT ON CONSTRAINT deep ON leaf IS 'deep'; "
        "ALTER TABLE middle ATTACH PARTITION leaf FOR VALUES FROM (10) TO (15); "
        "ALTER TABLE whole ATTACH PARTITION middle FOR VALUES FROM (10) TO (20); "
        "ALTER TABLE whole ATTACH PARTITION part FOR VALUES FROM (0) TO (10); "
        "CREATE TABLE plain PARTITION OF whole FOR VALUES FROM (20) TO (30); INSERT INTO whole VALUES (1, 2), (11, 3)"
    )
    parents = (
        "SELECT k.conname, p.conname FROM pg_constraint k JOIN pg_constraint p ON p.oid = k.conparentid ORDER BY 1, 2"
    )
    shop.program.good("backup", "code", "db")
    saved, joined = shop.everything(), shop.sql(parents)
    for table in ("customers", "part", "leaf"):
        shop.bring_back(table)
        assert (shop.everything(), shop.sql(parents)) == (saved, joined), table
        shop.program.good("restore", "--rollback", "latest", "--yes")
        assert (shop.everything(), shop.sql(parents)) == (saved, joined), table


def test_old_rows_that_broke_a_key_go_back_by_what_is_said(shop: Shop) -> None:
    """Nobody wrote since, and that was what was told; the key that is in the way was not named."""
    shop.sql("ALTER TABLE orders DISABLE TRIGGER ALL; DELETE FROM orders WHERE id < 4")
    shop.sql("ALTER TABLE orders ENABLE TRIGGER ALL; ALTER TABLE orders ENABLE ALWAYS TRIGGER told_always")
    damaged = shop.everything()
    shop.bring_back("orders")
    status, told = rollback(shop)
    assert (status, "since the restore" in told, shop.sql("SELECT count(*) FROM orders").strip()) == (40, True, "300")
    drop, make = (
        told[told.index(each) :].split(";")[0]
        for each in ('ALTER TABLE "public"."items" DROP', 'ALTER TABLE "public"."items" ADD')
    )
    shop.sql(drop)
    assert rollback(shop)[0] == 0
    shop.sql(f"{make}; COMMENT ON CONSTRAINT \"of an order\" ON items IS 'it''s theirs'")
    now = shop.everything()
    now[""] = now[""].replace(" NOT VALID", "")
    assert (now, shop.schemas()) == (damaged, [])


@pytest.mark.parametrize("table", ["audit", "gone"])
def test_a_row_that_is_written_when_all_was_asked_already_is_kept(shop: Shop, table: str) -> None:
    """What stops the services runs behind the question whether anybody wrote: their last rows were dropped."""
    if table == "gone":
        shop.sql("CREATE TABLE gone (words text); INSERT INTO gone VALUES ('saved')")
        shop.program.good("backup", "code", "db")
        shop.sql("DROP TABLE gone")
    migrate_when_stopped(
        shop,
        f"SELECT 'INSERT INTO {table} VALUES (''late'')' FROM pg_namespace "
        "WHERE obj_description(oid, 'pg_namespace') = 'rebond: put' \\gexec",
    )
    shop.bring_back(table)
    status, told = rollback(shop)
    assert status == 0, told
    (schema,) = shop.schemas()
    assert "late" in shop.sql(f"SELECT * FROM {schema}.{table}_1_since").splitlines()
