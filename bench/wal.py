"""The write-ahead log: one segment at a time beside pgBackRest, a backlog, and a server that writes as fast as it can.

``python -m bench.wal`` makes a server, a vault and a repository in memory; ``--keep`` leaves the figures where
``python -m bench render`` finds them.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles

from bench.sections import Section
from rebond.testing.postgres_server import PostgresServer

HERE = Path(__file__).resolve().parent
LAUNCHER = HERE.parent / "launchers" / "rebond-wal"
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
wal = "archive-command"
database = "postgres"
host = "{host}"
user = "postgres"
"""
SETTINGS = {
    "archive_mode": "on",
    "archive_command": "false",
    "wal_level": "replica",
    "max_wal_size": "16GB",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
    "checkpoint_timeout": "1h",
}
WAIT_SECONDS = 120.0


class Bench:
    """A server, a vault with its daemon, and a repository of pgBackRest, all in a folder in memory."""

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        self.folder, self.server = folder, server
        self.user = "postgres" if os.geteuid() == 0 else None
        (folder / "rebond.toml").write_text(CONFIGURATION.format(folder=folder, host=server.socket_folder))
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("REBOND_")},
            "REBOND_CONFIG": str(folder / "rebond.toml"),
            "REBOND_STATE_DIR": str(folder / "state"),
            "REBOND_CACHE_DIR": str(folder / "cache"),
            "REBOND_WAL_SOCKET": str(folder / "wal.sock"),
        }
        words = ("vault", "create", str(folder / "vault"), "--key-file", str(folder / "owner.key"))
        subprocess.run(
            [sys.executable, "-m", "rebond.cli", *words, "--kit", str(folder / "kit"), "--quiet"],
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self.daemon = subprocess.Popen(
            [sys.executable, "-m", "rebond.cli", "wal", "serve", "--quiet"], env=self.environment
        )
        wait((folder / "wal.sock").exists)
        self.program = f"{LAUNCHER} --socket {folder}/wal.sock push"
        self.pgbackrest = shutil.which("pgbackrest")

    def set_command(self, command: str) -> None:
        """Let the server archive so from now on."""
        quoted = command.replace("'", "''")
        self.server.sql(f"ALTER SYSTEM SET archive_command = '{quoted}'")
        self.server.sql("SELECT pg_reload_conf()")

    def read_count(self) -> int:
        """Return how many files the server archived."""
        return int(self.server.sql("SELECT archived_count FROM pg_stat_archiver"))

    def position(self) -> int:
        """Return how many bytes of log the server wrote."""
        return int(self.server.sql("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").split(".")[0])

    def fill(self, segments: int) -> None:
        """Let the server write so many segments: rows of text, indexes, updates in place."""
        self.server.sql("CREATE TABLE IF NOT EXISTS t (id int primary key, v text)")
        first = self.position()
        step = 0
        while self.position() - first < segments << 24:
            self.server.sql(
                f"INSERT INTO t SELECT {step} * 40000 + i, repeat(md5(random()::text), 4) || i FROM "
                f"generate_series(1, 40000) i; UPDATE t SET v = v || 'x' WHERE id > {step} * 40000"
            )
            step += 1
        self.server.sql("DROP TABLE t; SELECT pg_switch_wal()")

    def run_as_server(self, words: Sequence[str]) -> float:
        """Run a program in the data directory, as its user; return the seconds."""
        began = time.perf_counter()
        subprocess.run(list(words), cwd=self.server.data, check=True, user=self.user, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    def close(self) -> None:
        """End the daemon."""
        self.daemon.terminate()
        self.daemon.wait(20)


def wait(holds: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def measure_single(bench: Bench, segments: int) -> tuple[list[float], list[float]]:
    """Push single segments, in turn with pgBackRest, each through a process of its own; return the seconds of both."""
    wal = bench.server.data / "pg_wal"
    names = sorted(each.name for each in wal.iterdir() if len(each.name) == 24)[:segments]
    status = wal / "archive_status"
    aside = bench.folder / "status"
    status.rename(aside)  # nothing to look ahead for
    try:
        rest = prepare_pgbackrest(bench)
        own: list[float] = []
        other: list[float] = []
        for name in names:
            own.append(bench.run_as_server([*bench.program.split(), f"pg_wal/{name}"]))
            if rest:
                other.append(bench.run_as_server([*rest, "archive-push", f"pg_wal/{name}"]))
    finally:
        aside.rename(status)
    return own, other


def prepare_pgbackrest(bench: Bench) -> list[str]:
    """Make a repository and return the beginning of its command; empty where it is not installed."""
    if not bench.pgbackrest:
        return []
    repository = bench.folder / "repository"
    repository.mkdir()
    (bench.folder / "lock").mkdir()
    for each in (repository, bench.folder / "lock"):
        if bench.user:
            shutil.chown(each, bench.user)
    words = [bench.pgbackrest, "--no-config", "--stanza=main", f"--repo1-path={repository}"]
    words += [f"--pg1-path={bench.server.data}"]
    words += ["--log-level-file=off", "--log-level-console=warn", f"--lock-path={bench.folder}/lock"]
    server = [f"--pg1-socket-path={bench.server.socket_folder}"]
    bench.run_as_server([*words, *server, "stanza-create"])
    return [*words, "--compress-type=zst", "--compress-level=1"]


def measure_backlog(bench: Bench, segments: int) -> float:
    """Let so many segments wait, then archive them all; return segments a second."""
    status = bench.server.data / "pg_wal" / "archive_status"

    def count_waiting() -> int:
        return sum(each.endswith(".ready") for each in os.listdir(status))

    bench.fill(max(1, segments - count_waiting()))
    waiting = count_waiting()
    bench.set_command(f'{bench.program} "%p"')
    first = bench.read_count()
    wait(lambda: bench.read_count() > first)
    begun, began = bench.read_count(), time.monotonic()
    wait(lambda: count_waiting() == 0)
    print(f"{waiting} waited", flush=True)
    return (bench.read_count() - begun) / (time.monotonic() - began)


def measure_generating(bench: Bench, seconds: float) -> tuple[float, float]:
    """Let the server write as fast as it can; return segments a second, written and archived meanwhile."""
    bench.server.sql(
        "CREATE UNLOGGED TABLE source AS SELECT i, repeat(md5(i::text), 8) v FROM generate_series(1, 200000) i"
    )
    first, count, began = bench.position(), bench.read_count(), time.monotonic()
    while time.monotonic() - began < seconds:
        bench.server.sql("CREATE TABLE u AS SELECT * FROM source; DROP TABLE u")
    took = time.monotonic() - began
    return (bench.position() - first) / (1 << 24) / took, (bench.read_count() - count) / took


def describe(found: list[float]) -> tuple[str, str]:
    """Return the median and the 99th percentile."""
    if len(found) < 2:
        return "–", "–"
    return f"{median(found) * 1000:.0f} ms", f"{quantiles(found, n=100)[98] * 1000:.0f} ms"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--single", type=int, default=30)
    parser.add_argument("--backlog", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10)
    wishes = parser.parse_args()
    tempfile.tempdir = "/dev/shm"
    with tempfile.TemporaryDirectory() as folder, PostgresServer(settings=SETTINGS) as server:
        os.chmod(folder, 0o755)
        bench = Bench(Path(folder), server)
        try:
            bench.fill(wishes.single)
            own, other = measure_single(bench, wishes.single)
            drained = measure_backlog(bench, wishes.backlog)
            written, archived = measure_generating(bench, wishes.seconds)
        finally:
            bench.close()
    section = Section(
        title="The write-ahead log",
        intro=f"Segments of 16 MB, level `fast`, everything in memory, two processors that the server shares. One "
        f"segment: a process each, {len(own)} in turn with pgBackRest (`zst`, level 1, synchronous), "
        "nothing looked ahead for.",
        header=("", "Rebond", "pgBackRest", "aim"),
        rows=[
            ("one segment, median", describe(own)[0], describe(other)[0], "≤ 1.5 ×"),
            ("one segment, 99 of 100", describe(own)[1], describe(other)[1], "≤ 1.5 ×"),
            (f"a backlog of {wishes.backlog}", f"{drained:.0f} a second", "–", "≥ 40"),
            ("while the server writes all it can", f"{archived:.0f} of {written:.0f} a second", "–", "≥ 25"),
        ],
        raw=[{"own": own, "pgbackrest": other, "drained": drained, "written": written, "archived": archived}],
    )
    if wishes.keep:
        section.write(HERE / ".data/results/wal.json")
    print("\n".join(section.render()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
