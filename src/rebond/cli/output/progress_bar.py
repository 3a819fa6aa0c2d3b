"""The bar on a terminal. The drawing library is loaded only here."""

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from rebond.cli.output.drawn import forget_drawn, note_drawn
from rebond.cli.output.observing import describe_advance, describe_finding
from rebond.cli.output.pace import Pace
from rebond.cli.output.speech import show_path
from rebond.clock import Clock
from rebond.findings import Finding
from rebond.progress import Advance


class Bar:
    """One bar that is drawn over itself; findings scroll above it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pace = Pace()
        self._progress = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.fields[line]}", markup=False),
            TextColumn("{task.fields[subject]}", markup=False, style="dim"),
            # A command that is printed above the bar must stay one line, however narrow the terminal: it is pasted.
            console=Console(file=sys.stderr, soft_wrap=True),
            transient=True,
            refresh_per_second=5,
        )
        self._task = self._progress.add_task("", total=None, line="", subject="")
        self._progress.start()
        note_drawn(self)

    def advanced(self, advance: Advance) -> None:
        """Move the bar."""
        self._pace.note(advance, self._clock.monotonic())
        by_bytes = bool(advance.total_bytes)
        self._progress.update(
            self._task,
            total=advance.total_bytes if by_bytes else advance.total_files,
            completed=advance.bytes if by_bytes else advance.files,
            line=describe_advance(advance, self._pace),
            subject=_shortened(show_path(advance.subject)),
        )

    def noticed(self, finding: Finding) -> None:
        """Write the finding above the bar."""
        self._progress.console.print(Text(describe_finding(finding)))

    def close(self) -> None:
        """Take the bar away."""
        forget_drawn(self)
        self._progress.stop()

    def rest(self) -> None:
        """Take it away for a while."""
        self._progress.stop()

    def go_on(self) -> None:
        """Draw it again."""
        self._progress.start()


def _shortened(path: str, width: int = 40) -> str:
    return path if len(path) <= width else f"…{path[-width + 1 :]}"
