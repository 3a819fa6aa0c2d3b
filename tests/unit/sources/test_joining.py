"""A socket inside a container, reached from a socket here: every byte, at once, and the end of either side."""

import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests.shims.placing import place_shims

from rebond.errors import CommandFailed, SourceError, SourceUnfit, SourceUnreachable
from rebond.sources.channels.addresses import parse_address
from rebond.sources.channels.clients import Inside, Surroundings
from rebond.sources.channels.joining import Joined, Target, describe_joiner, find_joiner, open_joined
from rebond.sources.channels.reading import open_channel
from rebond.sources.channels.relay import Relay
from rebond.sources.streams.readers import CommandReader
from rebond.sources.streams.whole_output import read_output

Folder = pathlib.Path
SECONDS = 60.0
PLACES = ["compose:db", "docker:db", "podman:db", "kubernetes:statefulset/postgres"]
IMAGES = {
    "perl": ("sh", "perl"),
    "python3": ("sh", "python3"),
    "bash": ("sh", "bash", "cat"),
}
OPENBSD = "usage: nc [-46CDdFhklNnrStUuvZz] [-I length]\n\t\t-N\t\tShutdown\n\t\t-q secs\t\tquit\n\t\t-U\t\tUse UNIX\n"
TRADITIONAL = (
    "[v1.10-47]\nconnect to somewhere:\tnc [-options] hostname\n\t-q secs\t\t\tquit after EOF\n\t-u\t\tUDP mode\n"
)
BUSYBOX = "nc: invalid option -- 'h'\nUsage: nc [-iN] [-wN] [-l] [-p PORT]\n\t-l\tListen mode\n"
NCAT = (
    "Ncat 7.93\nUsage: ncat [options] [hostname] [port]\n  -4   Use IPv4 only\n  -U, --unixsock             Use Unix\n"
)


# The process 1 of a container, as PostgreSQL is it: who loses its parent becomes its own.
PARENT_OF_ORPHANS = r"""
import ctypes, os, socket, subprocess, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0
how, *command = sys.argv[1:]
with socket.create_server(("127.0.0.1", 0)) as listener:
    port = str(listener.getsockname()[1])
    command = [port if each == "5432" else each for each in command]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    server, _ = listener.accept()
mark = b""
while not mark.endswith(b"\nmark\n"):
    mark += child.stdout.read(1)
server.sendall(b"x")
assert child.stdout.read(1) == b"x"
if how == "here":
    child.stdin.close()
elif how == "there":
    server.close()
else:
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    server.sendall(b"y" * 100)
    server.close()
child.wait()
statuses = []
while True:
    try:
        statuses.append(os.waitpid(-1, 0)[1])
    except ChildProcessError:
        break
assert all(os.WIFEXITED(each) and os.WEXITSTATUS(each) in {0, 1} for each in statuses), statuses
"""


class Echo:
    """A server that says everything again, and knows how many of its connections have ended."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.ended = threading.Semaphore(0)
        self.taken: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                taken, _ = self.listener.accept()
            except OSError:
                return
            self.taken.append(taken)
            threading.Thread(target=self._answer, args=(taken,), daemon=True).start()

    def _answer(self, taken: socket.socket) -> None:
        try:
            while block := taken.recv(1 << 16):
                taken.sendall(block)
        except OSError:
            pass
        taken.close()
        self.ended.release()


@pytest.fixture
def folder() -> Iterator[Folder]:
    """A folder with a short name: the path of a socket has 107 bytes at most."""
    made = tempfile.mkdtemp(prefix="rebond-")
    yield Folder(made)
    shutil.rmtree(made)


@pytest.fixture
def echo(folder: Folder) -> Iterator[Echo]:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "echo"))
    listener.listen()
    yield Echo(listener)
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.fixture
def distant_echo() -> Iterator[Echo]:
    listener = socket.create_server(("127.0.0.1", 0))
    yield Echo(listener)
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def target_of(echo: Echo) -> Target:
    name = echo.listener.getsockname()
    return Target(path=name, port=1) if isinstance(name, str) else Target(host=name[0], port=name[1])


def make_image(folder: Folder, programs: tuple[str, ...], **scripts: str) -> str:
    """Return a folder with these programs, and scripts of the shell, alone."""
    image = folder / "image"
    image.mkdir()
    for name in programs:
        found = shutil.which(name, path="/usr/bin:/bin") or shutil.which(name)
        assert found, name
        (image / name).symlink_to(found)
    for name, text in scripts.items():
        (image / name).write_text(f"#!/bin/sh\n{text}\n")
        (image / name).chmod(0o755)
    return str(image)


class Way:
    """A container of the shims, and how one joins to what is in it."""

    def __init__(self, folder: Folder, place: str = "docker:db", **environment: str) -> None:
        self.address = parse_address(place)
        running = "db,statefulset/postgres"
        self.environment = place_shims(folder / "bin", SHIM_RUNNING=running, **environment)

    def ask(self, words: object) -> bytes:
        return read_output(
            lambda: open_channel(
                self.address,
                words,  # type: ignore[arg-type]
                surroundings=Surroundings(),
                inside=Inside(),
                environment=self.environment,
            ),
            program="sh",
        )

    def find(self, target: Target) -> str:
        return find_joiner(self.ask, target, str(self.address))

    def open(self, target: Target, way: str = "python3") -> Joined:
        return open_joined(
            self.address,
            way,
            target,
            surroundings=Surroundings(),
            inside=Inside(reads_input=True),
            environment=self.environment,
        )


def connect(path: Folder) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(SECONDS)
    connection.connect(str(path))
    return connection


def receive(connection: socket.socket, count: int) -> bytes:
    got = bytearray()
    while len(got) < count and (block := connection.recv(1 << 16)):
        got += block
    return bytes(got)


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def count_processes(mark: str) -> int:
    """Count the processes whose words hold ``mark``."""
    found = 0
    for each in Folder("/proc").glob("[0-9]*/cmdline"):
        try:
            found += mark.encode() in each.read_bytes()
        except OSError:
            continue
    return found


@pytest.mark.parametrize("program", list(IMAGES))
@pytest.mark.parametrize("is_near", [True, False], ids=["socket", "port"])
def test_every_byte_passes_both_ways_at_once_by_whatever_the_image_has(
    echo: Echo, distant_echo: Echo, folder: Folder, program: str, is_near: bool
) -> None:
    server = echo if is_near and program != "bash" else distant_echo
    target = target_of(server)
    way = Way(folder, SHIM_IMAGE=make_image(folder, IMAGES[program]))
    assert way.find(target) == program

    relay = Relay(folder / "relay", lambda: way.open(target, program))
    try:
        connection = connect(folder / "relay")
        for said in (b"\n", b"\r\n", b"\x00\xff\n\n", b"\nrebond-join-"):  # each is answered before more is said
            connection.sendall(said)
            assert receive(connection, len(said)) == said
        noise = random.Random(3).randbytes(2_000_000)
        threading.Thread(target=connection.sendall, args=(noise,), daemon=True).start()
        assert receive(connection, len(noise)) == noise
        connection.close()
        assert server.ended.acquire(timeout=SECONDS)

        other = connect(folder / "relay")
        other.sendall(b"x")
        assert receive(other, 1) == b"x"
        server.taken[-1].shutdown(socket.SHUT_RDWR)
        assert other.recv(1) == b""
        other.close()
    finally:
        relay.close()
    wait_until(lambda: count_processes(str(folder)) == 0)


@pytest.mark.parametrize("place", PLACES)
def test_every_client_leads_inside_and_what_it_says_of_itself_is_passed_over(
    echo: Echo, folder: Folder, place: str
) -> None:
    way = Way(folder, place, SHIM_CHATTER="time to upgrade\n")
    joined = way.open(target_of(echo))
    joined.feed(b"\nhello\n")
    got, block = b"", memoryview(bytearray(100))
    while len(got) < 7:
        got += bytes(block[: joined.readinto(block)])
    assert got == b"\nhello\n"
    joined.end_input()
    assert joined.readinto(block) == 0
    joined.close()
    assert echo.ended.acquire(timeout=SECONDS)


def test_what_comes_in_one_piece_with_the_mark_is_not_lost() -> None:
    said = CommandReader(["printf", r"words\n\nmark\nthe first \nmark\nbytes"], environment=dict(os.environ))
    joined = Joined(said, parse_address("docker:db"), b"mark", program="perl", client="docker")
    got, block = b"", memoryview(bytearray(7))
    while count := joined.readinto(block):
        got += bytes(block[:count])
    joined.close()
    assert got == b"the first \nmark\nbytes"


def test_the_end_of_the_relay_ends_what_is_inside(echo: Echo, folder: Folder) -> None:
    way = Way(folder)
    relay = Relay(folder / "relay", lambda: way.open(target_of(echo)))
    connection = connect(folder / "relay")
    connection.sendall(b"x")
    assert receive(connection, 1) == b"x"

    relay.close()

    assert connection.recv(1) == b""
    assert echo.ended.acquire(timeout=SECONDS)
    assert not (folder / "relay").exists()
    connection.close()


@pytest.mark.parametrize(
    ("spoilt", "error", "said"),
    [
        ({"SHIM_CRLF": "1"}, CommandFailed, "line ends"),
        ({"SHIM_RUNNING": "nothing"}, SourceUnreachable, "No such container"),
        ({"SHIM_CUT_AFTER": "9"}, SourceError, "status 0"),
        ({"SHIM_ENGINE_SAYS": "OCI runtime exec failed: exec failed"}, CommandFailed, "OCI runtime exec failed"),
    ],
)
def test_a_stream_that_does_not_begin_says_why(
    echo: Echo, folder: Folder, spoilt: dict[str, str], error: type[Exception], said: str
) -> None:
    way = Way(folder)
    way.environment |= spoilt
    joined = way.open(target_of(echo))
    try:
        with pytest.raises(error, match=said):
            joined.readinto(memoryview(bytearray(100)))
    finally:
        joined.close()


@pytest.mark.parametrize("program", list(IMAGES))
@pytest.mark.parametrize("how", ["here", "there", "killed"])
def test_nothing_that_is_left_behind_makes_a_server_that_is_process_1_restart(how: str, program: str) -> None:
    command = describe_joiner(program, Target(port=5432), "mark")
    words = [sys.executable, "-c", PARENT_OF_ORPHANS, how, *command]
    done = subprocess.run(words, capture_output=True, check=False, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("program", list(IMAGES))
def test_a_server_that_leaves_at_once_ends_the_stream(program: str) -> None:
    """Many times side by side: what ends before it is waited for must not be missed."""
    with socket.create_server(("127.0.0.1", 0), backlog=40) as listener:
        words = describe_joiner(program, Target(port=listener.getsockname()[1]), "mark")
        started = [subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(40)]
        try:
            for _ in started:
                listener.accept()[0].close()
            for each in started:
                assert each.wait(timeout=SECONDS) in {0, 1}
        finally:
            for each in started:
                each.kill()
                each.communicate()


@pytest.mark.parametrize("program", list(IMAGES))
def test_a_server_that_does_not_answer_is_named_to_who_connects(folder: Folder, program: str) -> None:
    way = Way(folder, SHIM_IMAGE=make_image(folder, IMAGES[program]))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    relay = Relay(folder / "relay", lambda: way.open(Target(host="127.0.0.1", port=port), program))
    try:
        connection = connect(folder / "relay")
        assert connection.recv(1) == b""
        assert "refused" in relay.trouble
        connection.close()
    finally:
        relay.close()


def test_an_image_without_any_of_them_is_told_with_the_ways_out(folder: Folder) -> None:
    way = Way(folder, SHIM_IMAGE=make_image(folder, ("sh", "cat", "grep")))
    with pytest.raises(SourceUnfit) as caught:
        way.find(Target(path="/run/x", port=5432))
    assert "neither perl, python3, socat, nc nor bash" in str(caught.value)
    assert "archive-command" in str(caught.value.hint)
    assert "publish the port" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("help_text", "near", "far"),
    [
        (OPENBSD, "nc -U -N", "nc -N"),
        (TRADITIONAL, "nc -q0", "nc -q0"),
        (BUSYBOX, "nc", "nc"),
        (NCAT, "nc -U", "nc"),
    ],
    ids=["openbsd", "traditional", "busybox", "ncat"],
)
def test_what_is_called_nc_is_told_apart_by_its_help(folder: Folder, help_text: str, near: str, far: str) -> None:
    (folder / "help").write_text(help_text)
    image = make_image(folder, ("sh", "cat", "grep"), nc=f'if [ "$1" = -h ]; then cat {folder}/help >&2; exit 1; fi')
    way = Way(folder, SHIM_IMAGE=image)
    target = Target(path="/run/x", port=5432)
    assert way.find(target) == near
    assert way.find(Target(port=5432)) == far
    last = describe_joiner(near, target, "m")[-2:]
    assert last[-1] == ("/run/x" if "-U" in near else "5432")


def test_a_program_that_is_there_and_does_not_work_is_passed_over(folder: Folder) -> None:
    way = Way(folder, SHIM_IMAGE=make_image(folder, ("sh", "bash", "cat"), perl="exit 2", python3="exit 2"))
    assert way.find(Target(port=5432)) == "bash"


def test_a_socket_whose_path_is_too_long_is_told(folder: Folder) -> None:
    path = folder / ("x" * 100)
    with pytest.raises(SourceUnfit, match="No socket could be made"):
        Relay(path, lambda: pytest.fail("nobody connects"))
    assert not os.path.lexists(path)
