import os
import pathlib
import sqlite3

import pytest

from rebond.clock import SystemClock
from rebond.entries import Tree
from rebond.sources.sqlite.tree import CopyRules, SqliteTree
from rebond.testing.tree_contract import TreeContract


def make_database(path: pathlib.Path, mode: str) -> bytes:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, text TEXT)")
    connection.executemany("INSERT INTO orders (text) VALUES (?)", [("x" * 50,)] * 2000)
    connection.commit()
    connection.close()
    return os.fsencode(path)


def tree_of(files: dict[bytes, bytes], place: pathlib.Path) -> Tree:
    return SqliteTree(
        files,
        clock=SystemClock(),
        report=lambda finding: pytest.fail(finding.message),
        rules=CopyRules(place=str(place)),
    )


class TestSqliteTreeOfSeveral(TreeContract):
    @pytest.fixture
    def tree(self, tmp_path: pathlib.Path) -> Tree:
        (tmp_path / "a" / "b").mkdir(parents=True)
        names = [b"shop.db", b"a/x.db", b"a/y.db", b"a/b/x.db"]
        files = {name: make_database(tmp_path / os.fsdecode(name), "wal") for name in names}
        return tree_of(files, tmp_path)


class TestSqliteTreeOfOne(TreeContract):
    @pytest.fixture(params=["wal", "delete"])
    def tree(self, tmp_path: pathlib.Path, request: pytest.FixtureRequest) -> Tree:
        return tree_of({b"shop.db": make_database(tmp_path / "shop.db", request.param)}, tmp_path)

    def test_no_descriptor_is_left_open(self, tree: Tree) -> None:
        before = set(os.listdir("/proc/self/fd"))
        for listing in tree.listings():
            listing.describe(0)
        walk = iter(tree.listings())
        next(walk).describe(0)
        del walk, listing

        assert set(os.listdir("/proc/self/fd")) == before
