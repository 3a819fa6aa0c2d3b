"""Processes that the service keeps running: started again when they end, ended when it ends."""

import os
import threading
import time
from collections.abc import Callable

from rebond.clock import SystemClock
from rebond.service.attendants import PARENT, Attendants, is_abandoned
from rebond.testing.manual_clock import ManualClock


def wait_for(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_ends_is_started_again_later_each_time() -> None:
    clock, ended, heard = ManualClock(), threading.Semaphore(0), bytearray()
    attendants = Attendants({"PATH": os.environ["PATH"]}, clock, ended.release, heard.extend)
    attendants.want({"one": ("/bin/sh", "-c", "echo begun; exit 3")})
    for count, pause in enumerate((1.0, 2.0, 4.0), 1):
        attendants.look()
        assert ended.acquire(timeout=60)
        wait_for(lambda count=count: heard.count(b"begun") == count)  # type: ignore[misc]
        attendants.look()  # sees its end
        clock.sleep(pause - 0.1)
        attendants.look()
        assert attendants.running == []
        clock.sleep(0.2)
    attendants.end()

    assert heard.count(b"begun") == 3


def test_one_that_is_not_wanted_any_more_is_ended_and_another_command_is_another_process() -> None:
    attendants = Attendants({"PATH": os.environ["PATH"]}, SystemClock(), lambda: None)
    attendants.want({"one": ("/bin/sleep", "60"), "two": ("/bin/sleep", "61")})
    attendants.look()
    assert attendants.running == ["one", "two"]
    before = {name: kept.running.pid for name, kept in attendants._kept.items() if kept.running}
    attendants.want({"two": ("/bin/sleep", "61"), "three": ("/bin/sleep", "62")})
    attendants.look()

    assert attendants.running == ["two", "three"]
    assert attendants._kept["two"].running is not None
    assert attendants._kept["two"].running.pid == before["two"]
    attendants.end()
    for pid in before.values():
        wait_for(lambda pid=pid: not os.path.exists(f"/proc/{pid}") or _is_dead(pid))  # type: ignore[misc]
    assert attendants.running == []


def test_one_that_began_with_another_configuration_is_another_process() -> None:
    attendants, command = Attendants({"PATH": os.environ["PATH"]}, SystemClock(), lambda: None), ("/bin/sleep", "60")
    pids = []
    for knows in ("the old vault", "the old vault", "the new vault"):
        attendants.want({"one": command}, knows=knows)
        attendants.look()
        running = attendants._kept["one"].running
        assert running is not None
        pids.append(running.pid)
    attendants.end()

    assert pids[0] == pids[1] != pids[2]


def _is_dead(pid: int) -> bool:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(") ")[2].startswith("Z")


def test_an_attendant_knows_when_its_service_is_gone() -> None:
    assert not is_abandoned({})
    assert not is_abandoned({PARENT: str(os.getppid())})
    assert is_abandoned({PARENT: "1" if os.getppid() != 1 else "2"})
