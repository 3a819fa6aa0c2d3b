"""The log of a run: events go to every place that was asked for; a place that fails never stops the work."""

import os
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TextIO

import msgspec

from rebond.clock import Clock, SystemClock
from rebond.errors import RebondError
from rebond.findings import Finding, Severity
from rebond.logs.events import Event, Weight, write_line, write_message
from rebond.logs.files import FileSink
from rebond.logs.journal import JournalSink

PENDING_LIMIT = 1000  # events that are kept until it is known where they go
WEIGHTS = {"error": Weight.ERROR, "warning": Weight.WARNING, "info": Weight.INFO, "debug": Weight.DEBUG}


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where events go. ``file`` is absolute; ``limit_bytes`` is its largest size, ``kept`` how many older ones stay."""

    file: Path | None = None
    limit_bytes: int = 10_000_000
    kept: int = 5
    mode: int = 0o640
    to_journal: bool = False
    lightest: Weight = Weight.INFO


class Sink(Protocol):
    """A place for events. Both methods raise ``OSError``."""

    def write(self, event: Event) -> None:
        """Take one event."""
        ...

    def close(self) -> None:
        """Give back what was open."""
        ...


class TerminalSink:
    """Lines on an open stream, for a process that shows nothing else.

    Under systemd, which knows the moment and the process, a line has its weight in front instead.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._has_weights = "JOURNAL_STREAM" in os.environ

    def write(self, event: Event) -> None:
        """Write one line."""
        run = f"{event.run}: " if event.run else ""
        if self._has_weights:
            self._out.write(f"<{int(event.weight)}>{run}{write_message(event)}\n")
        else:
            self._out.write(write_line(event, os.getpid()))
        self._out.flush()

    def close(self) -> None:
        """The stream is somebody else's."""


class Log:
    """Takes the events of one run, or of one process. Safe to use from several threads.

    Until ``open`` says where they go, events are kept. ``faults`` tells what could not be written.
    """

    def __init__(self, *, run: str = "", clock: Clock | None = None) -> None:
        self.run = run
        self.faults: list[Finding] = []
        self._clock = clock or SystemClock()
        self._lightest = Weight.INFO
        self._sinks: list[Sink] = []
        self._missing: dict[str, Callable[[], Sink]] = {}  # what could not be opened yet
        self._told: set[str] = set()
        self._pending: list[Event] | None = []
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether it is known where events go."""
        return self._pending is None

    def open(self, settings: LogSettings, *, terminal: TextIO | None = None) -> None:
        """Say where events go; what happened before goes there first. Only the first call counts."""
        with self._lock:
            if self._pending is None:
                return
            pending, self._pending = self._pending, None
            self._lightest = settings.lightest
            if terminal is not None:
                self._sinks.append(TerminalSink(terminal))
            if settings.file is not None:
                path, limit_bytes, kept, mode = settings.file, settings.limit_bytes, settings.kept, settings.mode
                self._missing[str(path)] = lambda: FileSink(path, limit_bytes=limit_bytes, kept=kept, mode=mode)
            if settings.to_journal:
                self._missing["journal"] = JournalSink
            self._add_missing()
            for event in pending:
                self._send(event)

    def write(self, message: str, weight: Weight = Weight.INFO, **fields: str) -> None:
        """Write one event; never raises."""
        event = Event(time_ms=self._clock.now_ms(), weight=weight, message=message, run=self.run, fields=fields)
        with self._lock:
            if self._pending is None:
                self._send(event)
            elif len(self._pending) < PENDING_LIMIT:
                self._pending.append(event)

    def write_finding(self, finding: Finding) -> None:
        """Write what was noticed."""
        weight = {Severity.NOTE: Weight.INFO, Severity.WARNING: Weight.WARNING, Severity.DAMAGE: Weight.ERROR}
        said = finding.message
        if finding.subject and finding.subject not in said:
            said = f"{finding.subject}: {said}"
        self.write(f"{finding.code}: {said}", weight[finding.severity], code=finding.code)

    def write_error(self, error: BaseException) -> None:
        """Write why a run ended; of a fault of our own also where it happened."""
        if isinstance(error, RebondError):
            self.write(f"{error.code}: {error.message}", Weight.ERROR, code=error.code)
            return
        self.write(f"{type(error).__name__}: {error}", Weight.ERROR)
        for line in "".join(traceback.format_exception(error)).splitlines():
            self.write(line, Weight.DEBUG)

    def close(self) -> None:
        """Give everything back; what is written later goes nowhere."""
        with self._lock:
            self._pending = None
            for sink in self._sinks:
                try:
                    sink.close()
                except OSError as error:
                    self._tell(type(sink).__name__, error)
            self._sinks, self._missing = [], {}

    def _send(self, event: Event) -> None:
        if event.weight > self._lightest:
            return
        self._add_missing()
        for sink in self._sinks:
            try:
                sink.write(event)
            except (OSError, ValueError) as error:  # a closed stream raises ValueError
                self._tell(_name_of(sink), error)

    def _add_missing(self) -> None:
        """Open what is not open yet. A service lives long: a disk that was full or away comes back."""
        for place, make in list(self._missing.items()):
            try:
                self._sinks.append(make())
            except OSError as error:
                self._tell(place, error)
            else:
                del self._missing[place]

    def _tell(self, place: str, error: Exception) -> None:
        """Note once that a place cannot be written; it is tried again with each event."""
        if place in self._told:
            return
        self._told.add(place)
        self.faults.append(
            Finding(
                code="log-not-written",
                severity=Severity.WARNING,
                subject=place,
                template="The log {place} cannot be written: {reason}",
                hint_template="Check [log] in the configuration, the rights of this user, and the room that is left.",
                values={"place": place, "reason": getattr(error, "strerror", None) or str(error)},
            )
        )


def _name_of(sink: Sink) -> str:
    return {"FileSink": "file", "JournalSink": "journal", "TerminalSink": "terminal"}.get(type(sink).__name__, "log")
