"""A PostgreSQL database of a stack that is restored in place: beside, swapped in, and back again."""

import json
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from tests.unit.cli.program_runs import Program

from rebond.operations.recovery import database_part
from rebond.sources.postgres import making
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


def load_as(program: Program, tmp_path: pathlib.Path, user: str) -> None:
    """Let the component reach its server as another user, and a command tell that the services were stopped."""
    path = tmp_path / "stack" / "rebond.toml"
    text = path.read_text().replace('user = "postgres"', f'user = "{user}"')
    path.write_text(text.replace("[restore]\n", '[restore]\nstop = [{ run = "touch ../stopped" }]\n'))


@pytest.mark.parametrize(
    ("user", "words", "said", "statement"),
    [
        ("owner", [], "may not create a database", 'ALTER ROLE "owner" CREATEDB;'),
        ("maker", ["--no-owner"], "does not belong to maker", 'ALTER DATABASE "orders" OWNER TO "maker";'),
        ("maker", [], "may give nothing to the roles owner", 'GRANT "owner" TO "maker";'),
    ],
)
def test_a_missing_right_is_named_with_its_remedy_before_anything_is_stopped(
    program: Program,
    server: PostgresServer,
    tmp_path: pathlib.Path,
    user: str,
    words: list[str],
    said: str,
    statement: str,
) -> None:
    server.sql("DROP ROLE IF EXISTS owner; DROP ROLE IF EXISTS maker")
    server.sql("CREATE ROLE owner LOGIN; CREATE ROLE maker LOGIN CREATEDB; ALTER DATABASE orders OWNER TO owner")
    server.sql("ALTER TABLE orders OWNER TO owner", "orders")
    program.good("backup")
    load_as(program, tmp_path, user)

    dry = program.ask("restore", "latest", "--in-place", "--dry-run", *words)
    told = [each for each in dry["missing"] if said in each["message"]]
    assert [statement in each["hint"] for each in told] == [True]
    refused = program("restore", "latest", "--in-place", "--yes", *words)
    assert (refused.status, said in refused.err, statement in refused.err) == (40, True, True)
    assert (refused.err.count("Nothing was changed"), (tmp_path / "stopped").exists()) == (1, False)
    assert (rows(server), databases(server)) == (3, ["orders"])

    server.sql(statement)
    program.good("restore", "latest", "--in-place", "--yes", *words)
    assert (rows(server), (tmp_path / "stopped").exists()) == (3, True)


def test_a_session_of_a_superuser_that_holds_the_database_is_named(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    server.sql("DROP ROLE IF EXISTS clerk")
    server.sql("CREATE ROLE clerk LOGIN CREATEDB; ALTER DATABASE orders OWNER TO clerk")
    server.sql("ALTER TABLE orders OWNER TO clerk", "orders")
    program.good("backup")
    load_as(program, tmp_path, "clerk")
    words = ["psql", "-XqAt", "-h", server.socket_folder, "-U", "postgres", "-d", "orders"]
    environment = {**os.environ, "PGAPPNAME": "a report"}
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write("SELECT pg_backend_pid();\n")
        holder.stdin.flush()
        pid = holder.stdout.readline().strip()
        refused = program("restore", "latest", "--in-place", "--yes")
        holder.stdin.close()
    assert (refused.status, f"may not be ended here: postgres (a report, pid {pid})." in refused.err) == (40, True)
    assert "pg_terminate_backend" in refused.err
    assert (rows(server), databases(server)) == (3, ["orders"])
    assert (tmp_path / "stack" / "src" / "app.py").read_text() == "broken"
    program.good("restore", "latest", "--in-place", "--yes")


def test_what_only_superusers_make_is_a_doubt_and_no_refusal(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    server.sql("DROP ROLE IF EXISTS keeper")
    server.sql("CREATE ROLE keeper LOGIN CREATEDB; ALTER DATABASE orders OWNER TO keeper")
    server.sql("DROP ROLE IF EXISTS holder; CREATE ROLE holder; GRANT holder TO keeper")
    server.sql("ALTER TABLE orders OWNER TO keeper; CREATE EXTENSION file_fdw; CREATE EXTENSION pg_trgm", "orders")
    server.sql("CREATE TABLE held (id int); ALTER TABLE held OWNER TO holder", "orders")
    program.good("backup")
    load_as(program, tmp_path, "keeper")
    rights, doubt = program.ask("restore", "latest", "--in-place", "--dry-run")["missing"]
    assert (rights["code"], "holder" in rights["message"]) == ("owner-without-rights", True)
    assert (doubt["code"], "file_fdw" in doubt["message"], "pg_trgm" in doubt["message"]) == (
        "superuser-needed",
        True,
        False,
    )
    assert 'ALTER ROLE "keeper" SUPERUSER;' in doubt["hint"]
    begun = program("restore", "latest", "--in-place", "--yes")
    assert (begun.status, "42501" in begun.err, (tmp_path / "stopped").exists()) == (40, True, False)


def test_a_plan_that_is_only_looked_at_says_that_the_server_is_off(program: Program, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "stack" / "rebond.toml"
    path.write_text(path.read_text().replace('user = "postgres"', 'user = "postgres"\nport = 1'))
    (missing,) = program.ask("restore", "latest", "--in-place", "--dry-run")["missing"]
    assert "takes no database" in missing["message"]


def test_what_is_written_until_it_is_taken_back_is_kept(program: Program, server: PostgresServer) -> None:
    """A session tells of its rows some seconds later: they were dropped with the database, with status 0."""
    run = json.loads(program.good("restore", "latest", "db", "--in-place", "--yes", "--json").out)["run"]
    with psycopg.connect(f"{server.connection()} dbname=orders", autocommit=True) as session:
        session.execute("SELECT 1 FROM orders")
        session.execute("INSERT INTO orders VALUES (777)")
        answer = program("restore", "--rollback", run, "--yes")
    if answer.status == 6:  # the server knew already
        program.good("restore", "--rollback", run, "--yes", "--set-newer-aside")
    else:
        assert (answer.status, "_since_" in answer.err) == (0, True), answer.err
    (since,) = (each for each in databases(server) if "_since_" in each)
    assert server.sql("SELECT id FROM orders WHERE id > 500", since) == "777\n"
    assert server.sql("SELECT count(*) FROM orders", "orders") == "3\n"


def test_what_is_written_as_soon_as_it_is_in_its_place_is_seen(
    program: Program, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swap_in(*words: Any, **names: Any) -> None:
        making.swap_in(*words, **names)
        if names["name"] == "orders":
            server.sql("INSERT INTO orders VALUES (777)", "orders")

    with monkeypatch.context() as patch:
        patch.setattr(database_part, "swap_in", swap_in)
        program.good("restore", "latest", "db", "--in-place", "--yes")
    assert program("restore", "--rollback", "latest", "--yes").status == 6


def test_what_visitors_write_until_a_health_check_gives_up_is_kept(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    """The database was dropped with their orders, and all that was said is that everything is as it was."""
    path = tmp_path / "stack" / "rebond.toml"
    psql = f"psql -X -q -h {server.socket_folder} -U postgres -c 'INSERT INTO orders VALUES (777)' orders"
    path.write_text(path.read_text().replace("test ! -e ../sick", f"{psql}; exit 1"))
    answer = program("restore", "latest", "db", "--in-place", "--yes")
    assert answer.status != 0
    (since,) = (each for each in databases(server) if "_since_" in each)
    assert since in answer.err
    assert server.sql("SELECT id FROM orders WHERE id > 500", since) == "777\n"
    assert server.sql("SELECT count(*) FROM orders", "orders") == "3\n"
