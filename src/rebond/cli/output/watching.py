"""Who watches an operation for the reader: a bar, plain lines, JSON lines, or nobody. All on standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rebond.cli.invocation import Invocation
from rebond.cli.output.observing import JsonLines, PlainLines
from rebond.cli.witness import Watcher
from rebond.clock import SystemClock
from rebond.progress import Silence


class Nobody(Silence):
    """Shows nothing."""

    def close(self) -> None:
        """Do nothing."""


@contextmanager
def watching(invocation: Invocation) -> Iterator[Watcher]:
    """Give the observer that the reader asked for, for the length of an operation."""
    watcher = choose_watcher(invocation)
    if invocation.recording is not None:
        watcher = invocation.recording.listen(watcher)
    try:
        yield watcher
    finally:
        watcher.close()


def choose_watcher(invocation: Invocation) -> Watcher:
    """Return what was asked for; a bar on a terminal and plain lines elsewhere when nothing was."""
    if invocation.is_quiet:
        return Nobody()
    wish = invocation.progress or ("bar" if sys.stderr.isatty() else "plain")
    if wish == "json":
        return JsonLines(sys.stderr, SystemClock())
    if wish == "bar":
        from rebond.cli.output.progress_bar import Bar

        return Bar(SystemClock())
    return PlainLines(sys.stderr, SystemClock())
