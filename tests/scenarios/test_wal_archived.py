"""A real server archives through rebond-wal and recovers through it, also where the daemon dies or never lived."""

import os
import pathlib
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest
from tests.scenarios.wal_stack import SmallSegments, WalStack, prepare_recovery, take_base, wait_until

from rebond.testing.postgres_server import PostgresServer

pytestmark = [pytest.mark.judge("postgres")]


class Archiving:
    """The stack, its server, a base of it, and a copy of each file that the server was told is archived."""

    def __init__(self, stack: WalStack, server: PostgresServer, base: pathlib.Path, kept: pathlib.Path) -> None:
        self.stack = stack
        self.server = server
        self.base = base
        self.kept = kept

    def write(self, rows: int = 3000) -> int:
        """Commit rows and let the server finish a segment; return how many rows there are."""
        self.server.sql(f"INSERT INTO t SELECT md5(i::text) FROM generate_series(1, {rows}) i; SELECT pg_switch_wal()")
        return int(self.server.sql("SELECT count(*) FROM t"))

    def wait_archived(self) -> None:
        """Wait until nothing waits any more."""
        status = self.server.data / "pg_wal" / "archive_status"
        wait_until(lambda: not [each for each in os.listdir(status) if each.endswith(".ready")])

    def recover(self, folder: pathlib.Path, program: str | None = None, **settings: str) -> SmallSegments:
        """Start a server from the base, through ``restore_command``; ``AssertionError`` when it does not start."""
        command = f'{program or self.stack.program} fetch "%f" "%p"'
        data = prepare_recovery(
            self.base, folder / "recovered", {"restore_command": command, "archive_mode": "off", **settings}
        )
        return SmallSegments(adopts=data)


@pytest.fixture(scope="module")
def archiving() -> Iterator[Archiving]:
    stack = WalStack()
    kept = stack.folder / "kept"
    kept.mkdir()
    kept.chmod(0o777)
    try:
        stack.serve()
        command = f'{stack.program} push "%p" && cp "%p" {kept}/%f'
        settings = {"archive_mode": "on", "wal_level": "replica", "archive_command": command, "max_wal_size": "32MB"}
        with SmallSegments(settings=settings) as server:
            stack.configure(server.socket_folder)
            server.sql("CREATE TABLE t (v text)")
            yield Archiving(stack, server, take_base(server, stack.folder / "base"), kept)
    finally:
        stack.close()


def wait_recovered(server: PostgresServer) -> None:
    wait_until(lambda: server.sql("SELECT pg_is_in_recovery()").strip() == "f")


def test_a_server_recovers_all_that_was_archived_and_leaves_the_archive_as_it_is(
    archiving: Archiving, tmp_path: pathlib.Path
) -> None:
    rows = [archiving.write() for _ in range(3)][-1]
    archiving.wait_archived()
    before = sorted(str(each) for each in (archiving.stack.folder / "vault" / "streams").rglob("*"))

    with archiving.recover(tmp_path) as recovered:
        wait_recovered(recovered)
        assert int(recovered.sql("SELECT count(*) FROM t")) == rows
        recovered.sql("INSERT INTO t VALUES ('of the restored one'); SELECT pg_switch_wal()")

    assert sorted(str(each) for each in (archiving.stack.folder / "vault" / "streams").rglob("*")) == before


def test_no_acknowledged_file_is_lost_when_the_daemon_is_killed_again_and_again(
    archiving: Archiving, tmp_path: pathlib.Path
) -> None:
    for _ in range(3):
        for each in archiving.stack._processes:
            each.send_signal(signal.SIGKILL)
            each.wait()
        archiving.write(500)  # without a daemon the program does it alone, slower
        archiving.stack.socket.unlink(missing_ok=True)
        daemon = archiving.stack.serve()
        archiving.write(500)
        assert daemon.poll() is None
    archiving.wait_archived()

    fetched = tmp_path / "fetched"
    names = sorted(each.name for each in archiving.kept.iterdir())
    assert len(names) > 5
    for name in names:
        words = [*archiving.stack.program.split(), "fetch", name, str(fetched)]
        done = subprocess.run(["env", *words], cwd=archiving.server.data, capture_output=True, check=False, text=True)
        assert (done.returncode, done.stderr) == (0, ""), name
        assert fetched.read_bytes() == (archiving.kept / name).read_bytes(), name


def test_a_copy_of_the_server_does_not_archive(archiving: Archiving, tmp_path: pathlib.Path) -> None:
    archiving.write(10)
    archiving.wait_archived()
    archiving.server.stop()
    shutil.copytree(archiving.server.data, tmp_path / "copy", symlinks=True)
    if os.geteuid() == 0:
        for each in ((tmp_path / "copy"), *(tmp_path / "copy").rglob("*")):
            shutil.chown(each, "postgres")
    archiving.server.start()
    command = f'{archiving.stack.program} push "%p"'

    with SmallSegments(adopts=tmp_path / "copy", settings={"archive_mode": "on", "archive_command": command}) as copy:
        copy.sql("INSERT INTO t VALUES ('of the copy'); SELECT pg_switch_wal()")
        wait_until(lambda: "another data directory" in (copy.folder / "log").read_text())

    archiving.write(10)
    archiving.wait_archived()
    assert "rebond-wal:" not in (archiving.server.folder / "log").read_text().rpartition("ready to accept")[2]


@pytest.mark.parametrize("trouble", ["hole", "newest gone", "unreachable store", "crashed interpreter", "no program"])
def test_a_server_refuses_to_promote_when_it_cannot_know_the_end(
    archiving: Archiving, tmp_path: pathlib.Path, trouble: str
) -> None:
    archiving.write(10)
    archiving.write(10)
    archiving.wait_archived()
    program, vault = archiving.stack.program, archiving.stack.folder / "vault"
    hidden: list[tuple[pathlib.Path, pathlib.Path]] = []
    if trouble == "hole":
        newest = sorted(vault.glob("streams/*/*/*"), key=lambda each: each.stat().st_mtime_ns)[-4]
        hidden.append((newest, tmp_path / "hidden"))
    elif trouble == "newest gone":  # this machine knows that it was there
        newest = max(vault.glob("streams/*/*/*"), key=lambda each: each.stat().st_mtime_ns)
        hidden.append((newest, tmp_path / "hidden"))
    elif trouble == "unreachable store":
        hidden.append((vault, archiving.stack.folder / "away"))
    elif trouble == "crashed interpreter":
        program = f"REBOND_PYTHON=/bin/false {program.partition('REBOND_PASSPHRASE=x ')[2]}"
    else:
        program = "/nowhere/rebond-wal"
    for here, there in hidden:
        here.rename(there)
    try:
        with pytest.raises(AssertionError, match="FATAL"), archiving.recover(tmp_path, program, hot_standby="off"):
            pass
    finally:
        for here, there in hidden:
            there.rename(here)
    assert archiving.stack.run("wal", "status") in {0, 3}


def test_what_is_missing_is_told_with_status_34(
    archiving: Archiving, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    archiving.write(10)
    archiving.write(10)
    archiving.wait_archived()
    vault = archiving.stack.folder / "vault"
    newest = sorted(vault.glob("streams/*/*/*"), key=lambda each: each.stat().st_mtime_ns)[-4]
    newest.rename(tmp_path / "hidden")
    try:
        assert archiving.stack.run("wal", "status") == 34
    finally:
        (tmp_path / "hidden").rename(newest)
    assert "has a gap" in capfd.readouterr().out
    archiving.server.sql("SELECT pg_reload_conf()")
    assert archiving.stack.run("wal", "status", "--json") == 3  # it has no archive_timeout


def test_after_a_fail_over_both_timelines_are_there_and_recovery_takes_the_new_one(
    archiving: Archiving, tmp_path: pathlib.Path
) -> None:
    archiving.write(10)
    archiving.wait_archived()
    command = f'{archiving.stack.program} push "%p"'
    standby = archiving.recover(
        tmp_path,
        archive_mode="on",
        archive_command=command,
        recovery_target_action="promote",
    )
    with standby:
        wait_recovered(standby)
        standby.sql("INSERT INTO t VALUES ('after'); SELECT pg_switch_wal()")
        wait_until(lambda: int(standby.sql("SELECT archived_count FROM pg_stat_archiver")) >= 2)
        rows = standby.sql("SELECT count(*) FROM t")
    archiving.write(10)  # the old one goes on: its log is kept beside, and nothing is overwritten
    archiving.wait_archived()

    with archiving.recover(tmp_path / "again") as recovered:
        wait_recovered(recovered)
        assert recovered.sql("SELECT count(*) FROM t") == rows
        assert recovered.sql("SELECT timeline_id FROM pg_control_checkpoint()").strip() == "3"
