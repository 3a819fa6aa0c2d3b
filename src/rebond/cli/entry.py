"""What a shell calls: Ctrl-C while modules are still being loaded ends quietly, because nothing was begun."""

import atexit
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from rebond.cli.output.closed_places import hold_closed_places
from rebond.cli.vaults.asked_early import ask_early, were_in_vain

INTERRUPTED = 130  # as ``rebond.errors.Interrupted``, which is not loaded yet


def main() -> NoReturn:
    """Load the program and run it; the process ends here."""
    hold_closed_places()
    os.umask(os.umask(0o077) & 0o077)  # one that takes the owner's rights would shut us out of all that is made here
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else whoever called does not want it
    if is_default:
        signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    ask_early(sys.argv[1:], os.environ)
    from rebond.cli.__main__ import main as run_to_the_end

    if is_default:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run_to_the_end()
    except SystemExit as end:
        if isinstance(end.code, int):
            _end(end.code)
        raise


def _end(status: int) -> NoReturn:
    """End the process: what has to be done at its end is done, and the interpreter is not taken apart.

    That would take as long as to fetch a file from far. Where early questions were in vain, and after Ctrl-C, nothing
    waits for a store that does not answer.
    """
    if not were_in_vain():
        if status != INTERRUPTED:
            threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as the interpreter begins its own end
        atexit._run_exitfuncs()  # noqa: SLF001
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # whoever read is gone
            stream.flush()
    os._exit(status)


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    os._exit(INTERRUPTED)
