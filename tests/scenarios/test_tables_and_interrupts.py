"""Single tables by whatever names, with the sequences that are theirs; and loads and exports that are cut."""

import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import NoReturn

import pytest
from tests.bounded import PATIENCE_SECONDS, wait_for
from tests.scenarios.test_database_into import dsn, into, list_databases
from tests.scenarios.test_postgres import configure
from tests.unit.cli.program_runs import Program

from rebond.archives.new_files import new_file
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
ODD = (
    "Upper Case",
    'quo"te',
    "select",
    "\u00e9\u6f22\U0001f600",
    "it's",
    "a.b",
    "new\nline",
    "back\\slash",
    "-dash",
    "$$;--",
)
COUNTED = """
CREATE TABLE orders (id serial PRIMARY KEY, n int);
CREATE TABLE orders_archive (id serial PRIMARY KEY, n int);
CREATE SEQUENCE own_name START 50; CREATE SEQUENCE shared START 900; CREATE SEQUENCE "shared it's too" START 7;
ALTER TABLE orders ADD other int DEFAULT nextval('own_name'), ADD code int DEFAULT nextval('shared'),
  ADD more int DEFAULT nextval('"shared it''s too"');
ALTER SEQUENCE own_name OWNED BY orders.other;
GRANT USAGE ON SEQUENCE own_name TO PUBLIC;
INSERT INTO orders (n) SELECT generate_series(1, 5);
CREATE TABLE ballast AS SELECT n, repeat(md5(n::text), 20) AS t FROM generate_series(1, 12000) n;
"""


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        made.sql("CREATE DATABASE shop")
        for schema in ("public", 'Odd "Sche.ma"'):
            made.sql(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}", "shop")
            made.sql(
                "; ".join(
                    f"CREATE TABLE {quote(schema)}.{quote(name)} ({quote('c ' + name)} serial PRIMARY KEY, v text); "
                    f"INSERT INTO {quote(schema)}.{quote(name)} (v) VALUES ('one'), ('two')"
                    for name in ODD
                ),
                "shop",
            )
        made.sql(COUNTED, "shop")
        yield made


@pytest.fixture(scope="module")
def saved(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("saved")
    made = Program.with_vault(folder)
    made.leave_vault_to_configuration()
    (folder / "stack").mkdir()
    configure(folder, server)
    made.environment["REBOND_CONFIG"] = str(folder / "stack" / "rebond.toml")
    made.good("backup", "--quiet")
    return made


def test_tables_and_schemas_of_odd_names_come_back_by_each_way_of_writing_them(
    saved: Program, server: PostgresServer
) -> None:
    server.sql("CREATE DATABASE odd")
    schema = 'Odd "Sche.ma"'
    done = into(saved, server, "odd", "--schema", schema, "--schema", "public")
    assert done.status == 0, done.err
    for name in ODD:
        table = f"{quote(schema)}.{quote(name)}"
        assert server.sql(f"SELECT * FROM {table}", "odd") == server.sql(f"SELECT * FROM {table}", "shop")
    ways = [f"{schema}.{name}" for name in ODD] + [f"{quote(schema)}.{quote('quo' + chr(34) + 'te')}", "public.select"]
    for number, way in enumerate(ways[-4:]):
        words = ("--table", way, "--rename", f"{way}=public.again{number}")
        done = into(saved, server, "odd", *words)
        assert done.status == 0, (way, done.err)
        assert server.sql(f"SELECT count(*) FROM again{number}", "odd") == "2\n"
    refused = into(saved, server, "odd", "--table", "select")
    assert refused.status == 2
    assert "Several tables" in refused.err
    server.sql("DROP DATABASE odd")


def test_a_table_comes_with_its_own_sequences_and_no_others(saved: Program, server: PostgresServer) -> None:
    server.sql("CREATE DATABASE counted TEMPLATE shop")
    server.sql('DROP TABLE orders; DROP SEQUENCE "shared it\'s too"', "counted")  # one that counts goes, one stays
    server.sql("SELECT setval('shared', 5000)", "counted")
    done = into(saved, server, "counted", "--table", "orders")
    assert done.status == 0, done.err
    assert server.sql("SELECT count(*), max(id), max(other) FROM orders", "counted") == "5|5|54\n"
    added = "INSERT INTO orders (n) VALUES (6) RETURNING id, other, code, more"
    assert server.sql(added, "counted").splitlines()[0] == "6|55|5001|12"
    assert server.sql("SELECT has_sequence_privilege('public', 'own_name', 'USAGE')", "counted") in {"t\n", "f\n"}
    owned = "SELECT pg_get_serial_sequence('orders', 'other')"
    assert server.sql(owned, "counted") == "public.own_name\n"
    server.sql("DROP DATABASE counted")


def start(program: Program, *words: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, **program.environment}
    return subprocess.Popen(
        [sys.executable, "-m", "rebond.cli", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_load_that_is_cut_leaves_the_old_database_and_the_next_one_works(
    saved: Program, server: PostgresServer, number: signal.Signals
) -> None:
    server.sql("CREATE DATABASE live")
    server.sql("CREATE TABLE mine AS SELECT 1 AS n", "live")
    process = start(saved, "restore", "latest", "--into", dsn(server, "live"), "--yes")
    begun = "SELECT count(*) FROM pg_database WHERE datname LIKE 'live_rebond%'"
    wait_for(lambda: server.sql(begun) != "0\n" or process.poll() is not None, "the new database beside the old one")
    assert process.poll() is None, process.communicate(timeout=PATIENCE_SECONDS)
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode != 0
    assert server.sql("TABLE mine", "live") == "1\n"
    left = [each for each in list_databases(server) if each.startswith("live_")]
    if number != signal.SIGKILL:
        assert left == [], said
        assert process.returncode == 130, said
    assert into(saved, server, "live", "--yes").status == 0
    assert server.sql("SELECT count(*) FROM ballast", "live") == "12000\n"
    for each in [each for each in list_databases(server) if each.startswith("live")]:
        server.sql(f"DROP DATABASE {quote(each)} WITH (FORCE)")


def test_an_interruption_in_the_moment_in_which_an_export_makes_its_file_leaves_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = os.open

    def make_and_be_interrupted(path: str, flags: int, mode: int) -> NoReturn:
        os.close(make(path, flags, mode))
        assert any(tmp_path.iterdir())
        raise KeyboardInterrupt

    with monkeypatch.context() as then:
        then.setattr(os, "open", make_and_be_interrupted)
        with pytest.raises(KeyboardInterrupt), new_file(str(tmp_path / "shop.sql.gz")):
            pass
    assert not any(tmp_path.iterdir())


def hold_in_the_middle(program: Program, path: pathlib.Path) -> "subprocess.Popen[bytes]":
    """Begin an export, and let it stand still before its file has its name. One that is quicker is begun again."""
    for _ in range(20):
        process = start(program, "export", "latest", "db", "--format", "sql.gz", "--output", str(path), "--level", "9")
        wait_for(lambda now=process: any(path.parent.iterdir()) or now.poll() is not None, "the file of an export")  # type: ignore[misc]
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda now=process: now.poll() is not None or is_held(now.pid), "an export that stands still")  # type: ignore[misc]
        if process.poll() is None and not path.exists():
            return process
        process.send_signal(signal.SIGCONT)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, said
        path.unlink()
    raise AssertionError("each export was done before it could be cut")


def is_held(pid: int) -> bool:
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("T")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_export_that_is_cut_leaves_no_file_of_that_name(
    saved: Program, tmp_path: pathlib.Path, number: signal.Signals
) -> None:
    path = tmp_path / "shop.sql.gz"
    process = hold_in_the_middle(saved, path)
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode != 0
    assert not path.exists()
    assert number == signal.SIGKILL or not any(tmp_path.iterdir())
