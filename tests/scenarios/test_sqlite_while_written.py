"""A database that is written to without pause is saved again and again: each copy shows one moment."""

import os
import pathlib
import sqlite3
import subprocess
import sys

import pytest
from tests.bounded import wait_for
from tests.unit.operations.restored import RestoredVault

from rebond.clock import SystemClock
from rebond.sources.sqlite.tree import CopyRules, SqliteTree

BACKUPS = 5
WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
number = 0
while True:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO orders VALUES (?, ?)", (number, "x" * 3000))
    connection.execute("INSERT INTO payments VALUES (?)", (number,))
    if number % 3 == 0:
        connection.execute("DELETE FROM orders WHERE id = ?", (number // 2,))
        connection.execute("DELETE FROM payments WHERE id = ?", (number // 2,))
    connection.execute("COMMIT")
    number += 1
    time.sleep(0.005)
"""


def make_database(path: pathlib.Path, mode: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, text TEXT)")
    connection.execute("CREATE TABLE payments (id INTEGER PRIMARY KEY)")
    connection.execute("CREATE TABLE ballast (text TEXT)")
    connection.executemany("INSERT INTO ballast VALUES (?)", [("y" * 4000,)] * 6000)
    connection.commit()
    connection.close()


def newest_order(path: pathlib.Path) -> int:
    """Return the number of the newest order, after checking that the copy shows one moment."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    unlike = "SELECT count(*) FROM orders FULL JOIN payments USING (id) WHERE text IS NULL OR payments.rowid IS NULL"
    assert connection.execute(unlike).fetchone() == (0,)
    newest: int = connection.execute("SELECT coalesce(max(id), -1) FROM orders").fetchone()[0]
    connection.close()
    return newest


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_every_copy_made_while_a_program_writes_is_whole_and_of_one_moment(tmp_path: pathlib.Path, mode: str) -> None:
    database = tmp_path / "shop.db"
    make_database(database, mode)
    place = RestoredVault(tmp_path)
    rules = CopyRules(place=str(tmp_path))
    writer = subprocess.Popen([sys.executable, "-c", WRITER, database], stderr=subprocess.PIPE)
    try:
        wait_for(lambda: sqlite_count(database) >= 3 or writer.poll() is not None, "three rows of the writer")
        records = []
        for _ in range(BACKUPS):
            tree = SqliteTree.of_file(os.fsencode(database), clock=SystemClock(), report=lambda _: None, rules=rules)
            records.append(place.save(tree, "shop"))
        is_still_writing = writer.poll() is None
    finally:
        writer.kill()
        said = writer.communicate()[1]

    assert is_still_writing, said
    newest = []
    for number, record in enumerate(records):
        place.restore(record, to=f"back{number}")
        newest.append(newest_order(tmp_path / f"back{number}" / "shop" / "shop.db"))
    assert newest == sorted(newest)
    assert newest[-1] > newest[0]


def sqlite_count(path: pathlib.Path) -> int:
    connection = sqlite3.connect(path, timeout=20)
    count: int = connection.execute("SELECT count(*) FROM orders").fetchone()[0]
    connection.close()
    return count
