"""Files, databases and servers inside containers: every kind through every way in, and every way of spoiling it."""

import json
import os
import pathlib
import sqlite3
import stat
from typing import Any

import pytest
from tests.scenarios.kept_stack import CHANNELS, KeptStack, make_database, make_media, rows_of

from rebond.errors import SourceError

Folder = pathlib.Path

COMPONENTS = """
[component.media]
kind = "files"
in = "CHANNEL"
path = "ROOT/media"
exclude = ["*.log"]
require = ["sub/deep"]

[component.globs]
kind = "files"
in = "CHANNEL"
paths = ["ROOT/media/sub/d*", "ROOT/media/**/none"]

[component.orders]
kind = "sqlite"
in = "CHANNEL"
path = "ROOT/data/orders.db"

[component.others]
kind = "sqlite"
in = "CHANNEL"
paths = ["ROOT/data/*/*.db*"]

[component.shop]
kind = "mysql"
in = "CHANNEL"
user = "keeper"
password = { env = "DB_PASSWORD" }

[component.cache]
kind = "redis"
in = "CHANNEL"
password = { env = "DB_PASSWORD" }

[component.keys]
kind = "secrets"
in = "CHANNEL"
paths = ["ROOT/conf/one.key", "ROOT/conf/*/*.key"]

[component.dump]
kind = "command"
in = "CHANNEL"
run = ["cat", "ROOT/media/a.bin"]
"""
NAMES = ("media", "globs", "orders", "others", "shop", "cache", "keys", "dump")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> KeptStack:
    stack = KeptStack(tmp_path_factory.mktemp("stack"))
    make_media(stack.folder / "media")
    for name in ("data/orders.db", "data/a/one.db", "data/b/two.db"):
        make_database(stack.folder / name)
    (stack.folder / "conf" / "sub").mkdir(parents=True)
    (stack.folder / "conf" / "one.key").write_text("key one")
    (stack.folder / "conf" / "sub" / "real").write_text("key two")
    (stack.folder / "conf" / "sub" / "two.key").symlink_to("real")
    return stack


def configure(stack: KeptStack, channel: str) -> None:
    stack.write(COMPONENTS.replace("CHANNEL", channel))


def describe(folder: Folder) -> dict[str, Any]:
    """What a tree is, but for the times of its directories."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        is_timed = stat.S_ISREG(status.st_mode)
        found[str(path.relative_to(folder))] = (status.st_mode, content, is_timed and status.st_mtime_ns)
    return found


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_kind_comes_back_through_every_way_in(stack: KeptStack, channel: str, tmp_path: Folder) -> None:
    configure(stack, channel)
    snapshot = stack.good_backup()
    stack.restore(snapshot["id"], tmp_path / "back")
    back = tmp_path / "back"

    expected = describe(stack.folder / "media")
    del expected["sub/deep/x.log"]
    assert describe(back / "media") == expected
    assert os.path.samefile(back / "media/sub/again", back / "media/sub/deep/odd \n name")
    assert set(describe(back / "globs")) == {"sub", "sub/deep", "sub/deep/odd \n name", "sub/deep/x.log", "none"}
    assert rows_of(back / "orders" / "orders.db") == [("orders.db",)]
    assert [rows_of(back / "others" / each) for each in ("a/one.db", "b/two.db")] == [[("one.db",)], [("two.db",)]]
    assert (back / "shop" / "shop.sql").read_text().endswith("\n-- Dump completed\n")
    assert (back / "cache" / "cache.rdb").read_bytes() == (stack.folder / "redis.rdb").read_bytes()
    assert (back / "dump" / "dump").read_bytes() == (stack.folder / "media" / "a.bin").read_bytes()
    keys = describe(back / "keys")
    assert {name: content for name, (_, content, _) in keys.items() if content} == {
        "one.key": b"key one",
        "sub/two.key": b"key two",
    }
    for name in ("shop/shop.sql", "cache/cache.rdb", "keys/one.key", "keys/sub/two.key"):
        assert stat.S_IMODE((back / name).stat().st_mode) == 0o600


SPOILT = (
    {"SHIM_CUT_AFTER": "5"},
    {"SHIM_CUT_AFTER": "5", "SHIM_CUT_STATUS": "1"},
    {"SHIM_CRLF": "1"},
    {"SHIM_CRLF": "1", "SHIM_EXIT_EARLY": "1"},
    {"SHIM_RUNNING": "nothing"},
)


def saves_nothing(stack: KeptStack, **misbehaviour: str) -> bool:
    """Try to save as many components as can be had, and say whether that was none, each with a reason."""
    before = len(stack.snapshots())
    ended = stack.back_up(*NAMES, "--allow-partial", **misbehaviour)
    assert "Traceback" not in ended.err
    assert all(f"The component {name} is not in this snapshot" in ended.err for name in NAMES), ended.err
    return ended.status == 30 and len(stack.snapshots()) == before


@pytest.mark.parametrize("spoilt", SPOILT, ids=str)
def test_whatever_spoils_the_streams_no_snapshot_has_half_of_them(stack: KeptStack, spoilt: dict[str, str]) -> None:
    configure(stack, "kubernetes:deploy/media/app")

    assert saves_nothing(stack, **spoilt)


def test_a_client_that_ends_well_whatever_happens_is_not_believed(stack: KeptStack) -> None:
    configure(stack, "kubernetes:deploy/media/app")
    for each in ("media", "data", "conf"):
        (stack.folder / each).rename(stack.folder / f"{each}-away")
    try:
        assert saves_nothing(stack, SHIM_EXIT_EARLY="1", DB_PASSWORD="wrong")
    finally:
        for each in ("media", "data", "conf"):
            (stack.folder / f"{each}-away").rename(stack.folder / each)


SIZES = {"media": 720_000, "dump": 700_000, "shop": 860_000, "cache": 300_018, "orders": 8192}  # of the streams, about


@pytest.mark.parametrize("share", [0.01, 0.5, 0.97])
@pytest.mark.parametrize("name", SIZES)
def test_a_cut_anywhere_is_told(stack: KeptStack, name: str, share: float) -> None:
    configure(stack, "kubernetes:deploy/media/app")

    assert stack.reader_of(name)() > 0
    with pytest.raises(SourceError):
        stack.reader_of(name, SHIM_CUT_AFTER=str(round(SIZES[name] * share)))()


def test_a_slow_stream_is_waited_for(stack: KeptStack) -> None:
    configure(stack, "docker:web")
    quick = stack.good_backup("media")
    slow = stack.good_backup("media", SHIM_DELAY="0.02")

    assert (slow["state"], slow["files"], slow["bytes"]) == ("whole", quick["files"], quick["bytes"])
    assert slow["files"] > 0


def test_dumps_are_judged_by_their_own_ends_too(stack: KeptStack) -> None:
    configure(stack, "docker:db")
    size = (stack.folder / "redis.rdb").stat().st_size
    for name, spoilt in (
        ("shop", {"DUMP_WITHOUT_END": "1"}),
        ("cache", {"DUMP_CUT": str(size - 1)}),
        ("cache", {"DUMP_CUT": "5000"}),
        ("cache", {"DUMP_CUT": "0"}),
    ):
        ended = stack.back_up(name, **spoilt)
        assert ended.status == 33, ended.err
        assert "is not whole" in ended.err


def test_a_wrong_password_is_told_by_the_server_and_is_in_no_word_of_ours(stack: KeptStack) -> None:
    configure(stack, "docker:db")
    for name in ("shop", "cache"):
        ended = stack.back_up(name, DB_PASSWORD="wrong-5%")
        assert ended.status == 33
        assert "wrong-5%" not in ended.err + ended.out
        assert "mysqldump" in ended.err or "redis-cli" in ended.err


def test_a_variable_that_is_not_set_costs_its_component_and_not_the_others(stack: KeptStack) -> None:
    configure(stack, "docker:db")
    ended = stack.back_up("shop", "cache", "dump", "--allow-partial", "--json", DB_PASSWORD="")

    assert ended.status == 3, ended.err
    states = {each["name"]: each["complete"] for each in ended.document["components"]}
    assert states == {"shop": False, "cache": False, "dump": True}
    assert "DB_PASSWORD is not set" in ended.err


def test_what_tar_cannot_read_is_listed_and_the_rest_is_saved(stack: KeptStack, tmp_path: Folder) -> None:
    configure(stack, "docker:web")
    fake = stack.folder / "bin" / "tar"
    fake.write_text(
        '#!/bin/sh\n/bin/tar "$@" || exit\necho "tar: ./secret: Cannot open: Permission denied" >&2\nexit 2\n'
    )
    fake.chmod(0o755)
    try:
        ended = stack.back_up("media")
    finally:
        fake.unlink()

    assert ended.status == 3, ended.err
    assert "./secret: Cannot open" in ended.err


def test_a_damaged_database_inside_makes_no_snapshot(stack: KeptStack) -> None:
    configure(stack, "docker:web")
    good = (stack.folder / "data/orders.db").read_bytes()
    (stack.folder / "data/orders.db").write_bytes(good[:4096] + b"\xff" * (len(good) - 4096))
    try:
        ended = stack.back_up("orders")
    finally:
        (stack.folder / "data/orders.db").write_bytes(good)

    assert ended.status in {32, 33}, ended.err


def test_rows_in_the_write_ahead_log_inside_are_saved(stack: KeptStack, tmp_path: Folder) -> None:
    configure(stack, "podman:web")
    connection = sqlite3.connect(stack.folder / "data" / "a" / "one.db")
    connection.execute("PRAGMA journal_mode=wal")
    connection.execute("INSERT INTO rows VALUES ('late')")
    connection.commit()
    snapshot = stack.good_backup("others")
    connection.close()
    stack.restore(snapshot["id"], tmp_path / "back")

    assert rows_of(tmp_path / "back/others/a/one.db") == [("one.db",), ("late",)]


def test_files_inside_are_looked_at_before_and_after_the_databases_that_name_them(stack: KeptStack) -> None:
    configure(stack, "docker:web")
    log = stack.folder / "calls"
    stack.good_backup("media", "orders", "shop", SHIM_LOG=str(log))
    calls = [" ".join(json.loads(line)) for line in log.read_text().splitlines()]
    words = [
        "tar"
        if "tar " in each and "-cf" in each
        else "dump"
        if "--single-transaction" in each or "sqlite3" in each
        else ""
        for each in calls
    ]

    assert [each for each in words if each] == ["tar", "dump", "dump", "tar"]


def test_second_names_stay_with_their_own_file(stack: KeptStack, tmp_path: Folder) -> None:
    for name in ("one", "two"):
        (stack.folder / name).mkdir()
        (stack.folder / name / "first").write_text(name)
        os.link(stack.folder / name / "first", stack.folder / name / "second")
        (stack.folder / name / "third").write_text("third")
        os.link(stack.folder / name / "third", stack.folder / name / "z")
    parts = (
        f'[component.{name}]\nkind = "files"\nin = "docker:web"\npath = "ROOT/{name}"\n' for name in ("one", "two")
    )
    stack.write("".join(parts))
    stack.restore(stack.good_backup()["id"], tmp_path)

    for name in ("one", "two"):
        assert (tmp_path / name / "second").read_text() == name
        for first, second in (("first", "second"), ("third", "z")):
            assert os.path.samefile(tmp_path / name / first, tmp_path / name / second)
            assert (tmp_path / name / first).stat().st_nlink == 2


def test_what_is_required_and_what_is_empty_inside_is_judged(stack: KeptStack) -> None:
    stack.write('[component.it]\nkind = "files"\nin = "docker:web"\npath = "ROOT/media/empty"\n')
    assert stack.back_up().status == 32
    stack.write('[component.it]\nkind = "files"\nin = "docker:web"\npath = "ROOT/media"\nrequire = ["gone"]\n')
    ended = stack.back_up()
    assert ended.status == 32
    assert "gone is not there" in ended.err
    stack.write('[component.it]\nkind = "files"\nin = "docker:web"\npath = "ROOT/nowhere"\n')
    assert stack.back_up().status == 31
