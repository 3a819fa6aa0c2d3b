"""Running other programs."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from rebond import subprocesses
from rebond.errors import CommandFailed
from rebond.secret import Secret
from rebond.subprocesses import RunningCommand, run_for_secret

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def test_the_first_line_that_a_command_prints_is_the_secret() -> None:
    assert run_for_secret("printf 'open sesame\\nnot this'", environment=ENVIRONMENT) == Secret("open sesame")


@pytest.mark.parametrize("command", ["printf hush; exit 3", "true", "no-such-program-at-all 2>/dev/null"])
def test_a_command_that_fails_or_says_nothing_is_an_error_without_its_output(command: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        run_for_secret(command, environment=ENVIRONMENT)

    assert "hush" not in str(caught.value)


def test_a_command_that_never_ends_is_ended() -> None:
    with pytest.raises(CommandFailed, match="longer than 0 s"):
        run_for_secret("exec sleep 60", environment=ENVIRONMENT, timeout_seconds=0.1)


def test_a_command_for_a_secret_takes_nothing_of_what_is_piped_into_us() -> None:
    script = """
import sys
from rebond.subprocesses import run_for_secret
run_for_secret("head -c 2 > /dev/null; echo hush", environment={"PATH": "/usr/bin:/bin"})
print(sys.stdin.read())
"""
    done = subprocess.run([sys.executable, "-c", script], input="a dump", capture_output=True, text=True, check=True)

    assert done.stdout == "a dump\n"


def output_of(command: RunningCommand) -> bytes:
    room = memoryview(bytearray(1000))
    return b"".join(iter(lambda: bytes(room[: command.readinto(room)]), b""))


def test_a_running_command_gives_its_output_its_status_and_its_last_words() -> None:
    script = "seq 1000; for i in $(seq 10); do echo line $i >&2; done; exit 4"
    command = RunningCommand(["sh", "-c", script], environment=ENVIRONMENT)

    assert output_of(command) == b"".join(b"%d\n" % number for number in range(1, 1001))
    assert command.wait() == 4
    assert command.last_words() == " | ".join(f"line {number}" for number in range(3, 11))
    command.end()
    command.end()


def test_much_on_standard_error_neither_blocks_nor_fills_memory() -> None:
    script = "head -c 3000000 /dev/zero | tr '\\0' 'x' >&2; echo >&2; echo the end >&2; echo out"
    command = RunningCommand(["sh", "-c", script], environment=ENVIRONMENT)

    assert output_of(command) == b"out\n"
    assert command.wait() == 0
    assert command.last_words().endswith("the end")
    assert len(command.last_words()) < 5000
    command.end()


def test_ending_a_command_ends_what_it_started_and_leaves_nothing(tmp_path: pathlib.Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    command = RunningCommand(["sh", "-c", "sleep 100 & echo $!; wait"], environment=ENVIRONMENT)
    room = memoryview(bytearray(100))
    started = int(bytes(room[: command.readinto(room)]))
    command.end()

    for pid in (command.pid, started):
        status = pathlib.Path(f"/proc/{pid}/status")
        assert not status.exists() or "State:\tZ" in status.read_text()
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_command_that_ends_on_its_own_leaves_alone_what_it_started() -> None:
    script = "sleep 100 >/dev/null 2>&1 & echo $!"
    command = RunningCommand(["sh", "-c", script], environment=ENVIRONMENT)
    started = int(output_of(command))
    assert command.wait() == 0
    command.end()

    os.kill(started, 9)  # raises if it is gone


@pytest.mark.slow
def test_what_another_thread_reads_is_not_closed_under_it() -> None:
    command = RunningCommand(["sh", "-c", "setsid sh -c 'echo $$; exec sleep 100' & wait"], environment=ENVIRONMENT)
    room = memoryview(bytearray(100))
    left_behind = int(bytes(room[: command.readinto(room)]))
    assert command._process.stdout is not None
    place = f"/proc/self/fd/{command._process.stdout.fileno()}"
    pipe, heard = os.readlink(place), list[bytes]()
    reader = threading.Thread(target=lambda: heard.append(output_of(command)), daemon=True)
    reader.start()
    try:
        deadline = time.monotonic() + 90
        while is_free(command._reading):
            assert time.monotonic() < deadline, "nobody reads"
            time.sleep(0.001)
        command.end()
        assert os.readlink(place) == pipe
    finally:
        os.kill(left_behind, signal.SIGKILL)
    reader.join(timeout=60)
    assert heard == [b""]
    assert not os.path.exists(place) or os.readlink(place) != pipe
    assert command.readinto(memoryview(bytearray(1))) == 0
    command._listener.join(timeout=60)


def begin_to_feed(command: RunningCommand) -> tuple[threading.Thread, list[BaseException]]:
    """Feed it more than a pipe takes; return the thread that does, once it is at it, and what it is told."""
    told: list[BaseException] = []

    def feed() -> None:
        try:
            command.feed(bytes(4 << 20), seconds=90)
        except BaseException as error:
            told.append(error)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    deadline = time.monotonic() + 90
    while is_free(command._feeding):
        assert time.monotonic() < deadline, "nothing was fed"
        time.sleep(0.001)
    return feeder, told


@pytest.mark.parametrize("ignores", ["", "trap '' TERM; "])
def test_who_feeds_a_command_that_another_thread_ends_is_told_and_writes_nowhere_else(
    ignores: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocesses, "_GRACE_SECONDS", 0.2)
    script = f"{ignores}echo ready; exec sleep 100"
    command = RunningCommand(["sh", "-c", script], environment=ENVIRONMENT, given=Secret(b""), keeps_input=True)
    assert command.readinto(memoryview(bytearray(100)))
    feeder, told = begin_to_feed(command)
    command.end()
    feeder.join(timeout=90)

    assert [type(each) for each in told] == [BrokenPipeError]
    with pytest.raises(BrokenPipeError):
        command.feed(b"more", seconds=1)


@pytest.mark.slow
def test_an_input_that_something_left_behind_holds_is_given_back_by_who_feeds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subprocesses, "_GRACE_SECONDS", 0.2)
    script = "exec 3<&0; setsid sh -c 'echo $$; exec sleep 100' <&3 & wait"
    command = RunningCommand(["sh", "-c", script], environment=ENVIRONMENT, given=Secret(b""), keeps_input=True)
    room = memoryview(bytearray(100))
    left_behind = int(bytes(room[: command.readinto(room)]))
    assert command._sink is not None
    place = f"/proc/self/fd/{command._sink}"
    pipe = os.readlink(place)

    feeder, told = begin_to_feed(command)
    command.end()
    assert os.readlink(place) == pipe
    os.kill(left_behind, signal.SIGKILL)
    feeder.join(timeout=90)
    assert [type(each) for each in told] == [BrokenPipeError]
    assert not os.path.exists(place) or os.readlink(place) != pipe
    command._listener.join(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_a_command_is_started_leaves_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    started: list[int] = []

    class Slow(subprocess.Popen[bytes]):
        def __init__(self, *words: Any, **options: Any) -> None:
            super().__init__(*words, **options)
            started.append(self.pid)
            os.kill(os.getpid(), number)
            time.sleep(0.05)  # a handler would have run by then

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Slow)
    before = signal.signal(number, stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            RunningCommand(["sleep", "100"], environment=ENVIRONMENT)
        assert signal.getsignal(number) is stop
    finally:
        signal.signal(number, before)
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)


def test_a_command_that_cannot_be_listened_to_is_ended_and_interruptions_are_heard_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_thread_is_free(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    started: list[subprocess.Popen[bytes]] = []
    begin = subprocess.Popen.__init__

    def note(process: subprocess.Popen[bytes], *words: Any, **options: Any) -> None:
        begin(process, *words, **options)
        started.append(process)

    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread_is_free)
        patched.setattr(subprocess.Popen, "__init__", note)
        with pytest.raises(RuntimeError, match="start new thread"):
            RunningCommand(["sleep", "100"], environment=ENVIRONMENT)
    assert started[0].returncode == -signal.SIGTERM
    assert signal.getsignal(signal.SIGINT) is before
    assert all(pipe is not None and pipe.closed for pipe in (started[0].stdout, started[0].stderr))


def test_a_folder_that_is_not_there_is_what_is_missing(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CommandFailed, match=r"could not be started in .*away, which is no directory"):
        RunningCommand(["true"], environment=ENVIRONMENT, directory=str(tmp_path / "away"))


def test_who_waits_for_output_keeps_its_pipe_open_meanwhile() -> None:
    command = RunningCommand(["sleep", "100"], environment=ENVIRONMENT)
    waiter = threading.Thread(target=command.has_output, args=(90,), daemon=True)
    waiter.start()
    deadline = time.monotonic() + 90
    while is_free(command._reading):
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.001)
    command.end()
    waiter.join(timeout=60)

    assert not waiter.is_alive()
    assert command.has_output(0)  # its end


def is_free(lock: threading.Lock) -> bool:
    """Say whether nobody holds it."""
    if not lock.acquire(blocking=False):
        return False
    lock.release()
    return True


@pytest.mark.parametrize("arguments", [["no-such-program-at-all"], ["/"], ["a\0b"]])
def test_what_cannot_be_started_is_an_error_with_a_remedy(arguments: list[str]) -> None:
    with pytest.raises(CommandFailed, match="could not be started") as caught:
        RunningCommand(arguments, environment=ENVIRONMENT)

    assert caught.value.hint


def test_a_command_starts_where_it_is_told(tmp_path: pathlib.Path) -> None:
    command = RunningCommand(["pwd"], environment=ENVIRONMENT, directory=str(tmp_path))

    assert output_of(command).decode() == f"{tmp_path}\n"
    command.end()
    with pytest.raises(CommandFailed, match="could not be started"):
        RunningCommand(["pwd"], environment=ENVIRONMENT, directory=str(tmp_path / "absent"))
    with pytest.raises(CommandFailed, match="no user nobody-at-all here"):
        RunningCommand(["pwd"], environment=ENVIRONMENT, user="nobody-at-all")


@pytest.mark.root
def test_a_command_runs_as_another_user_with_the_groups_of_that_user() -> None:
    command = RunningCommand(["id", "-nu"], environment=ENVIRONMENT, directory="/", user="nobody")
    assert output_of(command) == b"nobody\n"
    command.end()
    command = RunningCommand(["id", "-G"], environment=ENVIRONMENT, directory="/", user="nobody")
    assert b"0" not in output_of(command).split()
    command.end()
