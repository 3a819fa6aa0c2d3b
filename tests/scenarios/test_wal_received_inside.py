"""A server in a container streams its log through a command inside: what is cut goes on, and nothing is left there."""

import json
import os
import pathlib
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator

import pytest
from tests.scenarios.test_wal_received import SETTINGS, Streaming, find_processes, read_rows
from tests.scenarios.wal_stack import SmallSegments, WalStack, take_base, wait_until
from tests.shims.placing import place_shims
from tests.shims.servers import PASSWORD

from rebond.testing.postgres_server import PostgresServer

pytestmark = [pytest.mark.judge("postgres")]
SEGMENTS_AND_A_BIT = 1_300_000  # of a stream: more than one segment, so that each part of it brings one


class Contained(Streaming):
    """A stack whose server is in a container; what goes in there is seen by the socket that it is joined to."""

    def list_inside(self) -> list[int]:
        """Return the processes in the container that join a command to the server."""
        return [each for each in self._list_joining() if b"client.py" not in _words_of(each)]

    def list_clients(self) -> list[int]:
        """Return the clients of the engine that lead there, for streams alone."""
        return [each for each in self._list_joining() if b"client.py" in _words_of(each)]

    def _list_joining(self) -> list[int]:
        here = os.fsencode(self.server.socket_folder)
        return [each for each in find_processes(b"", b"rebond-join-") if here in _words_of(each)]

    def wait_gone(self) -> None:
        wait_until(lambda: not self.list_inside() and not self.list_clients())


def _words_of(process: int) -> bytes:
    try:
        return pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def begin() -> Iterator[Callable[..., Contained]]:
    stack = WalStack(way="receive")
    servers: list[PostgresServer] = []

    def make(place: str = "docker:db", **environment: str) -> Contained:
        stack.environment |= place_shims(stack.folder / "bin", SHIM_RUNNING="db,statefulset/postgres")
        stack.environment |= {"DB_PASSWORD": PASSWORD, "PGUSER": "nobody", "PGPASSWORD": "wrong", **environment}
        server = SmallSegments(settings=SETTINGS)
        servers.append(server)
        quoted = PASSWORD.replace("'", "''")
        server.sql(f"SET standard_conforming_strings = on; CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '{quoted}'")
        server.sql("CREATE TABLE t (i int)")
        lines = f"local all {server.user} trust\nlocal replication {server.user} trust\n"
        lines += "local all all scram-sha-256\nlocal replication all scram-sha-256\n"
        (server.data / "pg_hba.conf").write_text(lines)
        server.sql("SELECT pg_reload_conf()")
        stack.more = f'in = "{place}"\nhost = "{server.socket_folder}"\nuser = "keeper"\n'
        stack.more += 'password = { env = "DB_PASSWORD" }\n'
        stack.configure("")
        return Contained(stack, server, stack.folder / "base")

    yield make
    stack.close()
    for each in servers:
        each.remove()


def test_what_is_cut_anywhere_goes_on_and_all_that_was_received_comes_back(
    begin: Callable[..., Contained], tmp_path: pathlib.Path
) -> None:
    contained = begin()
    stack, server = contained.stack, contained.server
    stack.serve()
    contained.receive()
    take_base(server, contained.base)
    assert contained.is_whole(1)
    sender = server.sql("SELECT pid FROM pg_stat_replication").strip()
    for each in contained.list_inside():
        os.kill(each, signal.SIGKILL)
    contained.wait_sent_by_another_than(sender)
    server.sql("INSERT INTO t VALUES (2); SELECT pg_switch_wal()")
    contained.wait_streaming()
    assert contained.is_whole(3)

    sender = server.sql("SELECT pid FROM pg_stat_replication").strip()
    for each in contained.list_clients():
        os.kill(each, signal.SIGKILL)
    contained.wait_sent_by_another_than(sender)
    contained.wait_streaming()
    assert contained.is_whole(4)

    server.stop(signal.SIGKILL)
    server.start()
    contained.wait_streaming()
    assert contained.is_whole(5)

    receiver = stack._processes[-1]
    receiver.send_signal(signal.SIGKILL)
    receiver.wait()
    contained.wait_gone()
    server.sql("INSERT INTO t VALUES (6)")
    contained.receive()
    assert contained.is_whole(7)
    server.stop(signal.SIGKILL)
    stack.end_last()
    contained.wait_gone()
    words = PASSWORD.split()
    assert not any(part in stack.log() for part in words)
    with contained.recover(tmp_path) as recovered:
        assert read_rows(recovered) == [1, 2, 3, 4, 5, 6, 7]


def test_a_stream_that_a_client_cuts_again_and_again_comes_whole(begin: Callable[..., Contained]) -> None:
    contained = begin("kubernetes:statefulset/postgres", SHIM_CUT_AFTER=str(SEGMENTS_AND_A_BIT))
    contained.receive()
    contained.server.sql(
        "CREATE TABLE big AS SELECT md5(g::text) FROM generate_series(1, 20000) g; SELECT pg_switch_wal()"
    )
    assert contained.is_whole(1)
    assert "the stream ended with status" in contained.stack.log()
    contained.stack.end_last()
    assert contained.stack.run("wal", "status") in {0, 3}  # and not 34: nothing is missing
    contained.wait_gone()


def test_an_image_that_can_join_nothing_is_told_by_the_receiver_and_by_the_doctor(
    begin: Callable[..., Contained], capfd: pytest.CaptureFixture[str]
) -> None:
    image = pathlib.Path(tempfile.mkdtemp(prefix="rebond-"))
    try:
        contained = begin(SHIM_IMAGE=str(image))
        programs = ["psql", "pg_dump"]
        for name in ("sh", "cat", "grep", "readlink"):
            (image / name).symlink_to(shutil.which(name) or name)
        for name in programs:
            (image / name).symlink_to(contained.server.programs / name)
        contained.stack.begin("wal", "receive")
        told = "neither perl, python3, socat, nc nor bash"
        wait_until(lambda: told in contained.stack.log())
        assert "publish the port of the server" in contained.stack.log()
        contained.stack.end_last()

        capfd.readouterr()
        contained.stack.run("doctor", "--json")
        found = {each["code"]: each for each in json.loads(capfd.readouterr().out)["findings"]}
        assert found["wal-no-way"]["weight"] == "failure"
        assert told in found["wal-no-way"]["message"]

        (image / "bash").symlink_to(shutil.which("bash") or "bash")
        (image / "python3").symlink_to(shutil.which("python3") or "python3")
        contained.stack.run("doctor", "--json")
        assert "wal-no-way" not in capfd.readouterr().out
    finally:
        shutil.rmtree(image)
