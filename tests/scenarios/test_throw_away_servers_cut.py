"""A throw-away server that is killed, interrupted or short of room midway: nothing of it stays, no table changes."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.scenarios.logged_stack import LoggedStack

from rebond.clock import SystemClock
from rebond.errors import CommandFailed
from rebond.sources.postgres.own_server import OwnServer
from rebond.stack import tables_at_moment, thrown_away
from rebond.stack.drills.place import find_processes
from rebond.stack.recovered import make_recovered, open_recovered

pytestmark = pytest.mark.judge("postgres")
PROGRAM = (sys.executable, "-c", "from rebond.cli.entry import main; main()")
WORDS = ("restore", "--at", "latest", "db", "--in-place", "--table", "account", "--yes")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoggedStack]:
    made = LoggedStack(tmp_path_factory.mktemp("cut"))
    try:
        made.describe(more='[restore]\nstop = [{ run = "touch ../was-stopped" }]\n')
        made.server.sql("CREATE DATABASE shop")
        made.server.sql("CREATE TABLE account AS SELECT n, repeat('x', 50) FROM generate_series(1, 5000) n", "shop")
        made.program.good("backup", "db")
        made.server.sql("INSERT INTO account SELECT n, '' FROM generate_series(1, 9000) n", "shop")
        made.switch()
        yield made
    finally:
        left = made.left()
        made.close()
        assert left == []


def look(stack: LoggedStack) -> tuple[str, str]:
    rows = stack.server.sql("SELECT md5(string_agg(t::text, ' ' ORDER BY t)) FROM account t", "shop").strip()
    return rows, stack.server.sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'rebond%'", "shop").strip()


def kill_server(server: OwnServer) -> None:
    """As the kernel does where memory is short, or an impatient person."""
    for pid, is_server in find_processes(server.folder.parent, SystemClock()):
        if is_server and os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "postgres":
            os.kill(pid, signal.SIGKILL)


def refuse(stack: LoggedStack, status: int) -> str:
    """Restore what has to fail, twice in a row; return what is told."""
    before, told = look(stack), ""
    for _ in range(2):
        began = time.monotonic()
        answer = stack.program(*WORDS, "--json")
        told = json.dumps(json.loads(answer.out)["error"])
        assert (answer.status, time.monotonic() - began < 100) == (status, True), answer.out
        assert (look(stack), stack.left(), (stack.folder / "was-stopped").exists()) == (before, [], False)
    return told


def test_one_that_is_killed_before_it_answers_is_told_at_once(
    stack: LoggedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had written nothing yet, so it was waited for, for ten minutes."""
    answers = OwnServer.is_answering

    def kill_first(server: OwnServer) -> bool:
        kill_server(server)
        return answers(server)

    with monkeypatch.context() as killing:
        killing.setattr(OwnServer, "is_answering", kill_first)
        assert "ended by something outside" in refuse(stack, 33)


def test_one_that_is_killed_while_it_is_asked_says_so(stack: LoggedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill_then_ask(server: OwnServer, *more: Any, **words: Any) -> Any:
        kill_server(server)
        return open_recovered(server, *more, **words)  # type: ignore[arg-type]

    with monkeypatch.context() as killing:
        killing.setattr(tables_at_moment, "open_recovered", kill_then_ask)
        assert "ended by something outside" in refuse(stack, 33)


def test_no_room_midway_names_the_place_and_what_gives_room(
    stack: LoggedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server says that a file of its log could not be fetched, and not why."""

    class Usage:
        free = 1 << 20

    def fail(*_: Any) -> None:
        kill_server(servers[-1])
        raise CommandFailed("The server did not come to the end of its recovery.")

    servers: list[OwnServer] = []
    remember: Callable[..., Any] = make_recovered

    def make(*words: Any, **more: Any) -> Any:
        servers.append(remember(*words, **more))
        return servers[-1]

    with monkeypatch.context() as full:
        full.setattr(thrown_away, "make_recovered", make)
        full.setattr(thrown_away, "start_recovered", fail)
        full.setattr(thrown_away, "disk_usage", lambda _: Usage)
        told = refuse(stack, 40)
    assert ("no room left" in told, "TMPDIR" in told) == (True, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_who_is_ended_while_one_begins_leaves_no_server(stack: LoggedStack, number: signal.Signals) -> None:
    """In that moment it hears no signal yet: of one who was killed the server ran for ever."""
    before = look(stack)
    for _ in range(2):
        environment = {**os.environ, **stack.program.environment}
        with subprocess.Popen([*PROGRAM, *WORDS], env=environment, stderr=subprocess.PIPE, cwd=stack.folder) as program:
            wait_until(lambda: find_servers(stack.temporary), 60)
            program.send_signal(number)
            _, said = program.communicate(timeout=60)
        assert program.returncode == (-9 if number is signal.SIGKILL else 130), said
        wait_until(lambda: not find_servers(stack.temporary), 20)
        stack.program.good("restore", "--rollback", "latest", "--yes")
        assert look(stack) == before
    if number is not signal.SIGKILL:  # whose folder goes with the next run
        assert stack.left() == []


def find_servers(folder: pathlib.Path) -> list[int]:
    return [pid for pid, is_server in find_processes(folder, SystemClock()) if is_server] or [
        int(each.name)
        for each in pathlib.Path("/proc").glob("[0-9]*")
        if str(folder).encode() in read_words(each) and b"postgres\0-D" in read_words(each)
    ]


def read_words(process: pathlib.Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def wait_until(is_so: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_next_one_takes_away_what_a_kill_left_and_brings_the_table_back(stack: LoggedStack) -> None:
    before = look(stack)
    (stack.temporary / "rebond-server-x").mkdir(exist_ok=True)
    environment = {**os.environ, **stack.program.environment}
    done = subprocess.run([*PROGRAM, *WORDS], env=environment, capture_output=True, check=False, cwd=stack.folder)
    assert done.returncode == 0, done.stderr
    assert stack.left() == []
    assert look(stack)[0] == before[0]
    stack.program.good("restore", "--accept", "latest", "--yes")
