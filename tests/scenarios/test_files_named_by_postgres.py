"""Files and the PostgreSQL database that names them, saved as one set while an application writes both."""

import pathlib
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from tests.bounded import join, wait_for
from tests.scenarios.test_postgres import CONFIGURATION
from tests.scenarios.wal_stack import prepare_recovery, take_base, wait_until
from tests.unit.cli.program_runs import Program

from rebond.stack.moments import Bracket, MomentWatch
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
REFERENCES = """
references = [{ sql = "SELECT file FROM photo", component = "media", below = "uploads" }]
[component.media]
kind = "files"
path = "MEDIA"
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer(settings={"full_page_writes": "on"}) as made:  # without it no standby of it can be saved
        made.sql("CREATE DATABASE shop")
        made.sql("CREATE TABLE photo (id bigserial PRIMARY KEY, file text)", "shop")
        yield made


@pytest.fixture
def program(server: PostgresServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program.with_vault(tmp_path)
    made.leave_vault_to_configuration()
    (tmp_path / "stack").mkdir()
    (tmp_path / "media" / "uploads").mkdir(parents=True)
    (tmp_path / "media" / "uploads" / "first.jpg").write_text("first")
    text = CONFIGURATION.replace("HOST", server.socket_folder) + REFERENCES.replace("MEDIA", str(tmp_path / "media"))
    (tmp_path / "stack" / "rebond.toml").write_text(text)
    server.sql("TRUNCATE photo; INSERT INTO photo (file) VALUES ('first.jpg'), (NULL), ('')", "shop")
    monkeypatch.chdir(tmp_path / "stack")
    return made


class Application:
    """Writes a file and the row that names it, fifty times a second, in either order; takes a third away again.

    What is taken away was there for the time of ``AGE`` others. ``came`` and ``gone`` tell when, for each name.
    """

    AGE = 10

    def __init__(self, server: PostgresServer, folder: pathlib.Path, *, is_row_first: bool) -> None:
        self._server = server
        self._folder = folder
        self._is_row_first = is_row_first
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self.fault: BaseException | None = None
        self.written = 0
        self.came: dict[str, float] = {}
        self.gone: dict[str, float] = {}

    def __enter__(self) -> "Application":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        join(self._thread)
        assert self.fault is None

    def wait_for_files(self, count: int) -> None:
        """Wait until so many were written."""
        wait_for(lambda: self.written >= count or self.fault is not None, f"{count} files")
        assert self.fault is None, self.fault

    def _write(self) -> None:
        try:
            with psycopg.connect(self._server.connection("shop"), autocommit=True) as connection:
                while not self._is_over.wait(0.02):
                    self._add(connection, f"{self.written + 1}.jpg")
                    self.written += 1
                    self.came[f"{self.written}.jpg"] = time.monotonic()
                    if self.written > self.AGE and self.written % 3 == 0:
                        gone = f"{self.written - self.AGE}.jpg"
                        self.gone[gone] = time.monotonic()
                        connection.execute("DELETE FROM photo WHERE file = %s", (gone,))
                        (self._folder / gone).unlink()
        except BaseException as error:
            self.fault = error

    def _add(self, connection: psycopg.Connection, name: str) -> None:
        if self._is_row_first:
            connection.execute("INSERT INTO photo (file) VALUES (%s)", (name,))
        (self._folder / name).write_bytes(name.encode() * 500)
        if not self._is_row_first:
            connection.execute("INSERT INTO photo (file) VALUES (%s)", (name,))


@pytest.mark.parametrize("is_row_first", [False, True])
def test_every_file_that_a_saved_row_names_is_saved_or_listed_while_both_come_and_go(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path, is_row_first: bool
) -> None:
    uploads = tmp_path / "media" / "uploads"
    with Application(server, uploads, is_row_first=is_row_first) as application:
        application.wait_for_files(20)
        seen = []
        for number in range(3):
            began = application.written
            ended = program("backup", "--json")
            assert ended.status in {0, 3}, ended.err
            assert application.written > began  # it wrote meanwhile
            back = tmp_path / str(number)
            program.good("restore", ended.document["id"], "--to", back, "--quiet")
            rows = (back / "db" / "tables" / "public.photo.copy").read_text().splitlines()
            judge(ended.document, {row.split("\t")[1] for row in rows} - {r"\N", ""}, back)
            seen.append(frozenset(rows))
    assert len(set(seen)) == 3


def judge(document: dict[str, Any], names: set[str], back: pathlib.Path) -> None:
    """Compare what is missing with what the snapshot says of itself."""
    assert len(names) > 10
    missing = {f"uploads/{name}" for name in names if not (back / "media" / "uploads" / name).is_file()}
    said = {each["subject"] for each in document["problems"] if each["code"] == "named-file-missing"}
    assert said == missing
    assert document["state"] == ("degraded" if missing else "whole")


def save_physically(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "stack" / "rebond.toml"
    path.write_text(path.read_text().replace('user = "postgres"', 'user = "postgres"\nmethod = "physical"'))


def find_missing(program: Program, snapshot: str, back: pathlib.Path) -> set[str]:
    """Bring a whole server back, and return which of the files that it names did not come with it."""
    program.good("restore", snapshot, "--to", back, "--quiet")
    with PostgresServer(adopts=back / "db") as again:
        wait_until(lambda: again.sql("SELECT pg_is_in_recovery()").strip() == "f")
        names = set(again.sql("SELECT file FROM photo WHERE file <> ''", "shop").split())
    assert len(names) > 10
    return {f"uploads/{name}" for name in names if not (back / "media" / "uploads" / name).is_file()}


def said_missing(document: dict[str, Any]) -> set[str]:
    return {each["subject"] for each in document["problems"] if each["code"] == "named-file-missing"}


def test_a_whole_server_says_every_missing_file_and_none_that_no_row_named_beside_its_moment(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_physically(tmp_path)
    find, apart_seconds = MomentWatch.find, []

    def find_and_tell(watch: MomentWatch, stop: int) -> Bracket:
        bracket = find(watch, stop)
        apart_seconds.append(bracket.apart_ms / 1000)
        return bracket

    monkeypatch.setattr(MomentWatch, "find", find_and_tell)
    uploads = tmp_path / "media" / "uploads"
    with Application(server, uploads, is_row_first=False) as application:
        application.wait_for_files(30)
        began = time.monotonic()
        ended = program("backup", "--json")
        over = time.monotonic()
    assert ended.status in {0, 3}, ended.err
    missing = find_missing(program, ended.document["id"], tmp_path / "back")
    said = said_missing(ended.document)
    # A row that came after the first look and went before the second one is seen by neither (decision 0156).
    brief = {name for name, at in application.gone.items() if at - application.came[name] < max(apart_seconds)}
    assert missing - {f"uploads/{name}" for name in brief} <= said
    assert said - missing <= {f"uploads/{name}" for name, at in application.gone.items() if began < at < over}
    assert ended.document["state"] == ("degraded" if said else "whole")

    (uploads / "first.jpg").unlink()
    ended = program("backup", "--json")
    assert ended.document["state"] == "degraded"
    assert [each["subject"] for each in ended.document["problems"]] == ["uploads/first.jpg"]


@pytest.fixture
def standby(server: PostgresServer) -> Iterator[PostgresServer]:
    """A server that follows the other one, and takes no writes."""
    with tempfile.TemporaryDirectory(prefix="rs-") as made:
        data = prepare_recovery(
            take_base(server, pathlib.Path(made, "taken")),
            pathlib.Path(made, "data"),
            {"primary_conninfo": server.connection(), "wal_retrieve_retry_interval": "200ms"},
        )
        (data / "recovery.signal").rename(data / "standby.signal")
        with PostgresServer(adopts=data) as following:
            yield following


def test_a_standby_says_every_missing_file_of_the_moment_that_it_comes_back_to(
    program: Program, server: PostgresServer, standby: PostgresServer, tmp_path: pathlib.Path
) -> None:
    save_physically(tmp_path)
    path = tmp_path / "stack" / "rebond.toml"
    path.write_text(path.read_text().replace(server.socket_folder, standby.socket_folder))
    uploads = tmp_path / "media" / "uploads"
    with Application(server, uploads, is_row_first=False) as application:
        application.wait_for_files(30)
        ended = program("backup", "--json")
        over = time.monotonic()
    assert ended.status in {0, 3}, ended.err
    missing = find_missing(program, ended.document["id"], tmp_path / "back")
    said = said_missing(ended.document)
    # It comes back to what it had on its disk, which nobody can ask it for: that is said.
    assert missing <= said or "a standby comes back to what it had written to its disk" in ended.err
    assert missing - said <= {f"uploads/{name}" for name, at in application.gone.items() if at < over}

    (uploads / "first.jpg").unlink()
    ended = program("backup", "--json")
    assert ended.document["state"] == "degraded"
    assert "uploads/first.jpg" in said_missing(ended.document)


def test_a_row_that_is_deleted_right_when_the_backup_ends_is_still_looked_up(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_physically(tmp_path)
    server.sql("INSERT INTO photo (file) VALUES ('never.jpg')", "shop")
    expect_end = MomentWatch.expect_end

    def delete_then(watch: MomentWatch) -> None:
        expect_end(watch)
        server.sql("DELETE FROM photo WHERE file = 'never.jpg'; INSERT INTO photo (file) VALUES ('late.jpg')", "shop")

    monkeypatch.setattr(MomentWatch, "expect_end", delete_then)
    ended = program("backup", "--json")
    assert ended.status == 3, ended.err
    assert "uploads/never.jpg" in said_missing(ended.document)
    assert server.count_sessions("shop") == 0


def test_a_query_is_asked_of_the_databases_that_have_its_tables(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "stack" / "rebond.toml"
    path.write_text(path.read_text().replace('database = "shop"', 'databases = ["*"]'))
    assert program.ask("backup")["state"] == "whole"
    path.write_text(path.read_text().replace("FROM photo", "FROM photos"))
    assert program("backup").status == 32
    path.write_text(path.read_text().replace("file FROM photos", "1/0 FROM photo"))
    ended = program("backup")
    assert ended.status == 32
    assert "division by zero" in ended.err


def test_a_file_that_a_row_names_and_nobody_has_degrades_the_set(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    assert program.ask("backup")["state"] == "whole"
    server.sql(r"INSERT INTO photo (file) VALUES (E'gone\tand \\ away.jpg')", "shop")
    ended = program("backup", "--json")
    assert ended.status == 3, ended.err
    assert ended.document["state"] == "degraded"
    assert [each["code"] for each in ended.document["problems"]] == ["named-file-missing"]
    assert "gone\tand \\ away.jpg" in ended.document["problems"][0]["message"].replace("\\t", "\t")
    (tmp_path / "media" / "uploads" / "gone\tand \\ away.jpg").write_text("found")
    assert program.ask("backup")["state"] == "whole"


def test_a_query_that_the_server_does_not_understand_is_told(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "stack" / "rebond.toml"
    path.write_text(path.read_text().replace("SELECT file FROM photo", "SELECT file FROM photos"))
    ended = program("backup")
    assert ended.status == 32, ended.err
    assert "photos" in ended.err
    assert server.count_sessions("shop") == 0
