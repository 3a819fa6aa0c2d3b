"""What keeps a PostgreSQL database from being saved is said with its remedy, and nothing is committed."""

import os
import pathlib
import shlex
import threading
import time
from collections.abc import Iterator

import pytest
from tests.bounded import join
from tests.scenarios.server_access import find_access
from tests.unit.cli.program_runs import Answer, Program

from rebond.errors import CommandFailed
from rebond.sources.postgres.session import HeldSnapshot
from rebond.sources.postgres.table_rows import TableRows
from rebond.sources.streams.whole_output import read_output
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
CONFIGURATION = """\
version = 1
[stack]
name = "shop"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.db]
kind = "postgres"
host = "HOST"
database = "shop"
user = "keeper"
password = { env = "DB_PASSWORD" }
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        made.sql("CREATE ROLE keeper LOGIN PASSWORD 'r1ght-w0rd'; CREATE DATABASE shop OWNER keeper")
        made.sql("CREATE TABLE open AS SELECT generate_series(1, 400000) g; GRANT SELECT ON open TO keeper", "shop")
        made.ask_passwords()
        yield made


@pytest.fixture
def program(server: PostgresServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program.with_vault(tmp_path)
    made.leave_vault_to_configuration()
    made.environment["DB_PASSWORD"] = "r1ght-w0rd"
    (tmp_path / "stack").mkdir()
    configure(tmp_path, server)
    monkeypatch.chdir(tmp_path / "stack")
    return made


def configure(folder: pathlib.Path, server: PostgresServer, *changes: tuple[str, str]) -> None:
    text = CONFIGURATION.replace("HOST", server.socket_folder)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "stack" / "rebond.toml").write_text(text)


def refuse(program: Program, status: int, *words: str, **environment: str) -> Answer:
    answer = program("backup", **environment)
    assert answer.status == status, answer.err
    assert all(each in answer.err for each in words), answer.err
    assert program.ask("snapshots") == []
    return answer


def test_a_wrong_password_is_said_and_not_shown(program: Program) -> None:
    answer = refuse(program, 32, "does not accept the password", "'user' and 'password'", DB_PASSWORD="wr0ng-w0rd")
    assert "wr0ng-w0rd" not in answer.err
    refuse(program, 32, "DB_PASSWORD", DB_PASSWORD="")


def test_a_server_that_is_down_a_port_and_a_database_that_are_not_there(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    configure(tmp_path, server, (f'host = "{server.socket_folder}"', 'host = "127.0.0.1"\nport = 1'))
    refuse(program, 31, "127.0.0.1:1 takes no connections", "pg_isready")
    configure(tmp_path, server, (server.socket_folder, "/nowhere"))
    refuse(program, 31, "takes no connections")
    configure(tmp_path, server, ('"shop"', '"shpo"'))
    refuse(program, 32, "The database shpo", "psql -l")
    configure(tmp_path, server, ('"keeper"', '"nobody at all"'))
    assert program("backup").status == 32
    configure(tmp_path, server, ('database = "shop"\n', ""), ('user = "keeper"\n', ""))
    refuse(program, 32, "does not say which database is meant")
    configure(tmp_path, server, (f'host = "{server.socket_folder}"\n', 'url = "postgres://a:b@h/shop"\n'))
    assert program("backup").status in {2, 10, 32}


def test_a_table_that_may_not_be_read_fails_the_run_before_anything_is_read(
    program: Program, server: PostgresServer
) -> None:
    server.sql("CREATE TABLE hidden (x int)", "shop")
    try:
        refuse(program, 32, "A right is missing", "hidden", "GRANT pg_read_all_data")
    finally:
        server.sql("DROP TABLE hidden", "shop")


def test_rows_that_a_policy_hides_fail_the_run(program: Program, server: PostgresServer) -> None:
    server.sql("CREATE TABLE partly (x int); GRANT SELECT ON partly TO keeper; INSERT INTO partly VALUES (1)", "shop")
    server.sql("ALTER TABLE partly ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON partly USING (false)", "shop")
    try:
        refuse(program, 32, "partly", "BYPASSRLS")
    finally:
        server.sql("DROP TABLE partly", "shop")


def test_programs_that_are_older_than_the_server_or_missing_are_refused(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place_old_programs(tmp_path / "bin", server)
    monkeypatch.setattr("rebond.sources.postgres.programs._FOLDERS", "")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    refuse(program, 32, "pg_dump is of version 9", f"apt-get install postgresql-client-{server.major}")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "sh").symlink_to("/bin/sh")
    refuse(program, 32, "are not installed there", "apt-get install postgresql-client")


def place_old_programs(folder: pathlib.Path, server: PostgresServer) -> None:
    folder.mkdir()
    (folder / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    (folder / "psql").write_text(f'#!/bin/sh\nexec {shlex.quote(str(server.programs))}/psql "$@"\n')
    for each in folder.iterdir():
        each.chmod(0o755)


def test_a_session_that_is_ended_in_the_middle_makes_no_snapshot(program: Program, server: PostgresServer) -> None:
    server.sql("CREATE TABLE slow AS SELECT g, repeat('x', 1000) t FROM generate_series(1, 60000) g", "shop")
    server.sql("GRANT SELECT ON slow TO keeper", "shop")
    ended = threading.Event()

    def end_sessions() -> None:
        while not ended.is_set():
            server.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shop' AND query LIKE 'COPY%'"
            )
            time.sleep(0.01)

    killer = threading.Thread(target=end_sessions, daemon=True)
    killer.start()
    try:
        answer = program("backup")
    finally:
        ended.set()
        join(killer)
        server.sql("DROP TABLE slow", "shop")
    assert answer.status in {31, 33}, answer.err
    assert program.ask("snapshots") == []
    assert server.count_sessions("shop") == 0


def test_what_a_table_is_locked_for_is_waited_for_but_not_for_ever(
    program: Program, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rebond.sources.postgres import session

    monkeypatch.setattr(session, "_HOLD", session._HOLD.replace("'60s'", "'200ms'"))
    locker = threading.Thread(
        target=server.sql, args=("BEGIN; LOCK TABLE open; SELECT pg_sleep(3);", "shop"), daemon=True
    )
    locker.start()
    time.sleep(0.5)
    refuse(program, 31, "locked by somebody else", "pg_stat_activity")
    join(locker)


def test_a_moment_that_is_not_held_to_the_end_is_noticed(server: PostgresServer) -> None:
    access = find_access(server)
    rows = TableRows(HeldSnapshot(access, "shop"))
    try:
        table = next(each for each in rows.snapshot.tables if each.name == "open")
        assert read_output(lambda: rows.open_table(table), program="psql").count(b"\n") == 400_000
        assert b"400000\ttables/public.open.copy\tCOPY" in rows.describe()
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'")
        with pytest.raises(CommandFailed, match="held the moment of shop was ended"):
            rows.describe()
    finally:
        rows.close()
