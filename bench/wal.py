"""The write-ahead log: one segment at a time beside pgBackRest, a backlog, a server that writes all it can, and loss.

``python -m bench.wal`` makes a server, a vault and a repository in memory; ``--keep`` leaves the figures where
``python -m bench render`` finds them. ``--parts loss --outage 600`` takes its ten minutes.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

from bench.precedence import take_precedence
from bench.sections import Section
from bench.wal_bench import LAUNCHER, Bench, Cost, PgBackRest, wait
from bench.wal_loss import Loss, measure_loss
from rebond.testing.postgres_server import PostgresServer

RESULTS = Path(__file__).resolve().parent / ".data/results"
SETTINGS = {
    "archive_mode": "on",  # and no command yet: what is written waits
    "wal_level": "replica",
    "max_wal_size": "16GB",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
    "checkpoint_timeout": "1h",
}
PARTS = ("startup", "single", "backlog", "generating", "loss")


def main() -> int:
    """Measure the parts that are asked for, print them, and keep them where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.wal", description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--single", type=int, default=60, metavar="SEGMENTS")
    parser.add_argument("--backlog", type=int, default=200, metavar="SEGMENTS")
    parser.add_argument("--seconds", type=float, default=10, help="that the server writes all it can")
    parser.add_argument("--outage", type=float, default=10, metavar="SECONDS", help="that the store is away, for loss")
    parser.add_argument("--work", default="/dev/shm", help="where is measured: memory")
    parser.add_argument("--niceness", type=int, default=0, help="-15: the measured programs go first (root only)")
    parser.add_argument("--keep", action="store_true", help="keep the figures for docs/benchmarks.md")
    wishes = parser.parse_args()
    if wishes.niceness:
        take_precedence(wishes.niceness)
    parts = wishes.parts.split(",")
    for name, measure in (("wal", measure_speed), ("wal-loss", measure_losses), ("wal-startup", measure_startup)):
        section = run_in_folder(wishes.work, lambda folder, measure=measure: measure(folder, parts, wishes))
        if section is not None:
            print("\n".join(section.render()), flush=True)
            if wishes.keep:
                section.write(RESULTS / f"{name}.json")
    return 0


def run_in_folder(work: str, measure: Callable[[Path], Section | None]) -> Section | None:
    """Measure in a folder that is removed, which the server's user may enter."""
    with tempfile.TemporaryDirectory(prefix="rebond-wal-bench-", dir=work) as name:
        os.chmod(name, 0o755)
        tempfile.tempdir = name
        try:
            return measure(Path(name))
        finally:
            tempfile.tempdir = None


def measure_speed(folder: Path, parts: list[str], wishes: argparse.Namespace) -> Section | None:
    """Measure segments a second, and single ones."""
    if not {"single", "backlog", "generating"} & set(parts):
        return None
    rows: list[tuple[str, ...]] = []
    raw: dict[str, object] = {}
    with PostgresServer(settings=SETTINGS) as server:
        bench = Bench(folder, server)
        peer = PgBackRest(bench) if shutil.which("pgbackrest") else None
        try:
            if "single" in parts:
                bench.fill(wishes.single)
                own, other = measure_single(bench, peer, wishes.single)
                rows += compare_single(own, other)
                raw |= {"own": [each.seconds for each in own], "pgbackrest": [each.seconds for each in other]}
            if "backlog" in parts:
                rows += compare_backlogs(bench, peer, wishes.backlog, raw)
            if "generating" in parts:
                rows += compare_generating(bench, wishes.seconds, raw)
        finally:
            bench.close()
    return Section(
        title="The write-ahead log",
        intro="Segments of 16 MB, level `fast`, everything in memory, two processors that the server shares. One "
        f"segment: a process each, {wishes.single} in turn with {describe_pgbackrest()} (`zst`, level 1, "
        "synchronous, not encrypted), nothing looked ahead for. The backlog beside its `archive-async` with two "
        "processes.",
        header=("", "Rebond", "pgBackRest", "at least"),
        rows=rows,
        notes=[
            f"Load of the machine meanwhile: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, our own included."
        ],
        raw=[raw],
    )


def measure_single(bench: Bench, peer: PgBackRest | None, segments: int) -> tuple[list[Cost], list[Cost]]:
    """Push single segments, in turn with pgBackRest, each through a process of its own."""
    wal = bench.server.data / "pg_wal"
    names = sorted(each.name for each in wal.iterdir() if len(each.name) == 24)[: segments + 1]
    status, aside = wal / "archive_status", bench.folder / "status"
    status.rename(aside)  # nothing to look ahead for
    own: list[Cost] = []
    other: list[Cost] = []
    try:
        rest = peer.push if peer else []
        for name in names:
            own.append(bench.run_as_server([*bench.program.split(), "push", f"pg_wal/{name}"]))
            if rest:
                other.append(bench.run_as_server([*rest, f"pg_wal/{name}"]))
    finally:
        aside.rename(status)
    return own[1:], other[1:]  # the first opens the vault


def compare_single(own: list[Cost], other: list[Cost]) -> list[tuple[str, ...]]:
    """Return the rows of single segments."""
    rows: list[tuple[str, ...]] = []
    for words, choose in (
        ("one segment, median", lambda found: median(each.seconds for each in found)),
        ("one segment, 99 of 100", lambda found: quantiles([each.seconds for each in found], n=100)[98]),
        ("one segment, processors", lambda found: sum(each.processor_seconds for each in found) / len(found)),
    ):
        mine = choose(own)
        theirs = choose(other) if other else None
        beside = "–" if theirs is None else f"{theirs * 1000:.0f} ms"
        ratio = "" if theirs is None else f", {mine / theirs:.2f} ×"
        rows.append((words, f"{mine * 1000:.0f} ms{ratio}", beside, "–" if "proc" in words else "≤ 1.5 ×"))
    return rows


def compare_backlogs(
    bench: Bench, peer: PgBackRest | None, segments: int, raw: dict[str, object]
) -> list[tuple[str, ...]]:
    """Return the rows of backlogs, of two kinds of log."""
    rows: list[tuple[str, ...]] = []
    loads: tuple[tuple[str, str, Callable[[int], None]], ...] = (
        ("updates of accounts", "drained_accounts", bench.fill_with_updates),
        ("rows of hexadecimal text", "drained", bench.fill),
    )
    for words, key, fill in loads:
        drained = measure_backlog(bench, segments, f'{bench.program} push "%p"', fill)
        beside = measure_backlog(bench, segments, f'{shlex.join(peer.push_ahead)} "%p"', fill) if peer else 0.0
        told = f"{drained:.1f} a second" + (f", {drained / beside:.2f} ×" if beside else "")
        rows.append((f"a backlog of {segments}, {words}", told, f"{beside:.1f} a second", "≥ 40 a second"))
        raw |= {key: drained, f"pgbackrest_{key}": beside}
    return rows


def measure_backlog(bench: Bench, segments: int, command: str, fill: Callable[[int], None]) -> float:
    """Let so many segments wait, then archive them all; return segments a second."""
    bench.server.change("archive_command", "")
    fill(max(1, segments - bench.count_waiting()))
    waiting = bench.count_waiting()
    bench.server.change("archive_command", command)
    wait(lambda: bench.count_waiting() < waiting)
    left, began = bench.count_waiting(), time.monotonic()
    wait(lambda: bench.count_waiting() == 0)
    return left / (time.monotonic() - began)


def compare_generating(bench: Bench, seconds: float, raw: dict[str, object]) -> list[tuple[str, ...]]:
    """Return the rows of a server that writes: log that costs it next to nothing, and rows that it has to make."""
    rows: list[tuple[str, ...]] = []
    bench.server.change("archive_command", "")
    bench.keep_a_segment()
    bench.server.sql(
        "DROP TABLE IF EXISTS source; "
        "CREATE UNLOGGED TABLE source AS SELECT i, repeat(md5(i::text), 8) v FROM generate_series(1, 200000) i"
    )
    loads: tuple[tuple[str, str, Callable[[], None]], ...] = (
        ("a log of accounts, written again", "_accounts", bench.repeat_kept),
        ("CREATE TABLE AS", "", bench.copy_rows),
    )
    for words, key, write in loads:
        bench.server.change("archive_command", "")
        alone, _ = measure_generating(bench, seconds, write)
        bench.server.change("archive_command", f'{bench.program} push "%p"')
        wait(lambda: bench.count_waiting() < 2)
        written, archived = measure_generating(bench, seconds, write)
        wait(lambda: bench.count_waiting() < 2)
        told = f"{archived:.1f} of {written:.1f} a second; {alone:.1f} written without archiving"
        rows.append((f"while the server writes all it can: {words}", told, "–", "≥ 25 a second"))
        raw |= {f"written{key}": written, f"archived{key}": archived, f"alone{key}": alone}
    return rows


def measure_generating(bench: Bench, seconds: float, write: Callable[[], object]) -> tuple[float, float]:
    """Let the server write as fast as it can; return segments a second, written and archived meanwhile."""
    first, count, began = bench.position(), bench.read_count(), time.monotonic()
    while time.monotonic() - began < seconds:
        write()
    took = time.monotonic() - began
    return (bench.position() - first) / (1 << 24) / took, (bench.read_count() - count) / took


def describe_pgbackrest() -> str:
    """Return the name and version of what is compared with."""
    if not shutil.which("pgbackrest"):
        return "pgBackRest, which is not installed here"
    return subprocess.run(["pgbackrest", "version"], capture_output=True, text=True, check=True).stdout.strip()


def measure_losses(folder: Path, parts: list[str], wishes: argparse.Namespace) -> Section | None:
    """Measure what a server that dies takes along, without and with an outage of the store before."""
    if "loss" not in parts:
        return None
    found: list[Loss] = []
    for outage_seconds in (0.0, wishes.outage):
        place = folder / f"{outage_seconds:.0f}"
        place.mkdir()
        found.append(measure_loss(place, outage_seconds))
    return Section(
        title="Commits lost when a server dies",
        intro="`rebond wal receive`; a session commits row after row, the server is killed (`kill -9`) and its log "
        "deleted; what comes back from the vault is compared with what was acknowledged. At most 1 s may be lost.",
        header=("the vault's store", "commits", "lost", "at most"),
        rows=[
            (
                f"was away for {each.outage_seconds:.0f} s, until the server died"
                if each.outage_seconds
                else "answers",
                str(each.commits),
                f"{each.lost_commits} commits, {each.lost_seconds:.2f} s",
                "1 s",
            )
            for each in found
        ],
        raw=[{"outage": each.outage_seconds, "commits": each.commits, "lost": each.lost_seconds} for each in found],
    )


def measure_startup(folder: Path, parts: list[str], _wishes: argparse.Namespace) -> Section | None:
    """Measure what a start of ``rebond-wal`` takes until it does something: here it finds no file and says so."""
    if "startup" not in parts:
        return None
    programs = {
        "a shell, doing nothing": ["/bin/sh", "-c", ":"],
        "python -I -S, doing nothing": ["/usr/bin/python3", "-I", "-S", "-c", "pass"],
        "rebond-wal push": [str(LAUNCHER), "--socket", f"{folder}/nobody", "push", f"{folder}/nothing"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(41):
        for name, words in programs.items():
            began = time.perf_counter()
            subprocess.run(words, capture_output=True, check=False)
            seconds[name].append(time.perf_counter() - began)
    return Section(
        title="Start of rebond-wal",
        intro="Wall clock of 40 runs in turn, warm, by the distribution's Python. At most 30 ms; aim 15 ms.",
        header=("", "least", "median"),
        rows=[
            (name, f"{min(found[1:]) * 1000:.1f} ms", f"{median(found[1:]) * 1000:.1f} ms")
            for name, found in seconds.items()
        ],
        raw=[{"name": name, "seconds": found[1:]} for name, found in seconds.items()],
    )


if __name__ == "__main__":
    sys.exit(main())
