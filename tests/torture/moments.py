"""A storm of transactions, and pgbench, while a server is saved twice, then random moments: what was committed by then.

What was committed by a moment is read out of the archived log itself: every commit in the order of the log, up to the
first one that is later than the moment. So transactions that overlap are judged as PostgreSQL replays them.
"""

import contextlib
import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator

import psycopg
from tests.bounded import join
from tests.scenarios.archived_server import ARCHIVED, ArchivedStack
from tests.scenarios.test_point_in_time import short_folder, show_time
from tests.torture.log_killing import find_majors
from tests.torture.rounds import choose_seed

from rebond.sources.postgres.wal_names import is_segment, parse_segment_name
from rebond.sources.postgres_physical.wal_records import finish_record, scan_segment

_WRITERS = 6
_ROWS_OF_ONE = 3  # rows that a transaction writes, in statements of their own


_BALANCES = """SELECT coalesce(sum(abalance), 0) FROM pgbench_accounts
UNION ALL SELECT coalesce(sum(tbalance), 0) FROM pgbench_tellers
UNION ALL SELECT coalesce(sum(bbalance), 0) FROM pgbench_branches
UNION ALL SELECT coalesce(sum(delta), 0) FROM pgbench_history"""


class Storm:
    """Several sessions that commit and roll back; ``acknowledged`` has the number of each that was told to stand."""

    def __init__(self, stack: ArchivedStack, seed: int) -> None:
        self._stack = stack
        self._is_over = threading.Event()
        self.acknowledged: dict[int, int] = {}
        self._writers = [
            threading.Thread(target=self._write, args=(random.Random(seed + number),), daemon=True)
            for number in range(_WRITERS)
        ]
        for each in self._writers:
            each.start()

    def end(self) -> None:
        """Let each finish what it began."""
        self._is_over.set()
        join(*self._writers)

    def _write(self, chance: random.Random) -> None:
        with psycopg.connect(self._stack.server.connection()) as session:
            while not self._is_over.is_set():
                number = chance.getrandbits(62)
                with contextlib.suppress(psycopg.errors.SerializationFailure):
                    for part in range(_ROWS_OF_ONE):
                        session.execute(
                            "INSERT INTO t VALUES (%s, %s, pg_current_xact_id()::text::bigint)", (number, part)
                        )
                        time.sleep(chance.random() * 0.003)
                    session.execute("UPDATE counted SET n = n + 1 WHERE id = %s", (chance.randrange(50),))
                    if chance.random() < 0.2:
                        session.rollback()
                    else:
                        session.commit()
                        self.acknowledged[number] = time.time_ns() // 1000


@contextlib.contextmanager
def pgbench_running(stack: ArchivedStack) -> Iterator[None]:
    """Let ``pgbench`` work in the same server; nothing where that program is not here."""
    program = stack.server.programs / "pgbench"
    if not program.exists():
        yield
        return
    words = [str(program), "-n", "-h", stack.server.socket_folder, "-U", stack.server.user]
    subprocess.run([*words, "-i", "-q", "postgres"], check=True, capture_output=True)
    with subprocess.Popen([*words, "-c", "2", "-T", "600", "postgres"], stdout=subprocess.DEVNULL) as running:
        try:
            yield
        finally:
            running.terminate()


def read_commits(stack: ArchivedStack) -> list[tuple[int, int]]:
    """Return the transaction and the microsecond of each commit, in the order of the archived log."""
    contents = []
    for path in sorted(each for each in stack.spool.iterdir() if is_segment(each.name)):
        content = path.read_bytes()
        _, number = parse_segment_name(path.name, len(content))
        contents.append((content, number * len(content)))
    found = []
    for place, (content, begin) in enumerate(contents):
        scanned = scan_segment(content, begin)
        over_the_edge = finish_record(scanned.cut, contents[place + 1 :])[0] if scanned.cut else None
        marks = [*scanned.marks, over_the_edge] if over_the_edge else scanned.marks
        found += [(mark.xid, mark.time_us) for mark in marks if mark.kind == "commit"]
    return found


def find_committed(commits: list[tuple[int, int]], moment_us: int) -> set[int]:
    """Return the transactions whose commit is replayed before the first that is later than the moment."""
    by_then = set()
    for transaction, time_us in commits:
        if time_us > moment_us:
            break
        by_then.add(transaction)
    return by_then


def has_pgbench(stack: ArchivedStack) -> bool:
    """Say whether its tables are there."""
    return (stack.server.programs / "pgbench").exists()


def judge_moment(stack: ArchivedStack, storm: Storm, commits: list[tuple[int, int]], moment_us: int) -> int:
    """Restore to a moment and compare; return how many transactions it has. Raises ``AssertionError``."""
    told = show_time(moment_us)
    by_number = stack.server.sql("SELECT DISTINCT number, xid FROM t").split()
    expected = {
        int(number)
        for number, xid in (each.split("|") for each in by_number)
        if int(xid) in find_committed(commits, moment_us)
    }
    with short_folder() as folder:
        server, recovered = stack.start(folder / "r", told)
        try:
            assert recovered.is_promoted
            rows = server.ask("SELECT number, count(*) FROM t GROUP BY 1", "postgres").split()
            counted = int(server.ask("SELECT sum(n) FROM counted", "postgres"))
            balances = set(server.ask(_BALANCES, "postgres").split()) if has_pgbench(stack) else {"0"}
        finally:
            server.remove()
    restored = {int(each.split("|")[0]): int(each.split("|")[1]) for each in rows}
    assert set(restored) == expected, (told, len(set(restored) ^ expected))
    assert set(restored.values()) <= {_ROWS_OF_ONE}, told
    assert counted == len(restored), told
    assert len(balances) == 1, (told, balances)  # each transaction of pgbench adds the same to all four
    assert {number for number, at in storm.acknowledged.items() if at < moment_us} <= set(restored), told
    return len(restored)


def restore_to_moments(_seconds: float) -> str:
    """Save a server twice in a storm, and restore ten random moments on each version that is here."""
    seed = choose_seed()
    majors = find_majors()
    count = int(os.environ.get("REBOND_MOMENTS", "10"))
    transactions = 0
    for major in majors:
        with short_folder() as folder:
            stack = ArchivedStack.begin(folder, {"summarize_wal": "on"} if major >= 17 else {}, major=major)
            try:
                transactions += _weather(stack, seed + major, count)
            finally:
                stack.end()
    return f"{count} moments on PostgreSQL {', '.join(map(str, majors))}: {transactions} transactions counted"


def _weather(stack: ArchivedStack, seed: int, count: int) -> int:
    stack.server.sql("CREATE TABLE t (number bigint, part int, xid bigint)")
    stack.server.sql("CREATE TABLE counted AS SELECT g AS id, 0 AS n FROM generate_series(0, 49) g")
    here = f'{ARCHIVED}data_directory = "{stack.server.data}"\n'
    with pgbench_running(stack):
        storm = Storm(stack, seed)
        stack.back_up(wal=here)
        since_us = time.time_ns() // 1000
        time.sleep(1)
        stack.back_up(wal=here)
        time.sleep(1)
        storm.end()
    until_us = time.time_ns() // 1000
    stack.server.sql("INSERT INTO t VALUES (0, 0, 0)")
    stack.switch()
    commits = read_commits(stack)
    chance = random.Random(seed)
    return sum(judge_moment(stack, storm, commits, chance.randint(since_us, until_us)) for _ in range(count))
