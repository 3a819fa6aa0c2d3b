"""What was touched since it was saved: nothing that a backup would save is taken for unchanged."""

import contextlib
import os
import pathlib
import sqlite3
import time

import pytest

from rebond.config.loading import load_configuration
from rebond.config.model import Loaded
from rebond.schedule.jobs import Deed, Job
from rebond.schedule.observing import Observer, describe_files, is_older_than, list_watched_paths
from rebond.testing.manual_clock import ManualClock


def load(folder: pathlib.Path, component: str) -> Loaded:
    path = folder / "rebond.toml"
    path.write_text(
        f'version = 1\n[stack]\nname = "x"\n[component.it]\n{component}\n'
        '[class.watch]\ntrigger = "change"\ncomponents = ["it"]\n'
    )
    loaded = load_configuration(path, {}).loaded
    assert loaded is not None
    return loaded


def tell_moment() -> int:
    """Return a moment after all that was done to files until now, and before what is done next."""
    time.sleep(0.02)  # the kernel tells the time of files by a coarser clock
    moment_ms = time.time_ns() // 1_000_000
    time.sleep(0.02)
    return moment_ms


def describe(loaded: Loaded) -> str:
    return describe_files(list_watched_paths(loaded, "watch"))


@pytest.mark.parametrize("name", ["app.db", "link.db", "*.db"])
def test_a_commit_that_lies_in_the_log_beside_a_database_is_a_change(tmp_path: pathlib.Path, name: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.db").symlink_to("real/app.db")
    (tmp_path / "app.db").symlink_to("real/app.db")
    loaded = load(tmp_path, f'kind = "sqlite"\npaths = ["{name}"]')
    with contextlib.closing(sqlite3.connect(tmp_path / "real" / "app.db", isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE t (x)")
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        moment_ms, before = tell_moment(), describe(loaded)
        assert is_older_than(loaded, "watch", moment_ms)
        touched_ns = (tmp_path / "real" / "app.db").stat().st_mtime_ns

        writer.execute("INSERT INTO t VALUES (1)")

        assert (tmp_path / "real" / "app.db").stat().st_mtime_ns == touched_ns, "it lies in the log alone"
        assert not is_older_than(loaded, "watch", moment_ms)
        assert describe(loaded) != before


@pytest.mark.parametrize(("kind", "rest_ms"), [("sqlite", 20_000), ("secrets", 0)])
def test_only_what_programs_write_to_all_day_rests_between_two_runs(
    tmp_path: pathlib.Path, kind: str, rest_ms: int
) -> None:
    loaded = load(tmp_path, f'kind = "{kind}"\npaths = ["app.db"]')
    job = Job(deed=Deed.BACKUP, class_name="watch", trigger="change")
    assert Observer(loaded, tmp_path, ManualClock())(job).rest_ms == rest_ms


def test_a_reader_of_a_database_that_leaves_an_empty_log_changes_nothing(tmp_path: pathlib.Path) -> None:
    (tmp_path / "app.db").write_bytes(b"x")
    loaded = load(tmp_path, 'kind = "sqlite"\npath = "app.db"')
    moment_ms, before = tell_moment(), describe(loaded)
    (tmp_path / "app.db-wal").touch()
    assert is_older_than(loaded, "watch", moment_ms)
    assert describe(loaded) == before
    (tmp_path / "app.db-journal").write_bytes(b"x")
    assert not is_older_than(loaded, "watch", moment_ms)


def test_what_lies_behind_a_link_that_was_named_is_looked_at(tmp_path: pathlib.Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "real" / "deep" / "file").write_text("one")
    (tmp_path / "old").mkdir()
    (tmp_path / "media").symlink_to("real")
    loaded = load(tmp_path, 'kind = "files"\npath = "media"')
    moment_ms, before = tell_moment(), describe(loaded)
    assert is_older_than(loaded, "watch", moment_ms)

    (tmp_path / "real" / "deep" / "file").write_text("two!")

    assert not is_older_than(loaded, "watch", moment_ms)
    assert describe(loaded) != before


def test_a_link_that_only_a_pattern_finds_is_saved_as_a_link_and_not_looked_behind(tmp_path: pathlib.Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "link").symlink_to("../elsewhere")
    (tmp_path / "elsewhere" / "file").write_text("one")
    loaded = load(tmp_path, 'kind = "files"\npaths = ["media/*"]')
    moment_ms, before = tell_moment(), describe(loaded)
    (tmp_path / "elsewhere" / "file").write_text("two!")
    assert is_older_than(loaded, "watch", moment_ms)
    assert describe(loaded) == before


def test_a_link_that_comes_to_lead_to_something_old_is_a_change(tmp_path: pathlib.Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    (tmp_path / "current").symlink_to("first")
    loaded = load(tmp_path, 'kind = "files"\npath = "current"')
    moment_ms = tell_moment()
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("second")
    assert not is_older_than(loaded, "watch", moment_ms)


@pytest.mark.parametrize("named", ['path = "media"', 'paths = ["media/*/*"]', 'paths = ["media/closed/*"]'])
def test_a_folder_that_cannot_be_read_is_never_taken_for_unchanged(tmp_path: pathlib.Path, named: str) -> None:
    closed = tmp_path / "media" / "closed"
    (closed / "in").mkdir(parents=True)
    loaded = load(tmp_path, f'kind = "files"\n{named}')
    (closed / "in").chmod(0)
    closed.chmod(0)
    moment_ms = tell_moment()
    assert not is_older_as_nobody(loaded, tmp_path, moment_ms)
    closed.chmod(0o755)
    (closed / "in").chmod(0o755)
    assert is_older_as_nobody(loaded, tmp_path, tell_moment()), "it was for that alone"


def is_older_as_nobody(loaded: Loaded, root: pathlib.Path, moment_ms: int) -> bool:
    """Ask as an ordinary user; the way to ``root`` is opened up for it."""
    if os.geteuid() != 0:
        return is_older_than(loaded, "watch", moment_ms)
    for above in (root, *root.parents):
        if not above.stat().st_mode & 1:
            above.chmod(0o755)
    os.seteuid(65_534)
    try:
        return is_older_than(loaded, "watch", moment_ms)
    finally:
        os.seteuid(0)
