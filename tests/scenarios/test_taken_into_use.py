"""A restored server that is taken into use: it begins with a new base, which holds what it has and not what was."""

import pathlib
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial

import pytest
from tests.scenarios.archived_server import ARCHIVED, ArchivedStack
from tests.scenarios.test_point_in_time import folder, short_folder  # noqa: F401 - a fixture
from tests.scenarios.test_wal_summaries import read_bytes, wait_for_summary
from tests.scenarios.wal_stack import WalStack, wait_until

from rebond.operations.physical.targets import SET
from rebond.operations.snapshots import SnapshotState, state_of
from rebond.sources.postgres_physical.recovery_settings import LOG_FOLDER, MARK
from rebond.testing.postgres_server import PostgresServer
from rebond.vault.snapshots import SnapshotRecord

pytestmark = pytest.mark.judge("postgres")


@pytest.fixture
def summed_up() -> Iterator[ArchivedStack]:
    with short_folder() as made:
        begun = ArchivedStack.begin(made, {"summarize_wal": "on"}, major=18)
        try:
            yield begun
        finally:
            begun.end()


def restore(
    stack: ArchivedStack, place: pathlib.Path, record: SnapshotRecord, settings: dict[str, str]
) -> PostgresServer:
    """Lay a snapshot down and start it where the server was."""
    laid = stack.lay(place, SET, record)
    stack.server.stop()
    shutil.rmtree(stack.server.data)
    subprocess.run(["mv", laid.path, stack.server.data], check=True)  # with its owner, to another disk too
    stack.server._settings = {**stack.server._settings, "archive_mode": "off", **settings}
    stack.server.start()
    wait_until(lambda: stack.server.sql("SELECT pg_is_in_recovery()").strip() == "f")
    return stack.server


def test_of_two_servers_restored_one_after_the_other_each_is_saved_as_it_is(
    summed_up: ArchivedStack,
    folder: pathlib.Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack, server = summed_up, summed_up.server
    archiving = {"archive_mode": server.sql("SHOW archive_mode").strip()}
    wal = f'{ARCHIVED}data_directory = "{server.data}"\n'
    server.sql("CREATE TABLE t (id int PRIMARY KEY, words text)")
    server.sql("INSERT INTO t SELECT g, repeat(md5(g::text), 12) FROM generate_series(1, 3000) g; VACUUM FREEZE t")
    first = stack.back_up(wal=wal)
    assert state_of(first.record) is SnapshotState.WHOLE

    restore(stack, folder / "1", first.record, {})  # it archives nothing, and nobody wants it in the end
    server.sql("UPDATE t SET words = 'the one that went' WHERE id % 3 = 0; CHECKPOINT")
    wait_for_summary(stack)
    with monkeypatch.context() as impatient:  # what archives nothing is not waited for
        impatient.setattr("rebond.operations.proving_wal.PATIENCE_SECONDS", 0.2)
        assert state_of(stack.back_up(wal=wal).record) is SnapshotState.PARTIAL

    restore(stack, folder / "2", first.record, archiving)  # to the same moment: it takes the same timeline again
    settings = (server.data / "postgresql.auto.conf").read_text()
    assert MARK not in settings
    assert not (server.data / LOG_FOLDER).exists()
    for _ in range(3):  # until it is further than the one that went was when it was saved
        server.sql("SELECT pg_switch_wal(); UPDATE t SET words = 'the one that stays' WHERE id % 5 = 0")
    server.sql("CHECKPOINT")
    wait_for_summary(stack)
    second = stack.back_up(wal=wal)
    assert state_of(second.record) is SnapshotState.WHOLE
    assert read_bytes(second) > 0.9 * read_bytes(first)  # a full base, however much the summaries seem to know

    saved, _ = stack.start(folder / "r", SET, second.record)
    try:
        counted = "SELECT words, count(*) FROM t WHERE length(words) < 99 GROUP BY 1"
        assert saved.ask(counted, "postgres").strip() == server.sql(counted).strip() == "the one that stays|600"
    finally:
        saved.remove()


@pytest.fixture
def stack() -> Iterator[WalStack]:
    made = WalStack()
    try:
        made.serve()
        yield made
    finally:
        made.close()


def write_and_switch(server: PostgresServer, row: int) -> None:
    """Write a row, and wait until it is archived."""
    server.sql(f"INSERT INTO t VALUES ({row})")
    name = server.sql("SELECT pg_walfile_name(pg_switch_wal() - 1)").strip()
    wait_until(lambda: server.sql("SELECT last_archived_wal FROM pg_stat_archiver").strip() >= name)


def test_a_restored_server_that_stays_is_told_to_begin_with_a_new_base_and_then_every_moment_is_within_reach(
    stack: WalStack, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archiving = {"archive_mode": "on", "archive_command": f'{stack.program} push "%p"', "archive_timeout": "60s"}
    with PostgresServer(settings={"wal_level": "replica", **archiving}) as lost:
        stack.configure(lost.socket_folder)
        lost.sql("CREATE TABLE t (i int)")
        assert stack.run("backup") == 0
        write_and_switch(lost, 1)
        assert stack.run("wal", "status") == 0
    assert stack.run("restore", "--at", "latest", "database", "--to", str(tmp_path / "laid")) == 0
    assert "its last step is a new base: rebond backup database" in capsys.readouterr().out
    with PostgresServer(adopts=tmp_path / "laid" / "database") as new:
        wait_until(lambda: new.sql("SELECT pg_is_in_recovery()").strip() == "f")
        assert new.sql("SHOW archive_mode").strip() == "off"
        stack.configure(new.socket_folder)
        new.sql("INSERT INTO t VALUES (2); SELECT pg_switch_wal(); INSERT INTO t VALUES (3); SELECT pg_switch_wal()")
        new.stop()
        new._settings.update(archiving)
        new.start()
        assert stack.run("wal", "adopt", "--data", str(new.data), "--yes") == 0
        assert "a new base begins: rebond backup database" in capsys.readouterr().out
        write_and_switch(new, 4)
        assert stack.run("wal", "status") == 3
        said = capsys.readouterr().out
        assert "NO BASE" in said
        assert "rebond backup database" in said
        assert stack.run("backup") == 0
        capsys.readouterr()
        assert stack.run("wal", "status") == 0, capsys.readouterr().out
        write_and_switch(new, 5)
    assert stack.run("restore", "--at", "latest", "database", "--to", str(tmp_path / "again")) == 0
    with PostgresServer(adopts=tmp_path / "again" / "database") as found:
        wait_until(lambda: found.sql("SELECT pg_is_in_recovery()").strip() == "f")
        assert found.sql("SELECT string_agg(i::text, ' ' ORDER BY i) FROM t").strip() == "1 2 3 4 5"


def has_come_back(server: PostgresServer) -> bool:
    return server.sql("SELECT pg_is_in_recovery()").strip() == "f"


def test_a_server_that_was_saved_alone_comes_back_to_a_moment_beside_a_set_from_before_it_was_configured(
    stack: WalStack, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    archiving = {"archive_mode": "on", "archive_command": f'{stack.program} push "%p"', "archive_timeout": "60s"}
    stack.more = '[component.code]\nkind = "files"\npath = "code"\n'
    (stack.folder / "code").mkdir()
    (stack.folder / "code" / "app.py").write_text("print()")
    written = stack.folder / "rebond.toml"
    stack.configure("")
    head, _, tail = written.read_text().partition("[component.database]")
    written.write_text(head + tail[tail.index("[component.code]") :])
    assert stack.run("backup", "--class", "all") == 0
    with PostgresServer(settings={"wal_level": "replica", **archiving}) as server:
        stack.configure(server.socket_folder)
        server.sql("CREATE TABLE t (i int)")
        stack.end_last()
        with monkeypatch.context() as impatient:  # nobody archives: the log is not waited for
            impatient.setattr("rebond.operations.proving_wal.PATIENCE_SECONDS", 0.2)
            assert stack.run("backup", "database") == 3
        assert " stands: –, " in capsys.readouterr().out
        stack.serve()
        assert stack.run("backup", "database") == 0
        write_and_switch(server, 1)
        reached = server.sql("SELECT now()").strip()
        write_and_switch(server, 2)
    for moment, place, rows in (("latest", "newest", "1 2"), (reached, "earlier", "1")):
        assert stack.run("restore", "--at", moment, "database", "--to", str(tmp_path / place)) == 0, capsys.readouterr()
        with PostgresServer(adopts=tmp_path / place / "database") as found:
            wait_until(partial(has_come_back, found))
            assert found.sql("SELECT string_agg(i::text, ' ' ORDER BY i) FROM t").strip() == rows
    assert stack.run("restore", "--at", "latest", "code", "--to", str(tmp_path / "code")) == 2  # it has no log
