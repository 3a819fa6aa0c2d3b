"""Large tables: read in runs of pages by several sessions, and loaded by several sessions, on a real server."""

import contextlib
import itertools
import pathlib
import subprocess
import threading
from collections.abc import Iterator
from typing import IO

import pytest
from tests.bounded import join
from tests.scenarios.test_postgres import configure
from tests.unit.cli.program_runs import Program

import rebond.sources.postgres.side_by_side
import rebond.sources.postgres.table_rows
from rebond.sources.postgres.side_by_side import SharedRows
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
IDS = 3000
SCHEMA = f"""
CREATE TABLE moved (id int PRIMARY KEY, version int NOT NULL DEFAULT 0, note text NOT NULL);
INSERT INTO moved SELECT g, 0, repeat(md5(g::text), 1 + g % 20) FROM generate_series(1, {IDS}) g;
CREATE TABLE huge (id int, words text, small text);
ALTER TABLE huge ALTER words SET STORAGE EXTERNAL;
INSERT INTO huge SELECT g, repeat(md5(g::text) || E'\\n', 160000), 's' FROM generate_series(1, 2) g;
CREATE TABLE emptied AS SELECT generate_series(1, 50000) AS n; DELETE FROM emptied;
CREATE TABLE part (at int NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (5000);
CREATE TABLE part_high PARTITION OF part FOR VALUES FROM (5000) TO (10000);
INSERT INTO part SELECT g, md5(g::text) FROM generate_series(0, 9999) g;
"""
TABLES = ("moved", "huge", "emptied", "part_low", "part_high")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        made.sql("CREATE DATABASE shop")
        made.sql(SCHEMA, "shop")
        made.sql("VACUUM", "shop")
        yield made


@pytest.fixture
def program(tmp_path: pathlib.Path, server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setattr(rebond.sources.postgres.table_rows, "PART_BYTES", 64 << 10)
    made = Program.with_vault(tmp_path)
    made.leave_vault_to_configuration()
    (tmp_path / "stack").mkdir()
    configure(tmp_path, server)
    made.environment["REBOND_CONFIG"] = str(tmp_path / "stack" / "rebond.toml")
    return made


def test_tables_read_in_parts_are_what_one_copy_gives_in_its_order(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    program.good("backup", "--quiet")
    program.good("restore", "latest", "--to", tmp_path / "out", "--quiet")
    for table in TABLES:
        found = (tmp_path / "out" / "db" / "tables" / f"public.{table}.copy").read_bytes()
        words = [str(server.programs / "psql"), "-XAtqc", f"COPY {table} TO STDOUT", "-d", server.connection("shop")]
        assert found == subprocess.run(words, check=True, capture_output=True).stdout


def test_rows_that_move_between_pages_meanwhile_are_there_once(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    # Each change puts the row elsewhere: into a part that is read already, or into one that is still to be read.
    words = [str(server.programs / "psql"), "-Xqf", "-", "-d", server.connection("shop")]
    writer = subprocess.Popen(words, stdin=subprocess.PIPE)
    assert writer.stdin
    feeder = threading.Thread(target=feed_changes, args=(writer.stdin,), daemon=True)
    feeder.start()
    try:
        for number in range(2):
            made = program.ask("backup")
            assert writer.poll() is None, "the writer was gone before, so nothing was proven"
            program.good("restore", made["id"], "--to", tmp_path / str(number), "--quiet")
            rows = (tmp_path / str(number) / "db" / "tables" / "public.moved.copy").read_text().splitlines()
            fields = [tuple(map(int, each.split("\t")[:2])) for each in rows]
            assert sorted(each[0] for each in fields) == list(range(1, IDS + 1))
            # One statement changes all of a seventh: a torn one would show two versions of it.
            assert len({(row[0] % 7, row[1]) for row in fields}) == 7
    finally:
        writer.kill()
        join(feeder)
        writer.wait()


def feed_changes(sink: IO[bytes]) -> None:
    """Change rows until nobody takes it."""
    with contextlib.suppress(BrokenPipeError), sink:
        for number in itertools.count():
            sink.write(
                b"UPDATE moved SET version = version + 1, note = note || 'x' WHERE id %% 7 = %d;\n" % (number % 7)
            )


@pytest.fixture
def shares_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebond.sources.postgres.side_by_side, "LEAST_SHARED_BYTES", 1)
    monkeypatch.setattr(rebond.sources.postgres.side_by_side, "_LONG", 0)


def describe(server: PostgresServer, database: str) -> list[str]:
    question = "SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {} t"
    return [server.sql(question.format(each), database) for each in TABLES]


@pytest.mark.usefixtures("shares_all")
def test_tables_that_several_sessions_load_together_are_the_same(program: Program, server: PostgresServer) -> None:
    program.good("backup", "--quiet")
    address = f"postgresql://postgres@/again?host={server.socket_folder}"
    done = program.ask("restore", "latest", "--into", address, "--jobs", "3")
    assert describe(server, "again") == describe(server, "shop")
    # Whoever plans queries knows all of them, the partitioned one and its partitions too.
    known = "SELECT count(DISTINCT tablename) FROM pg_stats WHERE schemaname = 'public'"
    assert server.sql(known, "again") == "5\n"  # moved, huge, part and its two; of an empty one nothing is known
    assert done["rows"] == IDS + 2 + 10_000


@pytest.mark.usefixtures("shares_all")
def test_rows_that_no_session_loaded_are_missed(
    program: Program, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.good("backup", "--quiet")
    take = SharedRows.take

    def lose(shared: SharedRows) -> bytes:
        rows = take(shared)
        return rows[rows.find(b"\n") + 1 :] if shared.table.name == "moved" and len(rows) > 100 else rows

    monkeypatch.setattr(SharedRows, "take", lose)
    done = program("restore", "latest", "--into", f"postgresql://postgres@/lost?host={server.socket_folder}", "--quiet")
    assert done.status == 40
    assert "public.moved" in done.err
    assert server.sql("SELECT count(*) FROM pg_database WHERE datname ~ 'lost'") == "0\n"
