"""An exported script runs no command of psql where psql can keep it from that; an older one loads it all the same."""

import gzip
import os
import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from tests.scenarios.shop_database import DESCRIBE, fill_shop
from tests.scenarios.test_postgres import configure
from tests.unit.cli.program_runs import Program

from rebond.sources.postgres.plain_dump import write_plain
from rebond.sources.postgres.saved import Manifest, Piece, SavedDatabase, SavedTable
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
_BEFORE_THE_GUARD = "150013"  # the last version 15 that has no \restrict


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        fill_shop(made)
        yield made


@pytest.fixture(scope="module")
def exported(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("saved")
    program = Program.with_vault(folder)
    del program.environment["REBOND_VAULT"], program.environment["REBOND_KEY_FILE"]
    (folder / "stack").mkdir()
    configure(folder, server)
    program.environment["REBOND_CONFIG"] = str(folder / "stack" / "rebond.toml")
    program.good("backup", "--quiet")
    return gzip.decompress(program.good("export", "latest", "db", "--format", "sql.gz", "--output", "-", "--quiet").raw)


@pytest.fixture(scope="module")
def old_psql(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The server's own psql, with the command taken out of it, and an older number."""
    path = tmp_path_factory.mktemp("old") / "psql"
    shutil.copy(server.programs / "psql", path)
    answer = subprocess.run(
        [server.programs / "psql", "-X", "--version"], capture_output=True, check=True, text=True
    ).stdout
    found = re.search(r"(\d+)\.(\d+)", answer)
    assert found
    number = f"{int(found[1])}{int(found[2]):04d}"
    content = path.read_bytes()
    assert content.count(f"\0{number}\0".encode()) == 1
    content = content.replace(f"\0{number}\0".encode(), f"\0{_BEFORE_THE_GUARD}\0".encode())
    path.write_bytes(content.replace(b"restrict\0", b"restricx\0"))
    return str(path)


def load(server: PostgresServer, psql: str, script: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    server.sql("DROP DATABASE IF EXISTS plain")
    server.sql("CREATE DATABASE plain TEMPLATE template0")
    command = [psql, "-Xq", *words, "-d", server.connection("plain"), "-f", "-"]
    linked = subprocess.run(
        ["ldd", (server.programs / "psql").resolve()], capture_output=True, check=True, text=True
    ).stdout
    places = {str(pathlib.Path(each).parent) for each in re.findall(r"libpq\S* => (/\S+)", linked)}
    libraries = {**os.environ, "LD_LIBRARY_PATH": ":".join(places)}  # a copy that lies elsewhere finds none by itself
    return subprocess.run(command, input=script, capture_output=True, check=False, timeout=60, env=libraries)


def test_a_psql_that_does_not_know_the_guard_loads_it_without_a_word(
    server: PostgresServer, exported: bytes, old_psql: str
) -> None:
    asked = load(server, old_psql, b"\\restrict key\n", "-v", "ON_ERROR_STOP=1")
    assert b"invalid command" in asked.stderr  # it is an old one
    done = load(server, old_psql, exported, "-v", "ON_ERROR_STOP=1")
    assert (done.returncode, b"invalid" in done.stderr, b"ERROR" in done.stderr) == (0, False, False), done.stderr
    assert server.sql(DESCRIBE, "plain") == server.sql(DESCRIBE, "shop")


def test_two_scripts_one_after_the_other_load_in_one_session(server: PostgresServer, exported: bytes) -> None:
    """The guard ends with its script: what follows may use the commands of psql."""
    script = exported + b"\\echo between\nDROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\n\\echo behind\n"
    done = load(server, str(server.programs / "psql"), script, "-v", "ON_ERROR_STOP=1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(b"between\nbehind\n")


class Hostile:
    """The files of a database whose server wrote into its names what psql would take for commands."""

    def __init__(self, words: str) -> None:
        self._words = words

    def has(self, path: str) -> bool:
        return path in {"pre-data.sql", "post-data.sql", "tables/t.copy"}

    def size(self, path: str) -> int:
        return 0

    def read(self, path: str) -> bytes:
        return b"".join(bytes(each) for each in self.pieces(path))

    def pieces(self, path: str) -> Iterator[Piece]:
        if path == "pre-data.sql":
            yield b"CREATE TABLE public.t (n int);\n"
        yield f"SELECT 1;\n{self._words}\n".encode() if path != "tables/t.copy" else f"1\n\\.\n{self._words}\n".encode()


@pytest.mark.judge("psql-restrict")
@pytest.mark.parametrize(
    "words",
    [
        "\\! touch MARK",
        "\\unrestrict guessed\n\\! touch MARK",
        ":rebond_end guessed\n\\! touch MARK",
        "\\unrestrict :rebond_begin\n\\! touch MARK",
        "\\endif\n\\! touch MARK",
        "\\set rebond_end '\\\\! touch MARK'\n:rebond_end",
    ],
)
def test_no_name_or_row_makes_psql_start_a_program(server: PostgresServer, tmp_path: pathlib.Path, words: str) -> None:
    mark = tmp_path / "mark"
    words = words.replace("MARK", str(mark))
    table = SavedTable(schema="public", name="t", file="tables/t.copy", columns=("n",))
    manifest = Manifest(database="shop", server_version=f"15.1\n{words}", encoding="UTF8", tables=(table,))
    script = b"".join(write_plain(SavedDatabase(manifest=manifest, tables=(table,), files=Hostile(words))))
    done = load(server, str(server.programs / "psql"), script)
    assert b"restricted" in done.stderr
    assert not mark.exists()
