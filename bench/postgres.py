"""Logical backups of PostgreSQL beside what the guide does: ``pg_dump | gzip``, and ``zcat | psql`` to come back.

``python -m bench.postgres`` makes two databases in memory, one of four tables and one of a single table, and prints
ratios of one run. ``--keep`` leaves the figures where ``python -m bench render`` finds them.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from bench.measuring import wake_memory
from bench.postgres_data import SETTINGS, append_rows, fill_table, settle
from bench.precedence import take_precedence
from bench.sections import Section, format_bytes
from rebond.testing.postgres_server import PostgresServer

HERE = Path(__file__).resolve().parent
FOUR = {"posts": 0.4, "orders": 0.3, "comments": 0.2, "users": 0.1}
CONFIGURATION = """\
version = 1
[stack]
name = "{database}"
[vault]
url = "{folder}/vault-{database}"
key = {{ file = "{folder}/owner-{database}.key" }}
[component.db]
kind = "postgres"
host = "{host}"
database = "{database}"
user = "postgres"
"""


class Bench:
    """One server and one vault for each database, all in a folder in memory."""

    def __init__(self, folder: Path, rebond: str, server: PostgresServer) -> None:
        self.folder, self.rebond, self.server = folder, rebond, server
        own = {"REBOND_CACHE_DIR": str(folder / "cache"), "REBOND_STATE_DIR": str(folder / "state")}
        self.environment = {name: text for name, text in os.environ.items() if not name.startswith("REBOND_")} | own

    def configure(self, database: str) -> None:
        """Write a configuration and make its vault."""
        text = CONFIGURATION.format(database=database, folder=self.folder, host=self.server.socket_folder)
        (self.folder / f"{database}.toml").write_text(text)
        key = self.folder / f"owner-{database}.key"
        kit = self.folder / f"kit-{database}.txt"
        self.run("vault", "create", f"{self.folder}/vault-{database}", "--key-file", str(key), "--kit", str(kit))

    def run(self, *words: str, database: str = "") -> float:
        """Run the program; return the seconds it took."""
        configuration = {"REBOND_CONFIG": str(self.folder / f"{database}.toml")} if database else {}
        began = time.monotonic()
        subprocess.run(
            [self.rebond, *words, "--quiet"],
            env=self.environment | configuration,
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return time.monotonic() - began

    def shell(self, script: str) -> float:
        """Run what the guide runs; return the seconds it took."""
        began = time.monotonic()
        subprocess.run(["bash", "-o", "pipefail", "-ec", script], cwd=self.folder, check=True)
        return time.monotonic() - began

    def stored_bytes(self, database: str) -> int:
        """Return how much a vault holds."""
        vault = self.folder / f"vault-{database}"
        return sum(each.stat().st_size for each in vault.rglob("*") if each.is_file())


def main() -> int:
    """Measure, print, and keep the figures where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.postgres", description=__doc__)
    parser.add_argument("--size", type=int, default=1500, metavar="MB", help="of rows in each of the two databases")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--work", default="/dev/shm", help="where is measured: memory")
    parser.add_argument("--niceness", type=int, default=0, help="-15: the measured programs go first (root only)")
    parser.add_argument("--rebond", default=str(HERE.parent / ".venv/bin/rebond"))
    parser.add_argument("--keep", action="store_true", help="keep the figures for docs/benchmarks.md")
    arguments = parser.parse_args()
    if arguments.niceness:
        take_precedence(arguments.niceness)
    with tempfile.TemporaryDirectory(prefix="rebond-pg-bench-", dir=arguments.work) as name:
        folder = Path(name)
        folder.chmod(0o755)
        tempfile.tempdir = name
        with PostgresServer(settings=SETTINGS) as server:
            section = measure(Bench(folder, arguments.rebond, server), arguments.size, arguments.rounds)
    print("\n".join(section.render()))
    if arguments.keep:
        section.write(HERE / ".data/results/postgres-logical.json")
    return 0


def measure(bench: Bench, size_mb: int, rounds: int) -> Section:
    """Return the logical rows of the table."""
    size_bytes = size_mb * 1_000_000
    server = bench.server
    for database, tables in (("four", FOUR), ("one", {"events": 1.0})):
        server.sql(f"CREATE DATABASE {database}")
        for number, (table, share) in enumerate(tables.items()):
            fill_table(server, database, table, size_bytes=int(share * size_bytes), seed=number)
        settle(server, database)
        bench.configure(database)
    raw: dict[str, Any] = {"size_mb": size_mb}
    raw |= measure_backup(bench, rounds)
    raw |= measure_second_days(bench)
    for database in ("four", "one"):
        raw |= measure_restore(bench, database, rounds)
    return make_section(raw)


def measure_backup(bench: Bench, rounds: int) -> dict[str, Any]:
    """Compare first backups of the database with four tables, in turn."""
    dump = f"pg_dump -h {bench.server.socket_folder} -U postgres four | gzip > four.sql.gz"
    theirs, ours = [], []
    for number in range(rounds):
        if number:
            bench.shell("rm -rf vault-four cache owner-four.key kit-four.txt")
            bench.configure("four")
        theirs.append(time_with(lambda: bench.shell(dump)))
        ours.append(time_with(lambda: bench.run("backup", database="four")))
    bench.shell(f"pg_dump -h {bench.server.socket_folder} -U postgres one | gzip > one.sql.gz")
    bench.run("backup", database="one")
    zstd = bench.shell(dump.replace("| gzip > four.sql.gz", "| zstd -q -3 > four.sql.zst"))
    zstd_bytes = (bench.folder / "four.sql.zst").stat().st_size
    (bench.folder / "four.sql.zst").unlink()
    copy = f"psql -XqAt -h {bench.server.socket_folder} -U postgres -c 'COPY events TO STDOUT' one > /dev/null"
    gzip_bytes = (bench.folder / "four.sql.gz").stat().st_size
    return {
        "zstd_seconds": zstd,
        "zstd_bytes": zstd_bytes,
        "copy_seconds": bench.shell(copy),
        "dump_seconds": median(theirs),
        "backup_seconds": median(ours),
        "gzip_bytes": gzip_bytes,
        "stored_bytes": bench.stored_bytes("four"),
    }


def measure_second_days(bench: Bench) -> dict[str, Any]:
    """Say what is new in the vault after the newest rows, and after rows everywhere."""
    server, first = bench.server, bench.stored_bytes("four")
    for table in FOUR:
        rows = int(server.sql(f"SELECT count(*) FROM {table}", "four"))
        append_rows(server, "four", table, first=rows + 1, rows=rows // 100, seed=99)
    bench.run("backup", database="four")
    after_newest = bench.stored_bytes("four")
    for table in FOUR:
        server.sql(f"UPDATE {table} SET state = 'seen' WHERE abs(hashint8(id)::bigint) % 100 = 1", "four")
    bench.run("backup", database="four")
    return {
        "newest_share": (after_newest - first) / first,
        "scattered_share": (bench.stored_bytes("four") - after_newest) / first,
    }


def measure_restore(bench: Bench, database: str, rounds: int) -> dict[str, Any]:
    """Compare loading into a new database, in turn."""
    server, theirs, ours = bench.server, [], []
    address = f"postgresql://postgres@/back?host={server.socket_folder}"
    load = f"zcat {database}.sql.gz | psql -Xq -v ON_ERROR_STOP=1 -h {server.socket_folder} -U postgres back >/dev/null"
    for _ in range(rounds):
        theirs.append(time_with(lambda: bench.shell(load), before=lambda: renew(server, create=True)))
        ours.append(
            time_with(
                lambda: bench.run("restore", "latest", "--into", address, "--jobs", "2", database=database),
                before=lambda: renew(server, create=False),
            )
        )
    renew(server, create=False)
    return {f"{database}_psql_seconds": median(theirs), f"{database}_restore_seconds": median(ours)}


def time_with(act: Callable[[], float], *, before: Callable[[], None] = lambda: None) -> float:
    """Return what ``act`` says it took, with what comes before not counted."""
    before()
    wake_memory()
    return act()


def renew(server: PostgresServer, *, create: bool) -> None:
    """Let nobody of that name be there, or somebody empty."""
    server.sql("DROP DATABASE IF EXISTS back WITH (FORCE)")
    if create:
        server.sql("CREATE DATABASE back TEMPLATE template0")
    server.sql("CHECKPOINT")


def make_section(raw: dict[str, Any]) -> Section:
    """Return what is printed and rendered."""

    def ratio(one: str, other: str) -> str:
        return f"{raw[one] / raw[other]:.2f} ×"

    rows: list[tuple[str, ...]] = [
        (
            "logical backup, time, to `pg_dump \\| gzip`",
            ratio("backup_seconds", "dump_seconds"),
            "≤ 0.28 ×",
            f"{raw['backup_seconds']:.1f} s to {raw['dump_seconds']:.1f} s",
        ),
        (
            "the same, size",
            ratio("stored_bytes", "gzip_bytes"),
            "≤ 0.85 ×",
            f"{format_bytes(raw['stored_bytes'])} to {format_bytes(raw['gzip_bytes'])}",
        ),
        (
            "for comparison, `pg_dump \\| zstd -3` to `pg_dump \\| gzip`: time",
            ratio("zstd_seconds", "dump_seconds"),
            "-",
            f"{raw['zstd_seconds']:.1f} s; PostgreSQL's COPY of as many rows to nowhere: {raw['copy_seconds']:.1f} s",
        ),
        ("the same, size", ratio("zstd_bytes", "gzip_bytes"), "-", format_bytes(raw["zstd_bytes"])),
        ("second day, newest 1 % of rows", f"{raw['newest_share']:.1%}", "≤ 3 %", "of the first day's stored bytes"),
        ("second day, 1 % scattered", f"{raw['scattered_share']:.1%}", "≤ 40 %", "of the first day's stored bytes"),
    ]
    for database, title, most in (("four", "four tables", "≤ 0.6 ×"), ("one", "one big table", "≤ 1.0 ×")):
        names = f"{database}_restore_seconds", f"{database}_psql_seconds"
        seconds = f"{raw[names[0]]:.1f} s to {raw[names[1]]:.1f} s"
        rows.append((f"restore of {title}, to `zcat \\| psql`", ratio(*names), most, seconds))
    return Section(
        title="PostgreSQL, logical",
        intro=f"Databases with {raw['size_mb']} MB of rows each, as an application has them, with keys and indexes; "
        f"server, vault and dumps in memory, on the same {os.cpu_count()} processors. "
        "`python -m bench.postgres` measures it again. Processor time bounds all of it, most of it PostgreSQL's own "
        "(decisions 0126, 0127, 0150 and 0151).",
        header=("what", "ratio", "at least", "seconds or bytes"),
        rows=rows,
        raw=[json.loads(json.dumps(raw))],
    )


if __name__ == "__main__":
    raise SystemExit(main())
