"""A real server streams its log: what is lost when it dies, when the store is away, and when another one takes over."""

import os
import pathlib
import shutil
import signal
import time
from collections.abc import Iterator

import pytest
from tests.scenarios.wal_stack import SEGMENT_BYTES, SmallSegments, WalStack, prepare_recovery, take_base, wait_until

from rebond.config.components import Postgres
from rebond.config.loading import load_configuration
from rebond.operations.components import Receiving
from rebond.sources.postgres.wal_names import parse_lsn, segment_name
from rebond.stack.wal import ask_receiving, find_access
from rebond.testing.postgres_server import PostgresServer

pytestmark = [pytest.mark.judge("postgres")]
SETTINGS = {
    "wal_level": "replica",
    "synchronous_commit": "on",
    "fsync": "on",
    "max_wal_size": "32MB",
    "max_slot_wal_keep_size": "1GB",
}


class Streaming:
    """The stack, its server and a base of it; the receiver is a process of its own."""

    def __init__(self, stack: WalStack, server: PostgresServer, base: pathlib.Path) -> None:
        self.stack = stack
        self.server = server
        self.base = base

    def receive(self) -> None:
        """Begin to receive and wait until the stream runs."""
        self.stack.begin("wal", "receive")
        self.wait_streaming()

    def wait_streaming(self) -> None:
        """Wait until the server sees the stream."""
        try:
            wait_until(lambda: "t" in self.server.sql("SELECT active FROM pg_replication_slots"))
        except AssertionError:
            raise AssertionError(self.stack.log()) from None

    def wait_sent_by_another_than(self, sender: str) -> None:
        """Wait until the server has noticed that a stream of it is over."""
        wait_until(lambda: self.server.sql("SELECT pid FROM pg_stat_replication").strip() != sender)

    def delete(self, spool: pathlib.Path) -> None:
        """Delete a spool in one step: a segment that begins in it meanwhile would keep it there."""
        shutil.rmtree(spool.rename(self.stack.folder / "deleted"))

    def is_whole(self, number: int) -> bool:
        """Say whether row ``number`` was received here."""
        position = self.server.sql(f"INSERT INTO t VALUES ({number}) RETURNING pg_current_wal_lsn()")
        sent = "SELECT coalesce(min(flush_lsn) > {}::pg_lsn, false) FROM pg_stat_replication"
        wait_until(lambda: self.server.sql(sent.format(f"'{position.strip()}'")).strip() == "t")
        return True

    def recover(self, folder: pathlib.Path) -> PostgresServer:
        """Start a server from the base, through ``restore_command``."""
        command = f'{self.stack.program} fetch "%f" "%p"'
        data = prepare_recovery(self.base, folder / "recovered", {"restore_command": command, "archive_mode": "off"})
        return SmallSegments(adopts=data)


def segment_of(position: str) -> str:
    """Name the segment of the byte at ``position``; at an edge, servers up to 16 name the one before it."""
    return segment_name(1, parse_lsn(position) // SEGMENT_BYTES, SEGMENT_BYTES)


def read_rows(server: PostgresServer) -> list[int]:
    wait_until(lambda: server.sql("SELECT pg_is_in_recovery()").strip() == "f")
    return [int(each) for each in server.sql("SELECT i FROM t ORDER BY i").split()]


def promote_again(server: PostgresServer) -> None:
    """Bring a server to a timeline of its own."""
    server.stop()
    (server.data / "standby.signal").touch()
    server.start()
    wait_until(lambda: server.sql("SELECT pg_is_in_recovery()").strip() == "t")
    server.sql("SELECT pg_promote()")


def find_processes(program: bytes, word: bytes) -> list[int]:
    """Return the processes of a program that were given a word."""
    found = []
    for each in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(program) and any(word in given for given in words):
            found.append(int(each.parent.name))
    return found


@pytest.fixture
def streaming() -> Iterator[Streaming]:
    stack = WalStack(way="receive")
    try:
        stack.serve()
        with SmallSegments(settings=SETTINGS) as server:
            stack.configure(server.socket_folder)
            server.sql("CREATE TABLE t (i int)")
            made = Streaming(stack, server, stack.folder / "base")
            made.receive()
            take_base(server, made.base)
            yield made
    finally:
        stack.close()


def test_every_commit_that_was_flushed_here_survives_the_death_of_the_server_also_while_the_store_is_away(
    streaming: Streaming, tmp_path: pathlib.Path
) -> None:
    vault, away = streaming.stack.folder / "vault", streaming.stack.folder / "away"
    assert streaming.is_whole(1)
    streaming.server.sql("SELECT pg_switch_wal()")
    vault.rename(away)
    for number in range(2, 6):
        assert streaming.is_whole(number)
        streaming.server.sql("SELECT pg_switch_wal()")
    assert streaming.is_whole(6)  # in a segment that is not whole
    streaming.server.stop(signal.SIGKILL)
    time.sleep(0.5)
    away.rename(vault)

    wait_until(lambda: streaming.stack.run("wal", "status") in {0, 3})
    wait_until(lambda: len(list(vault.glob("streams/*/*/*"))) >= 6)
    streaming.stack.end_last()  # with what is not whole
    shutil.rmtree(streaming.server.data / "pg_wal")  # the machine is lost
    with streaming.recover(tmp_path) as recovered:
        assert read_rows(recovered) == [1, 2, 3, 4, 5, 6]


def test_the_stream_goes_on_where_it_was_when_receiver_and_server_are_killed(
    streaming: Streaming, tmp_path: pathlib.Path
) -> None:
    for number in range(1, 4):
        assert streaming.is_whole(number)
        receiver = streaming.stack._processes[-1]
        receiver.send_signal(signal.SIGKILL)
        receiver.wait()
        streaming.server.sql(f"INSERT INTO t VALUES ({number + 100}); SELECT pg_switch_wal()")
        if number == 2:
            streaming.server.stop(signal.SIGKILL)
            streaming.server.start()
        streaming.receive()
    assert streaming.is_whole(4)
    streaming.server.sql("SELECT pg_switch_wal()")
    assert streaming.is_whole(5)
    streaming.stack.end_last()

    assert streaming.stack.run("wal", "status") in {0, 3}  # and not 34: nothing is missing
    with streaming.recover(tmp_path) as recovered:
        assert read_rows(recovered) == [1, 2, 3, 4, 5, 101, 102, 103]


def test_a_stream_that_is_cut_goes_on_and_one_that_nobody_receives_is_told(
    streaming: Streaming, capfd: pytest.CaptureFixture[str]
) -> None:
    assert streaming.is_whole(1)
    for _ in range(2):
        (sender,) = streaming.server.sql("SELECT pid FROM pg_stat_replication").split()
        for each in find_processes(b"pg_receivewal", str(streaming.stack.folder).encode()):
            os.kill(each, signal.SIGKILL)
        streaming.wait_sent_by_another_than(sender)
        for partial in (streaming.stack.folder / "state").rglob("*.partial"):
            os.truncate(partial, partial.stat().st_size // 2)  # what was not flushed is gone
        streaming.server.sql("SELECT pg_switch_wal()")
        streaming.wait_streaming()
        assert streaming.is_whole(2)
    streaming.stack.run("wal", "status")
    said = capfd.readouterr().out
    assert "NO BASE" in said  # nothing but the log is saved here; nothing else is wrong
    assert said.count("warning: ") == 1

    assert tell_receiving(streaming) is Receiving.GOES_ON
    streaming.stack.end_last()
    assert streaming.stack.run("wal", "status") == 3
    assert "Nobody receives the log of database: the slot rebond is not in use" in capfd.readouterr().out
    assert tell_receiving(streaming) is Receiving.PAUSES
    streaming.server.sql("SELECT pg_drop_replication_slot('rebond')")
    assert tell_receiving(streaming) is Receiving.NOBODY
    streaming.server.stop()
    assert tell_receiving(streaming) is Receiving.GOES_ON, "nobody knows"


def tell_receiving(streaming: Streaming) -> Receiving:
    """Ask as a backup does that waits for its log."""
    loaded = load_configuration(streaming.stack.folder / "rebond.toml", os.environ).loaded
    assert loaded is not None
    component = loaded.configuration.component["database"]
    assert isinstance(component, Postgres)
    return ask_receiving(*find_access("database", component, loaded))


def test_a_slot_of_another_name_is_known_as_the_one_that_is_used(
    streaming: Streaming, capfd: pytest.CaptureFixture[str]
) -> None:
    streaming.stack.end_last()
    wait_until(lambda: "t" not in streaming.server.sql("SELECT active FROM pg_replication_slots"))
    streaming.server.sql("SELECT pg_drop_replication_slot('rebond')")
    streaming.stack.begin("wal", "receive", "--slot", "far_away")
    streaming.wait_streaming()
    assert streaming.is_whole(1)
    capfd.readouterr()
    streaming.stack.run("wal", "status")
    assert capfd.readouterr().out.count("warning: ") == 1  # no base, as ever here

    streaming.stack.end_last()
    wait_until(lambda: "t" not in streaming.server.sql("SELECT active FROM pg_replication_slots"))
    streaming.stack.run("wal", "status")
    assert "Nobody receives the log of database: the slot far_away is not in use" in capfd.readouterr().out


def test_a_spool_that_is_deleted_under_the_receiver_is_made_again_and_nothing_is_lost(
    streaming: Streaming, tmp_path: pathlib.Path
) -> None:
    assert streaming.is_whole(1)
    streaming.server.sql("SELECT pg_switch_wal()")
    assert streaming.is_whole(2)  # in a segment that is not whole: the receiver has it, and the server may forget it
    (sender,) = streaming.server.sql("SELECT pid FROM pg_stat_replication").split()
    (spool,) = (streaming.stack.folder / "state").rglob("wal/spool/database")
    streaming.delete(spool)
    streaming.wait_sent_by_another_than(sender)
    streaming.wait_streaming()
    assert streaming.is_whole(3)
    streaming.server.sql("SELECT pg_switch_wal()")
    assert streaming.is_whole(4)
    streaming.stack.end_last()
    assert streaming.stack.log().count("was deleted while the log was received into it") == 1
    assert "Traceback" not in streaming.stack.log()
    with streaming.recover(tmp_path) as recovered:
        assert read_rows(recovered) == [1, 2, 3, 4]


def test_what_was_received_before_the_vault_had_anything_comes_once_more_when_the_spool_is_deleted(
    streaming: Streaming, tmp_path: pathlib.Path
) -> None:
    vault, away = streaming.stack.folder / "vault", streaming.stack.folder / "away"
    vault.rename(away)
    try:
        assert streaming.is_whole(1)
        streaming.server.sql("SELECT pg_switch_wal()")
        assert streaming.is_whole(2)  # the slot has let go of the first segment, and the vault has nothing
        (spool,) = (streaming.stack.folder / "state").rglob("wal/spool/database")
        streaming.delete(spool)
        wait_until(lambda: "f" in streaming.server.sql("SELECT active FROM pg_replication_slots"))
    finally:
        away.rename(vault)
    streaming.wait_streaming()
    streaming.server.sql("SELECT pg_switch_wal()")
    assert streaming.is_whole(3)
    streaming.stack.end_last()
    with streaming.recover(tmp_path) as recovered:
        assert read_rows(recovered) == [1, 2, 3]


def test_a_file_that_is_deleted_under_the_receiver_comes_once_more_and_so_does_what_was_flushed_into_it(
    streaming: Streaming, tmp_path: pathlib.Path
) -> None:
    assert streaming.is_whole(1)
    streaming.server.sql("SELECT pg_switch_wal()")
    assert streaming.is_whole(2)
    (sender,) = streaming.server.sql("SELECT pid FROM pg_stat_replication").split()
    (spool,) = (streaming.stack.folder / "state").rglob("wal/spool/database")
    for each in spool.iterdir():  # pg_receivewal goes on in its own, and says to the server that all is flushed
        each.unlink(missing_ok=True)
    streaming.wait_sent_by_another_than(sender)
    streaming.wait_streaming()
    assert streaming.is_whole(3)
    streaming.stack.end_last()
    shutil.rmtree(streaming.server.data / "pg_wal")  # the machine is lost
    with streaming.recover(tmp_path) as recovered:
        assert read_rows(recovered) == [1, 2, 3]


def test_another_cluster_is_received_once_it_is_adopted_whatever_the_former_one_left(
    streaming: Streaming, capfd: pytest.CaptureFixture[str]
) -> None:
    assert streaming.is_whole(1)
    for _ in range(8):  # further than the new one is
        streaming.server.sql("INSERT INTO t VALUES (1); SELECT pg_switch_wal()")
    assert streaming.is_whole(2)  # in a segment that is not whole
    streaming.stack.end_last()
    with SmallSegments(settings=SETTINGS) as other:
        streaming.stack.configure(other.socket_folder)
        other.sql("CREATE TABLE t (i int)")
        streaming.stack.begin("wal", "receive")
        wait_until(lambda: "The server is another cluster than before" in streaming.stack.log())
        assert streaming.stack.run("wal", "adopt", "--data", str(other.data), "--yes") == 0
        made = Streaming(streaming.stack, other, streaming.base)
        made.wait_streaming()
        assert made.is_whole(3)
        streaming.stack.end_last()
        capfd.readouterr()
        assert streaming.stack.run("wal", "status", "--json") == 3
        system_id = other.sql("SELECT system_identifier FROM pg_control_system()").strip()
    assert f'"system_id": "{system_id}"' in capfd.readouterr().out
    (spool,) = (streaming.stack.folder / "state").rglob("wal/spool/database")
    assert not list(spool.glob("former-*"))  # all of it is in the vault


def test_after_a_fail_over_the_stream_goes_on_where_the_new_server_left_the_old_one(
    streaming: Streaming, tmp_path: pathlib.Path
) -> None:
    assert streaming.is_whole(1)
    streaming.server.sql("SELECT pg_switch_wal()")
    assert streaming.is_whole(2)
    standby = prepare_recovery(
        streaming.base, tmp_path / "standby", {"primary_conninfo": streaming.server.connection()}
    )
    (standby / "recovery.signal").rename(standby / "standby.signal")
    with SmallSegments(adopts=standby, settings=SETTINGS) as other:
        wait_until(lambda: other.sql("SELECT count(*) FROM t").strip() == "2")
        other.sql("SELECT pg_promote()")
        streaming.server.sql("INSERT INTO t VALUES (99); SELECT pg_switch_wal()")  # nobody else has it
        assert streaming.is_whole(98)
        streaming.server.stop(signal.SIGKILL)
        streaming.stack.end_last()
        streaming.stack.configure(other.socket_folder)
        old, streaming.server = streaming.server, other
        streaming.receive()
        assert streaming.is_whole(3)
        other.sql("SELECT pg_switch_wal()")
        assert streaming.is_whole(4)
        streaming.stack.end_last()
        assert streaming.stack.run("wal", "status") in {0, 3}
        with streaming.recover(tmp_path) as recovered:
            assert read_rows(recovered) == [1, 2, 3, 4]
        streaming.server = old


def test_the_stream_goes_along_timelines_of_which_the_server_has_no_history(
    streaming: Streaming, tmp_path: pathlib.Path
) -> None:
    server, history = streaming.server, streaming.server.data / "pg_wal" / "00000002.history"
    assert streaming.is_whole(1)
    promote_again(server)
    streaming.wait_streaming()
    assert streaming.is_whole(2)
    streaming.stack.end_last()
    promote_again(server)
    content = history.read_bytes()
    history.unlink()  # one that was made from a base of the third timeline never had it
    (spool,) = (streaming.stack.folder / "state").rglob("wal/spool/database")
    streaming.delete(spool)

    streaming.receive()
    assert streaming.is_whole(3)
    assert (spool / history.name).read_bytes() == content
    streaming.stack.end_last()
    assert streaming.stack.run("wal", "status") in {0, 3}
    with streaming.recover(tmp_path) as recovered:
        assert read_rows(recovered) == [1, 2, 3]


def test_a_server_that_has_not_kept_what_comes_next_is_not_gone_on_with_in_silence(
    streaming: Streaming, tmp_path: pathlib.Path
) -> None:
    assert streaming.is_whole(1)
    streaming.stack.end_last()
    streaming.server.sql("SELECT pg_drop_replication_slot('rebond')")
    for _ in range(3):
        streaming.server.sql("SELECT pg_switch_wal(); CHECKPOINT; INSERT INTO t VALUES (7); SELECT pg_switch_wal()")

    def is_gone() -> bool:
        """Each checkpoint removes what the one before needed no more."""
        streaming.server.sql("CHECKPOINT")
        return not (streaming.server.data / "pg_wal" / "000000010000000000000003").exists()

    wait_until(is_gone)

    streaming.stack.begin("wal", "receive")
    wait_until(lambda: "has a gap" in streaming.stack.log())
    streaming.stack.end_last()
    assert "--accept-gap" in streaming.stack.log()

    streaming.stack.begin("wal", "receive", "--accept-gap")
    streaming.wait_streaming()
    streaming.server.sql("SELECT pg_switch_wal(); INSERT INTO t VALUES (8); SELECT pg_switch_wal()")
    wait_until(lambda: streaming.stack.run("wal", "status") == 34)


def test_a_slot_that_waits_for_what_was_removed_is_made_anew_only_with_the_word(streaming: Streaming) -> None:
    stack, server = streaming.stack, streaming.server
    assert streaming.is_whole(1)
    stack.end_last()
    slot = "SELECT restart_lsn FROM pg_replication_slots WHERE NOT active"
    wait_until(lambda: server.sql(slot).strip() != "")
    position = server.sql(slot).strip()
    wanted = segment_of(position)
    for _ in range(3):
        server.sql("INSERT INTO t VALUES (7); SELECT pg_switch_wal()")
        server.sql("CHECKPOINT")
    (server.data / "pg_wal" / wanted).unlink()  # as when feedback has put the slot back behind what is kept

    stack.begin("wal", "receive")
    wait_until(lambda: "has a gap" in stack.log())
    stack.end_last()
    wait_until(lambda: server.sql(slot).strip() != "")
    assert segment_of(server.sql(slot).strip()) == wanted
    assert "made anew" not in stack.log()

    stack.begin("wal", "receive", "--accept-gap")
    streaming.wait_streaming()
    assert streaming.is_whole(8)
    server.sql("SELECT pg_switch_wal()")
    wait_until(lambda: "a gap in the write-ahead log:" in stack.log())
    assert f"the slot rebond was made anew; it waited for position {wanted[8:16].lstrip('0') or '0'}/" in stack.log()
    assert stack.run("wal", "status") == 34
    stack.end_last()

    stack.begin("wal", "receive")  # the word holds for one gap, and is not needed again
    streaming.wait_streaming()
    assert streaming.is_whole(9)
