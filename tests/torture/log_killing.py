"""Rounds of a real server that archives while everything around it dies: server, daemon, program, and the store.

The server is told that a file is archived only after a copy of it lies aside. In the end every such file has to come
out of the vault byte for byte, no object of the log may ever have changed, and a server recovered from the first base
has every row that was committed.
"""

import hashlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

from tests.scenarios.wal_stack import SmallSegments, WalStack, prepare_recovery, take_base, wait_until
from tests.torture.rounds import choose_seed

from rebond.testing.postgres_server import add_clients, find_postgres

MAJORS = (15, 16, 17, 18)
_ROWS = 2000
_SCENARIOS = (
    *("wal_archived", "wal_received", "wal_troubles", "wal_failing_back", "wal_cleaning"),
    *("postgres", "export", "point_in_time", "drills_of_postgres", "moments_of_databases"),
    *("export_guarded", "saved_from_a_standby", "postgres_raw_names", "restored_subscribers"),
    *("tables_in_place", "tables_in_place_at_moments"),
)
_SHOWN = 3


def find_majors() -> list[int]:
    """Return the versions of PostgreSQL that are here; ``REBOND_MAJORS`` names some of them, as ``16,17``."""
    wanted = os.environ.get("REBOND_MAJORS", "")
    return [each for each in MAJORS if (not wanted or str(each) in wanted.split(",")) and find_postgres(each)]


class LogUnderFire:
    """One server, one vault, and what was acknowledged."""

    def __init__(self, *, seed: int, major: int | None = None) -> None:
        self.rng = random.Random(seed)
        self.stack = WalStack()
        self.kept = self.stack.folder / "kept"
        self.kept.mkdir()
        self.kept.chmod(0o777)
        self.vault, self.away = self.stack.folder / "vault", self.stack.folder / "away"
        self.seen: dict[str, str] = {}
        self.rows = 0
        self.killed = dict.fromkeys(("server", "daemon", "program", "store"), 0)
        self.daemon = self.stack.serve()
        command = f'{self.stack.program} push "%p" && cp "%p" {self.kept}/.%f && mv {self.kept}/.%f {self.kept}/%f'
        settings = {"archive_mode": "on", "wal_level": "replica", "archive_command": command, "max_wal_size": "64MB"}
        safe = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
        self.server = SmallSegments(settings={**settings, **safe}, major=major)
        self.stack.configure(self.server.socket_folder)
        self.server.sql("CREATE TABLE t (i int, v text)")
        self.base = take_base(self.server, self.stack.folder / "base")

    def close(self) -> None:
        """End and remove everything."""
        self.server.remove()
        if self.away.exists():
            self.away.rename(self.vault)
        self.stack.close()

    def commit(self) -> None:
        """Commit rows; sometimes finish the segment."""
        first = self.rows + 1
        self.server.sql(f"INSERT INTO t SELECT i, md5(i::text) FROM generate_series({first}, {first + _ROWS - 1}) i")
        self.rows += _ROWS
        if self.rng.random() < 0.5:
            self.server.sql("SELECT pg_switch_wal()")

    def hit(self) -> None:
        """Kill one of them, or take the store away for a moment; look that nothing in it changed."""
        target = self.rng.choice(list(self.killed))
        self.killed[target] += 1
        if target == "server":
            self.server.stop(signal.SIGKILL)
            self._start_again()
        elif target == "daemon":
            self.daemon.kill()
            self.daemon.wait()
            time.sleep(self.rng.uniform(0, 0.5))  # meanwhile the program does it alone
            self.stack.socket.unlink(missing_ok=True)
            self.daemon = self.stack.serve()
        elif target == "program":
            for each in _find_programs(self.stack.folder):
                os.kill(each, signal.SIGKILL)
        else:
            self.vault.rename(self.away)
            time.sleep(self.rng.uniform(0, 1))
            self.away.rename(self.vault)
        self.require_unchanged()

    def _start_again(self) -> None:
        """Start the server; its former processes may need a moment to notice that they are alone."""
        for _ in range(20):
            try:
                self.server.start()
                return
            except AssertionError as error:
                if "still in use" not in str(error)[-400:]:
                    raise
                time.sleep(0.25)
        raise AssertionError("the processes of a killed server stay")

    def require_unchanged(self) -> None:
        """Raise ``AssertionError`` when an object of the log is gone or is another one."""
        folder = self.vault / "streams"
        for path in sorted(folder.glob("*/*/*")):
            if path.name.startswith("."):
                continue
            found = hashlib.blake2b(path.read_bytes()).hexdigest()
            assert self.seen.setdefault(str(path.relative_to(folder)), found) == found, f"{path} was replaced"
        lost = [each for each in self.seen if not (folder / each).exists()]
        assert not lost, f"objects are gone: {lost[:_SHOWN]}"

    def require_whole(self) -> int:
        """Compare everything that was acknowledged with what the vault gives back; return how many files that is."""
        self.server.sql("SELECT pg_switch_wal()")
        status = self.server.data / "pg_wal" / "archive_status"
        wait_until(lambda: not any(each.endswith(".ready") for each in os.listdir(status)), 120)
        self.require_unchanged()
        names = sorted(each.name for each in self.kept.iterdir() if not each.name.startswith("."))
        target = self.stack.folder / "fetched"
        for name in names:
            words = ["env", *self.stack.program.split(), "fetch", name, str(target)]
            done = subprocess.run(words, cwd=self.server.data, capture_output=True, check=False, text=True)
            assert (done.returncode, done.stderr) == (0, ""), f"{name}: {done.stderr}"
            assert target.read_bytes() == (self.kept / name).read_bytes(), f"{name} is another one"
        assert self.stack.run("wal", "status") in {0, 3}
        return len(names)

    def require_recovered(self) -> None:
        """Recover a server from the first base out of the vault alone."""
        command = f'{self.stack.program} fetch "%f" "%p"'
        data = prepare_recovery(
            self.base, self.stack.folder / "recovered", {"restore_command": command, "archive_mode": "off"}
        )
        with SmallSegments(adopts=data) as recovered:
            wait_until(lambda: recovered.sql("SELECT pg_is_in_recovery()").strip() == "f", 120)
            found = recovered.sql("SELECT count(*), coalesce(max(i), 0) FROM t").strip()
        assert found == f"{self.rows}|{self.rows}", f"{found} of {self.rows} rows"


def _find_programs(folder: pathlib.Path) -> list[int]:
    """Return the processes of ``rebond-wal`` that run for a stack."""
    found = []
    for each in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().split(b"\0")
        except OSError:
            continue
        if str(folder).encode() in b" ".join(words) and b"push" in words:
            found.append(int(each.parent.name))
    return found


def kill_around_the_log(seconds: float) -> str:
    """Do it on each version that is here, as long as there is time; return the figures."""
    majors = find_majors()
    until = time.monotonic() + seconds
    rng = random.Random(choose_seed())
    count = hits = 0
    for position, major in enumerate(majors):
        ends = time.monotonic() + max(10.0, (until - time.monotonic()) / (len(majors) - position))
        log = LogUnderFire(seed=rng.randrange(1 << 30), major=major)
        try:
            while time.monotonic() < ends:
                log.commit()
                log.hit()
            count += log.require_whole()
            log.require_recovered()
            hits += sum(log.killed.values())
        finally:
            log.close()
    return f"PostgreSQL {', '.join(map(str, majors))}: {hits} hits, {count} acknowledged files, none lost or replaced"


def try_each_version(_seconds: float) -> str:
    """Run the ordinary tests of PostgreSQL on every version that is here. Raises ``AssertionError``."""
    majors = find_majors()
    for major in majors:
        found = find_postgres(major)
        assert found is not None
        folder = found if (found / "psql").exists() else add_clients(found)
        environment = {**os.environ, "REBOND_POSTGRES": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}
        files = [f"tests/scenarios/test_{each}.py" for each in _SCENARIOS]
        words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--show-capture=no", *files]
        done = subprocess.run(words, env=environment, capture_output=True, check=False, text=True)
        assert done.returncode == 0, f"PostgreSQL {major}:\n{done.stdout[-3000:]}"
        print(f"PostgreSQL {major}: {done.stdout.splitlines()[-1]}", flush=True)
    return f"the tests of PostgreSQL hold on PostgreSQL {', '.join(map(str, majors))}"
