"""What is lost when a server dies while its log is received: also where the vault's store was away until then.

A session commits row after row and notes when each was acknowledged. Then the server is killed and its log deleted, as
with its machine. The receiver lives on and puts what it has into the vault; a server is recovered out of that, and the
newest row that it has is compared with the newest that was acknowledged.
"""

import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.wal_bench import Bench, wait
from rebond.testing.postgres_server import PostgresServer

SETTINGS = {"wal_level": "replica", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_PAUSE_SECONDS = 0.005
_ROWS_OF_A_SEGMENT = 1000
_SHOWN_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """``lost_seconds`` lie between the newest commit that came back and the newest that was acknowledged."""

    outage_seconds: float
    commits: int
    lost_commits: int
    lost_seconds: float


class Committing:
    """One session that commits row after row; remembers when each was acknowledged."""

    def __init__(self, server: PostgresServer) -> None:
        words = [str(server.programs / "psql"), "-XAtq", "-d", server.connection()]
        self._session = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
        )
        self.acknowledged: list[float] = []

    def commit_for(self, seconds: float, pause: float = _PAUSE_SECONDS) -> None:
        """Commit until the time is over."""
        assert self._session.stdin
        assert self._session.stdout
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            print(f"INSERT INTO t VALUES ({len(self.acknowledged)}) RETURNING i;", file=self._session.stdin, flush=True)
            assert self._session.stdout.readline().strip() == str(len(self.acknowledged))
            self.acknowledged.append(time.monotonic())
            if len(self.acknowledged) % _ROWS_OF_A_SEGMENT == 0:  # so that whole segments wait too
                print("SELECT pg_switch_wal() IS NULL;", file=self._session.stdin, flush=True)
                assert self._session.stdout.readline().strip() == "f"
            time.sleep(pause)

    def close(self) -> None:
        """End the session; its server may be dead."""
        self._session.kill()
        self._session.wait()


def measure_loss(folder: Path, outage_seconds: float) -> Loss:
    """Commit for a while, kill the server, recover, compare."""
    with PostgresServer(settings=SETTINGS) as server:
        bench = Bench(folder, server, "receive")
        receiver = bench.begin("wal", "receive")
        try:
            server.sql("CREATE TABLE t (i int)")
            wait(lambda: "t" in server.sql("SELECT active FROM pg_replication_slots"))
            _take_base(server, folder / "base")
            committing = Committing(server)
            try:
                committing.commit_for(3)
                if outage_seconds:
                    (folder / "vault").rename(folder / "away")
                    committing.commit_for(outage_seconds, pause=0.02)
                server.stop(signal.SIGKILL)
            finally:
                committing.close()
            shutil.rmtree(server.data / "pg_wal")  # the machine is gone
            if outage_seconds:
                (folder / "away").rename(folder / "vault")
            _wait_put(folder)
        finally:
            receiver.terminate()
            receiver.wait(60)
        newest = _recover(bench, folder)
        bench.close()
    lost = committing.acknowledged[newest + 1 :]
    return Loss(
        outage_seconds=outage_seconds,
        commits=len(committing.acknowledged),
        lost_commits=len(lost),
        lost_seconds=committing.acknowledged[-1] - committing.acknowledged[newest] if lost else 0.0,
    )


def _take_base(server: PostgresServer, folder: Path) -> None:
    words = ("-D", folder, "-h", server.socket_folder, "-U", server.user, "-X", "none", "-c", "fast", "--no-sync")
    subprocess.run([server.programs / "pg_basebackup", *words], check=True, capture_output=True)


def _wait_put(folder: Path) -> None:
    """Wait until nothing new came into the vault for some seconds: tails come every two, tries every second."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < 5:
        count = sum(1 for _ in (folder / "vault" / "streams").rglob("*"))
        if count != seen:
            seen, since = count, time.monotonic()
        time.sleep(0.1)


def _recover(bench: Bench, folder: Path) -> int:
    """Return the newest row that a server recovered from the base has."""
    base = folder / "base"
    (base / "recovery.signal").touch()
    with (base / "postgresql.auto.conf").open("a") as file:
        file.write(f'restore_command = \'{bench.program} fetch "%f" "%p"\'\narchive_mode = off\n')
    if bench.user:
        for each in (base, *base.rglob("*")):
            shutil.chown(each, bench.user)
    with PostgresServer(adopts=base) as recovered:
        wait(lambda: recovered.sql("SELECT pg_is_in_recovery()").strip() == "f")
        numbers = [int(each) for each in recovered.sql("SELECT i FROM t ORDER BY i").split()]
    if numbers != list(range(len(numbers))):
        raise RuntimeError(f"rows are missing in the middle: {numbers[:_SHOWN_ROWS]}")
    return numbers[-1]
