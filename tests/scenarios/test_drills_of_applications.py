"""Drills that start the application beside what came back, ask it, and end it with everything that it started."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from tests.bounded import PATIENCE_SECONDS, wait_for
from tests.scenarios.drilled_stack import DrilledStack

from rebond.testing.postgres_server import PostgresServer

CODE = """\
import http.server, os, pathlib, sqlite3, subprocess, sys

class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        row = sqlite3.connect("app.sqlite").execute("SELECT count(*) FROM photo").fetchone()
        known = {
            "/health": os.environ.get("API_KEY") == "hunter2-hunter2" and self.headers["Host"] == "shop.example:8088",
            "/photos": row == (8,) and pathlib.Path("media/7.jpg").exists(),
            "/rows": self.path == "/rows" and ask("SELECT count(*) FROM account") == "500",
            "/tcp": self.path == "/tcp" and ask_over_tcp(),
            "/secure": self.headers["X-Forwarded-Proto"] == "https",
            "/whole": IS_WHOLE,
        }
        self.send_response(200 if known.get(self.path) else 404)
        self.end_headers()

    def log_message(self, *words):
        print("asked for", self.path, flush=True)

def ask(sql):
    words = ["psql", os.environ["DATABASE_URL"], "-XAtc", sql]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

def ask_over_tcp():
    # A host and a port are all that it knows; it asks for more than any buffer holds, from several connections at once.
    import psycopg
    assert (os.environ["DB_HOST"], os.environ["DATABASE_URL"][:21]) == ("127.0.0.1", "postgresql://postgres")
    found = dict(host=os.environ["DB_HOST"], port=os.environ["DB_PORT"], user=os.environ["DB_USER"], dbname="shop")
    several = [psycopg.connect(**found) for _ in range(8)]
    sizes = [each.execute("SELECT repeat('x', 3000000) || count(*) FROM account").fetchone()[0] for each in several]
    return all(each == "x" * 3000000 + "500" for each in sizes)

# Looked at once, as its first act: nothing that it reads comes after it.
IS_WHOLE = (
    os.environ.get("API_KEY") == "hunter2-hunter2"
    and "hunter2" in pathlib.Path(".env").read_text()
    and pathlib.Path("scripts/known.sh").is_file()
    and len(list(pathlib.Path("media").iterdir())) == 8
    and sqlite3.connect("app.sqlite").execute("SELECT count(*) FROM photo").fetchone() == (8,)
    and ("DATABASE_URL" not in os.environ or ask("SELECT count(*) FROM account") == "500")
)
pathlib.Path("media/0.jpg").write_bytes(b"an application changes what it works with")
# A child that leaves its session, its parent and its variables.
subprocess.Popen(["env", "-i", "sh", "-c", "setsid sh -c 'sleep 7654 & sleep 7654' &"])
pathlib.Path(sys.argv[1]).write_text(os.environ["PORT"])
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Shop).serve_forever()
"""
START = """
[component.code]
kind = "files"
path = "code"
[drill]
start = "exec PYTHON code/shop.py SIGN"
ready = "http://shop.example:8088/health"
within = "20s"
checks = [
"""
DATABASE = """
[component.db]
kind = "postgres"
host = "HOST"
database = "shop"
user = "postgres"
"""
pytestmark = pytest.mark.judge("postgres")


class StartedStack(DrilledStack):
    """A stack with an application that its drills start."""

    def start(self, *checks: str, before: str = "", **changes: str) -> None:
        text = START.replace("PYTHON", sys.executable).replace("SIGN", str(self.sign))
        for old, new in changes.items():
            text = text.replace({"command": "exec ", "within": "20s"}[old], new)
        self.configure(before, text, ",\n".join(checks), "]")

    @property
    def sign(self) -> pathlib.Path:
        """Where the application writes its port."""
        return self.folder / "sign"


@pytest.fixture
def stack(tmp_path: pathlib.Path) -> Iterator[StartedStack]:
    made = StartedStack(tmp_path)
    (made.root / "code").mkdir()
    (made.root / "code" / "shop.py").write_text(CODE)
    yield made
    left, sleepers = made.left(), list_sleepers()
    made.close()
    for each in sleepers:
        os.kill(int(each), signal.SIGKILL)
    assert (left, sleepers) == ([], [])


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        made.sql("CREATE DATABASE shop")
        made.sql("CREATE TABLE account (id int); INSERT INTO account SELECT generate_series(1, 500)", "shop")
        yield made


def list_sleepers() -> list[str]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                if pathlib.Path("/proc", name, "cmdline").read_bytes().split(b"\0")[:2] == [b"sleep", b"7654"]:
                    found.append(name)
            except OSError:
                continue
    return found


def answers(document: Any) -> dict[str, tuple[str, str]]:
    return {
        each["subject"]: (each["answer"], each["message"])
        for each in document["checks"]
        if each["code"] in {"started", "own-check"}
    }


@pytest.mark.judge("own-network")
def test_an_application_is_started_from_what_came_back_asked_and_ended_with_its_children(
    stack: StartedStack, server: PostgresServer
) -> None:
    stack.start(
        '{ name = "photos", url = "https://shop.example/photos" }',
        '{ name = "rows", url = "http://localhost:1/rows" }',
        '{ name = "tcp", url = "/tcp" }',
        '{ name = "secure", url = "https://shop.example/secure" }',
        '{ name = "whole at its start", url = "https://shop.example/whole" }',
        '{ name = "none", url = "/none", status = 404 }',
        f"""{{ name = "program", run = '{sys.executable} -c "{ASKING}"' }}""",
        '{ name = "as saved", sql = "SELECT count(*) = 500 FROM account", component = "db" }',
        before=DATABASE.replace("HOST", server.socket_folder),
    )
    stack.program.good("backup")
    report = stack.folder / "drill.md"
    done = stack.drill("--report", str(report))

    assert done.status == 0, [each for each in done.document["checks"] if each["answer"] != "pass"]
    found = answers(done.document)
    assert {name: answer for name, (answer, _) in found.items()} == dict.fromkeys(
        ("application", "photos", "rows", "tcp", "secure", "whole at its start", "none", "program", "as saved"), "pass"
    )
    assert list(found)[:2] == ["as saved", "application"]  # a query asks what came back, not what was made of it
    assert done.document["phases"]["start"] > 0
    assert done.document["rto_seconds"] > done.document["phases"]["start"]
    assert done.document["network"] == "none"
    assert "The application was started from what came back" in report.read_text()
    assert (stack.root / "media" / "0.jpg").read_bytes() != b"an application changes what it works with"
    assert not is_reached(int(stack.sign.read_text()))


ASKING = (
    "import os, urllib.request as u; "
    'u.urlopen(u.Request(os.environ[\\"REBOND_DRILL_URL\\"] + chr(47) + \\"photos\\")).read()'
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"command": "echo no such table; exit 9; exec "}, "ended with status 9 and said: no such table"),
        ({"command": "echo listening elsewhere; exec sleep 600; ", "within": "1s"}, "listening elsewhere"),
    ],
)
def test_an_application_that_does_not_come_up_fails_the_proof_with_its_last_words(
    stack: StartedStack, changes: dict[str, str], words: str
) -> None:
    stack.start('{ name = "photos", url = "https://shop.example/photos" }', **changes)
    stack.program.good("backup")
    done = stack.drill()
    assert done.status == 4
    found = answers(done.document)
    assert found["application"][0] == "fail"
    assert words in found["application"][1]
    assert found["photos"] == ("not-run", "The application does not run, so it was not asked.")


def test_an_application_that_is_not_installed_here_makes_the_proof_partial(stack: StartedStack) -> None:
    stack.start('{ name = "photos", url = "/photos" }', command="exec no-such-program-here; ")
    stack.program.good("backup")
    done = stack.drill()
    assert done.status == 3
    assert {name: answer for name, (answer, _) in answers(done.document).items()} == {
        "application": "not-run",
        "photos": "not-run",
    }


def test_an_application_that_would_be_started_as_another_user_is_not_started(stack: StartedStack) -> None:
    stack.start('{ name = "photos", url = "/photos" }', command=f"touch {stack.folder}/ran; sudo -u app ")
    stack.program.good("backup")
    done = stack.drill()
    found = answers(done.document)
    assert (done.status, (stack.folder / "ran").exists()) == (3, False)
    assert found["application"] == (
        "not-run",
        "The application was not started: sudo leads out of the drill, to the servers that are live here.",
    )


@pytest.mark.parametrize("client", ["docker", "podman"])
def test_the_engine_of_this_machine_is_not_asked_and_what_wants_it_makes_the_proof_partial(
    stack: StartedStack, client: str
) -> None:
    """Its containers are production, and their answers would pass for those of what came back."""
    asked, bin_ = stack.folder / "asked", stack.folder / "bin"
    bin_.mkdir()
    # As Docker 20.10 and docker compose 2.32, and Podman 4.3, say it where there is no such socket.
    socket_, words = {
        "docker": ("DOCKER_HOST", "Cannot connect to the Docker daemon at $DOCKER_HOST. Is the docker daemon running?"),
        "podman": (
            "CONTAINER_HOST",
            "Error: unable to connect to Podman socket: dial $CONTAINER_HOST: connect: no such",
        ),
    }[client]
    (bin_ / client).write_text(
        f'#!/bin/sh\ntest -z "${socket_}" && {{ touch {asked}; exit 0; }}\necho "{words}" >&2; exit 125\n'
    )
    (bin_ / client).chmod(0o755)
    stack.program.environment["PATH"] = f"{bin_}:{os.environ['PATH']}"
    check = f'{{ name = "inside", run = "{client} exec shop-web true" }}'
    stack.start(check, command=f"{client} start shop-web && exec ")
    stack.program.good("backup")
    done = stack.drill()
    said = "It asks the container engine of this machine, where production runs: a drill does not lead there."
    assert (done.status, asked.exists()) == (3, False)
    assert answers(done.document) == {"application": ("not-run", said), "inside": ("not-run", said)}


@pytest.mark.judge("own-network")
def test_an_answer_that_is_wrong_fails_the_proof_and_production_is_not_asked(stack: StartedStack) -> None:
    asked: list[str] = []

    class Production(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Production) as live:
        threading.Thread(target=live.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{live.server_port}"
        look = f'import urllib.request as u; u.urlopen(chr(104) + \\"{address[1:]}\\", timeout=5)'
        stack.start(
            f'{{ name = "gone", url = "{address}/gone" }}',
            f"""{{ name = "reach", run = '! {sys.executable} -c "{look}" 2>/dev/null' }}""",
        )
        stack.program.good("backup")
        done = stack.drill()
        live.shutdown()
    found = answers(done.document)
    assert done.status == 4
    assert found["gone"][0] == "fail"
    assert f"{address}/gone answers with 404 instead of 200" in found["gone"][1]
    assert found["reach"][0] == "pass"
    assert asked == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_application_ends_with_its_drill_however_that_ends(stack: StartedStack, number: signal.Signals) -> None:
    stack.start('{ name = "wait", run = "sleep 60", timeout = "2min" }')
    stack.program.good("backup")
    surroundings = {name: text for name, text in os.environ.items() if not name.startswith("REBOND_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "rebond.cli", "drill", "--quiet"],
        env={**surroundings, **stack.program.environment},
        cwd=stack.root,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: stack.sign.exists() and len(list_sleepers()) == 2, "the application and what it started run")
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == (130 if number is signal.SIGINT else -number)
    if number is signal.SIGINT:
        assert "What was restored for the drill is deleted" in said
    # Nobody told them to: the input of the process beside them ended.
    wait_for(lambda: list_sleepers() == [], "nothing of it runs")
    stack.configure()
    stack.program.good("drill")


def is_reached(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
