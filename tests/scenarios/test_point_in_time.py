"""A PostgreSQL server, saved while it works and brought back to moments: what was committed by then, and no more."""

import contextlib
import os
import pathlib
import random
import re
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from tests.bounded import join, wait_for
from tests.scenarios.archived_server import ARCHIVED, ArchivedStack

from rebond.entries import Arrival
from rebond.errors import CommandFailed, RestoreError, TargetNotEmpty, UsageError, WalGap
from rebond.operations.backup import BackupOutcome
from rebond.operations.physical.stretches import find_stretches
from rebond.operations.physical.targets import SET
from rebond.operations.physical.windows import find_snapshot_windows
from rebond.operations.point_in_time import find_windows
from rebond.operations.snapshots import SnapshotState, list_snapshots, state_of
from rebond.operations.wal.tails import put_tail
from rebond.sources.postgres_physical.data_directory import DataDirectoryTree
from rebond.sources.postgres_physical.recovery_settings import FETCH, LOG_FOLDER
from rebond.store.memory import MemoryStore
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord, list_snapshot_names

pytestmark = pytest.mark.judge("postgres")
CLOCK = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
MOMENTS = int(os.environ.get("REBOND_MOMENTS", "2"))


@pytest.fixture(scope="module")
def stormy() -> Iterator[tuple[ArchivedStack, BackupOutcome]]:
    """A server that was saved while three sessions wrote, and its vault."""
    with make_stack(track_commit_timestamp="on") as stack:
        stack.server.sql("CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY, who int)")
        is_over = threading.Event()
        writers = [
            threading.Thread(target=write_rows, args=(stack, number, is_over), daemon=True) for number in range(3)
        ]
        try:
            for each in writers:
                each.start()
            time.sleep(0.2)
            outcome = stack.back_up()
            time.sleep(0.5)
        finally:
            is_over.set()
            join(*writers)
        stack.point = stack.server.sql("SELECT pg_create_restore_point('before the end')").strip()
        stack.server.sql("INSERT INTO t (who) VALUES (99)")
        stack.switch()
        stack.server.sql("CREATE TABLE later ()")
        stack.switch()
        yield stack, outcome


@pytest.fixture
def folder() -> Iterator[pathlib.Path]:
    with short_folder() as made:
        yield made


@contextlib.contextmanager
def short_folder() -> Iterator[pathlib.Path]:
    """Give a folder whose path fits a socket, and that another user may pass."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="rp-"))
    made.chmod(0o711)
    try:
        yield made
    finally:
        shutil.rmtree(made)


@contextlib.contextmanager
def make_stack(**settings: str) -> Iterator[ArchivedStack]:
    with short_folder() as made:
        stack = ArchivedStack.begin(made, settings)
        try:
            yield stack
        finally:
            stack.end()


def write_rows(stack: ArchivedStack, number: int, is_over: threading.Event) -> None:
    with psycopg.connect(stack.server.connection(), autocommit=True) as session:
        while not is_over.is_set():
            session.execute("INSERT INTO t (who) VALUES (%s)", (number,))


def list_committed(stack: ArchivedStack) -> list[tuple[int, int]]:
    """Return each id with the microsecond of its commit, as the living server knows it."""
    rows = stack.server.sql(
        "SELECT id, (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint FROM t ORDER BY 2"
    )
    return [(int(each.split("|")[0]), int(each.split("|")[1])) for each in rows.split()]


def show_time(time_us: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time_us // 1_000_000)) + f".{time_us % 1_000_000:06d}+00"


def ask_ids(stack: ArchivedStack, folder: pathlib.Path, moment: str, record: SnapshotRecord | None = None) -> set[int]:
    server, recovered = stack.start(folder, moment, record)
    try:
        assert recovered.is_promoted
        return set(map(int, server.ask("SELECT id FROM t", "postgres").split()))
    finally:
        server.remove()


def test_each_moment_has_just_the_transactions_committed_by_then(
    stormy: tuple[ArchivedStack, BackupOutcome], folder: pathlib.Path
) -> None:
    stack, _ = stormy
    committed = list_committed(stack)
    since_us = find_windows(stack.vault, "db", list_snapshots(stack.vault))[0].since_ms * 1000
    late = [each for _, each in committed if each > since_us]
    assert len(late) > 50
    chance = random.Random(os.environ.get("REBOND_SEED", "4"))  # to be repeated
    moments = [late[len(late) // 2], *(chance.randint(late[0], late[-1]) for _ in range(MOMENTS - 1))]
    for number, moment in enumerate(moments):
        expected = {each for each, at in committed if at <= moment}
        assert ask_ids(stack, folder / str(number), show_time(moment)) == expected, show_time(moment)


def test_the_latest_moment_has_every_committed_row(
    stormy: tuple[ArchivedStack, BackupOutcome], folder: pathlib.Path
) -> None:
    stack, _ = stormy
    assert ask_ids(stack, folder / "r", "latest") == {each for each, _ in list_committed(stack)}


def test_a_snapshot_shows_its_own_moment_and_a_restored_server_leaves_the_archive_alone(
    stormy: tuple[ArchivedStack, BackupOutcome], folder: pathlib.Path
) -> None:
    stack, outcome = stormy
    store = stack.vault.store
    assert isinstance(store, MemoryStore)
    before = {each.name for each in store.list_objects("streams/")}
    server, recovered = stack.start(folder / "r", SET, outcome.record)
    try:
        assert recovered.timeline == 2
        ids = set(map(int, server.ask("SELECT id FROM t", "postgres").split()))
        committed = list_committed(stack)
        assert ids < {each for each, _ in committed}
        assert ids == {each for each, at in committed if at <= recovered.last_commit_us}
        assert server.ask("SHOW archive_mode", "postgres").strip() == "off"
        launchers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'logical replication%'"
        assert server.ask(launchers, "postgres").strip() == "0"  # who has subscribed takes nothing from a publisher
        auto = (server.data / "postgresql.auto.conf").read_text()
        assert [each for each in auto.splitlines() if not each.startswith("#")] == ["archive_mode = 'off'"]
        assert not (server.data / LOG_FOLDER).exists()
        server.ask("INSERT INTO t (who) VALUES (5); SELECT pg_switch_wal()", "postgres")
        assert server.ask("SELECT archived_count + failed_count FROM pg_stat_archiver", "postgres").strip() == "0"
    finally:
        server.remove()
    assert {each.name for each in store.list_objects("streams/")} == before


def test_a_restore_point_a_transaction_and_a_position_are_found(
    stormy: tuple[ArchivedStack, BackupOutcome], folder: pathlib.Path
) -> None:
    stack, _ = stormy
    everything = {each for each, _ in list_committed(stack)}
    last = int(stack.server.sql("SELECT max(id) FROM t"))
    named = stack.lay(folder / "n", "name:before the end")
    assert named.reach.setting == "recovery_target_name"
    assert ask_ids(stack, folder / "r", "name:before the end") == everything - {last}
    assert stack.lay(folder / "p", f"lsn:{stack.point}").reach.setting == "recovery_target_lsn"
    assert ask_ids(stack, folder / "l", f"lsn:{stack.point}") == everything - {last}
    xid = stack.server.sql(f"SELECT xmin FROM t WHERE id = {last}").strip()
    assert stack.lay(folder / "x", f"xid:{xid}").reach.setting == "recovery_target_xid"


def test_one_target_a_numbered_timeline_and_no_archiving_are_written(
    stormy: tuple[ArchivedStack, BackupOutcome], folder: pathlib.Path
) -> None:
    stack, _ = stormy
    laid = stack.lay(folder / "r", "latest")
    lines = (laid.path / "postgresql.auto.conf").read_text().splitlines()
    targets = [each for each in lines if each.startswith(("recovery_target_lsn", "recovery_target_time "))]
    assert [each[:19] for each in targets] == ["recovery_target_lsn"]
    assert any(each.startswith("recovery_target_timeline = '1'") for each in lines)
    assert lines[-1] == "archive_mode = 'off'"
    assert (laid.path / "recovery.signal").is_file()
    assert (laid.path / "backup_label").is_file()
    assert laid.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("loss", ["a segment", "the program", "the list"])
def test_a_server_that_misses_something_of_its_log_does_not_promote(
    stormy: tuple[ArchivedStack, BackupOutcome], folder: pathlib.Path, loss: str
) -> None:
    stack, _ = stormy
    server = stack.make_recovered(folder / "r")
    laid = stack.lay(server.data, "latest")
    log = server.data / LOG_FOLDER
    lost = {"a segment": sorted(log.glob("0*"))[1], "the program": log / FETCH, "the list": log / "names"}[loss]
    lost.unlink()
    server.take_over()
    try:
        with pytest.raises(CommandFailed):
            server.recover(laid.reach.base.facts.server.floors)
        assert (server.data / "recovery.signal").is_file()
        assert not (server.data / "pg_wal" / "00000002.history").exists()
    finally:
        server.remove()


def test_moments_out_of_reach_are_refused_before_anything_is_written(
    stormy: tuple[ArchivedStack, BackupOutcome], folder: pathlib.Path
) -> None:
    stack, _ = stormy
    for moment in ("2001-01-01 00:00:00+00", "2099-01-01 00:00:00+00", "lsn:FF/0", "xid:4000000000", "name:nowhere"):
        with pytest.raises(WalGap) as refusal:
            stack.lay(folder / "r", moment)
        assert refusal.value.exit_status == 34
        assert moment.partition("-")[0].partition("/")[0] in refusal.value.message
    assert list(folder.iterdir()) == []


def test_a_hole_is_named_with_what_can_still_be_reached(
    stormy: tuple[ArchivedStack, BackupOutcome], folder: pathlib.Path
) -> None:
    stack, outcome = stormy
    _, _, last = outcome.record.catalog.needs[0]
    names = sorted(each.name for each in stack.spool.iterdir() if len(each.name) == 24)
    hole = next(each for each in names if int(each[-8:], 16) == last + 1)
    committed = list_committed(stack)
    with lost_item(stack, hole):
        with pytest.raises(WalGap) as refusal:
            stack.lay(folder / "r", show_time(committed[-1][1]))
        assert hole in refusal.value.message
        assert "Within reach" in refusal.value.message
        windows = find_windows(stack.vault, "db", list_snapshots(stack.vault))
        assert (windows[0].has_hole, windows[0].next_name) == (True, hole)
        assert list(folder.iterdir()) == []
        stack.findings.clear()
        stack.lay(folder / "r", "latest")
        assert [(each.code, each.values["name"]) for each in stack.findings] == [("moment-before-a-hole", hole)]
    stack.findings.clear()
    stack.lay(folder / "whole", "latest")
    assert stack.findings == []


def test_a_restore_point_behind_a_hole_is_reached_from_a_later_base(folder: pathlib.Path) -> None:
    with make_stack() as stack:
        stack.server.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
        stack.back_up()
        stack.server.sql("INSERT INTO t VALUES (2)")
        hole = stack.switch()
        later = stack.back_up()
        stack.server.sql("INSERT INTO t VALUES (3); SELECT pg_create_restore_point('late')")
        stack.switch()
        with lost_item(stack, hole):
            laid = stack.lay(folder / "r", "name:late")
        assert laid.reach.base.record.snapshot == later.record.snapshot
        assert stack.lay(folder / "again", "name:late").segments == laid.segments  # the nearest one, hole or none


def test_what_came_of_an_unfinished_segment_is_within_reach(
    stormy: tuple[ArchivedStack, BackupOutcome], folder: pathlib.Path
) -> None:
    stack, _ = stormy
    stack.server.sql("INSERT INTO t (who) VALUES (100); CHECKPOINT")
    name = stack.server.sql("SELECT pg_walfile_name(pg_current_wal_lsn())").strip()
    length = int(stack.server.sql("SELECT (pg_walfile_name_offset(pg_current_wal_flush_lsn())).file_offset"))
    system_id = int(stack.server.sql("SELECT system_identifier FROM pg_control_system()"))
    content = (stack.server.data / "pg_wal" / name).read_bytes()[: length - 9]  # in the middle of the last record
    put_tail(stack.vault, system_id, name, content, 0, sequence=int(name[-8:], 16))
    last_id, last_us = list_committed(stack)[-1]
    assert last_id in ask_ids(stack, folder / "r", "latest")
    assert find_windows(stack.vault, "db", list_snapshots(stack.vault))[0].until_us == pytest.approx(last_us, abs=5e6)


@contextlib.contextmanager
def lost_item(stack: ArchivedStack, name: str) -> Iterator[None]:
    """Take a segment out of the vault for a while."""
    from rebond.operations.wal.coverage import find_stored
    from rebond.sources.postgres.wal_names import stream_of_segments, timeline_of

    system_id = int(stack.server.sql("SELECT system_identifier FROM pg_control_system()"))
    store = stack.vault.store
    (info,) = find_stored(stack.vault, stream_of_segments(system_id, timeline_of(name)), name)
    content = store.read(info.name)
    store.delete(info.name)
    try:
        yield
    finally:
        store.put_if_absent(info.name, content)


def test_a_data_directory_of_which_a_file_cannot_be_written_is_not_laid_down(
    stormy: tuple[ArchivedStack, BackupOutcome], folder: pathlib.Path
) -> None:
    """A server starts without a part of a table, and has fewer rows."""
    stack, _ = stormy
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))  # as a file system that holds no larger files
    try:
        with pytest.raises(RestoreError, match="could not be written, so it was not laid down"):
            stack.lay(folder / "r", "latest")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (folder / "r").exists()


def test_a_directory_that_is_not_empty_is_left_alone(
    stormy: tuple[ArchivedStack, BackupOutcome], folder: pathlib.Path
) -> None:
    stack, _ = stormy
    (folder / "r").mkdir()
    (folder / "r" / "precious").write_text("mine")
    with pytest.raises(TargetNotEmpty):
        stack.lay(folder / "r", "latest")
    assert [each.name for each in folder.iterdir()] == ["r"]
    assert [each.name for each in (folder / "r").iterdir()] == ["precious"]
    assert (folder / "r" / "precious").read_text() == "mine"


def test_a_snapshot_is_incomplete_until_its_log_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rebond.operations.proving_wal.PATIENCE_SECONDS", 0.3)
    with make_stack() as stack:
        stack.pump.holds_back.update(f"0000000100000000{number:08X}" for number in range(2, 30))
        outcome = stack.back_up()
        assert state_of(outcome.record) is SnapshotState.PARTIAL
        assert outcome.is_doubtful
        assert "wal-not-proven" in {each.code for each in outcome.findings}
        assert outcome.record.catalog.needs == []
        stack.pump.holds_back.clear()
        assert state_of(stack.back_up().record) is SnapshotState.WHOLE


def test_each_snapshot_says_which_moments_it_reaches(stormy: tuple[ArchivedStack, BackupOutcome]) -> None:
    stack, outcome = stormy
    (found,) = find_snapshot_windows(stack.vault, [outcome.record])[outcome.record.snapshot]
    assert found.component == "db"
    assert found.window is not None
    last_us = list_committed(stack)[-1][1]
    assert found.window.since_ms * 1000 < last_us
    assert found.window.until_us is not None
    assert found.window.until_us >= last_us - 5_000_000


def fail_over(stack: ArchivedStack, folder: pathlib.Path, moment: str, *points: str) -> str:
    """Let a copy that stands at a moment take over, and a row be written there; return a time before it came up."""
    follower = stack.make_recovered(folder / "f")
    floors = stack.lay(follower.data, moment).reach.base.facts.server.floors
    follower.take_over()
    archive = f"cp %p {stack.spool}/.%f && mv {stack.spool}/.%f {stack.spool}/%f"
    rules = {"hba_file": str(follower.folder / "pg_hba.conf"), "ident_file": str(follower.folder / "pg_ident.conf")}
    words = {"wal_level": "replica", "archive_mode": "on", "archive_command": archive, "port": "5432"}
    pause = show_time(int(stack.server.sql(CLOCK)))
    time.sleep(0.1)
    try:
        follower.start({**floors, **words, **rules})
        asked = "SELECT pg_is_in_recovery()"
        wait_for(lambda: follower.ask(asked, "postgres").strip() == "f", "the end of the recovery")
        follower.ask("INSERT INTO t VALUES (4)", "postgres")
        for point in points:
            follower.ask(f"SELECT pg_create_restore_point('{point}')", "postgres")
        name = follower.ask("SELECT pg_walfile_name(pg_switch_wal() - 1)", "postgres")
        stack.pump.wait_for("00000002.history")
        stack.pump.wait_for(name.strip())
    finally:
        follower.stop()
    return pause


def test_after_a_fail_over_the_new_timeline_is_followed(folder: pathlib.Path) -> None:
    with make_stack() as stack:
        stack.server.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
        stack.back_up()
        stack.server.sql("INSERT INTO t VALUES (2)")
        stack.switch()
        moment = show_time(int(stack.server.sql(CLOCK)))
        stack.server.sql("INSERT INTO t VALUES (3)")  # lost in the fail-over
        with_three = show_time(int(stack.server.sql(CLOCK)))
        stack.switch()
        pause = fail_over(stack, folder, moment)
        assert ask_ids(stack, folder / "r", "latest") == {1, 2, 4}
        windows = find_windows(stack.vault, "db", list_snapshots(stack.vault))
        assert [each.timeline for each in windows] == [1, 2]
        # What was written then is what comes back, also when it was left behind; and nobody takes its number twice.
        server, recovered = stack.start(folder / "w", with_three)
        try:
            assert set(map(int, server.ask("SELECT id FROM t", "postgres").split())) == {1, 2, 3}
            assert recovered.timeline == 3
        finally:
            server.remove()
        assert ask_ids(stack, folder / "p", pause) == {1, 2, 3}  # nothing was written then: as it was left


def test_who_went_back_to_before_the_newest_base_is_followed_from_an_older_one(folder: pathlib.Path) -> None:
    with make_stack() as stack:
        stack.server.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
        older = stack.back_up().record
        stack.server.sql("INSERT INTO t VALUES (2)")
        stack.switch()
        moment = show_time(int(stack.server.sql(CLOCK)))
        stack.server.sql("INSERT INTO t VALUES (3)")  # the mistake, which is in the next base
        newest = stack.back_up().record
        stack.switch()
        fail_over(stack, folder, moment)
        now = show_time(int(stack.server.sql(CLOCK)))
        assert ask_ids(stack, folder / "r", "latest") == {1, 2, 4}
        assert stack.findings == []
        (current,) = [each for each in find_stretches(stack.vault, "db", [newest, older]) if each.is_current]
        assert current.timeline == 2

        # What somebody names is taken; that it leads past what was written last is said.
        assert ask_ids(stack, folder / "n", "latest", newest) == {1, 2, 3}
        assert [(each.code, each.values["timeline"]) for each in stack.findings] == [("newer-timeline-left-out", 2)]
        stack.findings.clear()

        forget_snapshot(stack.vault, older)
        assert ask_ids(stack, folder / "w", "latest") == {1, 2, 3}
        assert [each.code for each in stack.findings] == ["newer-timeline-left-out"]
        with pytest.raises(WalGap, match="lies on timeline 2, to which no data directory leads"):
            stack.lay(folder / "refused", now)


def forget_snapshot(vault: Vault, record: SnapshotRecord) -> None:
    (name,) = [each.name for each in list_snapshot_names(vault.store) if each.snapshot == record.snapshot]
    vault.store.delete(name)


def test_transactions_and_restore_points_are_looked_for_on_every_timeline(folder: pathlib.Path) -> None:
    with make_stack() as stack:
        stack.server.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
        base = stack.back_up().record
        stack.server.sql("INSERT INTO t VALUES (2); SELECT pg_create_restore_point('parted')")
        stack.switch()
        moment = show_time(int(stack.server.sql(CLOCK)))
        once = stack.server.sql("INSERT INTO t VALUES (3) RETURNING xmin").split()[0]
        stack.server.sql("SELECT pg_create_restore_point('both')")
        stack.switch()
        twice = stack.server.sql("INSERT INTO t VALUES (5) RETURNING xmin").split()[0]  # it was given again
        left = stack.server.sql("SELECT pg_create_restore_point('left')").strip()
        stack.server.sql("INSERT INTO t VALUES (6)")
        stack.server.sql("SELECT pg_create_restore_point('gone'); SELECT pg_create_restore_point('gone')")
        stack.switch()
        fail_over(stack, folder, moment, "both", "parted")
        assert ask_ids(stack, folder / "left", "name:left") == {1, 2, 3, 5}
        assert [each.code for each in stack.findings] == ["moment-on-left-timeline"]
        with pytest.raises(UsageError, match="name:parted was given to 2 restore points: ") as refusal:
            stack.lay(folder / "refused", "name:parted")  # once before the parting, once behind it, on one way
        assert "--at lsn:" in refusal.value.hint
        with pytest.raises(UsageError, match="name:gone was given to 2 restore points: ") as refusal:
            stack.lay(folder / "refused", "name:gone")
        assert re.fullmatch(r"Name the one that is meant by its time: --at '20[^']*'\.", refusal.value.hint)
        # The newest timeline may come to these numbers yet: only who names the snapshot means those of the left one.
        for number, (moment, ids) in enumerate(((f"xid:{once}", {1, 2, 3}), (f"lsn:{left}", {1, 2, 3, 5}))):
            with pytest.raises(WalGap, match="is on timeline 1 only, which was left; the log of the newest, 2, is"):
                stack.lay(folder / f"refused{number}", moment)
            assert not (folder / f"refused{number}").exists()
            assert ask_ids(stack, folder / f"named{number}", moment, base) == ids
        stack.findings.clear()
        for number, each in enumerate((f"xid:{twice}", "name:both")):
            laid = stack.lay(folder / f"both{number}", each)
            assert laid.reach.window is not None
            assert laid.reach.window.timeline == 2, each
            (told,) = [each for each in stack.findings if each.code == "moment-on-several-timelines"]
            assert "timeline 2 was taken; there are also: 1: 0/" in told.message
            stack.findings.clear()


def test_a_moment_between_the_end_of_one_server_and_the_start_of_the_next_is_within_reach(folder: pathlib.Path) -> None:
    with make_stack() as stack:
        stack.server.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
        stack.back_up()
        stack.server.sql("INSERT INTO t VALUES (2)")
        stack.switch()
        pause = fail_over(stack, folder, "latest")  # with all that the first one wrote
        assert ask_ids(stack, folder / "r", pause) == {1, 2}


def test_a_name_that_was_given_again_is_refused_with_every_moment_that_it_may_mean(folder: pathlib.Path) -> None:
    with make_stack() as stack:
        stack.server.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
        base = stack.back_up().record
        point = "SELECT pg_create_restore_point('deploy')"
        stack.server.sql(f"INSERT INTO t VALUES (2); {point}")
        stack.switch()
        assert ask_ids(stack, folder / "once", "name:deploy") == {1, 2}
        stack.server.sql(f"INSERT INTO t VALUES (3); {point}; INSERT INTO t VALUES (4)")
        stack.switch()
        for record in (None, base):
            with pytest.raises(UsageError, match="name:deploy was given to 2 restore points: ") as refusal:
                stack.lay(folder / "refused", "name:deploy", record)
            assert not (folder / "refused").exists()
        first, second = re.findall(r"(\d{4}-[^(]*) \((\w+/\w+)\)", refusal.value.message)
        assert refusal.value.hint.endswith("means what was committed by then.")
        assert f"--at lsn:{second[1]};" in refusal.value.hint
        assert f"--at '{second[0]}'" in refusal.value.hint
        for number, ((moment, position), ids) in enumerate(((first, {1, 2}), (second, {1, 2, 3}))):
            assert ask_ids(stack, folder / f"p{number}", f"lsn:{position}") == ids
            assert stack.lay(folder / f"t{number}", moment).reach.setting == "recovery_target_time"
        assert ask_ids(stack, folder / "time", first[0]) == {1, 2}
        later = stack.back_up().record  # behind both
        with pytest.raises(WalGap, match="name:deploy cannot be reached from this snapshot"):
            stack.lay(folder / "later", "name:deploy", later)
        stack.server.sql(f"INSERT INTO t VALUES (5); {point}; INSERT INTO t VALUES (6)")
        stack.switch()
        assert ask_ids(stack, folder / "named", "name:deploy", later) == {1, 2, 3, 4, 5}  # from there it is one


@pytest.mark.root  # it reads the data directory of another user
def test_a_name_that_was_given_during_the_backup_too_is_reached(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = "SELECT pg_create_restore_point('deploy')"
    with make_stack() as stack:
        stack.server.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
        read = DataDirectoryTree.arrivals

        def read_late(tree: DataDirectoryTree) -> Iterator[Arrival]:
            stack.server.sql(point)  # the backup has begun
            return read(tree)

        monkeypatch.setattr(DataDirectoryTree, "arrivals", read_late)
        stack.back_up(wal=f'{ARCHIVED}data_directory = "{stack.server.data}"\n')
        stack.server.sql("INSERT INTO t VALUES (2)")
        stack.server.sql(point)
        stack.server.sql("INSERT INTO t VALUES (3)")
        stack.switch()
        assert ask_ids(stack, folder / "r", "name:deploy") == {1, 2}
