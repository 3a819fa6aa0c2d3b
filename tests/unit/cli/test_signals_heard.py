"""Signals to what lives long: whatever it does at that moment, it ends."""

import subprocess
import sys

import pytest

_HEARD_IN_THE_MIDDLE = """
import signal
from rebond.cli.services.signals import stop_on_signals
with stop_on_signals() as stop:
    with stop._cond:  # as it is while it looks whether it has to stop
        signal.raise_signal(getattr(signal, "{name}"))
        signal.raise_signal(getattr(signal, "{name}"))
    assert stop.wait(30)
print("ended")
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_in_the_middle_of_looking_for_one_is_heard(name: str) -> None:
    """It waited for a lock that it held itself: 'rebond wal serve' never ended, and had to be killed."""
    words = [sys.executable, "-c", _HEARD_IN_THE_MIDDLE.format(name=name)]
    assert subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout == "ended\n"
