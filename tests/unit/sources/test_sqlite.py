"""Copies of live databases."""

import os
import pathlib
import sqlite3
import stat
import subprocess
import sys

import pytest
from tests.unit.operations.restored import RestoredVault

from rebond.errors import SourceError, SourceUnfit, SourceUnreachable
from rebond.operations.snapshots import list_snapshots
from rebond.sources.sqlite.private_files import PREFIX, private_directory
from rebond.sources.sqlite.tree import CopyRules, SqliteTree
from rebond.testing.manual_clock import ManualClock

Folder = pathlib.Path


def make_database(path: Folder, *, mode: str = "delete", rows: int = 3000) -> Folder:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT INTO orders (text) VALUES (?)", [("x" * 100,)] * rows)
    connection.close()
    return path


def tree_of(path: Folder, *, allow_empty: bool = False, timeout_seconds: float = 1) -> SqliteTree:
    return SqliteTree.of_file(
        os.fsencode(path),
        clock=ManualClock(),
        report=lambda finding: pytest.fail(finding.message),
        rules=CopyRules(place=str(path.parent), allow_empty=allow_empty, timeout_seconds=timeout_seconds),
    )


def copy_of(tree: SqliteTree) -> bytes:
    (content,) = [listing.read_small(0, _size(listing)) for listing in tree.listings()]
    assert content is not None
    return content


def _size(listing: object) -> int:
    entry = listing.describe(0)  # type: ignore[attr-defined]
    assert entry is not None
    return int(entry.size)


def count_rows(path: Folder) -> int:
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        count: int = connection.execute("SELECT count(*) FROM orders").fetchone()[0]
    connection.close()
    return count


def leftovers(folder: Folder) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(PREFIX)]


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_database_comes_back_with_its_name_its_mode_and_its_rows(tmp_path: Folder, mode: str) -> None:
    place = RestoredVault(tmp_path)
    database = make_database(tmp_path / "shop.db", mode=mode)
    database.chmod(0o640)
    record = place.save(tree_of(database), "shop")
    place.restore(record)

    restored = tmp_path / "target" / "shop" / "shop.db"
    assert count_rows(restored) == 3000
    assert stat.S_IMODE(restored.stat().st_mode) == 0o640
    assert leftovers(tmp_path) == []


def test_rows_that_lie_in_the_write_ahead_log_only_are_saved(tmp_path: Folder) -> None:
    database = make_database(tmp_path / "shop.db", mode="wal")
    writer = sqlite3.connect(database)
    writer.execute("PRAGMA wal_autocheckpoint=0")
    writer.executemany("INSERT INTO orders (text) VALUES (?)", [("late",)] * 500)
    writer.commit()
    assert (tmp_path / "shop.db-wal").stat().st_size > 0

    (tmp_path / "copy.db").write_bytes(copy_of(tree_of(database)))
    writer.close()
    assert count_rows(tmp_path / "copy.db") == 3500


def test_what_is_not_committed_is_not_saved(tmp_path: Folder) -> None:
    database = make_database(tmp_path / "shop.db", mode="wal")
    writer = sqlite3.connect(database)
    writer.execute("INSERT INTO orders (text) VALUES ('perhaps')")

    (tmp_path / "copy.db").write_bytes(copy_of(tree_of(database)))
    writer.rollback()
    writer.close()
    assert count_rows(tmp_path / "copy.db") == 3000


def test_an_idle_database_is_left_as_it_was(tmp_path: Folder) -> None:
    for mode in ("wal", "delete"):
        database = make_database(tmp_path / f"{mode}.db", mode=mode)
        before = sorted(os.listdir(tmp_path)), database.read_bytes(), database.stat().st_mtime_ns
        copy_of(tree_of(database))

        assert (sorted(os.listdir(tmp_path)), database.read_bytes(), database.stat().st_mtime_ns) == before


def test_the_copy_is_private_and_gone_before_it_is_read(tmp_path: Folder) -> None:
    database = make_database(tmp_path / "shop.db")
    database.chmod(0o666)
    seen = []
    with private_directory(str(tmp_path)) as directory:
        seen.append(stat.S_IMODE(os.stat(directory).st_mode))
    for listing in tree_of(database).listings():
        assert listing.open(0) is not None
        assert leftovers(tmp_path) == []

    assert seen == [0o700]


def test_a_database_that_stays_locked_is_told_after_the_timeout(tmp_path: Folder) -> None:
    database = make_database(tmp_path / "shop.db")
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(SourceUnreachable, match="locked by another program for 1 s") as caught:
            copy_of(tree_of(database))
    finally:
        holder.close()

    assert caught.value.hint
    assert leftovers(tmp_path) == []
    assert copy_of(tree_of(database))


def test_a_lock_that_passes_is_waited_for(tmp_path: Folder) -> None:
    database = make_database(tmp_path / "shop.db")
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")

    class Unlocking(ManualClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.monotonic() > started + 0.2 and holder.in_transaction:
                holder.execute("COMMIT")

    clock = Unlocking()
    started = clock.monotonic()
    rules = CopyRules(place=str(tmp_path))
    tree = SqliteTree.of_file(os.fsencode(database), clock=clock, report=lambda _: None, rules=rules)
    assert copy_of(tree)
    assert clock.monotonic() > started + 0.2
    holder.close()


@pytest.mark.parametrize("content", [b"this is no database\n" * 500, os.urandom(8192), b"SQLite format 3"])
def test_what_is_no_database_or_encrypted_is_told(tmp_path: Folder, content: bytes) -> None:
    (tmp_path / "shop.db").write_bytes(content)
    with pytest.raises(SourceUnfit, match="no SQLite database, or it is encrypted") as caught:
        copy_of(tree_of(tmp_path / "shop.db"))

    assert caught.value.exit_status == 32
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("start", [5000, 100_000])
def test_a_damaged_database_is_told_and_makes_no_snapshot(tmp_path: Folder, start: int) -> None:
    database = make_database(tmp_path / "shop.db")
    content = bytearray(database.read_bytes())
    content[start : start + 9000] = os.urandom(9000)
    database.write_bytes(content)
    place = RestoredVault(tmp_path)

    with pytest.raises(SourceUnfit, match="damaged, so it is not saved"):
        place.save(tree_of(database))
    assert list_snapshots(place.vault()) == []
    assert leftovers(tmp_path) == []


def test_missing_empty_and_odd_files_are_told(tmp_path: Folder) -> None:
    with pytest.raises(SourceUnreachable):
        copy_of(tree_of(tmp_path / "absent.db"))
    with pytest.raises(SourceUnfit, match="no file"):
        copy_of(tree_of(tmp_path))
    (tmp_path / "empty.db").touch()
    with pytest.raises(SourceUnfit, match="empty file"):
        copy_of(tree_of(tmp_path / "empty.db"))
    assert isinstance(copy_of(tree_of(tmp_path / "empty.db", allow_empty=True)), bytes)


def test_names_that_mean_something_in_an_address_are_names(tmp_path: Folder) -> None:
    database = tmp_path / "a?mode=memory#50%20.db"
    make_database(tmp_path / "plain").rename(database)

    (tmp_path / "copy.db").write_bytes(copy_of(tree_of(database)))
    assert count_rows(tmp_path / "copy.db") == 3000


def test_a_database_that_its_writer_left_in_the_middle_is_saved_as_of_its_last_commit(tmp_path: Folder) -> None:
    database = make_database(tmp_path / "shop.db", rows=20_000)
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA cache_size=5');"
        "c.execute(\"UPDATE orders SET text = 'half'\"); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, database], check=False)
    assert (tmp_path / "shop.db-journal").stat().st_size > 0

    (tmp_path / "copy.db").write_bytes(copy_of(tree_of(database)))
    with sqlite3.connect(tmp_path / "copy.db") as connection:
        assert connection.execute("SELECT count(*) FROM orders WHERE text = 'half'").fetchone() == (0,)
    connection.close()


def test_what_a_killed_run_left_behind_is_removed_by_the_next_and_what_runs_is_left_alone(tmp_path: Folder) -> None:
    left = tmp_path / (PREFIX + "old")
    left.mkdir()
    (left / "copy").write_bytes(b"rows")
    with private_directory(str(tmp_path)) as running:
        assert not left.exists()
        with private_directory(str(tmp_path)):
            assert os.path.isdir(running)

    assert leftovers(tmp_path) == []


def test_a_place_without_room_is_told_and_left_clean(tmp_path: Folder) -> None:
    database = make_database(tmp_path / "shop.db")
    rules = CopyRules(place=str(tmp_path / "absent"))
    tree = SqliteTree.of_file(os.fsencode(database), clock=ManualClock(), report=lambda _: None, rules=rules)
    with pytest.raises(SourceError, match="No private directory"):
        copy_of(tree)


def test_an_interrupt_leaves_no_copy_behind(tmp_path: Folder) -> None:
    database = make_database(tmp_path / "shop.db")
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")

    class Interrupting(ManualClock):
        def sleep(self, seconds: float) -> None:
            assert leftovers(tmp_path)
            raise KeyboardInterrupt

    tree = SqliteTree.of_file(
        os.fsencode(database), clock=Interrupting(), report=lambda _: None, rules=CopyRules(place=str(tmp_path))
    )
    with pytest.raises(KeyboardInterrupt):
        copy_of(tree)
    holder.close()

    assert leftovers(tmp_path) == []


def test_several_databases_lie_where_they_lay_each_with_its_directory(tmp_path: Folder) -> None:
    files = {}
    for name in ("one.db", "a/two.db", "a/b/three.db", "a/one.db"):
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        files[os.fsencode(name)] = os.fsencode(make_database(path, rows=50 + len(name)))
    (tmp_path / "site" / "a").chmod(0o711)
    place = RestoredVault(tmp_path)
    rules = CopyRules(place=str(tmp_path))
    tree = SqliteTree(files, clock=ManualClock(), report=lambda _: None, rules=rules)
    place.restore(place.save(tree, "databases"))

    back = tmp_path / "target" / "databases"
    assert {str(path.relative_to(back)) for path in back.rglob("*.db")} == {os.fsdecode(name) for name in files}
    assert all(count_rows(back / os.fsdecode(name)) == 50 + len(name) for name in files)
    assert stat.S_IMODE((back / "a").stat().st_mode) == 0o711


def test_one_bad_database_among_several_ends_them_all(tmp_path: Folder) -> None:
    make_database(tmp_path / "good.db")
    (tmp_path / "bad.db").write_bytes(b"no database" * 1000)
    place = RestoredVault(tmp_path)
    files = {name: os.fsencode(tmp_path) + b"/" + name for name in (b"good.db", b"bad.db")}
    tree = SqliteTree(files, clock=ManualClock(), report=lambda _: None, rules=CopyRules(place=str(tmp_path)))

    with pytest.raises(SourceUnfit):
        place.save(tree)
    assert list_snapshots(place.vault()) == []
    with pytest.raises(SourceUnfit, match="no SQLite database to save"):
        list(SqliteTree({}, clock=ManualClock(), report=lambda _: None).listings())


def test_a_copy_that_cannot_be_read_ends_the_walk(tmp_path: Folder) -> None:
    walk = iter(tree_of(make_database(tmp_path / "shop.db")).listings())
    listing = next(walk)
    content = listing.open(0)
    assert content is not None
    content.close()
    with pytest.raises(SourceError, match="could not be read"):
        content.read(10)
    with pytest.raises(SourceError, match="could not be read"):
        next(walk)
