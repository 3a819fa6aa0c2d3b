"""Databases of dumps that come back with their stack: the server is started from what came back, then filled."""

import json
import pathlib
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.shims import placing
from tests.unit.cli.program_runs import Answer, Program

from rebond.cli.recovery import databases
from rebond.errors import RestoreError
from rebond.operations.recovery import server_waiting
from rebond.operations.restore_database import restore_database
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
PASSWORD = "pa ss'word"
CONFIGURATION = """\
version = 1
[stack]
name = "orders"
compose = ["compose.yml"]
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
in = "compose:db"
host = "@HOST@"
database = "orders"
user = "keeper"
password = { env = "DB_PASSWORD" }
[component.static]
kind = "regenerable"
run = "echo inside >> @TRACE@"
in = "compose:db"
[class.daily]
schedule = "0 3 * * *"
components = "all"
[restore]
stop = [{ run = "rm -f @RUNNING@" }]
start = [{ run = "echo start >> @TRACE@" }]
"""
DOCKER = """\
#!/bin/sh
case "$*" in
  "compose --file "*" up --detach db")
    test -s "$3" || { echo "no such file: $3" >&2; exit 14; }
    test ! -e @BROKEN@ || { echo "cannot fetch the image" >&2; exit 1; }
    echo up >> @TRACE@; touch @RUNNING@; exit 0;;
esac
test ! -e @RUNNING@ || export SHIM_RUNNING=db
exec @CLIENT@ docker "$@"
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    quoted = PASSWORD.replace("'", "''")
    with PostgresServer() as made:
        made.sql(f"CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '{quoted}'")
        made.ask_passwords()
        yield made


class Orders:
    """A stack in ``folder/stack`` whose database runs in a container that a stand-in starts."""

    def __init__(self, folder: pathlib.Path, server: PostgresServer) -> None:
        self.folder, self.root, self.server = folder, folder / "stack", server
        self.trace = folder / "trace"
        self.running = folder / "running"
        self.broken = folder / "broken"
        shims = placing.place_shims(folder / "bin")
        client = shlex.join([sys.executable, "-I", "-S", str(placing.__file__).replace("placing.py", "client.py")])
        (folder / "bin" / "docker").write_text(self._fill(DOCKER).replace("@CLIENT@", client))
        self.root.mkdir()
        (self.root / "rebond.toml").write_text(self._fill(CONFIGURATION))
        (self.root / "compose.yml").write_text("services: {db: {image: postgres}}\n")
        (self.root / ".env").write_text(f'DB_PASSWORD="{PASSWORD}"\n')
        self.program = Program.with_vault(folder)
        self.program.leave_vault_to_configuration()
        self.program.environment |= {"REBOND_CONFIG": str(self.root / "rebond.toml"), "PATH": shims["PATH"]}
        self.running.touch()
        self.snapshot = self.save(500)

    def _fill(self, text: str) -> str:
        names = {"TRACE": self.trace, "RUNNING": self.running, "BROKEN": self.broken}
        for name, path in names.items():
            text = text.replace(f"@{name}@", str(path))
        return text.replace("@HOST@", self.server.socket_folder)

    def save(self, rows: int) -> str:
        """Make a database of so many rows, and roles of which one owns nothing; save the stack."""
        self.empty_server()
        self.server.sql("CREATE ROLE clerks; CREATE ROLE teller LOGIN IN ROLE clerks PASSWORD 'x'")
        self.server.sql("CREATE DATABASE orders")
        self.server.sql(
            f"CREATE TABLE orders AS SELECT generate_series(1, {rows}) AS id; GRANT SELECT ON orders TO clerks",
            "orders",
        )
        identity: str = json.loads(self.program.good("backup", "--json").out)["id"]
        return identity

    def empty_server(self) -> None:
        for name in self.databases():
            self.server.sql(f'DROP DATABASE "{name}" WITH (FORCE)')
        self.server.sql("DROP ROLE IF EXISTS teller; DROP ROLE IF EXISTS clerks")

    def burn(self) -> None:
        """Leave the vault and the owner's key of all that there was."""
        self.empty_server()
        shutil.rmtree(self.root)
        shutil.rmtree(self.folder / "state")
        self.running.unlink()
        self.trace.unlink(missing_ok=True)
        del self.program.environment["REBOND_CONFIG"]
        self.program.environment["REBOND_KEY_FILE"] = str(self.folder / "owner.key")

    def databases(self) -> list[str]:
        return self.server.sql("SELECT datname FROM pg_database WHERE datname LIKE 'orders%' ORDER BY 1").split()

    def rows(self) -> int:
        return int(self.server.sql("SELECT count(*) FROM orders", "orders"))

    def traced(self) -> list[str]:
        return self.trace.read_text().split() if self.trace.exists() else []

    def recover(self, *words: str) -> list[str]:
        """Recover; return the kinds of the steps that were done."""
        answer = self.program.good("recover", self.folder / "vault", "--yes", "--json", *words)
        return [f"{each['kind']} {each['subject']}".strip() for each in json.loads(answer.out)["steps"]]


@pytest.fixture
def orders(server: PostgresServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orders]:
    monkeypatch.setattr(server_waiting, "_STEADY_SECONDS", 0.0)
    monkeypatch.setattr(server_waiting, "_ASK_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(server_waiting, "_PREPARING_SECONDS", 0.0)  # a server of tests listens nowhere too
    monkeypatch.chdir(tmp_path)
    made = Orders(tmp_path, server)
    yield made
    made.empty_server()


def test_a_database_comes_back_with_its_stack_into_a_server_that_is_started_from_what_came_back(orders: Orders) -> None:
    orders.burn()
    steps = orders.recover()
    assert orders.rows() == 500
    assert orders.databases() == ["orders"]
    roles = "SELECT rolname FROM pg_roles r JOIN pg_auth_members m ON m.member = r.oid WHERE rolname = 'teller'"
    assert orders.server.sql(roles) == "teller\n"  # who logs in owns nothing, and is made all the same
    order = ["put code", "put secrets", "reach db", "fetch db", "put db"]
    assert [each for each in steps if each in order] == order
    assert orders.traced() == ["up", "start", "inside"]  # what runs inside of a service comes when that runs
    assert (orders.root / "rebond.toml").is_file()


def test_a_server_that_cannot_be_started_undoes_nothing_and_the_printed_command_goes_on(orders: Orders) -> None:
    orders.burn()
    orders.broken.touch()
    answer = orders.program("recover", orders.folder / "vault", "--yes")
    assert (answer.status, "cannot fetch the image" in answer.err) == (40, True)
    assert (orders.root / "compose.yml").is_file()
    (command,) = [each for each in answer.err.splitlines() if "--resume" in each]
    words = command.partition("rebond ")[2].split()
    again = orders.program("recover", orders.folder / "vault", "--yes")
    assert (again.status, "--resume" in again.err) == (6, True)

    orders.broken.unlink()
    (orders.root / "rebond.toml").unlink()
    orders.program.good(*words)
    assert orders.rows() == 500
    assert (orders.root / "rebond.toml").is_file()
    assert orders.program("restore", "--rollback", words[-1], "--yes", "--set-newer-aside").status == 0
    assert orders.databases() == []


def test_a_recovery_can_be_of_a_moment(orders: Orders) -> None:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()) + "Z"
    time.sleep(1.1)
    orders.save(7)
    orders.burn()
    orders.recover("--at", moment)
    assert orders.rows() == 500


def test_a_server_that_stop_ends_too_is_started_before_its_database_is_swapped(orders: Orders) -> None:
    orders.server.sql("DELETE FROM orders WHERE id > 3", "orders")
    run = json.loads(orders.program.good("restore", "latest", "db", "--in-place", "--yes", "--json").out)["run"]
    assert (orders.rows(), "up" in orders.traced()) == (500, True)
    orders.program.good("restore", "--rollback", run, "--yes")
    assert (orders.rows(), orders.databases()) == (3, ["orders"])


def test_a_server_that_does_not_run_is_started_before_anything_else(orders: Orders) -> None:
    orders.running.unlink()
    orders.program.good("restore", "latest", "db", "--in-place", "--yes")
    assert (orders.rows(), orders.traced()[0]) == (500, "up")


def test_a_server_that_only_prepares_the_real_one_is_not_filled(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = iter(["1 true", "1 true", "2 false", "2 false", "2 false"])
    asked: list[str] = []

    def ask_who(_find_target: object) -> str:
        if not orders.running.exists():
            raise RestoreError("not yet")
        asked.append(next(seen))
        return asked[-1]

    monkeypatch.setattr(server_waiting, "_PREPARING_SECONDS", 60.0)
    monkeypatch.setattr(server_waiting, "_ask_who", ask_who)
    orders.running.unlink()
    orders.program.good("restore", "latest", "db", "--in-place", "--yes", "--dry-run")
    assert asked == []  # a plan asks nothing of a server
    orders.program("restore", "latest", "db", "--in-place", "--yes")
    assert asked[:3] == ["1 true", "1 true", "2 false"]


class TestIntoANamedServer:
    """``--to`` starts nothing, so somebody says which server takes the databases."""

    @pytest.fixture
    def burnt(self, orders: Orders) -> Orders:
        orders.burn()
        orders.program.environment["PGPASSWORD"] = PASSWORD
        return orders

    def recover(self, orders: Orders, *words: str, database: str = "") -> Answer:
        address = f"postgresql:///{database}?host={orders.server.socket_folder}&user=keeper"
        target = orders.folder / "beside"
        return orders.program("recover", orders.folder / "vault", "--to", target, "--into-server", address, *words)

    def test_the_plan_says_what_goes_there_and_then_it_is_there_with_the_files(self, burnt: Orders) -> None:
        seen = self.recover(burnt, "--dry-run")
        assert (seen.status, "Then db is loaded into" in seen.err, "orders, 500 rows" in seen.err) == (0, True, True)
        assert (burnt.databases(), (burnt.folder / "beside").exists()) == ([], False)

        done = self.recover(burnt, "--yes")
        assert done.status == 0, done.err
        assert burnt.rows() == 500
        assert (burnt.folder / "beside" / "compose.yml").is_file()
        assert burnt.traced() == []  # nothing of the stack was started
        assert "What brings db back" not in done.err

    def test_what_is_there_already_is_refused_before_anything_is_written(self, burnt: Orders) -> None:
        burnt.server.sql("CREATE DATABASE orders")
        burnt.server.sql("CREATE TABLE mine (id int)", "orders")
        done = self.recover(burnt, "--yes")
        assert done.status == 41, done.err
        assert not (burnt.folder / "beside").exists()
        assert burnt.databases() == ["orders"]

    def test_a_load_that_fails_leaves_the_files_and_prints_the_command_that_goes_on(
        self, burnt: Orders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load = restore_database

        def fail_once(*arguments: Any) -> Any:
            if arguments[4].dry_run:
                return load(*arguments)
            raise RestoreError("The server went away.", hint="Start it.")

        with monkeypatch.context() as patch:
            patch.setattr(databases, "restore_database", fail_once)
            done = self.recover(burnt, "--yes")
        assert done.status == 40, done.err
        assert (burnt.folder / "beside" / "compose.yml").is_file()
        (command,) = [each for each in done.err.splitlines() if each.startswith("What brings db back: ")]
        burnt.program.good(*shlex.split(command.partition("rebond ")[2]))
        assert burnt.rows() == 500

    def test_the_printed_command_brings_it_into_the_recovered_stacks_own_server_from_anywhere(
        self, burnt: Orders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = burnt.folder / "beside"
        done = burnt.program.good("recover", burnt.folder / "vault", "--to", target, "--yes")
        (command,) = [each for each in done.err.splitlines() if each.startswith("What brings db back: ")]
        monkeypatch.chdir(burnt.folder)
        burnt.program.good(*shlex.split(command.partition("rebond ")[2]), "--yes")
        assert burnt.rows() == 500

    def test_without_a_directory_there_is_nothing_for_it_to_do(self, burnt: Orders) -> None:
        address = f"postgresql:///?host={burnt.server.socket_folder}&user=keeper"
        done = burnt.program("recover", burnt.folder / "vault", "--into-server", address, "--yes")
        assert (done.status, burnt.root.exists()) == (2, False)

    def test_of_a_stack_that_is_a_database_alone_the_command_is_said_that_loads_it(self, orders: Orders) -> None:
        first, second, third = (f"[component.{each}]" for each in ("code", "db", "static"))
        alone = CONFIGURATION.partition(first)[0] + second + CONFIGURATION.partition(second)[2].partition(third)[0]
        (orders.root / "rebond.toml").write_text(orders._fill(alone))
        orders.save(70)
        orders.burn()
        orders.program.environment["PGPASSWORD"] = PASSWORD
        done = self.recover(orders, "--yes")
        assert (done.status, "--to DIR" in done.err) == (2, False)
        assert not (orders.folder / "beside").exists()
        (command,) = [each for each in done.err.splitlines() if "rebond restore" in each]
        orders.program.good(*shlex.split(command.partition("rebond ")[2]))
        assert orders.rows() == 70


BY_HAND = """\
#!/bin/sh
case "$*" in
  "container inspect db")
    test -e @RUNNING@ || test -e @STOPPED@ || { echo "Error: No such container: db" >&2; exit 1; }
    echo '[{"Name": "/db"}]'; exit 0;;
  "start db") test -e @STOPPED@ || { echo "Error response from daemon: No such container: db" >&2; exit 1; }
    echo started >> @TRACE@; touch @RUNNING@; exit 0;;
esac
test ! -e @RUNNING@ || export SHIM_RUNNING=db
exec @CLIENT@ docker "$@"
"""


class TestAContainerThatNoComposeFileDescribes:
    """On a fresh machine it is gone: what its component names as 'restart' makes it, or somebody has to."""

    def save(self, orders: Orders, restart: str) -> None:
        docker = orders.folder / "bin" / "docker"
        client = docker.read_text().splitlines()[-1].removeprefix("exec ").partition(" docker")[0]
        script = orders._fill(BY_HAND).replace("@CLIENT@", client).replace("@STOPPED@", str(orders.folder / "stopped"))
        docker.write_text(script)
        text = CONFIGURATION.replace('"compose:db"', '"docker:db"').replace('compose = ["compose.yml"]\n', "")
        text = text.replace('host = "@HOST@"', f'host = "@HOST@"\n{restart}')
        (orders.root / "rebond.toml").write_text(orders._fill(text))
        orders.save(40)
        orders.burn()

    def test_is_made_by_restart_of_its_component(self, orders: Orders) -> None:
        self.save(orders, 'restart = "echo made >> @TRACE@; touch @RUNNING@"')
        seen = orders.program.good("recover", orders.folder / "vault", "--dry-run")
        assert "has no container" not in seen.out
        orders.recover()
        assert (orders.rows(), orders.traced()[0]) == (40, "made")

    def test_that_is_there_and_stopped_is_started(self, orders: Orders) -> None:
        self.save(orders, 'restart = "echo made >> @TRACE@; touch @RUNNING@"')
        (orders.folder / "stopped").touch()
        orders.recover()
        assert (orders.rows(), orders.traced()[0]) == (40, "started")

    def test_is_named_before_anything_is_done_and_the_plan_goes_on_when_somebody_has_run_it(
        self, orders: Orders
    ) -> None:
        self.save(orders, "")
        seen = orders.program.good("recover", orders.folder / "vault", "--dry-run")
        assert "docker has no container db here" in seen.out
        done = orders.program("recover", orders.folder / "vault", "--yes")
        assert done.status == 40, done.err
        orders.running.touch()
        command = [each for each in done.err.splitlines() if "--resume" in each][-1]
        orders.program.good(*shlex.split(command.partition("rebond ")[2]))
        assert orders.rows() == 40
