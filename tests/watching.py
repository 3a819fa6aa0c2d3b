"""No test hangs without a word: who says nothing for too long is asked where he stands, and then ended.

Where tests run side by side, the process that hands them out watches those that run them. A silent one gets a signal:
it prints where each of its threads stands, and the test fails there, so that its fixtures still tidy up. One that does
not end by that is killed; pytest-xdist names the test that it was in and goes on with another process. A test that
runs in the process itself is watched by whoever started it.
"""

import contextlib
import faulthandler
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

SILENT_SECONDS = float(os.environ.get("REBOND_TEST_SECONDS", "600"))
_KILLED_AFTER = float(os.environ.get("REBOND_TEST_KILLED_AFTER", "1.5"))  # times as long
_LOOKS = 10  # in that time


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Asked() if hasattr(config, "workerinput") else _Asking())


class _Asked:
    """In a process that runs tests: says where it stands when it is asked."""

    def __init__(self) -> None:
        self._running = ""
        self._says_to = os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2)  # nothing is captured as yet
        signal.signal(signal.SIGUSR2, self._say_where)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._running = item.nodeid
        try:
            return (yield)
        finally:
            self._running = ""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        vars(report)["pid"] = os.getpid()  # what a report holds goes with it to the process that hands tests out
        return report

    def _say_where(self, *_: object) -> None:
        place = self._running or "a process between two tests"
        os.write(self._says_to, f"\nNothing was heard of {place} for too long:\n".encode())
        faulthandler.dump_traceback(self._says_to, all_threads=True)
        if self._running:
            pytest.fail(f"It took longer than {SILENT_SECONDS:g} s (REBOND_TEST_SECONDS).")


class _Asking:
    """In the process that hands tests out: asks those of which nothing is heard."""

    def __init__(self) -> None:
        self._watched: dict[str, _Watched] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        pid = getattr(report, "pid", None)  # none where it was made here, of a process that is gone
        if pid and (node := getattr(report, "node", None)):
            self._begin()
            self._watched[node.gateway.id] = _Watched(pid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # of pytest-xdist, which has no types
        self._watched.pop(node.gateway.id, None)

    @functools.cache  # noqa: B019  one for as long as the tests run
    def _begin(self) -> None:
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(SILENT_SECONDS / _LOOKS)
            for each in list(self._watched.values()):
                each.look()


class _Watched:
    """A process that runs tests, heard of just now."""

    def __init__(self, pid: int) -> None:
        self._pid, self._heard, self._was_asked = pid, time.monotonic(), False

    def look(self) -> None:
        """Ask, or end, one that has been silent for too long."""
        silent = time.monotonic() - self._heard
        if silent > SILENT_SECONDS * _KILLED_AFTER:
            self._send(signal.SIGKILL)
        elif silent > SILENT_SECONDS and not self._was_asked:
            self._was_asked = True
            self._send(signal.SIGUSR2)

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, number)
