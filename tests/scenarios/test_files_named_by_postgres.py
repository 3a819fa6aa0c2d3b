"""Files and the PostgreSQL database that names them, saved as one set while an application writes both."""

import pathlib
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import IO

import pytest
from tests.scenarios.test_postgres import CONFIGURATION
from tests.unit.cli.program_runs import Program

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
    with PostgresServer() as made:
        made.sql("CREATE DATABASE shop")
        made.sql("CREATE TABLE photo (id bigserial PRIMARY KEY, file text)", "shop")
        yield made


@pytest.fixture
def program(server: PostgresServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program.with_vault(tmp_path)
    del made.environment["REBOND_VAULT"], made.environment["REBOND_KEY_FILE"], made.environment["REBOND_PASSPHRASE"]
    (tmp_path / "stack").mkdir()
    (tmp_path / "media" / "uploads").mkdir(parents=True)
    (tmp_path / "media" / "uploads" / "first.jpg").write_text("first")
    text = CONFIGURATION.replace("HOST", server.socket_folder) + REFERENCES.replace("MEDIA", str(tmp_path / "media"))
    (tmp_path / "stack" / "rebond.toml").write_text(text)
    server.sql("TRUNCATE photo; INSERT INTO photo (file) VALUES ('first.jpg'), (NULL), ('')", "shop")
    monkeypatch.chdir(tmp_path / "stack")
    return made


class Application:
    """Writes a file, then the row that names it, fifty times a second; takes a third of them away again."""

    def __init__(self, server: PostgresServer, folder: pathlib.Path) -> None:
        self._folder = folder
        words = [str(server.programs / "psql"), "-Xqf", "-", "-d", server.connection("shop")]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE)
        assert self._process.stdin
        self._sink: IO[bytes] = self._process.stdin
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.written = 0

    def __enter__(self) -> "Application":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._sink.close()
        self._process.wait(10)

    def _write(self) -> None:
        while not self._is_over.wait(0.02):
            self.written += 1
            (self._folder / f"{self.written}.jpg").write_bytes(b"%d" % self.written * 500)
            self._sink.write(b"INSERT INTO photo (file) VALUES ('%d.jpg');\n" % self.written)
            self._sink.flush()


def test_every_file_that_a_saved_row_names_is_saved_while_both_are_written(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    uploads = tmp_path / "media" / "uploads"
    with Application(server, uploads) as application:
        while application.written < 20:
            time.sleep(0.02)
        seen = []
        for number in range(3):
            began = application.written
            made = program.ask("backup")
            assert made["state"] == "whole", made
            assert application.written > began  # it wrote meanwhile
            back = tmp_path / str(number)
            program.good("restore", made["id"], "--to", back, "--quiet")
            rows = (back / "db" / "tables" / "public.photo.copy").read_text().splitlines()
            names = {row.split("\t")[1] for row in rows} - {r"\N", ""}
            assert all((back / "media" / "uploads" / name).is_file() for name in names)
            seen.append(len(names))
    assert seen == sorted(seen)
    assert seen[-1] > 20


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
