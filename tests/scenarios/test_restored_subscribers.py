"""A data directory that was laid down is started by hand: it takes nothing from the servers that it subscribes to."""

import pathlib

import pytest
from tests.scenarios.archived_server import ArchivedStack
from tests.scenarios.test_point_in_time import folder, make_stack  # noqa: F401 - a fixture
from tests.scenarios.wal_stack import wait_until

from rebond.sources.postgres_physical.recovery_settings import SUBSCRIBER
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
SUBSCRIBE = """CREATE SUBSCRIPTION sales CONNECTION 'host=127.0.0.9 dbname=shop' PUBLICATION sales
WITH (connect = false, slot_name = 'sales'); ALTER SUBSCRIPTION sales ENABLE"""
WORKERS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'logical replication%'"
SUBSCRIBING = "SHOW max_logical_replication_workers"


def start_by_hand(stack: ArchivedStack, place: pathlib.Path) -> PostgresServer:
    """Lay down the latest moment, start it as anybody would, and wait until it is whole."""
    started = PostgresServer(adopts=stack.lay(place, "latest").path)
    wait_until(lambda: started.sql("SELECT pg_is_in_recovery()").strip() == "f", 60)
    return started


def settings_of(server: PostgresServer) -> str:
    return (server.data / "postgresql.auto.conf").read_text()


def test_a_subscription_waits_until_somebody_says_so(folder: pathlib.Path) -> None:  # noqa: F811
    with make_stack() as stack:
        stack.server.sql("CREATE TABLE t (id int)")
        stack.back_up()
        stack.server.sql(SUBSCRIBE)  # only the log knows of it
        stack.switch()
        with start_by_hand(stack, folder / "r") as started:
            assert started.sql("SELECT subenabled FROM pg_subscription").strip() == "t"
            assert (started.sql(SUBSCRIBING).strip(), started.sql(WORKERS).strip()) == ("0", "0")
            assert SUBSCRIBER in settings_of(started)
            started.sql("ALTER SYSTEM RESET max_logical_replication_workers")
            started.stop()
            started.start()
            assert int(started.sql(SUBSCRIBING)) > 0


def test_a_server_that_never_subscribed_has_its_own_setting_again_from_the_next_start_on(
    folder: pathlib.Path,  # noqa: F811
) -> None:
    with make_stack() as stack:
        stack.server.sql("ALTER SYSTEM SET max_logical_replication_workers = 3")
        stack.server.sql("CREATE TABLE t (id int)")
        stack.back_up()
        stack.server.sql("INSERT INTO t VALUES (1)")  # else there is nothing to switch from
        stack.switch()
        with start_by_hand(stack, folder / "r") as started:
            assert started.sql(SUBSCRIBING).strip() == "0"  # nobody could know that before
            wait_until(lambda: SUBSCRIBER not in settings_of(started), 60)
            started.stop()
            started.start()
            assert started.sql(SUBSCRIBING).strip() == "3"
