"""PostgreSQL inside a container: through every way in, and every way of spoiling it."""

import pathlib
from collections.abc import Iterator

import pytest
from tests.scenarios.kept_stack import CHANNELS, KeptStack
from tests.shims.servers import PASSWORD

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
COMPONENT = """
[component.shop]
kind = "postgres"
in = "CHANNEL"
host = "HOST"
database = "shop"
user = "keeper"
password = { env = "DB_PASSWORD" }
"""
SPOILT = (
    *({"SHIM_CUT_AFTER": str(count)} for count in (0, 30, 700, 3000, 20_000)),
    {"SHIM_CUT_AFTER": "20000", "SHIM_CUT_STATUS": "1"},
    {"SHIM_CRLF": "1"},
    {"SHIM_RUNNING": "nothing"},
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    quoted = PASSWORD.replace("'", "''")
    with PostgresServer() as made:
        made.sql(f"SET standard_conforming_strings = on; CREATE ROLE keeper LOGIN CREATEDB PASSWORD '{quoted}'")
        made.sql("CREATE DATABASE shop OWNER keeper")
        made.sql(
            "CREATE TABLE big AS SELECT g, md5(g::text) FROM generate_series(1, 20000) g; CREATE INDEX ON big (g);"
            "CREATE TABLE a (x serial PRIMARY KEY);"
            "INSERT INTO a DEFAULT VALUES; GRANT SELECT ON ALL TABLES IN SCHEMA public TO keeper;"
            "GRANT SELECT ON SEQUENCE a_x_seq TO keeper",
            "shop",
        )
        made.ask_passwords()
        yield made


@pytest.fixture(scope="module")
def stack(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> KeptStack:
    return KeptStack(tmp_path_factory.mktemp("stack"))


def configure(stack: KeptStack, server: PostgresServer, channel: str) -> None:
    stack.write(COMPONENT.replace("CHANNEL", channel).replace("HOST", server.socket_folder))


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_database_comes_back_through_every_way_in_and_its_password_is_seen_nowhere(
    server: PostgresServer, stack: KeptStack, channel: str, tmp_path: pathlib.Path
) -> None:
    configure(stack, server, channel)
    log = tmp_path / "log"
    snapshot = stack.good_backup(SHIM_LOG=str(log))
    stack.restore(snapshot["id"], tmp_path / "back")

    back = tmp_path / "back" / "shop"
    assert (back / "tables" / "public.big.copy").read_bytes().count(b"\n") == 20_000
    assert (back / "sequences.sql").read_text().count("setval") == 1
    assert "PASSWORD" not in (back / "globals.sql").read_text()  # the keeper may not read them
    said = log.read_text()
    assert "pg_dump" in said
    assert all(part not in said for part in PASSWORD.split())
    assert server.count_sessions("shop") == 0


@pytest.mark.parametrize("channel", [CHANNELS[0], CHANNELS[-1]])
def test_a_database_is_loaded_through_a_way_in_and_a_stream_that_is_cut_loads_nothing(
    server: PostgresServer, stack: KeptStack, channel: str, tmp_path: pathlib.Path
) -> None:
    configure(stack, server, channel)
    snapshot = stack.good_backup()["id"]
    log = tmp_path / "log"
    words = ("restore", snapshot, "shop", "--into", f"{channel}/again", "--no-owner", "--quiet")
    config = ("--config", stack.folder / "rebond.toml")
    stack.program.good(*words, *config, SHIM_LOG=str(log))
    assert server.sql("SELECT count(*) FROM big", "again") == "20000\n"
    assert all(part not in log.read_text() for part in PASSWORD.split())
    server.sql("DROP DATABASE again")

    ended = stack.program.run(*words, *config, SHIM_CUT_AFTER="3")
    assert ended.status in {33, 40}, ended.err
    assert server.sql("SELECT count(*) FROM pg_database WHERE datname LIKE '%again%'") == "0\n"


@pytest.mark.parametrize("spoilt", SPOILT, ids=lambda each: " ".join(f"{k[5:]}={v}" for k, v in each.items()))
def test_a_stream_that_is_cut_makes_no_snapshot(
    server: PostgresServer, stack: KeptStack, spoilt: dict[str, str]
) -> None:
    configure(stack, server, CHANNELS[-1])  # kubectl is the one that cuts streams and ends well
    before = len(stack.snapshots())
    ended = stack.back_up(**spoilt)

    assert ended.status in {31, 33}, ended.err
    assert len(stack.snapshots()) == before
    assert server.count_sessions("shop") == 0


@pytest.mark.parametrize("seconds", [0.7, 1.2, 2.0])
def test_a_run_that_is_killed_leaves_no_session_behind(
    server: PostgresServer, stack: KeptStack, seconds: float
) -> None:
    configure(stack, server, CHANNELS[-1])
    running = stack.program.start(
        "backup", "--config", stack.folder / "rebond.toml", SHIM_DELAY="0.05", SHIM_RUNNING="deploy/media/app"
    )
    running.kill_after(seconds)

    assert server.count_sessions("shop") == 0


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_error_names_the_container_of_the_server_and_not_this_machine(
    server: PostgresServer, stack: KeptStack, channel: str
) -> None:
    configure(stack, server, channel)
    ended = stack.back_up(DB_PASSWORD="another")
    assert ended.status != 0
    assert f"PostgreSQL at {channel} does not accept the password" in ended.err, ended.err
    assert "localhost" not in ended.err
