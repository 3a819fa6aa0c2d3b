import os
import pathlib
import sqlite3

import pytest

from rebond.clock import SystemClock
from rebond.entries import Tree
from rebond.sources.sqlite.tree import SqliteTree
from rebond.testing.tree_contract import TreeContract


class TestSqliteTree(TreeContract):
    @pytest.fixture(params=["wal", "delete"])
    def tree(self, tmp_path: pathlib.Path, request: pytest.FixtureRequest) -> Tree:
        connection = sqlite3.connect(tmp_path / "shop.db")
        connection.execute(f"PRAGMA journal_mode={request.param}")
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT INTO orders (text) VALUES (?)", [("x" * 50,)] * 2000)
        connection.commit()
        connection.close()
        return SqliteTree(
            os.fsencode(tmp_path / "shop.db"),
            clock=SystemClock(),
            report=lambda finding: pytest.fail(finding.message),
            place=str(tmp_path),
        )

    def test_no_descriptor_is_left_open(self, tree: Tree) -> None:
        before = set(os.listdir("/proc/self/fd"))
        for listing in tree.listings():
            listing.describe(0)
        walk = iter(tree.listings())
        next(walk).describe(0)
        del walk, listing

        assert set(os.listdir("/proc/self/fd")) == before
