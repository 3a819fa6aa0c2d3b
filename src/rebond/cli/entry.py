"""What a shell calls: Ctrl-C while modules are still being loaded ends quietly, because nothing was begun."""

import os
import signal
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130  # as ``rebond.errors.Interrupted``, which is not loaded yet


def main() -> NoReturn:
    """Load the program and run it; the process ends here."""
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else whoever called does not want it
    if is_default:
        signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    from rebond.cli.__main__ import main as run_to_the_end

    if is_default:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run_to_the_end()


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    os._exit(INTERRUPTED)
