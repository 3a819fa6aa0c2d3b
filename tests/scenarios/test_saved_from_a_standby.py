"""A database saved from a server that only follows another one: unlogged tables have no rows there that can be read."""

import pathlib
import tempfile
from collections.abc import Iterator

import pytest
from tests.scenarios.test_postgres import CONFIGURATION
from tests.scenarios.wal_stack import prepare_recovery, take_base, wait_until
from tests.unit.cli.program_runs import Program

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
MAKE = """
CREATE TABLE item (n int PRIMARY KEY, name text); INSERT INTO item SELECT g, 'item ' || g FROM generate_series(1, 50) g;
CREATE UNLOGGED TABLE "a cache" (n serial PRIMARY KEY, v text); INSERT INTO "a cache" (v) VALUES ('x'), ('y');
CREATE UNLOGGED SEQUENCE fleeting; SELECT nextval('fleeting');
CREATE SEQUENCE lasting START 7; SELECT nextval('lasting');
CREATE TABLE parted (n int) PARTITION BY RANGE (n);
CREATE UNLOGGED TABLE part_1 PARTITION OF parted FOR VALUES FROM (0) TO (10); INSERT INTO parted VALUES (1);
CREATE TABLE part_2 PARTITION OF parted FOR VALUES FROM (10) TO (20); INSERT INTO parted VALUES (11);
"""


@pytest.fixture(scope="module")
def primary() -> Iterator[PostgresServer]:
    with PostgresServer(settings={"full_page_writes": "on"}) as made:  # without it no standby of it can be made
        made.sql("CREATE DATABASE shop")
        made.sql(MAKE, "shop")
        yield made


@pytest.fixture(scope="module")
def standby(primary: PostgresServer) -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="rs-") as made:
        data = prepare_recovery(
            take_base(primary, pathlib.Path(made, "taken")),
            pathlib.Path(made, "data"),
            {"primary_conninfo": primary.connection(), "wal_retrieve_retry_interval": "200ms"},
        )
        (data / "recovery.signal").rename(data / "standby.signal")
        with PostgresServer(adopts=data) as following:
            wait_until(lambda: "shop" in following.sql("SELECT datname FROM pg_database"), 60)
            yield following


@pytest.fixture
def saving(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program.with_vault(tmp_path)
    made.leave_vault_to_configuration()
    (tmp_path / "stack").mkdir()
    monkeypatch.chdir(tmp_path / "stack")
    return made


def save(saving: Program, server: PostgresServer) -> str:
    pathlib.Path("rebond.toml").write_text(CONFIGURATION.replace("HOST", server.socket_folder))
    done = saving("backup")
    assert done.status == 0, done.err
    return done.out + done.err


def test_rows_that_a_standby_has_not_are_left_out_and_named(
    saving: Program, primary: PostgresServer, standby: PostgresServer
) -> None:
    told = save(saving, standby)
    assert 'public."a cache", public.part_1' in told
    into = f"postgresql://postgres@/back?host={primary.socket_folder}"
    done = saving("restore", "latest", "db", "--into", into)
    assert done.status == 0, done.err
    try:
        # pg_dump leaves out the same on a standby.
        assert primary.dump("back", "--no-unlogged-table-data") == standby.dump("shop")
        assert primary.sql('SELECT count(*) FROM "a cache"', "back") == "0\n"
        assert primary.sql("SELECT n FROM parted", "back") == "11\n"
        assert primary.sql("SELECT nextval('lasting')", "back") == "8\n"
    finally:
        primary.sql("DROP DATABASE back")


def test_the_primary_gives_them_and_nothing_is_said(saving: Program, primary: PostgresServer) -> None:
    assert "a cache" not in save(saving, primary)
    listed = saving("ls", "latest", "db/tables").out
    assert "part_1" in listed
    assert "cache" in listed
