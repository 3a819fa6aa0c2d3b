"""PostgreSQL databases, saved from a real server and loaded again by PostgreSQL's own psql."""

import json
import pathlib
import subprocess
from collections.abc import Iterator

import pytest
from tests.scenarios.shop_database import DESCRIBE, ROWS, SCHEMA
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
        made.sql("CREATE DATABASE shop")
        made.sql(SCHEMA, "shop")
        made.sql(ROWS, "shop")
        yield made


@pytest.fixture
def program(server: PostgresServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program.with_vault(tmp_path)
    del made.environment["REBOND_VAULT"], made.environment["REBOND_KEY_FILE"], made.environment["REBOND_PASSPHRASE"]
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
    made = program.ask("backup")
    program.good("restore", "latest", "--to", tmp_path / "back", "--quiet")
    done = load(server, tmp_path / "back" / "db", "again")

    assert done.returncode == 0, done.stderr
    assert made["state"] == "whole"
    assert server.dump("again", "--schema-only") == server.dump("shop", "--schema-only")
    assert server.sql(DESCRIBE, "again") == server.sql(DESCRIBE, "shop")
    large = (tmp_path / "back" / "db" / "large-objects.sql").read_text()
    assert large.count("lo_open") == 3
    assert "COPY" not in large
    manifest = json.loads((tmp_path / "back" / "db" / "manifest.json").read_text())
    assert manifest["extensions"]["pg_trgm"]
    assert "CREATE ROLE reader" in (tmp_path / "back" / "db" / "globals.sql").read_text()
