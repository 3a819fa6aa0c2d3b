"""Base backups of real servers: tablespaces, standbys, damaged pages, both ways of sending, and what is refused."""

import os
import pathlib
import shutil
import subprocess
import time

import msgspec
import pytest
from tests.scenarios.archived_server import ARCHIVED, CONFIGURATION, ArchivedStack
from tests.scenarios.test_point_in_time import folder, make_stack  # noqa: F401 - a fixture
from tests.unit.cli.program_runs import Program

from rebond.errors import CommandFailed, SourceUnfit, StoreFull
from rebond.operations.physical.bases import find_base
from rebond.operations.physical.targets import SET
from rebond.operations.snapshots import SnapshotState, list_snapshots, state_of
from rebond.sources.postgres.server import PostgresServer as Reached
from rebond.sources.postgres_physical.connection import Connection
from rebond.sources.postgres_physical.sums import CRC32C
from rebond.store.protocol import Store
from rebond.testing.faulty_store import FaultyStore
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
PROGRAM_ONLY = "rebond.stack.postgres_physical.is_installed"


def make_tablespace(server: PostgresServer) -> None:
    place = server.folder / "space one"
    place.mkdir()
    if not os.geteuid():
        shutil.chown(place, place.parent.owner())
    server.sql(f"CREATE TABLESPACE space LOCATION '{place}'")
    server.sql("CREATE TABLE far (id int) TABLESPACE space; INSERT INTO far SELECT generate_series(1, 5000)")


def test_tablespaces_come_along_and_lie_beside_the_restored_directory(folder: pathlib.Path) -> None:  # noqa: F811
    with make_stack() as stack:
        make_tablespace(stack.server)
        outcome = stack.back_up()
        server, _ = stack.start(folder / "r", SET, outcome.record)
        try:
            assert server.ask("SELECT count(*) FROM far", "postgres").strip() == "5000"
            place = server.ask(
                "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname='space'", "postgres"
            )
            assert place.strip().startswith(str(server.data) + "-tablespaces/")
            assert str(stack.server.folder) not in place
        finally:
            server.remove()


def test_pg_basebackup_sends_the_same_and_refuses_tablespaces(
    folder: pathlib.Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PROGRAM_ONLY, lambda: False)
    with make_stack() as stack:
        stack.server.sql("CREATE TABLE t AS SELECT generate_series(1, 100) AS id")
        outcome = stack.back_up(wal=f'{ARCHIVED}manifest_sums = "sha256"\n')
        base = find_base(stack.vault, outcome.record, "db")
        assert base is not None
        assert base.facts.way == "pg_basebackup"
        server, _ = stack.start(folder / "r", SET, outcome.record)
        try:
            assert server.ask("SELECT count(*) FROM t", "postgres").strip() == "100"
        finally:
            server.remove()
        make_tablespace(stack.server)
        with pytest.raises(SourceUnfit, match="tablespaces"):
            stack.back_up()


@pytest.mark.judge("pg_verifybackup")
def test_a_snapshot_without_an_archive_holds_its_own_log(folder: pathlib.Path) -> None:  # noqa: F811
    with make_stack() as stack:
        stack.server.sql("CREATE TABLE t AS SELECT generate_series(1, 100) AS id")
        outcome = stack.back_up(wal="")
        assert state_of(outcome.record) is SnapshotState.WHOLE
        assert outcome.record.catalog.needs == []
        server = stack.make_recovered(folder / "r")
        from rebond.operations.physical.laying import lay_directory
        from rebond.operations.physical.reaching import reach_alone
        from rebond.operations.physical.trying import start_recovered
        from rebond.testing.vaults import Notebook

        base = find_base(stack.vault, outcome.record, "db")
        assert base is not None
        lay_directory(stack.vault, reach_alone(base), None, server.data, Notebook())
        assert f'"Checksum-Algorithm": "{CRC32C}"' in (server.data / "backup_manifest").read_text()
        words = [str(stack.server.programs / "pg_verifybackup"), "-i", "rebond-wal", str(server.data)]
        verified = subprocess.run(words, capture_output=True, text=True, check=False)
        assert verified.returncode == 0, verified.stderr
        try:
            start_recovered(server, reach_alone(base))
            assert server.ask("SELECT count(*) FROM t", "postgres").strip() == "100"
        finally:
            server.remove()


def test_the_data_directory_is_read_here_while_the_server_writes(folder: pathlib.Path) -> None:  # noqa: F811
    with make_stack() as stack:
        sum_pages(stack.server, False)  # else the server is asked, which looks at them
        make_tablespace(stack.server)
        stack.server.sql("CREATE UNLOGGED TABLE fleeting (id int); INSERT INTO fleeting VALUES (1)")
        outcome = stack.back_up(wal=f'{ARCHIVED}data_directory = "{stack.server.data}"\n')
        assert state_of(outcome.record) is SnapshotState.WHOLE
        base = find_base(stack.vault, outcome.record, "db")
        assert base is not None
        assert base.facts.way == "data directory"
        server, recovered = stack.start(folder / "r", SET, outcome.record)
        try:
            assert recovered.is_promoted
            assert server.ask("SELECT count(*) FROM far", "postgres").strip() == "5000"
            assert server.ask("SELECT count(*) FROM fleeting", "postgres").strip() == "0"
        finally:
            server.remove()


def sum_pages(server: PostgresServer, has_sums: bool) -> None:
    """Have a server keep checksums of its pages, or none: new ones of 18 do, those before do not."""
    if (server.sql("SHOW data_checksums").strip() == "on") is not has_sums:
        server.stop()
        words = [str(server.programs / "pg_checksums"), "-e" if has_sums else "-d", "-D", str(server.data)]
        owner = server.data.owner() if not os.geteuid() else None
        subprocess.run(words, check=True, capture_output=True, user=owner)
        server.start()


@pytest.mark.parametrize("way", ["the server", "pg_basebackup", "the directory"])
def test_a_damaged_page_is_told_and_never_blessed(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "pg_basebackup":
        monkeypatch.setattr(PROGRAM_ONLY, lambda: False)
    with make_stack() as stack:
        server = stack.server
        server.sql("CREATE TABLE t AS SELECT generate_series(1, 5000) AS id; CHECKPOINT")
        path = server.data / server.sql("SELECT pg_relation_filepath('t')").strip()
        sum_pages(server, True)
        server.stop()
        with path.open("r+b") as file:
            file.seek(2 * 8192 + 4000)
            file.write(b"damaged!")
        server.start()
        here = f'data_directory = "{server.data}"\n' if way == "the directory" else ""
        outcome = stack.back_up(wal=ARCHIVED + here)
        assert state_of(outcome.record) is SnapshotState.DEGRADED
        assert outcome.is_doubtful
        told = [each for each in outcome.findings if each.code == "page-damaged"]
        assert [each.subject for each in told] == [f"{path.relative_to(server.data)}:2"]


def test_a_standby_is_saved_and_brought_back(folder: pathlib.Path) -> None:  # noqa: F811
    with make_stack() as stack:
        primary = stack.server
        primary.sql("CREATE TABLE t AS SELECT generate_series(1, 100) AS id")
        first = stack.back_up()
        laid = stack.lay(folder / "s" / "data", SET, first.record)
        auto = laid.path / "postgresql.auto.conf"
        auto.write_text("")
        (laid.path / "recovery.signal").unlink()
        (laid.path / "standby.signal").touch()
        standby = stack.make_recovered(folder / "sb")
        standby.data = laid.path
        standby.take_over()
        for each in (laid.path, *laid.path.rglob("*")):
            if standby.owner:
                shutil.chown(each, standby.owner)
        (folder / "s").chmod(0o711)
        settings = {"wal_level": "replica", "max_wal_senders": "10", "port": "5432"}
        standby.start({**settings, "hot_standby": "on", "primary_conninfo": primary.connection()}, patience_seconds=20)
        try:
            text = CONFIGURATION.replace("HOST", str(standby.folder))
            primary.sql("INSERT INTO t SELECT generate_series(101, 200); CHECKPOINT")
            text += "port = 5432\n"
            stack.switch()
            import threading

            later = threading.Timer(1.0, stack.switch)
            later.start()
            outcome = stack.back_up(text=text)
            later.join()
            base = find_base(stack.vault, outcome.record, "db")
            assert base is not None
            assert base.facts.is_from_standby
            assert state_of(outcome.record) is SnapshotState.WHOLE, outcome.findings
        finally:
            standby.stop()
        server, _ = stack.start(folder / "r", "latest", outcome.record)
        try:
            assert server.ask("SELECT count(*) FROM t", "postgres").strip() == "200"
        finally:
            server.remove()
        assert len(list_snapshots(stack.vault)) == 2


def test_a_change_of_few_pages_stores_few_bytes() -> None:
    with make_stack() as stack:
        stack.server.sql("CREATE TABLE t (id int PRIMARY KEY, words text) WITH (fillfactor = 90)")
        stack.server.sql("INSERT INTO t SELECT g, md5(g::text) || md5((g * 7)::text) FROM generate_series(1, 60000) g")
        stack.server.sql("VACUUM FREEZE t; CHECKPOINT")
        first = stack.back_up()
        stack.server.sql("UPDATE t SET words = md5(words) || md5(words) WHERE id % 6000 = 0")
        second = stack.back_up()
        assert second.stored_bytes < 0.25 * first.stored_bytes
        assert second.record.catalog.components[0].bytes >= first.record.catalog.components[0].bytes


def test_what_keeps_a_server_from_being_saved_is_named(stack_folder: pathlib.Path) -> None:
    stack = ArchivedStack.begin(stack_folder, {})
    try:
        stack.server.sql("CREATE ROLE weak LOGIN")
        with pytest.raises(SourceUnfit, match="may not replicate"):
            stack.back_up(('user = "postgres"', 'user = "weak"'))
        with pytest.raises(SourceUnfit, match="/nowhere of the server is not on this machine"):
            stack.back_up(wal=f'{ARCHIVED}data_directory = "/nowhere"\n')
    finally:
        stack.end()


def test_a_server_that_logs_too_little_is_refused(folder: pathlib.Path) -> None:  # noqa: F811
    minimal = {"wal_level": "minimal", "max_wal_senders": "0", "archive_mode": "off"}
    stack = ArchivedStack.begin(folder, minimal)
    try:
        with pytest.raises(SourceUnfit, match="wal_level is minimal"):
            stack.back_up(wal="")
    finally:
        stack.end()


@pytest.fixture
def stack_folder(folder: pathlib.Path) -> pathlib.Path:  # noqa: F811
    return folder


def test_a_full_store_makes_no_snapshot_and_the_next_run_goes_on() -> None:
    with make_stack() as stack:
        first = stack.back_up()
        stack.server.sql("CREATE TABLE t AS SELECT i, sha512(i::text::bytea) AS x FROM generate_series(1, 150000) i")
        table_bytes = int(stack.server.sql("SELECT pg_relation_size('t')"))
        vault, before = stack.vault, list_packs(stack.vault.store)

        def refuse(verb: str, name: str) -> StoreFull | None:
            is_too_much = verb == "put" and len(list_packs(vault.store).keys() - before.keys()) >= 3
            return StoreFull("No room left.", hint="Free some space.") if is_too_much else None

        stack.vault = msgspec.structs.replace(vault, store=FaultyStore(vault.store, fail_when=refuse))
        with pytest.raises(StoreFull):
            stack.back_up()
        stack.vault = vault
        after = list_packs(vault.store)
        kept_bytes = sum(size for name, size in after.items() if name not in before)
        assert kept_bytes > 4 << 20
        assert [each.snapshot for each in list_snapshots(vault)] == [first.record.snapshot]
        wait_until_nothing_is_sent(stack.server)

        outcome = stack.back_up()
        assert state_of(outcome.record) is SnapshotState.WHOLE
        assert after.keys() <= list_packs(vault.store).keys()
        assert outcome.record.catalog.components[0].added_bytes < table_bytes + (3 << 20) - kept_bytes, (
            "what was put is put again"
        )


def list_packs(store: Store) -> dict[str, int]:
    return {each.name: each.size for each in store.list_objects("packs/")}


def wait_until_nothing_is_sent(server: PostgresServer) -> None:
    end = time.monotonic() + 60
    while server.sql("SELECT count(*) FROM pg_stat_progress_basebackup").strip() != "0":
        assert time.monotonic() < end, "the server still sends a backup that nobody takes"
        time.sleep(0.02)


def test_a_server_that_dies_while_it_sends_fails_the_backup_in_its_own_words() -> None:
    with make_stack() as stack:
        connection = Connection(Reached(host=stack.server.socket_folder, user="postgres"), "", replicates=True)
        try:
            connection.begin_copy("BASE_BACKUP (LABEL 'cut', CHECKPOINT 'fast', WAIT 0)")
            messages = connection.read_copy()
            next(messages)
            stack.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walsender'")
            with pytest.raises(CommandFailed, match="The connection with PostgreSQL failed"):  # noqa: PT012
                for _ in messages:
                    pass
                connection.finish_copy()
        finally:
            connection.close()


@pytest.mark.parametrize("is_read_here", [False, True])
def test_a_dry_run_asks_the_server_how_much_it_is_and_lets_it_send_nothing(
    tmp_path: pathlib.Path, is_read_here: bool
) -> None:
    settings = {"wal_level": "replica", "log_replication_commands": "on", "log_statement": "all"}
    with PostgresServer(settings=settings) as server:
        place = f'wal = "archive-command"\nwindow = "7d"\ndata_directory = "{server.data}"\n' if is_read_here else ""
        text = CONFIGURATION.replace("HOST", server.socket_folder) + place
        (tmp_path / "rebond.toml").write_text(text + '[class.all]\ntrigger = "manual"\ncomponents = "all"\n')
        program = Program(tmp_path, REBOND_CONFIG=str(tmp_path / "rebond.toml"))

        foreseen = program.ask("backup", "--dry-run")["components"]
        shown = program.good("backup", "--dry-run").out.splitlines()[-1].split()
        said = (server.folder / "log").read_text()
        saved_bytes = int(server.sql("SELECT sum(pg_tablespace_size(oid)) FROM pg_tablespace"))
        sessions = int(server.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%rebond%'"))

    (one,) = foreseen
    assert (one["name"], one["files"]) == ("db", None)
    assert abs(one["bytes"] - saved_bytes) < saved_bytes / 10
    assert shown[:2] == ["db", "–"]
    assert "BASE_BACKUP" not in said
    assert "pg_backup_start" not in said
    assert "connection to client lost" not in said
    assert sessions == 0
