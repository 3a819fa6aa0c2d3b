"""A stack comes back on a bare machine whose database belongs into a server that nothing of the stack starts."""

import json
import pathlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.unit.cli.program_runs import Program

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
PASSWORD = "pa ss'word"
CONFIGURATION = """\
version = 1
[stack]
name = "orders"
env = [".env"]
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.code]
kind = "files"
path = "."
omit = [".env"]
[component.secrets]
kind = "secrets"
paths = [".env"]
[component.db]
kind = "postgres"
host = { env = "DB_HOST" }
database = "orders"
user = "keeper"
password = { env = "DB_PASSWORD" }
"""


@dataclass(frozen=True)
class Burnt:
    """A vault and its key are left of the stack that lay in ``root``, and a server that is as good as new."""

    program: Program
    root: pathlib.Path
    server: PostgresServer

    def missing(self, *words: str, **environment: str) -> dict[str, str]:
        """Return by their codes what the dry run finds missing, but for what tells of who runs the test."""
        answer = self.program.good("recover", self.program.vault, "--dry-run", "--json", *words, **environment)
        found = {each["code"]: each["message"] + "\n" + each["hint"] for each in json.loads(answer.out)["missing"]}
        found.pop("not-root", None)
        return found

    def make_role(self) -> None:
        quoted = PASSWORD.replace("'", "''")
        self.server.sql(f"CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '{quoted}'")

    def clear(self) -> None:
        self.server.sql("DROP DATABASE IF EXISTS orders")
        self.server.sql("DROP ROLE IF EXISTS keeper")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Burnt]:
    folder = tmp_path_factory.mktemp("orders")
    root = folder / "stack"
    with PostgresServer() as server:
        made = Burnt(Program.with_vault(folder), root, server)
        made.make_role()
        server.ask_passwords()
        server.sql("CREATE DATABASE orders")
        server.sql("CREATE TABLE orders AS SELECT generate_series(1, 40) AS id", "orders")
        root.mkdir()
        (root / "rebond.toml").write_text(CONFIGURATION)
        (root / ".env").write_text(f'DB_PASSWORD="{PASSWORD}"\nDB_HOST={server.socket_folder}\n')
        made.program.leave_vault_to_configuration()
        made.program.good("backup", REBOND_CONFIG=str(root / "rebond.toml"))
        made.program.environment["REBOND_KEY_FILE"] = str(folder / "owner.key")
        yield made


@pytest.fixture
def burnt(saved: Burnt, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Burnt:
    saved.clear()
    shutil.rmtree(saved.root, ignore_errors=True)
    monkeypatch.chdir(tmp_path)
    saved.program.environment["REBOND_STATE_DIR"] = str(tmp_path / "state")
    return saved


def test_where_nothing_answers_the_plan_says_so_and_what_to_do(burnt: Burnt, tmp_path: pathlib.Path) -> None:
    found = burnt.missing(DB_HOST=str(tmp_path))
    assert list(found) == ["server-not-ready"]
    said = found["server-not-ready"]
    assert "db" in said
    assert str(tmp_path) in said
    assert f"rebond recover {burnt.program.vault} --to DIR --into-server" in said


def test_a_server_that_answers_lacks_nothing_before_its_password_is_back(burnt: Burnt) -> None:
    assert burnt.missing(DB_HOST=burnt.server.socket_folder) == {}


def test_where_not_even_the_address_is_back_that_is_said(burnt: Burnt) -> None:
    found = burnt.missing()
    assert list(found) == ["server-not-asked"]
    assert "DB_HOST" in found["server-not-asked"]


def test_a_role_that_a_new_server_lacks_is_named_as_a_cause_with_the_line_that_makes_it(burnt: Burnt) -> None:
    found = burnt.missing(DB_HOST=burnt.server.socket_folder, DB_PASSWORD=PASSWORD)
    line = "CREATE ROLE \"keeper\" LOGIN SUPERUSER PASSWORD '…';"
    assert list(found) == ["server-not-ready"]
    assert line in found["server-not-ready"]

    failed = burnt.program("recover", burnt.program.vault, "--yes")
    assert (failed.status, line in failed.err) == (40, True), failed.err
    (shown,) = [each for each in failed.err.splitlines() if "rebond cat " in each]
    words = shown.partition("rebond ")[2].split()
    assert "keeper" in burnt.program.good(*words).out  # what the role was allowed

    burnt.make_role()
    (command,) = [each for each in failed.err.splitlines() if "--resume" in each]
    resumed = burnt.program.good(*command.partition("rebond ")[2].split())
    assert burnt.server.sql("SELECT count(*) FROM orders", "orders").strip() == "40"
    assert f"The stack lies in {burnt.root}" in resumed.err  # as a recovery says that was not cut
    assert f"rebond doctor --config {burnt.root / 'rebond.toml'}" in resumed.err


def test_a_recovery_that_was_cut_still_says_what_brings_the_databases_back(
    burnt: Burnt, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "mine").write_text("mine")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rebond.operations.recovery.file_part.FilePart.put", _cut)
        cut = burnt.program("recover", burnt.program.vault, "--to", tmp_path / "beside", "--yes")
    (command,) = [each for each in cut.err.splitlines() if "--resume" in each]
    resumed = burnt.program.good(*command.partition("rebond ")[2].split())
    (said,) = [each for each in resumed.err.splitlines() if each.startswith("What brings db back: ")]
    assert f"--config {tmp_path / 'beside' / 'rebond.toml'}" in said


def _cut(_: object) -> None:
    raise KeyboardInterrupt


def test_the_plan_names_where_the_files_and_the_database_go(burnt: Burnt, tmp_path: pathlib.Path) -> None:
    known = {"DB_HOST": burnt.server.socket_folder}
    answer = burnt.program.good("recover", burnt.program.vault, "--dry-run", **known)
    assert f"postgresql://keeper@/orders?host={burnt.server.socket_folder}" in answer.out
    assert "back in its place" in answer.out

    beside = burnt.program.good("recover", burnt.program.vault, "--dry-run", "--to", tmp_path / "beside", **known)
    assert "back in its place" not in beside.out
    assert f"back into {tmp_path / 'beside'}" in beside.out
