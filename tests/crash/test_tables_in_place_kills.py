"""Tables that are restored in place and killed at every line of the journal, note and transaction: nothing is lost."""

import pathlib
from collections.abc import Iterator

import pytest
from tests.crash.cuts import NO_END, choose_cuts, choose_points, is_piece
from tests.crash.test_restore_in_place_kills import Places, run_and_kill
from tests.scenarios.test_tables_in_place import Shop

from rebond.operations.recovery import journal, server_part, tables_part
from rebond.sources.postgres import feeding
from rebond.testing.postgres_server import PostgresServer

pytestmark = [pytest.mark.judge("postgres"), pytest.mark.slow]
POINTS_AT_MOST = 200
EVERY = 11  # each point takes some seconds: by itself, a few of them
WORDS = ("latest", "db", "--in-place", "--yes", "--table", "items", "--table", "notes")
PLACES: Places = (
    (journal.Journal, "write_all"),
    (server_part.ServerPart, "_write"),
    (tables_part, "open_beside"),
    (tables_part, "mark_ready"),
    (tables_part, "put_rows"),
    (tables_part, "take_rows_back"),
    (tables_part, "drop_beside"),
    (feeding.LoadSession, "finish"),
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        yield made


@pytest.fixture
def shop(tmp_path: pathlib.Path, server: PostgresServer) -> Shop:
    return Shop(tmp_path, server)


def damage(shop: Shop) -> dict[str, str]:
    """Damage one table and drop the other one; return what is left."""
    shop.sql("UPDATE items SET what = 'broken'; DROP TABLE IF EXISTS notes")
    return shop.everything()


def test_killed_anywhere_it_is_gone_on_with_or_undone_and_no_row_is_lost(shop: Shop) -> None:
    last = 0
    for point, goes_on in choose_cuts(1, POINTS_AT_MOST, EVERY):
        damaged = damage(shop)
        if not run_and_kill(shop.program, WORDS, point, PLACES):
            break
        last = point
        if goes_on:
            answer = shop.program("restore", "--resume", "latest")
            assert answer.status in {0, 6}, (point, answer.err)  # 6: it had come to its end
            assert shop.everything() == shop.saved, point
            shop.program.good("restore", "--accept", "latest", "--yes")
        else:
            answer = shop.program("restore", "--rollback", "latest", "--yes")
            assert (answer.status, shop.everything()) == (0, damaged), (point, answer.err)
        assert shop.schemas() == [], point
    else:
        assert is_piece(), NO_END
    assert last > 12 or is_piece()


def test_killed_while_it_is_undone_it_is_undone_again(shop: Shop) -> None:
    last = 0
    for point in choose_points(8, POINTS_AT_MOST, EVERY, early=(2, 4)):
        damaged = damage(shop)
        shop.program.good("restore", *WORDS)
        if not run_and_kill(shop.program, ("--rollback", "latest", "--yes"), point, PLACES):
            break
        last = point
        answer = shop.program("restore", "--rollback", "latest", "--yes")
        assert answer.status in {0, 6}, (point, answer.err)
        assert (shop.everything(), shop.schemas()) == (damaged, []), point
    else:
        assert is_piece(), NO_END
    assert last >= 8 or is_piece()
