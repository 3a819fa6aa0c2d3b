"""Databases to measure with: rows of text with a vocabulary, in a real server below a folder in memory."""

import itertools
import random
import subprocess
from collections.abc import Iterator
from typing import Final

from bench.generated_text import WORDS
from rebond.testing.postgres_server import PostgresServer

SETTINGS: Final = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "100",
}
_COLUMNS = (
    "id bigint, created timestamptz, customer bigint, state text, amount numeric(10,2), title text, body text, "
    "meta jsonb"
)
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36",
)
_PHRASES = 3000
_ROW_BYTES = 560  # what a row has on average as COPY writes it
_BATCH_ROWS = 2000


def fill_table(server: PostgresServer, database: str, table: str, *, size_bytes: int, seed: int) -> int:
    """Make a table with rows in the order of their keys; return how many."""
    server.sql(f"CREATE TABLE {table} ({_COLUMNS})", database)
    rows = size_bytes // _ROW_BYTES
    append_rows(server, database, table, first=1, rows=rows, seed=seed)
    server.sql(
        f"ALTER TABLE {table} ADD PRIMARY KEY (id); CREATE INDEX ON {table} (customer);"
        f"CREATE INDEX ON {table} (state, created);",
        database,
    )
    return rows


def append_rows(server: PostgresServer, database: str, table: str, *, first: int, rows: int, seed: int) -> None:
    """Add the newest rows."""
    words = [str(server.programs / "psql"), "-Xqc", f"COPY {table} FROM STDIN", "-d", server.connection(database)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE)
    assert process.stdin
    with process.stdin as sink:
        for block in write_rows(first, rows, seed):
            sink.write(block)
    assert process.wait() == 0


def write_rows(first: int, rows: int, seed: int) -> Iterator[bytes]:
    """Yield rows as COPY reads them: phrases, words by a law of Zipf, numbers and documents as an application has."""
    dice = random.Random(seed)
    weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(WORDS))))
    phrases = [" ".join(dice.choices(WORDS, cum_weights=weights, k=dice.randrange(3, 9))) for _ in range(_PHRASES)]
    phrase_weights = list(itertools.accumulate(1 / (rank + 10) for rank in range(_PHRASES)))
    states = ("new", "paid", "packed", "sent", "delivered", "returned")
    for start in range(first, first + rows, _BATCH_ROWS):
        lines = []
        for number in range(start, min(start + _BATCH_ROWS, first + rows)):
            picked = dice.choices(WORDS, cum_weights=weights, k=dice.randrange(6, 14))
            said = dice.choices(phrases, cum_weights=phrase_weights, k=dice.randrange(3, 9))
            day, second = divmod(number * 7 + dice.randrange(5), 86400)
            moment = f"2026-{1 + day // 28 % 12:02}-{1 + day % 28:02} {second // 3600:02}:{second // 60 % 60:02}:"
            lines.append(
                f"{number}\t{moment}{second % 60:02}.{dice.randrange(1000000):06}+00\t{dice.randrange(200000)}\t"
                f"{dice.choice(states)}\t{dice.randrange(100000) / 100}\t{' '.join(picked[:4])}\t"
                f"{' '.join(said)}: {' '.join(picked[4:])}.\t"
                f'{{"ip": "10.{number % 200}.{dice.randrange(250)}.{dice.randrange(250)}", '
                f'"agent": "{dice.choice(_AGENTS)}", "from": "https://shop.example/{picked[0]}/{picked[1]}", '
                f'"tags": ["{picked[2]}", "{picked[3]}"]}}\n'
            )
        yield "".join(lines).encode()


def settle(server: PostgresServer, database: str) -> None:
    """Let nothing be left to do: as a database is that has been used for a while."""
    server.sql("VACUUM ANALYZE", database)
    server.sql("CHECKPOINT", database)
