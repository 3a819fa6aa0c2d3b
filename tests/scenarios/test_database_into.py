"""Databases of a snapshot, loaded into real servers: whole ones beside and swapped in, tables in one transaction."""

import os
import pathlib
import resource
import subprocess
from collections.abc import Iterator

import pytest
from tests.scenarios.shop_database import DESCRIBE, fill_shop
from tests.scenarios.test_postgres import configure
from tests.unit.cli.program_runs import Answer, Program

import rebond.stack.whereabouts
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        fill_shop(made)
        yield made


@pytest.fixture(scope="module")
def other() -> Iterator[PostgresServer]:
    """Another server, that knows nobody yet."""
    with PostgresServer() as made:
        yield made


@pytest.fixture(scope="module")
def saved(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A vault with a snapshot of the shop; no test changes it."""
    folder = tmp_path_factory.mktemp("saved")
    made = Program.with_vault(folder)
    made.leave_vault_to_configuration()
    (folder / "stack").mkdir()
    configure(folder, server)
    made.environment["REBOND_CONFIG"] = str(folder / "stack" / "rebond.toml")
    made.good("backup", "--quiet")
    return made


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def dsn(server: PostgresServer, database: str = "", user: str = "postgres") -> str:
    return f"postgresql://{user}@/{database}?host={server.socket_folder}"


def list_databases(server: PostgresServer) -> list[str]:
    return server.sql("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1").split()


def into(program: Program, server: PostgresServer, database: str, *words: str) -> Answer:
    return program("restore", "latest", "--into", dsn(server, database), "--quiet", *words)


def test_a_database_is_the_same_in_another_server_that_knew_none_of_its_roles(
    saved: Program, server: PostgresServer, other: PostgresServer
) -> None:
    done = into(saved, other, "again")
    assert done.status == 0, done.err
    assert other.dump("again", "--schema-only") == server.dump("shop", "--schema-only")
    assert other.sql(DESCRIBE, "again") == server.sql(DESCRIBE, "shop")
    settings = "SELECT coalesce(setrole::regrole::text, ''), setconfig FROM pg_db_role_setting WHERE setdatabase = "
    of = "(SELECT oid FROM pg_database WHERE datname = '{}')"
    for one in (settings, "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE oid = "):
        found = [
            sorted(each.sql(one + of.format(name)).splitlines()) for each, name in ((other, "again"), (server, "shop"))
        ]
        assert found[0] == found[1]
    assert [each for each in list_databases(other) if "rebond" in each] == []
    assert "again" in done.out
    assert "reader" in done.out  # the roles that were made


def test_the_old_database_is_kept_when_another_takes_its_place(
    saved: Program, server: PostgresServer, other: PostgresServer
) -> None:
    other.sql("DROP DATABASE IF EXISTS shop")
    other.sql("CREATE DATABASE shop")
    other.sql("CREATE TABLE of_the_old AS SELECT 42 AS n", "shop")
    refused = into(saved, other, "shop")
    assert refused.status == 41
    assert "--yes" in refused.err
    assert other.sql("TABLE of_the_old", "shop") == "42\n"

    document = saved.ask("restore", "latest", "--into", dsn(other, "shop"), "--yes", "--quiet")
    kept = document["databases"][0]["kept_aside"]
    assert other.sql("TABLE of_the_old", kept) == "42\n"
    assert other.sql("SELECT count(*) FROM orders", "shop") == "2000\n"
    assert document["rows"] > 5000


def test_an_empty_database_is_filled_and_nothing_is_kept_of_it(saved: Program, other: PostgresServer) -> None:
    other.sql("CREATE DATABASE waiting")
    document = saved.ask("restore", "latest", "--into", dsn(other, "waiting"), "--quiet")
    assert document["databases"][0]["kept_aside"] is None
    assert other.sql("SELECT count(*) FROM orders", "waiting") == "2000\n"
    assert not [each for each in list_databases(other) if each.startswith("waiting_")]


def test_a_database_keeps_its_encoding_and_order_of_words(
    server: PostgresServer, other: PostgresServer, tmp_path: pathlib.Path
) -> None:
    server.sql("CREATE DATABASE old TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    server.sql("CREATE TABLE \"caf\u00e9\" AS SELECT '\u00e9t\u00e9' || n AS word FROM generate_series(1, 50) n", "old")
    program = Program.with_vault(tmp_path)
    del program.environment["REBOND_VAULT"], program.environment["REBOND_KEY_FILE"]
    (tmp_path / "stack").mkdir()
    configure(tmp_path, server, ('"shop"\nuser', '"old"\nuser'))
    program.environment["REBOND_CONFIG"] = str(tmp_path / "stack" / "rebond.toml")
    program.good("backup", "--quiet")
    assert into(program, other, "old").status == 0
    question = "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname = 'old'"
    assert other.sql(question) == server.sql(question) == "LATIN1|C|C\n"
    rows = 'SELECT count(*), min(word), max(word) FROM "caf\u00e9"'
    assert other.sql(rows, "old") == server.sql(rows, "old") == "50|\u00e9t\u00e91|\u00e9t\u00e99\n"
    server.sql("DROP DATABASE old")


def test_a_load_may_say_nothing_for_longer_than_a_dump_may(
    server: PostgresServer, other: PostgresServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.sql("CREATE DATABASE slow")
    server.sql(
        """CREATE FUNCTION wait(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
        IF current_database() ~ '_rebond_' THEN PERFORM pg_sleep(2); END IF; RETURN n; END $$;
        CREATE TABLE t AS SELECT 1 AS n; CREATE INDEX ON t (public.wait(n));""",
        "slow",
    )
    program = Program.with_vault(tmp_path)
    del program.environment["REBOND_VAULT"], program.environment["REBOND_KEY_FILE"]
    (tmp_path / "stack").mkdir()
    configure(tmp_path, server, ('"shop"\nuser', '"slow"\nuser'))
    program.environment["REBOND_CONFIG"] = str(tmp_path / "stack" / "rebond.toml")
    program.good("backup", "--quiet")
    monkeypatch.setattr(rebond.stack.whereabouts, "_IDLE_SECONDS", 1.0)
    done = into(program, other, "slow")
    assert done.status == 0, done.err
    assert other.sql("SELECT count(*) FROM pg_indexes WHERE tablename = 't'", "slow") == "1\n"
    server.sql("DROP DATABASE slow")


def test_without_owners_everything_belongs_to_who_loads_it(saved: Program, tmp_path: pathlib.Path) -> None:
    with PostgresServer() as bare:
        bare.sql("CREATE ROLE app LOGIN CREATEDB; GRANT pg_signal_backend TO app")
        refused = saved("restore", "latest", "--into", dsn(bare, "again", "app"), "--quiet")
        assert refused.status == 40
        assert "--no-owner" in refused.err
        assert list_databases(bare) == ["postgres"]
        bare.sql("ALTER ROLE app SUPERUSER")  # for its extension and its event triggers
        done = saved("restore", "latest", "--into", dsn(bare, "again", "app"), "--quiet", "--no-owner")
        assert done.status == 0, done.err
        owners = "SELECT DISTINCT relowner::regrole FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert bare.sql(owners, "again") == "app\n"
        assert bare.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'reader'") == "0\n"


def test_one_table_comes_back_beside_the_one_that_is_there(saved: Program, other: PostgresServer) -> None:
    other.sql("CREATE DATABASE live")
    other.sql("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE orders (id int); INSERT INTO orders VALUES (1)", "live")
    refused = into(saved, other, "live", "--table", "orders")
    assert refused.status == 41, refused.err
    assert "--rename" in refused.err
    # its type is another one there, so it is made from what was saved
    other.sql("CREATE DOMAIN positive AS int", "live")
    done = into(saved, other, "live", "--table", "orders", "--rename", "public.orders=public.orders_restored")
    assert done.status == 0, done.err
    assert other.sql("SELECT count(*), sum(count) FROM orders_restored", "live") == "2000|2001000\n"
    assert other.sql("TABLE orders", "live") == "1\n"


def test_large_objects_that_rows_may_name_are_told(
    server: PostgresServer, other: PostgresServer, tmp_path: pathlib.Path
) -> None:
    """They do not come with a table, and the rows that name them do."""
    server.sql("DROP DATABASE IF EXISTS pictured")
    server.sql("CREATE DATABASE pictured")
    server.sql("CREATE TABLE pictures (id int, picture oid); CREATE TABLE plain (id int);"
               "INSERT INTO pictures VALUES (1, lo_from_bytea(0, 'x'))", "pictured")  # fmt: skip
    program = Program.with_vault(tmp_path)
    program.leave_vault_to_configuration()
    (tmp_path / "stack").mkdir()
    configure(tmp_path, server)
    path = tmp_path / "stack" / "rebond.toml"
    path.write_text(path.read_text().replace('"shop"', '"pictured"'))
    program.environment["REBOND_CONFIG"] = str(path)
    program.good("backup", "--quiet")
    other.sql("CREATE DATABASE bare")
    words = ("restore", "latest", "--into", dsn(other, "bare"), "--json")
    told = program(*words, "--table", "pictures")
    (problem,) = told.document["problems"]
    assert (told.status, problem["code"]) == (3, "large-objects-stay-gone")
    assert "public.pictures.picture" in problem["message"]
    assert program.good(*words, "--table", "plain").document["problems"] == []


def test_a_table_that_is_not_there_is_made_with_its_keys_and_its_position(
    saved: Program, server: PostgresServer, other: PostgresServer
) -> None:
    other.sql("CREATE DATABASE half")
    other.sql("CREATE DOMAIN positive AS int", "half")
    done = into(saved, other, "half", "--table", "public.orders", "--no-owner")
    assert done.status == 0, done.err
    question = (
        "SELECT count(*), max(id) FROM orders; SELECT last_value FROM orders_id_seq; SELECT count(*) FROM pg_indexes"
    )
    question += " WHERE tablename = 'orders'"
    assert other.sql(question, "half") == server.sql(question, "shop")


def test_rows_alone_go_into_a_table_that_is_there_and_empty_all_or_none(saved: Program, other: PostgresServer) -> None:
    other.sql("CREATE DATABASE rows_only")
    columns = "(id int PRIMARY KEY, customer_id bigint, placed date, count int{})"
    other.sql(f"CREATE TABLE orders {columns.format(' CHECK (count < 1999)')}", "rows_only")
    failed = into(saved, other, "rows_only", "--table", "orders")
    assert failed.status == 40, failed.err
    assert "1999" in failed.err or "count" in failed.err
    assert other.sql("SELECT count(*) FROM orders", "rows_only") == "0\n"
    other.sql(f"DROP TABLE orders; CREATE TABLE orders {columns.format('')}", "rows_only")
    assert into(saved, other, "rows_only", "--table", "orders").status == 0
    assert other.sql("SELECT count(*) FROM orders", "rows_only") == "2000\n"


def test_a_table_that_is_there_and_gets_its_rows_gives_no_number_twice(saved: Program, other: PostgresServer) -> None:
    other.sql("CREATE DATABASE migrated")
    columns = "customer_id bigint, placed date, count int"
    other.sql(f"CREATE TABLE orders (id serial PRIMARY KEY, {columns})", "migrated")
    identity = 'id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, mood text, "when" timestamptz'
    other.sql(f"CREATE TABLE customer ({identity}, span text, amount numeric, share float8, raw bytea)", "migrated")
    other.sql(
        "ALTER TABLE customer ADD words text[], ADD doc jsonb; SELECT setval('customer_id_seq', 9000)", "migrated"
    )
    assert into(saved, other, "migrated", "--table", "orders", "--table", "customer").status == 0
    assert other.sql("INSERT INTO orders (count) VALUES (1) RETURNING id", "migrated") == "2001\n"
    assert other.sql("INSERT INTO customer (name) VALUES ('x') RETURNING id", "migrated") == "9001\n"  # none goes back


def test_a_schema_comes_back_whole(saved: Program, server: PostgresServer, other: PostgresServer) -> None:
    other.sql("CREATE DATABASE schemas")
    done = into(saved, other, "schemas", "--schema", 'odd. "schema"/%', "--no-owner")
    assert done.status == 0, done.err
    name = '"odd. ""schema""/%".long_name_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    assert other.sql(f"TABLE {name}", "schemas") == server.sql(f"TABLE {name}", "shop")


@pytest.mark.parametrize(
    ("address", "words", "status"),
    [
        ("postgresql://postgres@/x?host=/nowhere", "takes no connections", 40),
        ("postgresql://postgres:secret@host/x", "may hold no password", 2),
        ("host=/tmp dbname=x", "no address of a database", 2),
    ],
)
def test_addresses_that_lead_nowhere_are_told(saved: Program, address: str, words: str, status: int) -> None:
    done = saved("restore", "latest", "--into", address, "--quiet")
    assert done.status == status, done.err
    assert words in done.err


def test_who_may_not_create_a_database_is_told_before_anything(saved: Program, other: PostgresServer) -> None:
    other.sql("CREATE ROLE small LOGIN")
    done = saved("restore", "latest", "--into", dsn(other, "tiny", "small"), "--quiet")
    assert done.status == 40
    assert "CREATEDB" in done.err
    assert "tiny" not in list_databases(other)


def test_what_fails_midway_leaves_nothing_and_the_old_one_works(
    saved: Program, other: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.sql("DROP DATABASE IF EXISTS old; CREATE DATABASE old".replace("; ", ";\n"))
    other.sql("CREATE TABLE mine AS SELECT 1 AS n", "old")
    before = list_databases(other)
    from rebond.sources.postgres import whole_load

    for step in ("load_rows", "swap_in", "list_settings"):

        def fail(*_: object, **__: object) -> None:
            raise OSError("the power fails")

        with monkeypatch.context() as patch:
            patch.setattr(whole_load, step, fail)
            assert into(saved, other, "old", "--yes").status == 1
        assert list_databases(other) == before
        assert other.sql("TABLE mine", "old") == "1\n"
    assert os.path.exists(other.socket_folder)


def test_a_wrong_password_is_told_and_never_asked_for(saved: Program, other: PostgresServer) -> None:
    other.sql("CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'right'")
    other.ask_passwords()
    address = dsn(other, "guarded_one", "guarded")
    refused = saved("restore", "latest", "--into", address, "--quiet", PGPASSWORD="wrong")
    assert refused.status == 40, refused.err
    assert "does not accept the password" in refused.err
    assert "PGPASSWORD" in refused.err
    saved.good("restore", "latest", "--into", address, "--rename", "shop=renamed", "--quiet", PGPASSWORD="right")
    assert other.sql("SELECT count(*) FROM orders", "renamed") == "2000\n"
    assert "guarded_one" not in list_databases(other)


def start_without_room() -> PostgresServer:
    """Start a server whose files the kernel lets grow no further than 17 MiB, as on a disk without room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (17 << 20, hard))
    try:
        return PostgresServer()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_nothing_half_loaded(server: PostgresServer, tmp_path: pathlib.Path) -> None:
    server.sql("CREATE DATABASE big")
    server.sql("CREATE TABLE t AS SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, 80000) n", "big")
    program = Program.with_vault(tmp_path)
    del program.environment["REBOND_VAULT"], program.environment["REBOND_KEY_FILE"]
    (tmp_path / "stack").mkdir()
    configure(tmp_path, server, ('"shop"\nuser', '"big"\nuser'))
    program.environment["REBOND_CONFIG"] = str(tmp_path / "stack" / "rebond.toml")
    program.good("backup", "--quiet")
    with start_without_room() as small:
        small.sql("CREATE DATABASE big")
        small.sql("CREATE TABLE mine AS SELECT 1 AS n", "big")
        failed = program("restore", "latest", "--into", dsn(small, "big"), "--yes", "--quiet")
        assert failed.status == 40, failed.err
        assert "is full" in failed.err
        assert small.sql("TABLE mine", "big") == "1\n"
        assert list_databases(small) == ["big", "postgres"]


@pytest.mark.parametrize("major", [16, pytest.param(17, marks=pytest.mark.judge("postgres-17")), 18])
def test_everything_comes_back_on_each_server_and_an_older_one_is_refused(
    saved: Program, server: PostgresServer, major: int, tmp_path: pathlib.Path
) -> None:
    with PostgresServer(major=major) as newer:
        fill_shop(newer)
        path = f"{newer.programs}:{os.environ['PATH']}"
        program = Program.with_vault(tmp_path)
        del program.environment["REBOND_VAULT"], program.environment["REBOND_KEY_FILE"]
        (tmp_path / "stack").mkdir()
        configure(tmp_path, newer)
        program.environment["REBOND_CONFIG"] = str(tmp_path / "stack" / "rebond.toml")
        program.good("backup", "--quiet", PATH=path)
        back = program.ask("restore", "latest", "--into", dsn(newer, "again"), "--quiet", PATH=path)
        assert back["rows"] > 5000
        assert newer.dump("again", "--schema-only") == newer.dump("shop", "--schema-only")
        assert newer.sql(DESCRIBE, "again") == newer.sql(DESCRIBE, "shop")
        program.good("export", "latest", "db", "--format", "dump", "--output", str(tmp_path / "x.dump"), "--quiet")
        newer.sql("CREATE DATABASE stock TEMPLATE template0")
        words = ["--exit-on-error", "-d", newer.connection("stock"), str(tmp_path / "x.dump")]
        subprocess.run([str(newer.programs / "pg_restore"), *words], check=True)
        assert newer.dump("stock", "--schema-only") == newer.dump("shop", "--schema-only")
        assert newer.sql(DESCRIBE, "stock") == newer.sql(DESCRIBE, "shop")
        require_rights(program, newer, path)
        if newer.major > server.major:
            refused = program("restore", "latest", "--into", dsn(server, "too_new"), "--quiet", PATH=path)
            assert refused.status == 40, refused.err
            assert f"PostgreSQL {major} or newer" in refused.err


def require_rights(program: Program, server: PostgresServer, path: str) -> None:
    """What a user may not do is said with its remedy, before anything is loaded where that can be known."""
    server.sql("CREATE ROLE app LOGIN CREATEDB; CREATE ROLE maker LOGIN CREATEDB CREATEROLE; CREATE ROLE poor LOGIN")
    server.sql("CREATE DATABASE theirs")
    server.sql("GRANT CREATE ON DATABASE theirs TO poor")
    before = server.sql("SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles ORDER BY 1")
    for user, database, words, said in (
        ("app", "theirs", ["--no-owner", "--yes"], "does not belong to app"),
        ("poor", "new_one", ["--no-owner"], 'ALTER ROLE "poor" CREATEDB'),
        ("poor", "theirs", ["--no-owner", "--table", "public.orders"], "GRANT CREATE ON SCHEMA public"),
    ):
        refused = program("restore", "latest", "--into", dsn(server, database, user), "--quiet", *words, PATH=path)
        assert refused.status == 40, refused.err
        assert said in refused.err
    server.sql("ALTER ROLE reader RENAME TO gone")
    refused = program("restore", "latest", "--into", dsn(server, "new_one", "maker"), "--quiet", PATH=path)
    assert "--no-owner" in refused.err
    server.sql("ALTER ROLE gone RENAME TO reader")
    assert server.sql("SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles ORDER BY 1") == before
