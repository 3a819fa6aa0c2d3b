"""A network of its own around a command of a drill: ports lead to sockets of servers, and nowhere else."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

import pytest

from rebond.sources.postgres.own_server import OwnServer
from rebond.sources.servers.own_mysql import OwnMysqlServer
from rebond.stack.drills import own_network
from rebond.stack.drills.drilled_servers import DrilledServer, describe_servers, first_of_each, make_drilled
from rebond.stack.drills.surroundings import find_cutter

SIZE = 3_000_000
ASKING = """
import socket, sys, threading
from concurrent.futures import ThreadPoolExecutor
def ask(_):
    with socket.create_connection(("127.0.0.1", 7001)) as one:
        threading.Thread(target=lambda: (one.sendall(b"x" * SIZE), one.shutdown(socket.SHUT_WR))).start()
        return len(b"".join(iter(lambda: one.recv(65536), b"")))
with ThreadPoolExecutor(4) as pool:
    assert set(pool.map(ask, range(4))) == {SIZE}
""".replace("SIZE", str(SIZE))


@pytest.fixture
def echo() -> Iterator[pathlib.Path]:
    """Give a socket that says again what it hears, to everyone."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name, socket.socket(socket.AF_UNIX) as listening:
        pathlib.Path(name).chmod(0o755)
        path = pathlib.Path(name, "s")
        listening.bind(str(path))
        path.chmod(0o777)
        listening.listen()

        def answer() -> None:
            while True:
                try:
                    one, _ = listening.accept()
                except OSError:  # the test is over
                    return
                threading.Thread(target=repeat, args=(one,), daemon=True).start()

        def repeat(one: socket.socket) -> None:
            with one:
                while content := one.recv(65536):
                    one.sendall(content)

        threading.Thread(target=answer, daemon=True).start()
        yield path
        listening.shutdown(socket.SHUT_RDWR)


def run(words: list[str], ways: list[str], *, is_ordinary: bool = False) -> "subprocess.CompletedProcess[str]":
    """Run a command in a network of its own, as ourselves or as an ordinary user."""
    cutter = find_cutter(os.environ, is_root=False if is_ordinary else None)
    if is_ordinary and os.geteuid() == 0:
        become = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        with tempfile.TemporaryDirectory(dir="/tmp") as name:  # where everyone may look
            pathlib.Path(name).chmod(0o755)
            program = shutil.copy(own_network.__file__, name)
            return start([*become, *cutter, "/usr/bin/python3", "-I", "-S", program, *ways, "--", *words])
    return start([*cutter, sys.executable, "-I", "-S", own_network.__file__, *ways, "--", *words])


def start(words: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.judge("own-network")
@pytest.mark.parametrize("is_ordinary", [False, pytest.param(True, marks=pytest.mark.judge("own-network-of-users"))])
def test_a_port_leads_to_a_socket_for_many_at_once_and_ends_are_passed_on(
    echo: pathlib.Path, is_ordinary: bool
) -> None:
    done = run(["/usr/bin/python3", "-c", ASKING], [f"7001={echo}"], is_ordinary=is_ordinary)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.judge("own-network")
def test_nothing_else_is_reached_and_the_status_is_that_of_the_command(echo: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as live:
        look = f"import socket; socket.create_connection(('127.0.0.1', {live.getsockname()[1]}), timeout=5)"
        done = run([sys.executable, "-c", look], [f"7001={echo}"])
    assert "ConnectionRefusedError" in done.stderr
    assert run(["sh", "-c", "exit 7"], []).returncode == 7
    assert run(["sh", "-c", "kill -9 $$"], []).returncode == 137
    missing = run(["no-such-program-here"], [])
    assert (missing.returncode, missing.stderr) == (127, "no-such-program-here: No such file or directory\n")


KEPT_FROM = """
import errno, os, socket, subprocess, sys
own, live, place, program = sys.argv[1:]
os.close(os.open(f"{own}/mine", os.O_CREAT | os.O_WRONLY))
assert socket.socket(socket.AF_UNIX).connect_ex(live) == 0  # somebody listens, and hangs up
try:
    os.open(f"{place}/new", os.O_CREAT | os.O_WRONLY)
except OSError as error:
    assert error.errno == errno.EROFS, error
else:
    raise AssertionError("written")
assert subprocess.run([program], stderr=subprocess.DEVNULL).returncode == 126
"""


@pytest.mark.judge("own-network")
@pytest.mark.parametrize("is_ordinary", [False, pytest.param(True, marks=pytest.mark.judge("own-network-of-users"))])
def test_what_is_live_is_kept_from_a_command_also_from_that_of_an_ordinary_user(
    echo: pathlib.Path, is_ordinary: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        place, own, program = pathlib.Path(name), pathlib.Path(name, "own"), pathlib.Path(name, "sudo")
        place.chmod(0o777)
        own.mkdir()
        own.chmod(0o777)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        monkeypatch.setenv("REBOND_DRILL", str(own))  # which lies in what is guarded
        words = ["/usr/bin/python3", "-c", KEPT_FROM, str(own), str(echo), name, str(program)]
        done = run(words, [f"guard={name}", f"hide={echo}", f"deny={program}"], is_ordinary=is_ordinary)
        assert (done.returncode, done.stderr) == (0, "")
        noted = (own / own_network.NOTES).read_text().splitlines()
        assert sorted(each.partition("\t")[2] for each in noted) == sorted([str(echo), "sudo"])
        (place / "new").touch()  # of this machine nothing has changed
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(str(echo))
            one.sendall(b"x")
            assert one.recv(1) == b"x"


def drilled(scheme: str, database: str = "shop") -> DrilledServer:
    folder = pathlib.Path("/tmp/d", scheme, database)
    return DrilledServer(scheme=scheme, folder=folder, socket=folder / "s", user="boss", database=database)


def test_variables_name_hosts_and_ports_where_there_are_some_and_sockets_elsewhere() -> None:
    both = [drilled("mysql"), drilled("postgresql"), drilled("mysql", "other")]
    assert [each.database for each in first_of_each(both)] == ["shop", "shop"]
    found = describe_servers(both, has_ports=True)
    assert (found["DB_HOST"], found["DB_PORT"]) == ("127.0.0.1", "3306")
    assert found["DATABASE_URL"] == "mysql://boss@127.0.0.1:3306/shop"
    assert (found["POSTGRES_HOST"], found["POSTGRES_PORT"], found["POSTGRES_DB"]) == ("127.0.0.1", "5432", "shop")
    assert (found["PGHOST"], found["MYSQL_UNIX_PORT"]) == ("/tmp/d/postgresql/shop", "/tmp/d/mysql/shop/s")
    without = describe_servers(both, has_ports=False)
    quoted = "%2Ftmp%2Fd%2Fmysql%2Fshop%2Fs"
    assert without["DATABASE_URL"] == f"mysql://boss@{quoted}/shop?unix_socket={quoted}"
    hosts = {without[f"{start}_HOST"] for start in ("DB", "DATABASE", "MYSQL")}
    assert hosts == {"/tmp/d/mysql/shop/s"}  # a driver that takes it for a name finds nobody
    assert not [each for each in without.values() if "localhost" in each or "127.0.0.1" in each]
    assert without["POSTGRES_HOST"] == "/tmp/d/postgresql/shop"
    assert describe_servers([], has_ports=True) == {}


@pytest.mark.parametrize(
    ("before", "scheme"),
    [
        ("postgres://u:p@db:5432/shop?sslmode=require", "postgres"),
        ("postgresql+asyncpg://u:p@db/shop", "postgresql+asyncpg"),
        ("sqlite:///shop.db", "postgresql"),
        ("mysql://u@db/shop", "postgresql"),
        ("", "postgresql"),
    ],
)
def test_an_address_keeps_the_scheme_that_says_how_an_application_speaks(before: str, scheme: str) -> None:
    found = describe_servers([drilled("postgresql")], has_ports=True, url=before)
    assert found["DATABASE_URL"] == f"{scheme}://boss@127.0.0.1:5432/shop"


def test_servers_say_where_their_sockets_are() -> None:
    postgres, mysql = OwnServer.__new__(OwnServer), OwnMysqlServer.__new__(OwnMysqlServer)
    postgres.folder, mysql.folder = pathlib.Path("/tmp/p"), pathlib.Path("/tmp/m")
    mysql.socket = mysql.folder / "s"
    assert str(make_drilled(postgres, "shop").socket) == "/tmp/p/.s.PGSQL.5432"
    assert str(make_drilled(mysql, "shop").socket) == "/tmp/m/s"
