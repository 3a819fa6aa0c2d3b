"""A standby takes over, and later the first server takes over again: every commit of all three timelines comes back."""

import os
import pathlib
import shutil
import signal
from collections.abc import Iterator

import pytest
from tests.scenarios.wal_stack import SmallSegments, WalStack, prepare_recovery, take_base, wait_until

from rebond.testing.postgres_server import PostgresServer, find_postgres

pytestmark = [pytest.mark.judge("postgres")]
NEWEST = max(major for major in (15, 16, 17, 18) if find_postgres(major))
SERVING = {"wal_level": "replica", "max_wal_size": "32MB", "fsync": "on", "synchronous_commit": "on"}


@pytest.fixture(params=["archive-command", "receive"])
def stack(request: pytest.FixtureRequest) -> Iterator[WalStack]:
    made = WalStack(way=request.param)
    made.environment["PATH"] = f"{find_postgres(NEWEST)}:{os.environ['PATH']}"  # an older client does not receive
    try:
        made.serve()
        yield made
    finally:
        made.close()


def settings_of(stack: WalStack) -> dict[str, str]:
    """What a server of the stack is started with."""
    if stack.way == "receive":
        return SERVING
    return {**SERVING, "archive_mode": "on", "archive_command": f'{stack.program} push "%p"'}


def make_standby(stack: WalStack, primary: PostgresServer, folder: pathlib.Path) -> PostgresServer:
    """Start a copy of a server that follows it."""
    base = take_base(primary, folder / "taken")
    data = prepare_recovery(base, folder / "standby", {"primary_conninfo": primary.connection()})
    (data / "recovery.signal").rename(data / "standby.signal")
    shutil.rmtree(base)
    return SmallSegments(adopts=data, settings=settings_of(stack))


def wait_saved(stack: WalStack, server: PostgresServer) -> None:
    """Wait until what the server has written so far is saved, or received."""
    if stack.way == "receive":
        position = server.sql("SELECT pg_current_wal_flush_lsn()").strip()
        received = f"SELECT coalesce(bool_or(flush_lsn >= '{position}'), false) FROM pg_stat_replication"
        wait_until(lambda: server.sql(f"{received} WHERE application_name LIKE '%receivewal%'").strip() == "t")
    else:
        name = server.sql("SELECT pg_walfile_name(pg_switch_wal() - 1)").strip()
        wait_until(lambda: server.sql("SELECT last_archived_wal FROM pg_stat_archiver").strip() >= name)


def take_over(stack: WalStack, old: PostgresServer, new: PostgresServer) -> None:
    """Let ``new`` be the server from now on; ``old`` dies with a commit that nobody else has."""
    wait_until(lambda: new.sql("SELECT count(*) FROM t") == old.sql("SELECT count(*) FROM t"))
    new.sql("SELECT pg_promote()")
    old.sql("INSERT INTO t VALUES (-1)")  # in the middle of a segment
    old.stop(signal.SIGKILL)
    if stack.way == "receive":
        stack.end_last()
        stack.configure(new.socket_folder)
        stack.begin("wal", "receive")
        wait_until(lambda: "t" in new.sql("SELECT active FROM pg_replication_slots"))


def test_after_failing_over_and_back_every_commit_of_the_three_timelines_is_there(
    stack: WalStack, tmp_path: pathlib.Path
) -> None:
    with SmallSegments(settings=settings_of(stack), major=NEWEST) as first:
        stack.configure(first.socket_folder)
        first.sql("CREATE TABLE t (i int); INSERT INTO t VALUES (1)")
        if stack.way == "receive":
            stack.begin("wal", "receive")
            wait_until(lambda: "t" in first.sql("SELECT active FROM pg_replication_slots"))
        base = take_base(first, stack.folder / "base")
        first.sql("INSERT INTO t VALUES (2)")
        wait_saved(stack, first)
        with make_standby(stack, first, tmp_path / "second") as second:
            first.sql("INSERT INTO t VALUES (3)")
            take_over(stack, first, second)
            second.sql("INSERT INTO t VALUES (4)")
            wait_saved(stack, second)
            with make_standby(stack, second, tmp_path / "back") as back:
                second.sql("INSERT INTO t VALUES (5)")
                take_over(stack, second, back)
                back.sql("INSERT INTO t VALUES (6)")
                wait_saved(stack, back)
                assert stack.run("wal", "status") in {0, 3}  # and not 34: nothing is missing
                if stack.way == "receive":
                    stack.end_last()
    command = f'{stack.program} fetch "%f" "%p"'
    data = prepare_recovery(base, tmp_path / "recovered", {"restore_command": command, "archive_mode": "off"})
    with SmallSegments(adopts=data) as recovered:
        wait_until(lambda: recovered.sql("SELECT pg_is_in_recovery()").strip() == "f")
        assert recovered.sql("SELECT string_agg(i::text, ' ' ORDER BY i) FROM t").strip() == "1 2 3 4 5 6"
        assert recovered.sql("SELECT timeline_id FROM pg_control_checkpoint()").strip() in {"4", "3"}
