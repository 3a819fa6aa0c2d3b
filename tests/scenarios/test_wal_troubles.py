"""A server whose log does not come into the vault: nothing is lost, it is told, and it comes once the cause is gone."""

import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from tests.scenarios.test_full_disk_and_faults import small_disk
from tests.scenarios.wal_stack import SmallSegments, WalStack, wait_until

from rebond.testing.postgres_server import PostgresServer

pytestmark = [pytest.mark.judge("postgres"), pytest.mark.root]
SETTINGS = {"archive_mode": "on", "wal_level": "replica", "archive_timeout": "1h"}
SPARE_KIB = 200


class Troubled:
    """A server that archives into a vault on a disk of its own, which is small."""

    def __init__(self, stack: WalStack, server: PostgresServer) -> None:
        self.stack = stack
        self.server = server
        self.filler = stack.folder / "vault" / ".filler"
        self.command = f'{stack.program} push "%p"'
        server.change("archive_command", self.command)
        stack.configure(server.socket_folder)

    def write(self) -> str:
        """Commit rows and finish a segment; return its name."""
        self.server.sql("INSERT INTO t SELECT md5(random()::text) FROM generate_series(1, 5000)")
        return self.server.sql("SELECT pg_walfile_name(pg_switch_wal() - 1)").strip()

    def count(self, column: str) -> int:
        """Return what the server counted of its archiving."""
        return int(self.server.sql(f"SELECT {column} FROM pg_stat_archiver"))

    def list_waiting(self) -> list[pathlib.Path]:
        """Return what the server wants archived."""
        return sorted((self.server.data / "pg_wal" / "archive_status").glob("*.ready"))

    def look(self, capfd: pytest.CaptureFixture[str], *words: str) -> Any:
        """Return what a command says as JSON."""
        capfd.readouterr()
        self.stack.run(*words, "--json")
        return json.loads(capfd.readouterr().out)

    def list_problems(self, capfd: pytest.CaptureFixture[str]) -> list[str]:
        """Return the codes of what ``wal status`` finds wrong, but for the base: nothing but the log is saved here.

        Of a gap it says that instead: while a file does not come, one that was read ahead may be there already.
        """
        (standing,) = self.look(capfd, "wal", "status")
        codes = [each["code"] for each in standing["problems"]]
        assert ("wal-no-base" in codes) == (bool(standing["timelines"]) and "wal-gap" not in codes)
        return [each for each in codes if each != "wal-no-base"]


@pytest.fixture(scope="module")
def troubled() -> Iterator[Troubled]:
    stack = WalStack()
    try:
        made = stack.folder / "made"
        (stack.folder / "vault").rename(made)
        size_kib = sum(each.stat().st_blocks for each in made.rglob("*")) // 2 + 20_000
        with small_disk(stack.folder / "vault", size_kib):
            shutil.copytree(made, stack.folder / "vault", dirs_exist_ok=True)
            stack.serve()
            with SmallSegments(settings=SETTINGS) as server:
                server.sql("CREATE TABLE t (v text)")
                yield Troubled(stack, server)
            stack.stop_all()
    finally:
        stack.close()


def test_a_full_vault_is_told_the_server_asks_again_and_all_comes_once_there_is_room(
    troubled: Troubled, capfd: pytest.CaptureFixture[str]
) -> None:
    first = troubled.write()
    wait_until(lambda: not troubled.list_waiting())
    wait_until(lambda: troubled.list_problems(capfd) == [])  # what the daemon noted is written every second
    usage = shutil.disk_usage(troubled.stack.folder / "vault")
    troubled.filler.write_bytes(bytes(usage.free - SPARE_KIB * 1024))
    names = [troubled.write() for _ in range(4)]
    wait_until(lambda: troubled.count("failed_count") > 0)

    assert {each.stem for each in troubled.list_waiting()} & set(names)  # the server keeps what is not saved
    assert {"wal-failing", "wal-archiver-fails"} <= set(troubled.list_problems(capfd))
    assert "wal-failing" in json.dumps(troubled.look(capfd, "doctor"))

    troubled.filler.unlink()
    names.append(troubled.write())  # after three times the server waits for a minute, or for a segment
    wait_until(lambda: not troubled.list_waiting())
    wait_until(lambda: troubled.list_problems(capfd) == [])  # what the daemon noted is written every second
    (standing,) = troubled.look(capfd, "wal", "status")
    (timeline,) = standing["timelines"]
    assert len(timeline["ranges"]) == 1
    assert first < names[-1] == troubled.server.sql("SELECT last_archived_wal FROM pg_stat_archiver").strip()


def test_an_archiver_that_dies_each_time_counts_nothing_and_is_told_all_the_same(
    troubled: Troubled, capfd: pytest.CaptureFixture[str]
) -> None:
    troubled.write()
    wait_until(lambda: not troubled.list_waiting())  # something was saved, whatever ran before
    failed = troubled.count("failed_count")
    troubled.server.change("archive_command", '/nowhere/rebond-wal push "%p"')
    name = troubled.write()
    wait_until(lambda: "not found" in (troubled.server.folder / "log").read_text())
    waiting = troubled.list_waiting()
    assert name in {each.stem for each in waiting}
    for each in waiting:
        os.utime(each, (each.stat().st_atime - 1000, each.stat().st_mtime - 1000))  # as if it were so for long

    assert troubled.count("failed_count") == failed
    assert troubled.list_problems(capfd) == ["wal-waits"]
    assert "wal-waits" in json.dumps(troubled.look(capfd, "doctor"))
    troubled.stack.run("wal", "status")
    said = capfd.readouterr().out
    assert f"wait to be archived, {waiting[0].stem} for 16 min" in said

    troubled.server.change("archive_command", troubled.command)
    troubled.server.stop()  # else it waits up to a minute before it starts its archiver again
    troubled.server.start()
    wait_until(lambda: not troubled.list_waiting())
    wait_until(lambda: troubled.list_problems(capfd) == [])  # what the daemon noted is written every second
