"""A database that is restored in place and killed at every line of the journal, note and swap: nothing is lost."""

import pathlib
import time
from collections.abc import Iterator

import pytest
from tests.crash.cuts import NO_END, choose_cuts, choose_points, is_piece
from tests.crash.test_restore_in_place_kills import Places, run_and_kill
from tests.scenarios.test_recover_databases import Orders

from rebond.operations.recovery import database_part, journal, server_waiting
from rebond.sources.postgres import whole_load
from rebond.testing.postgres_server import PostgresServer

pytestmark = [pytest.mark.judge("postgres"), pytest.mark.slow]
POINTS_AT_MOST = 200
EVERY = 17  # each point takes some seconds: by itself, a few of them
PLACES: Places = (
    (journal.Journal, "write_all"),
    (database_part.DatabasePart, "_write"),
    (database_part, "swap_in"),
    (database_part, "drop_database"),
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        made.sql("CREATE ROLE keeper SUPERUSER LOGIN")
        yield made


@pytest.fixture
def orders(server: PostgresServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Orders:
    monkeypatch.setattr(server_waiting, "_STEADY_SECONDS", 0.0)
    monkeypatch.setattr(server_waiting, "_PREPARING_SECONDS", 0.0)
    return Orders(tmp_path, server)


def test_killed_anywhere_it_is_gone_on_with_or_undone_and_no_row_is_lost(orders: Orders) -> None:
    last = 0
    for point, goes_on in choose_cuts(1, POINTS_AT_MOST, EVERY):
        orders.server.sql("DELETE FROM orders WHERE id > 3", "orders")
        words = ("latest", "db", "--in-place", "--yes")
        if not run_and_kill(orders.program, words, point, PLACES):
            break
        last = point
        if goes_on:
            status = orders.program("restore", "--resume", "latest").status
            assert status in {0, 6}, point  # 6: it had come to its end
            assert orders.rows() == 500, point
            orders.program.good("restore", "--accept", "latest", "--yes")
        else:
            answer = orders.program("restore", "--rollback", "latest", "--yes", "--set-newer-aside")
            assert (answer.status, orders.rows()) == (0, 3), (point, answer.err)
        assert orders.databases() == ["orders"], point
    else:
        assert is_piece(), NO_END
    assert last > 15 or is_piece()


def test_killed_in_the_middle_of_a_load_it_is_undone_with_the_half_that_was_loaded(orders: Orders) -> None:
    """As when the engine of its container is stopped then: what ends the load cannot reach the server either."""
    orders.server.sql("DELETE FROM orders WHERE id > 3", "orders")
    assert run_and_kill(orders.program, ("latest", "db", "--in-place", "--yes"), 2, ((whole_load, "_fill"),))
    (half,) = (each for each in orders.databases() if each != "orders")
    at_work = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{half}'"
    while orders.server.sql(at_work).strip() != "0":  # what it started ends with it, by itself
        time.sleep(0.05)
    orders.program.good("restore", "--rollback", "latest", "--yes")
    assert (orders.rows(), orders.databases()) == (3, ["orders"])


def test_killed_while_it_is_undone_it_is_undone_again(orders: Orders) -> None:
    last = 0
    # 2: it has just begun; 8: all is dropped, and the journal does not say so yet
    for point in choose_points(8, POINTS_AT_MOST, EVERY, early=(2,)):
        orders.server.sql("DELETE FROM orders WHERE id > 3", "orders")
        orders.program.good("restore", "latest", "db", "--in-place", "--yes")
        if not run_and_kill(orders.program, ("--rollback", "latest", "--yes"), point, PLACES):
            break
        last = point
        answer = orders.program("restore", "--rollback", "latest", "--yes")
        assert answer.status in {0, 6}, (point, answer.err)
        assert (orders.rows(), orders.databases()) == (3, ["orders"]), point
    else:
        assert is_piece(), NO_END
    assert last >= 8 or is_piece()
