"""Drills of PostgreSQL databases: on a server of their own, which is gone with the drill however that ends."""

import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.bounded import wait_for
from tests.scenarios.drilled_stack import ACCEPTING, DrilledStack

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
SCHEMA = """
CREATE ROLE app; CREATE TABLE account (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO account SELECT g, 'n' || g FROM generate_series(1, 500) g; ALTER TABLE account OWNER TO app;
CREATE FUNCTION is_small(v int) RETURNS bool LANGUAGE sql AS 'SELECT $1 <= 10';
CREATE TABLE amount (v int CHECK (public.is_small(v))); INSERT INTO amount VALUES (7);
"""
LIMIT = "CREATE OR REPLACE FUNCTION is_small(v int) RETURNS bool LANGUAGE sql AS 'SELECT $1 <= 10'"
COMPONENT = """
[component.db]
kind = "postgres"
host = "HOST"
database = "DATABASE"
user = "postgres"
priority = "P0"
"""
SAFE = """
SELECT current_setting('archive_mode') = 'off' AND current_setting('listen_addresses') = ''
  AND current_setting('archive_command') IN ('', '(disabled)') AND current_setting('wal_level') = 'minimal'
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        for name in ("shop", "odd"):
            made.sql(f"CREATE DATABASE {name}")
            made.sql(SCHEMA if name == "shop" else SCHEMA.replace("CREATE ROLE app;", ""), name)
        made.sql(LIMIT.replace("10", "5"), "odd")  # what is there would not be let in again
        yield made


@pytest.fixture
def stack(tmp_path: pathlib.Path) -> Iterator[DrilledStack]:
    made = DrilledStack(tmp_path)
    yield made
    left = made.left()
    made.close()
    assert left == []


def describe(server: PostgresServer, database: str) -> str:
    return COMPONENT.replace("HOST", server.socket_folder).replace("DATABASE", database)


def by_code(document: Any, subject: str) -> dict[str, str]:
    return {each["code"]: each["answer"] for each in document["checks"] if each["subject"] == subject}


def expect_amcheck(server: PostgresServer) -> dict[str, str]:
    """Return what a drill says of it: nothing where it did not come with the programs, as in some packages."""
    found = server.sql("SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'")
    return {"amcheck": "pass"} if found.strip() == "1" else {}


def test_a_database_is_loaded_counted_and_asked_on_a_server_that_archives_nothing(
    stack: DrilledStack, server: PostgresServer
) -> None:
    program = 'psql -XAtc "SELECT count(*) FROM account" | grep -qx 500 && test "$PGHOST" != "$LIVE"'
    stack.configure(
        describe(server, "shop"),
        f"[drill]\n{ACCEPTING}checks = [",
        f'{{ name = "safe", sql = """{SAFE}""", component = "db" }},',
        f"{{ name = \"program\", run = '''LIVE={server.socket_folder}; {program}''', trusted = true }}]",
    )
    stack.program.good("backup")
    done = stack.drill()
    assert done.status == 0, done.out
    assert by_code(done.document, "db") == {"loaded": "pass", "row-counts": "pass", **expect_amcheck(server)}
    assert (by_code(done.document, "safe"), by_code(done.document, "program")) == (
        {"own-check": "pass"},
        {"own-check": "pass"},
    )
    (database,) = (each for each in done.document["components"] if each["name"] == "db")
    assert database["phases"]["load"] > 0


def test_a_dump_that_does_not_load_and_rows_that_are_not_there_fail_the_proof(
    stack: DrilledStack, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.configure(describe(server, "odd"))
    stack.program.good("backup")
    done = stack.drill()
    assert done.status == 4
    (wrong,) = (each for each in done.document["checks"] if each["answer"] == "fail")
    assert (wrong["code"], wrong["subject"]) == ("loaded", "db")
    assert "amount" in wrong["message"]

    server.sql(LIMIT, "odd")
    stack.program.good("backup")
    from rebond.stack.drills import loading

    load = loading.LoadedDatabases.load

    def lose_a_row(self: Any) -> Any:
        yield from load(self)
        self.server.ask("DELETE FROM account WHERE id = 7", "odd")

    monkeypatch.setattr(loading.LoadedDatabases, "load", lose_a_row)
    lost = stack.drill()
    assert lost.status == 4
    (wrong,) = (each for each in lost.document["checks"] if each["answer"] == "fail")
    assert (wrong["code"], wrong["subject"]) == ("row-counts", "db")
    assert "public.account (499, 500)" in wrong["message"]


def test_a_version_or_an_extension_that_is_not_here_makes_the_proof_partial(
    stack: DrilledStack, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rebond.stack.drills import throw_away_server

    stack.configure(describe(server, "shop"))
    stack.program.good("backup")
    monkeypatch.setattr(throw_away_server, "find_server_programs", lambda _environment: {})
    done = stack.drill()
    assert done.status == 3
    (left_out,) = (each for each in done.document["checks"] if each["answer"] == "not-run")
    assert (left_out["code"], left_out["subject"]) == ("loaded", "db")
    assert f"postgresql-{server.major}" in left_out["hint"]


def test_a_data_directory_is_started_and_asked_and_archives_nothing(
    stack: DrilledStack, server: PostgresServer
) -> None:
    safe = SAFE.replace(" AND current_setting('wal_level') = 'minimal'", " AND NOT pg_is_in_recovery()")
    stack.configure(
        describe(server, "shop").replace('database = "shop"\n', 'method = "physical"\n'),
        f'[drill]\nchecks = [{{ name = "safe", sql = """{safe}""", component = "db", database = "shop" }}, ',
        '{ name = "rows", sql = "SELECT count(*) = 500 FROM account", database = "shop" }]',
    )
    stack.program.good("backup", "db", "env")
    done = stack.drill("latest", "--json")
    checks = {each["subject"] + " " + each["code"]: each["answer"] for each in done.document["checks"]}
    assert checks["db loaded"] == "pass", done.out
    assert (checks["safe own-check"], checks["rows own-check"]) == ("pass", "pass")
    assert {each["code"]: each["answer"] for each in done.document["checks"] if each["code"] == "amcheck"} == (
        expect_amcheck(server)
    )
    assert list_servers(stack) == []


def test_a_database_whose_drop_was_cut_stops_neither_a_base_backup_nor_its_drill(
    stack: DrilledStack, server: PostgresServer
) -> None:
    """Nobody can open it, and both asked every database that is no template."""
    stack.configure(describe(server, "shop").replace('database = "shop"\n', 'method = "physical"\n'))
    server.sql("CREATE DATABASE half_dropped")
    try:
        server.sql("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half_dropped'")
        stack.program.good("backup")
        done = stack.drill("latest", "--json")
    finally:
        server.sql("DROP DATABASE half_dropped")
    assert (done.status, by_code(done.document, "db")["loaded"]) == (0, "pass"), done.out


def test_queries_ask_the_components_own_database_and_say_what_the_server_answers(
    stack: DrilledStack, server: PostgresServer
) -> None:
    named = 'references = [{ sql = "SELECT id || \'.jpg\' FROM account WHERE id < 9", component = "media" }]\n'
    stack.configure(
        describe(server, "shop").replace('database = "shop"\n', 'database = "shop"\nmethod = "physical"\n' + named),
        "[drill]\nchecks = [",
        '{ name = "rows", sql = "SELECT count(*) = 500 FROM account" },',
        '{ name = "typo", sql = "SELECT count(*) FROM acount" },',
        '{ name = "slow", sql = "SELECT pg_sleep(30)", timeout = "1s" }]',
    )
    saved = stack.program("backup", "--json").document
    done = stack.drill(saved["id"])
    found = {each["subject"] + " " + each["code"]: each for each in done.document["checks"]}
    assert done.status == 4
    assert found["rows own-check"]["answer"] == "pass"
    named = found["db named-files"]
    assert (named["answer"], "8.jpg" in named["message"], "7.jpg" in named["message"]) == ("fail", True, False)
    typo = found["typo own-check"]
    assert typo["answer"] == "fail"
    assert typo["message"].startswith('The query failed: ERROR:  relation "acount" does not exist')
    assert "saved" not in typo["message"] + typo["hint"]
    assert found["slow own-check"]["message"] == "The query took longer than 1 s and was ended."


@pytest.mark.slow
def test_after_a_kill_the_server_goes_by_itself_and_the_next_drill_clears_the_rest(
    stack: DrilledStack, server: PostgresServer
) -> None:
    sign = stack.folder / "sign"
    stack.configure(
        describe(server, "shop"),
        f'[drill]\nchecks = [{{ name = "wait", run = "echo $$ > {sign}; sleep 60", timeout = "2min" }}]',
    )
    stack.program.good("backup")
    surroundings = {name: text for name, text in os.environ.items() if not name.startswith("REBOND_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "rebond.cli", "drill", "--quiet"],
        env={**surroundings, **stack.program.environment},
        cwd=stack.root,
    )
    wait_for(lambda: sign.exists() and bool(sign.read_text().strip()), "the check runs")
    assert any(each.startswith("process") for each in stack.left())
    process.send_signal(signal.SIGKILL)
    process.wait()

    wait_for(lambda: not list_servers(stack), "the server ends")  # nobody told it to: its input ended
    assert any(each.startswith("rebond-drill-") for each in stack.left())
    stack.configure()
    stack.program.good("drill")
    assert stack.left() == []


def list_servers(stack: DrilledStack) -> list[str]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                place = os.readlink(f"/proc/{name}/cwd")
                comm = pathlib.Path("/proc", name, "comm").read_text().strip()
            except OSError:
                continue
            if comm == "postgres" and place.startswith(f"{stack.temporary}/"):
                found.append(name)
    return found
