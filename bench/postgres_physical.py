"""Physical backups of PostgreSQL beside ``pg_basebackup | zstd -3`` and pgBackRest, and what a second day costs.

``python -m bench.postgres_physical`` makes a database in memory and prints ratios of one run. ``--keep`` leaves the
figures where ``python -m bench render`` finds them.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from bench.postgres import FOUR, HERE, Bench, time_with
from bench.postgres_data import SETTINGS, fill_table, settle
from bench.precedence import take_precedence
from bench.sections import Section, format_bytes
from rebond.testing.postgres_server import PostgresServer

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
method = "physical"
"""
BACKREST = (
    "pgbackrest --stanza=bench --pg1-path={data} --pg1-socket-path={socket} --pg1-user=postgres "
    "--repo1-path={folder}/backrest --log-path={folder} --lock-path={folder} --log-level-console=off"
)
SEALED = "--repo1-cipher-type=aes-256-cbc"  # its own encryption: ours is always on
FULL = "--type=full --no-archive-check --process-max=2 --compress-type=zst --compress-level=3 backup"


def main() -> int:
    """Measure, print, and keep the figures where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.postgres_physical", description=__doc__)
    parser.add_argument("--size", type=int, default=1000, metavar="MB", help="of rows in the database")
    parser.add_argument("--rounds", type=int, default=3, help="of full backups, ours and the others' in turn")
    parser.add_argument("--parts", nargs="*", default=["server", "summaries"], choices=["server", "summaries"])
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
        settings = {**SETTINGS, "wal_level": "replica", "max_wal_senders": "4"}
        raw: dict[str, Any] = {"size_mb": arguments.size}
        if "server" in arguments.parts:
            with PostgresServer(settings=settings) as server:
                raw |= measure(Bench(folder, arguments.rebond, server), arguments.size, arguments.rounds)
        if "summaries" in arguments.parts:
            with PostgresServer(major=18, settings={**settings, "summarize_wal": "on"}) as server:
                raw |= measure_summaries(Bench(folder / "18", arguments.rebond, server), arguments.size)
    section = make_section(raw)
    print("\n".join(section.render()))
    if arguments.keep:
        section.write(HERE / ".data/results/postgres-physical.json")
    return 0


def measure(bench: Bench, size_mb: int, rounds: int) -> dict[str, Any]:
    """Return the rows about a server that sends itself, beside the peers: medians of so many rounds, in turn."""
    server = bench.server
    fill(bench, size_mb, "")
    base = f"pg_basebackup -h {server.socket_folder} -U postgres -Ft -X fetch -c fast"
    took: dict[str, list[float]] = {}

    def note(name: str, seconds: float | None) -> None:
        took.setdefault(name, []).extend([] if seconds is None else [seconds])

    for number in range(rounds):
        if number:
            bench.shell("rm -rf vault-four cache state owner-four.key kit-four.txt base.tar.zst")
            make_ready(bench, "")
        note("basebackup", time_with(lambda: bench.shell(f"{base} -D - | zstd -q -3 -o base.tar.zst")))
        note("client", time_with(lambda: bench.shell(f"{base} -D base --compress=client-zstd:3")))
        note("full", time_with(lambda: bench.run("backup", database="four")))
        note("backrest", run_backrest(bench))
        note("backrest_sealed", run_backrest(bench, SEALED))
        bench.shell("rm -rf base backrest")
    raw: dict[str, Any] = {f"{name}_seconds": median(each) if each else None for name, each in took.items()} | {
        "rounds": rounds,
        "basebackup_bytes": (bench.folder / "base.tar.zst").stat().st_size,
        "full_bytes": bench.stored_bytes("four"),
    }
    touch_pages(server)
    raw["incremental_seconds"] = time_with(lambda: bench.run("backup", database="four"))
    raw["incremental_bytes"] = bench.stored_bytes("four") - raw["full_bytes"]
    return raw


def measure_summaries(bench: Bench, size_mb: int) -> dict[str, Any]:
    """Return the rows about a data directory of a server that sums up its log, which is received meanwhile."""
    bench.folder.mkdir()
    server = bench.server
    fill(bench, size_mb, f'wal = "receive"\nwindow = "1d"\ndata_directory = "{server.data}"\n')
    bench.environment["PATH"] = f"{server.programs}:{bench.environment['PATH']}"  # those of this version
    environment = bench.environment | {"REBOND_CONFIG": str(bench.folder / "four.toml")}
    words = [bench.rebond, "wal", "receive", "--quiet"]
    receiving = subprocess.Popen(words, env=environment, cwd=bench.folder, stdout=subprocess.DEVNULL)
    try:
        raw: dict[str, Any] = {"summaries_full_seconds": time_with(lambda: bench.run("backup", database="four"))}
        before = bench.stored_bytes("four")
        touch_pages(server)
        raw["summaries_seconds"] = time_with(lambda: bench.run("backup", database="four"))
        raw["summaries_bytes"] = bench.stored_bytes("four") - before
        raw["summaries_full_bytes"] = before
    finally:
        receiving.terminate()
        receiving.wait()
    return raw


def fill(bench: Bench, size_mb: int, more: str) -> None:
    """Make the tables, and a vault with a configuration that has these lines more."""
    server = bench.server
    server.sql("CREATE DATABASE four")
    for number, (table, share) in enumerate(FOUR.items()):
        fill_table(server, "four", table, size_bytes=int(share * size_mb * 1_000_000), seed=number)
    settle(server, "four")
    make_ready(bench, more)


def make_ready(bench: Bench, more: str) -> None:
    """Make a vault, and a configuration with these lines more."""
    bench.configure("four")
    text = CONFIGURATION.format(database="four", folder=bench.folder, host=bench.server.socket_folder) + more
    (bench.folder / "four.toml").write_text(text)


def touch_pages(server: PostgresServer) -> None:
    """Lock a row of every hundredth page: that is written into it, and nowhere else."""
    for table in FOUR:
        where = "(ctid::text::point)[0]::int % 100 = 7 AND (ctid::text::point)[1] = 1"
        server.sql(f"WITH l AS (SELECT id FROM {table} WHERE {where} FOR UPDATE) SELECT count(*) FROM l", "four")
    server.sql("CHECKPOINT")


def run_backrest(bench: Bench, more: str = "") -> float | None:
    """Return how long pgBackRest takes for a full backup; ``None`` where it is missing or does not work here."""
    if not shutil.which("pgbackrest"):
        return None
    server = bench.server
    program = f"{BACKREST.format(data=server.data, socket=server.socket_folder, folder=bench.folder)} {more}"
    program = f"PGBACKREST_REPO1_CIPHER_PASS=bench {program}" if more else program
    try:
        bench.shell(f"rm -rf backrest && mkdir backrest && {program} --no-online stanza-create")
        return time_with(lambda: bench.shell(f"{program} {FULL}"))
    except subprocess.CalledProcessError:
        return None


def make_section(raw: dict[str, Any]) -> Section:
    """Return what is printed and rendered."""

    rows: list[tuple[str, ...]] = []

    def add(what: str, one: str, other: str, least: str) -> None:
        if raw.get(one) and raw.get(other):
            told = f"{raw[one]:.1f} s to {raw[other]:.1f} s"
            rows.append((what, f"{raw[one] / raw[other]:.2f} ×", least, told))

    def add_bytes(what: str, one: str, other: str, least: str) -> None:
        if raw.get(one) and raw.get(other):
            told = f"{format_bytes(raw[one])} to {format_bytes(raw[other])}"
            rows.append((what, f"{raw[one] / raw[other]:.1%}", least, told))

    add("full, time, to `pg_basebackup` and `zstd -3`, two programs", "full_seconds", "basebackup_seconds", "≤ 1.2 ×")
    add(
        "the same, to `pg_basebackup --compress=client-zstd:3`, one program",
        "full_seconds",
        "client_seconds",
        "≤ 1.2 ×",
    )
    add_bytes("the same, size", "full_bytes", "basebackup_bytes", "-")
    add("full, time, to pgBackRest, 2 processes, zst 3, in the clear", "full_seconds", "backrest_seconds", "≤ 1.0 ×")
    add("the same, to pgBackRest that encrypts too", "full_seconds", "backrest_sealed_seconds", "≤ 1.0 ×")
    add("after 1 % of pages, time, to the full", "incremental_seconds", "full_seconds", "≤ 0.55 ×")
    add_bytes("after 1 % of pages, bytes, to the full's", "incremental_bytes", "full_bytes", "≤ 5 %")
    add("after 1 % of pages, with WAL summaries, time", "summaries_seconds", "summaries_full_seconds", "≤ 0.3 ×")
    add_bytes("the same, bytes (the log included)", "summaries_bytes", "summaries_full_bytes", "≤ 5 %")
    return Section(
        title="PostgreSQL, physical",
        intro=f"A server with {raw['size_mb']} MB of rows, with keys and indexes; server, vault and archives in "
        f"memory, on the same two processors. Full backups: medians of {raw.get('rounds', 1)} rounds in turn, before "
        "each of which all free memory is taken and given back, so that none is measured with cold pages. With WAL "
        "summaries the server is PostgreSQL 18, its `data_directory` is read, and its log is received meanwhile. "
        "`python -m bench.postgres_physical` measures it again.",
        header=("what", "ratio", "at least", "seconds or bytes"),
        rows=rows,
        raw=[raw],
    )


if __name__ == "__main__":
    raise SystemExit(main())
