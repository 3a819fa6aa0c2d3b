"""What measures of the write-ahead log stand on: a server in memory, a vault, the daemon, a pgBackRest repository."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rebond.testing.postgres_server import PostgresServer

LAUNCHER = Path(__file__).resolve().parent.parent / "launchers" / "rebond-wal"
CONFIGURATION = """\
version = 1
[stack]
name = "bench"
[vault]
url = "{folder}/vault"
key = {{ file = "{folder}/owner.key" }}
[component.db]
kind = "postgres"
method = "physical"
wal = "{way}"
database = "postgres"
host = "{host}"
user = "postgres"
"""
WAIT_SECONDS = 120.0
_ROWS = 40_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a call took: by the clock, and of processors in the caller's children and in the daemon."""

    seconds: float
    processor_seconds: float


class Bench:
    """A vault with its daemon beside a server, all in one folder."""

    def __init__(self, folder: Path, server: PostgresServer, way: str = "archive-command") -> None:
        self.folder, self.server, self.way = folder, server, way
        self.user = "postgres" if os.geteuid() == 0 else None
        self.configure(server)
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("REBOND_")},
            "REBOND_CONFIG": str(folder / "rebond.toml"),
            "REBOND_STATE_DIR": str(folder / "state"),
            "REBOND_CACHE_DIR": str(folder / "cache"),
            "REBOND_WAL_SOCKET": str(folder / "wal.sock"),
        }
        words = ("vault", "create", str(folder / "vault"), "--key-file", str(folder / "owner.key"))
        self.rebond(*words, "--kit", str(folder / "kit"), "--quiet")
        self.daemon = self.begin("wal", "serve", "--quiet")
        wait((folder / "wal.sock").exists)
        self.program = f"{LAUNCHER} --socket {folder}/wal.sock"

    def configure(self, server: PostgresServer) -> None:
        """Write the configuration for a server."""
        text = CONFIGURATION.format(folder=self.folder, host=server.socket_folder, way=self.way)
        (self.folder / "rebond.toml").write_text(text)

    def rebond(self, *words: str) -> None:
        """Run a command to its good end."""
        command = [sys.executable, "-m", "rebond.cli", *words]
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """Begin a command that goes on."""
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "rebond.cli", *words]
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def read_count(self) -> int:
        """Return how many files the server archived."""
        return int(self.server.sql("SELECT archived_count FROM pg_stat_archiver"))

    def count_waiting(self) -> int:
        """Return how many files wait to be archived."""
        return sum(each.endswith(".ready") for each in os.listdir(self.server.data / "pg_wal" / "archive_status"))

    def position(self) -> int:
        """Return how many bytes of log the server wrote."""
        return int(self.server.sql("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").split(".")[0])

    def fill(self, segments: int) -> None:
        """Let the server write so many segments: rows of text, an index, updates in place."""
        self.server.sql("CREATE TABLE IF NOT EXISTS t (id int primary key, v text)")
        first = self.position()
        step = 0
        while self.position() - first < segments << 24:
            self.server.sql(
                f"INSERT INTO t SELECT {step * _ROWS} + i, repeat(md5(random()::text), 4) || i FROM "
                f"generate_series(1, {_ROWS}) i; UPDATE t SET v = v || 'x' WHERE id > {step * _ROWS}"
            )
            step += 1
        self.server.sql("DROP TABLE t; SELECT pg_switch_wal()")

    def fill_with_updates(self, segments: int) -> None:
        """Let the server write so many segments of accounts: one row in five changes, whole pages after checkpoints."""
        self.server.sql(
            "DROP TABLE IF EXISTS accounts; CREATE TABLE accounts AS SELECT i id, 0 balance, repeat(' ', 84) filler "
            f"FROM generate_series(1, {10 * _ROWS}) i; CREATE UNIQUE INDEX ON accounts (id)"
        )
        first = self.position()
        while self.position() - first < segments << 24:
            self.server.sql(
                "CHECKPOINT; UPDATE accounts SET balance = balance + (random() * 5000)::int WHERE id % 5 = 0"
            )
        self.server.sql("DROP TABLE accounts; SELECT pg_switch_wal()")

    def keep_a_segment(self) -> None:
        """Keep what a segment of accounts holds in the table ``kept``, 16 pieces that ``repeat_kept`` writes again."""
        self.fill_with_updates(3)
        self.server.sql(
            "DROP TABLE IF EXISTS kept; CREATE UNLOGGED TABLE kept (piece bytea); "
            "ALTER TABLE kept ALTER piece SET STORAGE EXTERNAL; INSERT INTO kept "
            "SELECT pg_read_binary_file('pg_wal/' || name, i << 20, 1 << 20) FROM generate_series(0, 15) i, "
            "pg_walfile_name(pg_current_wal_lsn() - (2 << 24)) name"
        )

    def repeat_kept(self) -> None:
        """Let the server write that content into its log four times more, with next to no work of its own."""
        self.server.sql("SELECT count(pg_logical_emit_message(false, 'bench', piece)) FROM kept, generate_series(1, 4)")

    def copy_rows(self) -> None:
        """Let the server write the rows of the table ``source`` as a new table."""
        self.server.sql("CREATE TABLE u AS SELECT * FROM source; DROP TABLE u")

    def run_as_server(self, words: Sequence[str]) -> Cost:
        """Run a program in the data directory, as its user; return what it took."""
        daemon, others, began = self._read_processor(), os.times(), time.perf_counter()
        subprocess.run(list(words), cwd=self.server.data, check=True, user=self.user, stdout=subprocess.DEVNULL)
        took, after = time.perf_counter() - began, os.times()
        children = after.children_user + after.children_system - others.children_user - others.children_system
        return Cost(seconds=took, processor_seconds=children + self._read_processor() - daemon)

    def _read_processor(self) -> float:
        fields = Path(f"/proc/{self.daemon.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the daemon."""
        self.daemon.terminate()
        self.daemon.wait(20)


class PgBackRest:
    """A repository of pgBackRest for the server of a bench."""

    def __init__(self, bench: Bench) -> None:
        for each in ("repository", "lock", "spool"):
            (bench.folder / each).mkdir()
            if bench.user:
                shutil.chown(bench.folder / each, bench.user)
        words = ["pgbackrest", "--no-config", "--stanza=main", f"--repo1-path={bench.folder}/repository"]
        words += [f"--pg1-path={bench.server.data}", f"--lock-path={bench.folder}/lock"]
        words += ["--log-level-file=off", "--log-level-console=warn"]
        bench.run_as_server([*words, f"--pg1-socket-path={bench.server.socket_folder}", "stanza-create"])
        ahead = ["--archive-async", "--process-max=2", f"--spool-path={bench.folder}/spool"]
        words += ["--compress-type=zst", "--compress-level=1"]
        self.push = [*words, "archive-push"]
        self.push_ahead = [*words, *ahead, "archive-push"]


def wait(holds: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Wait until something holds. Raises ``TimeoutError``."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)
