"""What a script of a drill finds of what is live on this machine: sockets where nobody answers, no other user."""

import os
import pathlib
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from tests.scenarios.drilled_stack import CHECK, DrilledStack

pytestmark = pytest.mark.judge("own-network")

ASKING = f"""\
#!{sys.executable}
import socket, sys
with socket.socket(socket.AF_UNIX) as one:
    one.connect(sys.argv[1])
    answer = one.recv(100)
sys.exit(0 if answer == b"alive" else "no answer")
"""
SERVE = """\
import http.server, os
class Fine(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Fine).serve_forever()
"""


@dataclass
class LiveServer:
    """A server of production: whoever asks at its socket is answered, and counted."""

    path: pathlib.Path
    asked: list[bool] = field(default_factory=list)

    def answer(self, listening: socket.socket) -> None:
        while True:
            try:
                one, _ = listening.accept()
            except OSError:  # the test is over
                return
            self.asked.append(True)
            with one:
                one.sendall(b"alive")


@pytest.fixture
def live() -> Iterator[LiveServer]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name, socket.socket(socket.AF_UNIX) as listening:
        made = LiveServer(pathlib.Path(name, "live.sock"))
        listening.bind(str(made.path))
        listening.listen()
        threading.Thread(target=made.answer, args=(listening,), daemon=True).start()
        yield made
        listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def stack(tmp_path: pathlib.Path) -> Iterator[DrilledStack]:
    made = DrilledStack(tmp_path)
    write(made, "ask", ASKING)
    yield made
    left = made.left()
    made.close()
    assert left == []


def write(stack: DrilledStack, name: str, text: str) -> None:
    path = stack.root / "scripts" / name
    path.write_text(text)
    path.chmod(0o755)


def judge(stack: DrilledStack, run: str, more: str = "") -> tuple[int, str, str]:
    """Save the stack with a check, drill it; return the status, and what came of the check."""
    stack.configure(CHECK.replace("NAME", "mine").replace("QUESTION", f"run = '{run}'{more}"))
    stack.program.good("backup")
    done = stack.drill()
    (found,) = [each for each in done.document["checks"] if each["code"] == "own-check"]
    return done.status, found["answer"], found["message"]


@pytest.mark.parametrize("after", ["", " || true"])
def test_what_a_script_asks_at_a_live_socket_is_not_answered_and_proves_nothing(
    stack: DrilledStack, live: LiveServer, after: str
) -> None:
    write(stack, "smoke.sh", f'#!/bin/sh\nscripts/ask "$1"{after}\n')
    told = f"It asked for {live.path}, which is live here, and hidden from a drill."
    assert judge(stack, f"scripts/smoke.sh {live.path}") == (3, "not-run", told)
    assert live.asked == []


def test_whoever_says_that_a_script_may_ask_there_has_it_asked(stack: DrilledStack, live: LiveServer) -> None:
    status, answer, _ = judge(stack, f"scripts/ask {live.path}", ", trusted = true")
    assert (status, answer, live.asked) == (0, "pass", [True])


def test_a_script_that_fails_beside_others_who_ask_has_failed(stack: DrilledStack, live: LiveServer) -> None:
    """What another command of the drill asked for is nothing of this one."""
    write(stack, "smoke.sh", f"#!/bin/sh\nsetsid -w scripts/ask {live.path}\ntest -e media/8.jpg\n")
    status, answer, _ = judge(stack, "scripts/smoke.sh")
    assert (status, answer, live.asked) == (4, "fail", [])


@pytest.mark.parametrize("program", ["sudo", "runuser"])
def test_a_script_does_not_become_another_user(stack: DrilledStack, program: str) -> None:
    """It would lose the variables that lead to what came back."""
    folder = stack.folder / "bin"
    folder.mkdir()
    other = folder / program
    other.write_text(f"#!/bin/sh\ntouch {stack.folder}/became\n")
    other.chmod(0o755)
    write(stack, "smoke.sh", f"#!/bin/sh\n{other} -u postgres psql | cat\n")
    stack.program.environment["PATH"] = f"{folder}:{os.environ['PATH']}"
    told = f"It asked for {program}, which is live here, and hidden from a drill."
    assert judge(stack, "scripts/smoke.sh") == (3, "not-run", told)
    assert not (stack.folder / "became").exists()
    assert judge(stack, "scripts/smoke.sh", ", trusted = true")[:2] == (0, "pass")
    assert (stack.folder / "became").exists()


@pytest.mark.parametrize("place", ["stack/media/new.jpg", "vault/new"])
def test_a_script_only_reads_the_live_files_and_the_vault(stack: DrilledStack, place: str) -> None:
    live = stack.folder / place
    write(stack, "smoke.sh", f'#!/bin/sh\nls "{live.parent}" > "$REBOND_DRILL_ROOT/own" && echo x > "{live}"\n')
    status, answer, message = judge(stack, "scripts/smoke.sh")
    assert (status, answer, live.exists()) == (3, "not-run", False), message
    assert "of which a drill only reads" in message
    assert judge(stack, "scripts/smoke.sh", ", trusted = true")[:2] == (0, "pass")
    assert live.exists()


def test_a_drill_that_lies_in_the_stack_itself_writes_to_its_own_place(stack: DrilledStack) -> None:
    (stack.root / "tmp").mkdir()
    stack.program.environment["TMPDIR"] = str(stack.root / "tmp")
    write(stack, "smoke.sh", '#!/bin/sh\necho x > "$REBOND_DRILL_ROOT/own" && echo x > "$TMPDIR/own"\n')
    assert judge(stack, "scripts/smoke.sh")[:2] == (0, "pass")


def test_beside_an_application_the_same_is_hidden_and_commands_run_in_the_restored_root(
    stack: DrilledStack, live: LiveServer
) -> None:
    write(stack, "serve.py", SERVE)
    checks = [
        f"""{{ name = "asks", run = 'scripts/ask "{live.path}"' }}""",
        """{ name = "looks", run = 'test "$PWD" = "$REBOND_DRILL_ROOT" && test -e media/7.jpg' }""",
        """{ name = "front", url = "/" }""",
    ]
    start = f'start = "exec {sys.executable} scripts/serve.py"'
    stack.configure("[drill]", start, f"checks = [{', '.join(checks)}]")
    stack.program.good("backup")
    done = stack.drill()
    found = {each["subject"]: each["answer"] for each in done.document["checks"] if each["code"] == "own-check"}
    assert (done.status, found) == (3, {"asks": "not-run", "looks": "pass", "front": "pass"}), done.document["checks"]
    assert live.asked == []


def test_an_application_that_asks_a_live_server_and_does_not_come_up_is_said_to(
    stack: DrilledStack, live: LiveServer
) -> None:
    stack.configure("[drill]", f'start = "scripts/ask {live.path}"', 'checks = [{ name = "front", url = "/" }]')
    stack.program.good("backup")
    done = stack.drill()
    (started,) = [each for each in done.document["checks"] if each["code"] == "started"]
    assert (done.status, started["answer"], live.asked) == (3, "not-run", [])
    assert str(live.path) in started["message"]
