"""A PostgreSQL database of a stack that is restored in place: beside, swapped in, and back again."""

import json
import pathlib
import shutil
from collections.abc import Iterator

import pytest
from tests.unit.cli.program_runs import Program

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
CONFIGURATION = """\
version = 1
[stack]
name = "orders"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.code]
kind = "files"
path = "src"
[component.db]
kind = "postgres"
host = "HOST"
database = "orders"
user = "postgres"
[restore]
healthy = [{ run = "test ! -e ../sick", within = "1s" }]
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        yield made


@pytest.fixture
def program(server: PostgresServer, tmp_path: pathlib.Path) -> Program:
    for name in databases(server):
        server.sql(f'DROP DATABASE "{name}"')
    server.sql("CREATE DATABASE orders")
    server.sql("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 500)", "orders")
    (tmp_path / "stack" / "src").mkdir(parents=True)
    (tmp_path / "stack" / "src" / "app.py").write_text("saved")
    (tmp_path / "stack" / "rebond.toml").write_text(CONFIGURATION.replace("HOST", server.socket_folder))
    made = Program.with_vault(tmp_path)
    made.leave_vault_to_configuration()
    made.environment["REBOND_CONFIG"] = str(tmp_path / "stack" / "rebond.toml")
    made.good("backup")
    server.sql("DELETE FROM orders WHERE id > 3", "orders")
    (tmp_path / "stack" / "src" / "app.py").write_text("broken")
    return made


def databases(server: PostgresServer) -> list[str]:
    return server.sql("SELECT datname FROM pg_database WHERE datname LIKE 'orders%' ORDER BY 1").split()


def rows(server: PostgresServer, database: str = "orders") -> int:
    return int(server.sql("SELECT count(*) FROM orders", database))


def in_place(program: Program, *words: str) -> str:
    run: str = json.loads(program.good("restore", "latest", *words, "--in-place", "--yes", "--json").out)["run"]
    return run


def test_database_and_files_come_back_together_and_are_undone_together(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    run = in_place(program)
    assert (rows(server), (tmp_path / "stack" / "src" / "app.py").read_text()) == (500, "saved")
    old = [each for each in databases(server) if each != "orders"]
    assert [rows(server, each) for each in old] == [3]

    program.good("restore", "--rollback", run, "--yes")
    assert (rows(server), (tmp_path / "stack" / "src" / "app.py").read_text()) == (3, "broken")
    assert databases(server) == ["orders"]


def test_a_health_check_that_fails_gives_the_old_database_its_name_again(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "sick").write_text("")
    assert program("restore", "latest", "--in-place", "--yes").status == 33
    assert (rows(server), databases(server)) == (3, ["orders"])


def test_accepting_drops_the_old_database_and_rows_that_were_written_since_are_kept(
    program: Program, server: PostgresServer
) -> None:
    program.good("restore", "--accept", in_place(program, "db"), "--yes")
    assert (rows(server), databases(server)) == (500, ["orders"])

    server.sql("DELETE FROM orders WHERE id > 7", "orders")
    run = in_place(program, "db")
    server.sql("INSERT INTO orders VALUES (1000)", "orders")
    refused = program("restore", "--rollback", run, "--yes")
    assert (refused.status, "db" in refused.err) == (6, True)
    program.good("restore", "--rollback", run, "--yes", "--set-newer-aside")
    assert rows(server) == 7
    kept = [each for each in databases(server) if each != "orders"]
    assert [rows(server, each) for each in kept] == [501]


def test_a_database_that_is_gone_comes_back_and_is_gone_again_when_undone(
    program: Program, server: PostgresServer
) -> None:
    server.sql("DROP DATABASE orders")
    run = in_place(program, "db")
    assert (rows(server), databases(server)) == (500, ["orders"])
    program.good("restore", "--rollback", run, "--yes")
    assert databases(server) == []


def test_a_server_that_does_not_answer_changes_nothing(program: Program, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "stack" / "rebond.toml"
    path.write_text(path.read_text().replace('user = "postgres"', 'user = "postgres"\nport = 1'))
    shutil.rmtree(tmp_path / "state" / "restores", ignore_errors=True)
    answer = program("restore", "latest", "--in-place", "--yes")
    assert (answer.status != 0, "Nothing was changed" in answer.err) == (True, True)
    assert (tmp_path / "stack" / "src" / "app.py").read_text() == "broken"
