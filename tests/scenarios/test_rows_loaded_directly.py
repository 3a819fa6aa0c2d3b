"""Rows that go to a server of this machine over a connection of our own, and through psql where that cannot be."""

import os
import pathlib
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from tests.scenarios.server_access import find_access
from tests.scenarios.test_database_into import into
from tests.scenarios.test_postgres import configure
from tests.unit.cli.program_runs import Program

import rebond.sources.postgres.load_sessions as loading
from rebond.errors import RestoreError
from rebond.secret import Secret
from rebond.sources.postgres.direct_load import DirectSession, describe_error, open_directly
from rebond.sources.postgres.feeding import LOAD_SETTINGS, ScriptGuard
from rebond.sources.postgres.jobs import run_side_by_side
from rebond.sources.postgres.server import PostgresServer as Address
from rebond.sources.postgres.session import Access
from rebond.sources.streams.readers import FedReader
from rebond.stack.database_targets import find_target
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
ROWS = b"".join(b"%d\tword %d \\\\ \\t \xc3\xa9\n" % (number, number) for number in range(50_000))
COPY = "COPY public.t FROM STDIN WITH (ENCODING 'UTF8', FREEZE);"
BEFORE = ["BEGIN;", "TRUNCATE TABLE ONLY public.t;"]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        made.sql("CREATE DATABASE shop")
        made.sql("CREATE TABLE t (id int, words text); CREATE TABLE quiet (n int)", "shop")
        yield made


def begin(server: PostgresServer, database: str = "shop") -> DirectSession:
    session = open_directly(Address(host=server.socket_folder, user="postgres"), database, LOAD_SETTINGS)
    assert session is not None
    return session


def count_rows(server: PostgresServer) -> int:
    return int(server.sql("SELECT count(*) FROM t", "shop"))


def test_all_rows_come_in_whatever_the_pieces_are(server: PostgresServer) -> None:
    session = begin(server)
    pieces = [memoryview(ROWS)[start : start + 70_001] for start in range(0, len(ROWS), 70_001)]
    session.load(BEFORE, COPY, pieces, ["COMMIT;"])
    session.load(BEFORE, COPY, [ROWS], ["COMMIT;"])
    assert session.finish() == ["COPY 50000", "COPY 50000"]
    assert count_rows(server) == 50_000
    assert server.sql("SELECT words FROM t WHERE id = 49999", "shop") == "word 49999 \\ \t \u00e9\n"


def test_a_row_that_does_not_fit_is_named_and_nothing_is_kept(server: PostgresServer) -> None:
    server.sql("TRUNCATE t", "shop")
    session = begin(server)
    spoilt = ROWS[: len(ROWS) // 2].rpartition(b"\n")[0] + b"\nno number\tx\n" + ROWS
    with pytest.raises(RestoreError, match=r"22P02: invalid input syntax.*COPY t, line"):
        session.load(BEFORE, COPY, iter([spoilt] * 40), ["COMMIT;"])  # it says so long before all of it was sent
    session.close()
    session.close()
    assert count_rows(server) == 0


def test_rows_that_are_cut_here_leave_nothing(server: PostgresServer) -> None:
    server.sql("TRUNCATE t", "shop")
    session = begin(server)

    def break_off() -> Iterator[bytes]:
        yield ROWS
        raise OSError("the vault is gone")

    with pytest.raises(OSError, match="the vault is gone"):
        session.load(BEFORE, COPY, break_off(), ["COMMIT;"])
    session.close()
    wait_until_left(server)
    assert count_rows(server) == 0


def test_a_session_that_is_ended_there_is_told_as_unreachable(server: PostgresServer) -> None:
    session = begin(server)

    def end_it() -> Iterator[bytes]:
        yield ROWS
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rebond'")
        while True:
            yield ROWS

    with pytest.raises(RestoreError, match=r"takes no connections|57P01"):
        session.load(BEFORE, COPY, end_it(), ["COMMIT;"])
    session.close()


def test_who_waits_for_a_lock_is_let_go_by_another_thread(server: PostgresServer) -> None:
    holder, waiter = begin(server), begin(server)
    holder.run("BEGIN; LOCK TABLE public.quiet;")
    failures: list[BaseException] = []

    def wait() -> None:
        try:
            waiter.run("LOCK TABLE public.quiet;")
        except RestoreError as error:
            failures.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    waiter.abort()
    thread.join(30)
    assert not thread.is_alive()
    assert len(failures) == 1
    waiter.abort()
    waiter.close()
    holder.close()


def test_without_a_host_or_a_connection_psql_has_to_speak(server: PostgresServer) -> None:
    assert open_directly(Address(user="postgres"), "shop", LOAD_SETTINGS) is None
    address = Address(host=server.socket_folder, user="postgres", password=Secret(b"it's \\ not asked for"))
    assert open_directly(address, "nobody_made_this", LOAD_SETTINGS) is None
    session = open_directly(address, "shop", LOAD_SETTINGS)
    assert session is not None
    session.close()


def test_rows_go_directly_only_with_the_settings_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "5555")
    for variables, is_local in (({"PGPORT": "5555", "OTHER": "1"}, True), ({}, False), ({"PGPORT": "5"}, False)):
        known = {**variables, "PATH": os.environ["PATH"]}
        target = find_target("postgresql://postgres@/back?host=/nowhere", None, known)
        assert target.access.is_local is is_local


def test_a_database_is_the_same_either_way(
    server: PostgresServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = begin(server)
    session.load(BEFORE, COPY, [ROWS], ["COMMIT;"])
    session.close()
    program = Program.with_vault(tmp_path)
    del program.environment["REBOND_VAULT"], program.environment["REBOND_KEY_FILE"]
    (tmp_path / "stack").mkdir()
    configure(tmp_path, server)
    program.environment["REBOND_CONFIG"] = str(tmp_path / "stack" / "rebond.toml")
    program.good("backup", "--quiet")
    opened: list[object] = []

    def watch(*words: object) -> object:
        opened.append(open_directly(*words))  # type: ignore[arg-type]
        return opened[-1]

    monkeypatch.setattr(loading, "open_directly", watch)
    assert into(program, server, "directly").status == 0
    assert any(isinstance(each, DirectSession) for each in opened)
    monkeypatch.setattr(loading, "open_directly", lambda *_: None)
    assert into(program, server, "by_psql").status == 0
    question = "SELECT md5(string_agg(t::text, ',' ORDER BY ctid)), count(*) FROM t"
    assert server.sql(question, "directly") == server.sql(question, "by_psql") == server.sql(question, "shop")


@pytest.mark.parametrize("is_local", [True, False])
def test_jobs_take_turns_in_few_sessions(server: PostgresServer, is_local: bool) -> None:
    server.sql("DROP TABLE IF EXISTS made; CREATE TABLE made (n int)", "shop")
    access, begun = watch_sessions(server, is_local=is_local)
    # What a job sets stays for what follows in it alone: words of the next one come in the encoding that it says.
    jobs = [
        (
            b"SET client_encoding = 'LATIN1';",
            f"INSERT INTO public.made VALUES ({number}) /* \u00e9 */;".encode("latin-1"),
        )
        for number in range(30)
    ]
    run_side_by_side(access, "shop", jobs, ScriptGuard(access), jobs=2)
    assert server.sql("SELECT count(*), sum(n) FROM made", "shop") == "30|435\n"
    assert len([each for each in begun if each == "psql"]) == (1 if is_local else 3)  # one tells what psql knows


@pytest.mark.parametrize("is_local", [True, False])
def test_a_job_that_fails_ends_all_and_is_told(server: PostgresServer, is_local: bool) -> None:
    server.sql("DROP TABLE IF EXISTS twice; CREATE TABLE twice AS SELECT 1 AS n FROM generate_series(1, 2)", "shop")
    access, _ = watch_sessions(server, is_local=is_local)
    jobs = [(b"CREATE INDEX twice_1 ON public.twice (n);",), (b"CREATE UNIQUE INDEX twice_2 ON public.twice (n);",)]
    with pytest.raises(RestoreError, match=r"23505.*is duplicated"):
        run_side_by_side(access, "shop", [*jobs, *[(b"SELECT 1;",)] * 5], ScriptGuard(access), jobs=1)
    assert server.sql("SELECT relname FROM pg_class WHERE relname ~ '^twice_'", "shop") == "twice_1\n"


@pytest.mark.parametrize("is_local", [True, False])
def test_jobs_that_stop_one_another_are_run_again(server: PostgresServer, is_local: bool) -> None:
    server.sql("DROP TABLE IF EXISTS a, b; CREATE TABLE a (n int); CREATE TABLE b (n int)", "shop")
    server.change("deadlock_timeout", "20ms")
    access, _ = watch_sessions(server, is_local=is_local)
    wait = b"SELECT pg_sleep(0.1);"
    jobs = [
        (b"LOCK TABLE public.a;", wait, b"LOCK TABLE public.b;", b"INSERT INTO public.a VALUES (1);"),
        (b"LOCK TABLE public.b;", wait, b"LOCK TABLE public.a;", b"INSERT INTO public.a VALUES (2);"),
    ] * 2
    run_side_by_side(access, "shop", jobs, ScriptGuard(access), jobs=2)
    assert server.sql("SELECT count(*) FROM a", "shop") == "4\n"


def test_a_job_that_is_lost_by_a_fault_of_ours_does_not_go_unsaid(server: PostgresServer) -> None:
    access, _ = watch_sessions(server, is_local=True)
    with pytest.raises(TypeError):
        run_side_by_side(access, "shop", [(3,)], ScriptGuard(access), jobs=1)  # type: ignore[list-item]


def test_an_error_of_the_server_is_one_line_with_its_code() -> None:
    content = b"SERROR\0VERROR\0C53100\0Mcould not extend\nfile\0DNo space\0Hfree some\0WCOPY t\0Fmd.c\0\0"
    assert (
        describe_error(content) == "53100: could not extend file | DETAIL: No space | HINT: free some | CONTEXT: COPY t"
    )
    assert re.fullmatch(r"x+", describe_error(b"M" + b"x" * 5000)[:10])
    assert len(describe_error(b"M" + b"x" * 5000)) < 5000


def watch_sessions(server: PostgresServer, *, is_local: bool) -> tuple[Access, list[str]]:
    """Return the way to a server, and a list that grows by the label of each program that is begun."""
    access, begun = find_access(server), []
    open_program = access.open_program

    def watch(words: Sequence[str], *, label: str = "", **options: object) -> FedReader:
        begun.append(label)
        return open_program(words, label=label, **options)  # type: ignore[arg-type]

    return replace(access, open_program=watch, is_local=is_local), begun


def wait_until_left(server: PostgresServer) -> None:
    question = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rebond'"
    end = time.monotonic() + 30
    while server.sql(question) != "0\n" and time.monotonic() < end:
        time.sleep(0.02)
