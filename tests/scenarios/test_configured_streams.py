"""Databases and commands of a configuration, on the machine and inside containers, in one snapshot."""

import os
import pathlib
import random
import sqlite3
from typing import Any

import pytest
from tests.shims.placing import place_shims
from tests.torture.real_program import Ended, WarmProgram

Folder = pathlib.Path

CONFIGURATION = """
version = 1
[stack]
name = "shop"
compose = ["compose.yml"]
kubernetes = { context = "production", namespace = "shop" }
env = [".env"]

[component.site]
kind = "files"
path = "site"

[component.orders]
kind = "sqlite"
path = "site/orders.db"

[component.others]
kind = "sqlite"
paths = ["data/*/*.db*", "extra.db"]

[component.here]
kind = "command"
run = "cat dump | cat; echo $SHOP"
end_mark = "open"

[component.inside]
kind = "command"
in = "compose:db"
run = ["cat", "ROOT/dump"]

[component.cluster]
kind = "command"
in = "kubernetes:deploy/media/app"
run = "cat ROOT/dump | cat"
length = "wc -c < ROOT/dump"

[class.daily]
components = "all"
trigger = "manual"

[class.cluster-only]
trigger = "manual"
components = ["cluster"]
"""


class Shop:
    """A stack with a configuration, and the program that saves it."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.program = WarmProgram.with_vault(folder)
        shims = place_shims(folder / "bin", SHIM_RUNNING="db,deploy/media/app")
        self.program.environment |= {"PATH": shims["PATH"], "SHIM_RUNNING": shims["SHIM_RUNNING"]}
        (folder / "site").mkdir()
        (folder / "site" / "page.html").write_text("hello")
        (folder / "dump").write_bytes(random.Random(4).randbytes(400_000) + b"\n")
        (folder / ".env").write_text("SHOP=open\n")
        for name in ("site/orders.db", "data/a/one.db", "data/b/one.db", "extra.db"):
            make_database(folder / name)
        text = CONFIGURATION.replace("ROOT", str(folder))
        (folder / "rebond.toml").write_text(text)

    def back_up(self, *arguments: str, **environment: str) -> Ended:
        return self.program.run("backup", "--config", self.folder / "rebond.toml", *arguments, **environment)

    def snapshots(self) -> list[Any]:
        found: list[Any] = self.program.ask("snapshots")
        return found


def make_database(path: Folder) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=wal")
    connection.execute("CREATE TABLE rows (text TEXT)")
    connection.execute("INSERT INTO rows VALUES (?)", (path.name,))
    connection.commit()
    connection.close()


def rows_of(path: Folder) -> list[tuple[str]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT text FROM rows").fetchall()
    connection.close()
    return rows


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"))


def test_every_kind_of_one_configuration_comes_back_from_one_snapshot(shop: Shop, tmp_path: Folder) -> None:
    open_connection = sqlite3.connect(shop.folder / "extra.db")  # its -wal and -shm are there meanwhile
    open_connection.execute("INSERT INTO rows VALUES ('late')")
    open_connection.commit()
    ended = shop.back_up("--class", "daily")
    open_connection.close()
    assert ended.status == 0, ended.err
    shop.program.good("restore", "latest", "--to", tmp_path / "back")

    back, dump = tmp_path / "back", (shop.folder / "dump").read_bytes()
    assert (back / "site" / "page.html").read_text() == "hello"
    assert rows_of(back / "orders" / "orders.db") == [("orders.db",)]
    assert rows_of(back / "others" / "extra.db") == [("extra.db",), ("late",)]
    assert sorted(os.fspath(each.relative_to(back)) for each in (back / "others").rglob("*.db*")) == [
        "others/data/a/one.db",
        "others/data/b/one.db",
        "others/extra.db",
    ]
    assert (back / "here" / "here").read_bytes() == dump + b"open\n"
    assert (back / "inside" / "inside").read_bytes() == dump
    assert (back / "cluster" / "cluster").read_bytes() == dump


@pytest.mark.parametrize(
    ("misbehaviour", "said"),
    [
        ({"SHIM_CUT_AFTER": "100000"}, "was cut"),
        ({"SHIM_CRLF": "1"}, "line ends"),
        ({"SHIM_CUT_AFTER": "5", "SHIM_CUT_STATUS": "1"}, "status 1"),
        ({"SHIM_RUNNING": "nothing"}, "cannot be reached"),
    ],
)
def test_a_stream_that_the_client_spoils_makes_no_snapshot_or_a_partial_one(
    shop: Shop, misbehaviour: dict[str, str], said: str
) -> None:
    before = len(shop.snapshots())
    ended = shop.back_up("site", "inside", **misbehaviour)
    assert ended.status in (31, 33)
    assert said in ended.err
    assert len(shop.snapshots()) == before

    partial = shop.back_up("site", "inside", "--allow-partial", **misbehaviour)
    assert partial.status == 3
    newest = max(shop.snapshots(), key=lambda each: (each["time"], each["id"]))
    assert newest["state"] == "partial"


def test_a_pipeline_that_fails_inside_and_a_length_that_is_not_met_are_told(shop: Shop) -> None:
    before = len(shop.snapshots())
    (shop.folder / "dump").rename(shop.folder / "away")
    try:
        ended = shop.back_up("cluster")
        assert 30 <= ended.status < 40, ended.err
    finally:
        (shop.folder / "away").rename(shop.folder / "dump")
    ended = shop.back_up("--class", "cluster-only", SHIM_CUT_AFTER="50000")

    assert ended.status == 33
    assert len(shop.snapshots()) == before


def test_an_end_mark_that_does_not_come_is_told(shop: Shop) -> None:
    before = len(shop.snapshots())
    ended = shop.back_up("here", SHOP="closed")

    assert ended.status == 33
    assert "expected end" in ended.err
    assert len(shop.snapshots()) == before


def test_a_database_that_is_missing_or_damaged_is_told(shop: Shop) -> None:
    before = len(shop.snapshots())
    (shop.folder / "extra.db").rename(shop.folder / "away.db")
    try:
        assert shop.back_up("others").status == 31
        (shop.folder / "extra.db").write_bytes(b"no database" * 1000)
        ended = shop.back_up("others")
    finally:
        (shop.folder / "away.db").rename(shop.folder / "extra.db")

    assert ended.status == 32
    assert "no SQLite database" in ended.err
    assert len(shop.snapshots()) == before
