"""A step that was cut and gone on with: its time is that of all its tries, also of those that were killed."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from rebond.clock import SystemClock
from rebond.errors import RestoreError
from rebond.operations.hooks import Hook
from rebond.operations.recovery import signs_of_life
from rebond.operations.recovery.carrying_out import Means, Recovery
from rebond.operations.recovery.journal import Journal
from rebond.operations.recovery.plan import CommandNames, StepKind, make_plan
from rebond.operations.recovery.signs_of_life import give_signs, read_last_ms
from rebond.progress import Silence
from rebond.testing.manual_clock import ManualClock

SLEEPING = """
import pathlib, sys, time
from rebond.clock import SystemClock
from rebond.operations.recovery.signs_of_life import give_signs
with give_signs(pathlib.Path(sys.argv[1]), SystemClock()):
    time.sleep(600)
"""


class Command:
    """The one command of a plan: it takes so many seconds by the clock, then may end in what it was told to raise."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.seconds, self.raises = clock, 0.0, list[BaseException]()

    def __call__(self) -> str:
        self.clock.advance(self.seconds)
        if self.raises:
            raise self.raises.pop()
        return ""


def test_the_time_of_a_step_is_that_of_all_its_tries(tmp_path: pathlib.Path) -> None:
    clock = ManualClock()
    command = Command(clock)
    plan = make_plan(run="abcd", stack="shop", parts=(), commands=CommandNames(start=("up",)))
    journal = Journal.begin(tmp_path, "abcd", {}, clock)

    def recovery() -> Recovery:
        hook = Hook(name="up", run=command)
        means = Means(parts={}, commands={StepKind.START: (hook,)})
        return Recovery(plan, means, Journal(tmp_path / "abcd", clock), Silence(), clock)

    command.seconds, command.raises = 7.0, [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        recovery().carry_out()
    clock.advance(3600)  # nobody is at work
    command.seconds = 5.0
    command.raises = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        recovery().carry_out()
    clock.advance(3600)
    command.seconds = 2.0
    (taken,) = [each for each in recovery().carry_out() if each.step.kind is StepKind.START]
    assert (taken.seconds, taken.tries) == (14.0, 3)
    assert journal.folder.is_dir()


def test_until_when_a_run_went_on_that_was_killed_is_known(tmp_path: pathlib.Path) -> None:
    sign = tmp_path / "alive"
    process = subprocess.Popen([sys.executable, "-c", SLEEPING, str(sign)])
    end = time.monotonic() + 60
    first = None
    while first is None or (read_last_ms(sign) or 0) <= first:  # given a second time
        first = first or read_last_ms(sign)
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    last = read_last_ms(sign)
    assert last is not None
    assert first < last <= SystemClock().now_ms()
    time.sleep(0.01)
    assert read_last_ms(sign) == last


def test_a_sign_interrupts_nothing_and_the_last_one_is_the_end(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signs_of_life, "_EVERY_SECONDS", 0.01)
    sign, clock = tmp_path / "alive", SystemClock()
    source, sink = os.pipe()
    threading.Timer(0.3, os.write, (sink, b"x")).start()
    with contextlib.suppress(RestoreError), give_signs(sign, clock):
        assert os.read(source, 1) == b"x"
        raise RestoreError("ended")
    os.close(source)
    os.close(sink)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    last = read_last_ms(sign)
    assert last is not None
    assert clock.now_ms() - last < 60_000


def test_a_sign_that_cannot_be_given_stops_nothing(tmp_path: pathlib.Path) -> None:
    with give_signs(tmp_path / "no" / "folder", SystemClock()):
        reached = True
    assert reached
    assert read_last_ms(tmp_path / "no" / "folder") is None
