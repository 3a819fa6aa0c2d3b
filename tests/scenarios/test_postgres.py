"""PostgreSQL databases, saved from a real server and loaded again by PostgreSQL's own psql."""

import contextlib
import json
import pathlib
import subprocess
import threading
from collections.abc import Iterator
from typing import IO

import pytest
from tests.bounded import join, wait_for
from tests.scenarios.shop_database import DESCRIBE, fill_shop
from tests.unit.cli.program_runs import Program

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
user = "postgres"
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        fill_shop(made)
        yield made


@pytest.fixture
def program(server: PostgresServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program.with_vault(tmp_path)
    made.leave_vault_to_configuration()
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


def load(server: PostgresServer, folder: pathlib.Path, database: str, *jobs: str) -> subprocess.CompletedProcess[str]:
    server.sql(f"DROP DATABASE IF EXISTS {database}")
    server.sql(f"CREATE DATABASE {database} TEMPLATE template0")
    words = ["sh", str(folder / "restore.sh"), server.connection(database), *jobs]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_every_row_and_every_object_comes_back_by_psql_alone(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    server.sql("CREATE SCHEMA aside; CREATE TABLE aside.note AS SELECT 1 AS n", "shop")  # outside of its search path
    try:
        made = program.ask("backup")
        program.good("restore", "latest", "--to", tmp_path / "back", "--quiet")
        done = load(server, tmp_path / "back" / "db", "again")
        assert server.dump("again", "--schema-only") == server.dump("shop", "--schema-only")
        assert server.sql(DESCRIBE, "again") == server.sql(DESCRIBE, "shop")
    finally:
        server.sql("DROP SCHEMA aside CASCADE", "shop")

    assert done.returncode == 0, done.stderr
    assert made["state"] == "whole"
    large = (tmp_path / "back" / "db" / "large-objects.sql").read_text()
    assert large.count("lo_open") == 3
    assert "COPY" not in large
    assert "secret" not in (tmp_path / "back" / "db" / "globals.sql").read_text()  # but a sum of it
    manifest = json.loads((tmp_path / "back" / "db" / "manifest.json").read_text())
    assert f"pg_trgm|{manifest['extensions'].get('pg_trgm')}" in server.sql(DESCRIBE, "shop") + "pg_trgm|None"
    assert manifest["settings"] == {"": ['search_path=public, "odd. ""schema""/%"'], "reader": ["work_mem=5MB"]}
    assert manifest["comment"] == "the shop"
    assert "CREATE ROLE reader" in (tmp_path / "back" / "db" / "globals.sql").read_text()


def test_a_database_that_did_not_change_is_the_same_bytes_again(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    contents = []
    for number in range(2):
        made = program.ask("backup")
        back = tmp_path / str(number)
        program.good("restore", made["id"], "--to", back, "--quiet")
        contents.append({each.relative_to(back): each.read_bytes() for each in back.rglob("*") if each.is_file()})
    assert contents[0] == contents[1]
    assert not any(line.startswith(b"\\restrict") for each in contents[0].values() for line in each.splitlines())


def test_a_table_that_lost_a_row_or_its_end_on_the_way_does_not_load_unsaid(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    program.good("backup")
    for number, (name, keep) in enumerate((("tables/public.orders.copy", -20), ("post-data.sql", None))):
        back = tmp_path / str(number)
        program.good("restore", "latest", "--to", back, "--quiet")
        path = back / "db" / name
        if keep is None:
            path.unlink()
        else:
            lines = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(b"".join(lines[:keep]))
        done = load(server, back / "db", "spoilt")

        assert done.returncode != 0
        assert path.name in done.stderr
        assert "loaded:" not in done.stdout


def test_several_databases_and_all_of_a_server_have_a_folder_each(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    server.sql("CREATE DATABASE \"odd/name\" TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    server.sql("CREATE TABLE \"caf\u00e9\" AS SELECT '\u00e9t\u00e9' AS word", "odd/name")
    configure(tmp_path, server, ('database = "shop"', 'databases = ["*"]'))
    program.good("backup")
    program.good("restore", "latest", "--to", tmp_path / "back", "--quiet")
    back = tmp_path / "back" / "db"

    assert {each.name for each in back.iterdir()} >= {"globals.sql", "postgres", "shop", "odd%2Fname"}
    assert (back / "odd%2Fname" / "tables" / "public.caf\u00e9.copy").read_bytes() == "\u00e9t\u00e9\n".encode(
        "latin-1"
    )
    done = load(server, back / "odd%2Fname", "again_utf8")
    assert done.returncode == 0, done.stderr
    assert server.sql('TABLE "caf\u00e9"', "again_utf8") == "\u00e9t\u00e9\n"
    assert server.count_sessions("shop") == 0


def test_what_a_restore_set_aside_is_no_database_like_the_others(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    old, apart = "shop_before_20260204_031500", "gone_before_20260204_031500"  # of what the other was is not there
    server.sql(f"CREATE DATABASE {old} TEMPLATE template0")
    server.sql(f"CREATE DATABASE {apart} TEMPLATE template0")
    try:
        said = program("backup").err.splitlines()
        assert [old in each for each in said if "set aside" in each] == [True]
        assert [(old in each, apart in each) for each in said if "which no component saves" in each] == [(False, True)]

        configure(tmp_path, server, ('database = "shop"', 'databases = ["*"]'))
        everything = program.good("backup")
        assert [old in each for each in everything.err.splitlines() if "set aside" in each] == [True]
        assert names_in_snapshot(program) >= {"shop", apart}
        assert old not in names_in_snapshot(program)

        configure(tmp_path, server, ('database = "shop"', f'databases = ["*", "{old}"]'))
        assert "set aside" not in program.good("backup").err
        assert old in names_in_snapshot(program)
    finally:
        server.sql(f"DROP DATABASE {old}")
        server.sql(f"DROP DATABASE {apart}")


def test_a_template_and_what_nobody_can_open_are_named_and_end_no_backup_of_all(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    names = "model", "closed", "half_dropped"
    for each in names:
        server.sql(f"CREATE DATABASE {each} TEMPLATE template0")
    server.sql("ALTER DATABASE model IS_TEMPLATE true; ALTER DATABASE closed ALLOW_CONNECTIONS false")
    server.sql("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half_dropped'")
    try:
        configure(tmp_path, server, ('database = "shop"', 'databases = ["*"]'))
        said = program.good("backup").err.splitlines()
        assert ["model" in each for each in said if "has templates, which are not saved" in each] == [True]
        assert ["closed, half_dropped." in each for each in said if "nobody can open" in each] == [True]
        assert names_in_snapshot(program).isdisjoint(names)

        configure(tmp_path, server, ('database = "shop"', 'databases = ["*", "model"]'))
        assert "has templates" not in program.good("backup").err
        assert "model" in names_in_snapshot(program)
    finally:
        server.sql("ALTER DATABASE model IS_TEMPLATE false")
        for each in names:
            server.sql(f"DROP DATABASE {each}")


def names_in_snapshot(program: Program) -> set[str]:
    return {each["path"].partition("/")[2] for each in program.ask("ls", "latest", "db") if each["kind"] == "directory"}


def test_databases_of_the_server_that_no_component_saves_are_named(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    server.sql("CREATE DATABASE analytics TEMPLATE template0")
    server.sql("CREATE DATABASE ledger TEMPLATE template0")
    try:
        told = program("backup")
        assert told.status == 0, told.err
        assert "other databases, which no component saves:" in told.err
        assert "analytics" in told.err
        other = f'user = "postgres"\n[component.more]\nkind = "postgres"\nhost = "{server.socket_folder}"\n'
        configure(tmp_path, server, ('user = "postgres"\n', f'{other}user = "postgres"\ndatabase = "analytics"\n'))
        told = program("backup")
        assert told.status == 0, told.err
        assert "analytics" not in told.err
        assert "ledger" in told.err
        for some in ('"shop", "analytics", "postgres"', '"postgres", "shop", "analytics"', '"shop", "analytics"'):
            configure(tmp_path, server, ('database = "shop"', f"databases = [{some}]"))
            said = [line for line in program("backup").err.splitlines() if "which no component saves" in line]
            assert len(said) == 1, some
            assert ("ledger" in said[0], "analytics" in said[0]) == (True, False), some
        configure(tmp_path, server, ('database = "shop"', 'databases = ["*"]'))
        assert "other databases" not in program("backup").err
    finally:
        server.sql("DROP DATABASE analytics")
        server.sql("DROP DATABASE ledger")


def test_all_tables_are_of_one_moment_while_others_write(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    server.sql("DROP DATABASE IF EXISTS bank")
    server.sql("CREATE DATABASE bank")
    names = ("a", "c", "e", "g", "i", "z")
    for name in names:  # with others between, so that each of the sessions that read at once has some of these
        server.sql(
            f"CREATE TABLE {name} (n int); CREATE TABLE {name}_filler AS SELECT generate_series(1, 60000)", "bank"
        )
    configure(tmp_path, server, ('"shop"', '"bank"'))
    inserts = " ".join(f"INSERT INTO {name} VALUES (1);" for name in names)
    script = f"BEGIN; {inserts} COMMIT;\n" * 100
    words = [str(server.programs / "psql"), "-Xqf", "-", "-d", server.connection("bank")]
    writer = subprocess.Popen(words, stdin=subprocess.PIPE)
    assert writer.stdin
    feeder = threading.Thread(target=feed, args=(writer.stdin, script.encode()), daemon=True)
    feeder.start()
    try:
        wait_for(lambda: int(server.sql("SELECT count(*) FROM a", "bank")), "the first row of the writer")
        seen = []
        for number in range(3):
            made = program.ask("backup")
            program.good("restore", made["id"], "--to", tmp_path / str(number), "--quiet")
            tables = tmp_path / str(number) / "db" / "tables"
            seen.append([(tables / f"public.{name}.copy").read_bytes().count(b"1\n") for name in names])
        assert writer.poll() is None, "the writer was gone before, so nothing was proven"
    finally:
        writer.kill()
        join(feeder)
        writer.wait()
    assert all(len(set(counts)) == 1 for counts in seen), seen
    assert len({counts[0] for counts in seen}) == 3


def feed(sink: IO[bytes], content: bytes) -> None:
    """Give this again and again, until nobody takes it."""
    with contextlib.suppress(BrokenPipeError), sink:
        while True:
            sink.write(content)
