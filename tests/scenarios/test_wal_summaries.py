"""WAL summaries: a second backup of a data directory reads what changed, and holds the same as one that reads all."""

import pathlib
import re
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from tests.bounded import join, wait_for
from tests.scenarios.archived_server import ARCHIVED, ArchivedStack
from tests.scenarios.test_point_in_time import folder, short_folder  # noqa: F401 - a fixture

from rebond.operations.backup import BackupOutcome
from rebond.operations.physical.targets import SET
from rebond.operations.snapshots import SnapshotState, state_of
from rebond.testing.postgres_server import find_postgres

pytestmark = pytest.mark.judge("postgres")
_TABLES = ("big", "grows", "shrinks", "cut", "again", "moved")
_USERS = re.compile(r"[2-9]\d{4,}(?:\.\d+)?|1[6-9]\d{3}(?:\.\d+)?")  # relations of users, without their other forks


@pytest.fixture(scope="module")
def stack() -> Iterator[ArchivedStack]:
    with short_folder() as made:
        begun = ArchivedStack.begin(made, {}, major=17 if find_postgres(17) else 18)
        begun.server.change("summarize_wal", "on")
        for each in _TABLES:
            begun.server.sql(
                f"CREATE TABLE {each} (id int PRIMARY KEY, words text);"
                f"INSERT INTO {each} SELECT g, repeat(md5(g::text), 12) FROM generate_series(1, 6000) g"
            )
        begun.server.sql("CREATE TABLE storm (id bigint GENERATED ALWAYS AS IDENTITY, who int)")
        begun.server.sql("CREATE UNLOGGED TABLE fleeting AS SELECT generate_series(1, 9) AS id")
        begun.server.sql("VACUUM FREEZE; CHECKPOINT")
        try:
            yield begun
        finally:
            begun.end()


def back_up(stack: ArchivedStack, *, rereads_all: bool = False) -> BackupOutcome:
    return stack.back_up(wal=f'{ARCHIVED}data_directory = "{stack.server.data}"\n', rereads_all=rereads_all)


def change_much(stack: ArchivedStack) -> None:
    """Do to relations whatever may happen to one."""
    for each in (
        "UPDATE big SET words = reverse(words) WHERE id % 2000 = 1",
        "INSERT INTO grows SELECT m + g, repeat('x', 500) FROM generate_series(1, 9) g, (SELECT max(id) m FROM grows)",
        "DELETE FROM shrinks WHERE id > 3000",
        "VACUUM (TRUNCATE) shrinks",
        "TRUNCATE cut",
        "INSERT INTO cut SELECT g, 'anew' FROM generate_series(1, 5000) g",
        "DROP TABLE again; CREATE TABLE again AS SELECT g AS id, 'again' AS words FROM generate_series(1, 7000) g",
        "VACUUM FULL moved",
        "DROP DATABASE IF EXISTS other",
        "CREATE DATABASE other STRATEGY file_copy",
        "CREATE INDEX ON big (words)",
    ):
        stack.server.sql(each)


def wait_for_summary(stack: ArchivedStack) -> None:
    """Wait until a summary says what happened before the last checkpoint."""
    end = time.monotonic() + 90
    asked = "SELECT summarized_lsn >= redo_lsn FROM pg_get_wal_summarizer_state(), pg_control_checkpoint()"
    while stack.server.sql(asked).strip() != "t":
        assert time.monotonic() < end
        time.sleep(0.05)


def read_bytes(outcome: BackupOutcome) -> int:
    return sum(totals.read_bytes for _, totals in outcome.totals)


def is_users(path: pathlib.Path) -> bool:
    return path.is_file() and _USERS.fullmatch(path.name) is not None


def list_pages(stack: ArchivedStack, outcome: BackupOutcome, place: pathlib.Path) -> dict[str, bytes]:
    """Return the pages of users' relations as a snapshot holds them."""
    laid = stack.lay(place, SET, outcome.record)
    found = (laid.path / "base").rglob("*")
    return {str(each.relative_to(laid.path)): each.read_bytes() for each in found if is_users(each)}


def write_rows(stack: ArchivedStack, number: int, acknowledged: list[int], is_over: threading.Event) -> None:
    with psycopg.connect(stack.server.connection(), autocommit=True) as session:
        while not is_over.is_set():
            row = session.execute("INSERT INTO storm (who) VALUES (%s) RETURNING id", (number,)).fetchone()
            assert row is not None
            acknowledged.append(row[0])


def test_only_what_changed_is_read_and_it_is_what_reading_all_gives(
    stack: ArchivedStack,
    folder: pathlib.Path,  # noqa: F811
) -> None:
    first = back_up(stack)
    change_much(stack)
    is_over, acknowledged = threading.Event(), list[int]()
    writers = [
        threading.Thread(target=write_rows, args=(stack, each, acknowledged, is_over), daemon=True) for each in range(2)
    ]
    try:
        for each in writers:
            each.start()
        wait_for(lambda: len(acknowledged) >= 100, "a hundred rows that are acknowledged")
        before = set(acknowledged)
        second = back_up(stack)
    finally:
        is_over.set()
        join(*writers)
    assert state_of(second.record) is SnapshotState.WHOLE
    change_much(stack)
    stack.server.sql("CHECKPOINT")
    third = back_up(stack)
    whole = back_up(stack, rereads_all=True)
    assert read_bytes(third) < 0.6 * read_bytes(whole)
    assert read_bytes(whole) > 0.9 * read_bytes(first)
    assert list_pages(stack, third, folder / "3" / "data") == list_pages(stack, whole, folder / "4" / "data")
    server, _ = stack.start(folder / "r", SET, second.record)
    try:
        ids = set(map(int, server.ask("SELECT id FROM storm", "postgres").split()))
        assert before <= ids <= set(acknowledged)
        assert server.ask("SELECT count(*) FROM again", "postgres").strip() == "7000"
        assert server.ask("SELECT count(*), max(id) FROM shrinks", "postgres").strip() == "3000|3000"
        assert server.ask("SELECT count(*) FROM fleeting", "postgres").strip() == "0"
    finally:
        server.remove()


def test_all_is_read_when_summaries_are_missing_or_not_made(stack: ArchivedStack) -> None:
    back_up(stack)
    stack.server.sql("UPDATE storm SET who = 7; CHECKPOINT")
    wait_for_summary(stack)
    for each in (stack.server.data / "pg_wal" / "summaries").iterdir():
        each.unlink()
    whole = back_up(stack)
    assert read_bytes(whole) > 20_000_000
    again = back_up(stack)
    assert read_bytes(again) < 0.6 * read_bytes(whole)
    stack.server.change("summarize_wal", "off")
    assert read_bytes(back_up(stack)) > 0.9 * read_bytes(whole)
