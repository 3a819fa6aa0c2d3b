"""A process that is a copy of this one: it answers, holds nothing open, ends when nobody asks, does nothing else."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rebond import own_processes
from rebond.own_processes import OwnProcess, ProcessLost, may_be_copied, write_parts


def answer_facts(file: int) -> Callable[[bytes], bytes]:
    """Return what says of its process what is asked."""

    def handle(request: bytes) -> bytes:
        match request:
            case b"pid":
                return b"%d" % os.getpid()
            case b"open":
                return " ".join(list_open()).encode()
            case b"name":
                return Path("/proc/self/comm").read_bytes().strip()
            case b"session":
                return b"%d" % os.getsid(0)
            case b"stop":
                return str(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL).encode()
            case b"write":
                return b"%d" % write_parts(file, (b"from ", b"there"))
        raise ValueError(request)

    return handle


def list_open() -> list[str]:
    """Return what this process holds open, by its names."""
    found = []
    for each in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            found.append(os.readlink(f"/proc/self/fd/{each}"))
    return found


@pytest.fixture
def copy(monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnProcess]:
    monkeypatch.setattr(own_processes, "may_be_copied", lambda: True)
    one = OwnProcess(__name__, answer_facts)
    yield one
    one.close()


def test_a_copy_answers_from_a_process_and_a_session_of_its_own(copy: OwnProcess) -> None:
    assert int(copy.ask(b"pid")) == copy.pid != os.getpid()
    assert int(copy.ask(b"session")) == copy.pid
    assert copy.ask(b"stop") == b"True"
    assert copy.ask(b"name") == b"test_own_proces"  # as much of the module's as the system takes
    assert copy.read(int(copy.ask(b"write"))) == b"from there"


def test_a_copy_holds_nothing_of_what_is_open_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_processes, "may_be_copied", lambda: True)
    locked = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(locked, fcntl.LOCK_EX)
    first, second = OwnProcess(__name__, answer_facts), OwnProcess(__name__, answer_facts)
    try:
        found = second.ask(b"open").decode().split()
        os.close(locked)

        assert [each.partition(":")[0] for each in found if each.startswith("pipe:")] == ["pipe", "pipe"]
        assert str(tmp_path / "lock") not in found
        again = os.open(tmp_path / "lock", os.O_RDWR)
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(again)
        first.close()  # would wait for ever if the second one held the other end of its input
        second.close()
        assert (first.exit_status, second.exit_status) == (0, 0)
    finally:
        for each in (first, second):
            if each.exit_status is None:
                os.kill(each.pid, signal.SIGKILL)
                each.close()


def test_a_copy_that_fails_or_is_killed_is_lost_and_ends_nothing_here(copy: OwnProcess) -> None:
    with pytest.raises(ProcessLost):
        copy.ask(b"what nobody answers")
    copy.close()

    assert copy.exit_status == 1

    killed = OwnProcess(__name__, answer_facts)
    os.kill(killed.pid, signal.SIGKILL)
    with pytest.raises(ProcessLost):
        killed.ask(b"pid")
    killed.close()
    assert killed.exit_status == -signal.SIGKILL


def test_a_signal_that_comes_while_a_copy_is_made_ends_the_copy_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it has let go of everything it is this process, with all that this one would clean up."""
    fork, marks = os.fork, tmp_path / "marks"

    def fork_and_interrupt() -> int:
        pid = fork()
        if pid == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return pid

    monkeypatch.setattr(own_processes, "may_be_copied", lambda: True)
    monkeypatch.setattr(os, "fork", fork_and_interrupt)
    try:
        one = OwnProcess(__name__, answer_facts)
        with pytest.raises(ProcessLost):
            one.ask(b"pid")
        one.close()
        assert one.exit_status == -signal.SIGINT
    finally:
        with marks.open("a") as file:
            file.write("cleaned up\n")
    assert marks.read_text() == "cleaned up\n"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


def test_where_children_leave_no_status_a_copy_that_ended_is_a_good_one(copy: OwnProcess) -> None:
    ignored = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert int(copy.ask(b"pid")) == copy.pid
        copy.close()
    finally:
        signal.signal(signal.SIGCHLD, ignored)
    assert copy.exit_status == 0


def test_a_copy_does_not_outlive_the_program(tmp_path: Path) -> None:
    """Nor does it write out a second time what the program had not written yet."""
    program = (
        "import os, sys, time\n"
        "from tests.unit.test_own_processes import answer_facts\n"
        "from rebond.own_processes import OwnProcess, may_be_copied\n"
        "assert may_be_copied()\n"
        "sys.stdout.write('once ')\n"
        "one = OwnProcess('tests.unit.test_own_processes', answer_facts)\n"
        "assert one.ask(b'pid') == b'%d' % one.pid\n"
        "assert open(f'/proc/{one.pid}/cmdline').read() == open('/proc/self/cmdline').read()\n"
        "sys.stdout.write(str(one.pid))\n"
        "sys.stdout.flush()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.returncode == -signal.SIGKILL, ended.stderr
    once, _, pid = ended.stdout.partition(" ")
    assert once == "once"
    until = time.monotonic() + 20
    while Path(f"/proc/{pid}/status").exists() and "\tZ" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < until, "the copy goes on"
        time.sleep(0.01)


def test_a_process_that_does_several_things_or_is_large_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        assert not may_be_copied()
    finally:
        done.set()
        other.join()
    monkeypatch.setattr(own_processes, "_COPIED_BYTES", 1)
    assert not may_be_copied()
