"""Writing one run into the ledger: a line when it begins, a line when it ends."""

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

import rebond
from rebond.clock import Clock, SystemClock
from rebond.findings import Finding, Severity
from rebond.history.callers import find_user
from rebond.history.ledger import Ledger
from rebond.history.lines import BEGAN, ENDED, LOST, NOTED
from rebond.history.measuring import Meter
from rebond.history.running import RunningMark, list_marks, take_dead_mark
from rebond.identifiers import random_id
from rebond.logs.masking import mask
from rebond.progress import Advance

FINDINGS_KEPT = 100  # of a run; all are counted
SNAPSHOTS_KEPT = 1000
TEXT_KEPT = 2000  # characters of one message
HISTORY = "history"  # the folder of the ledger, below the state folder
RUNNING = "running"
_MOVED = ("read_bytes", "checked_bytes", "copied_bytes", "bytes")  # what a rate is counted of: the first that is known
_SHOWN = ("bytes", "added_bytes", "stored_bytes", "checked_bytes", "freed_bytes")  # in a line of a log


class RunRecorder:
    """One run: ``begin``, then what is heard of it, then ``end``. Also an observer of operations.

    ``begin`` and ``end`` raise ``OSError``; nothing else does.
    """

    def __init__(self, folder: Path, kind: str, *, clock: Clock | None = None, run: str = "") -> None:
        self.run = run or random_id(8).hex()
        self.kind = kind
        self.clock = clock or SystemClock()
        self.host = socket.gethostname()
        self.ledger = Ledger(folder, host=self.host, clock=self.clock)
        self.has_begun = False
        self._meter = Meter(self.clock)
        self._mark: RunningMark | None = None
        self._begin: dict[str, object] = {}
        self._facts: dict[str, object] = {}
        self._figures: dict[str, int | float] = {}
        self._snapshots: list[str] = []
        self._findings: list[dict[str, str]] = []
        self._counts: Counter[str] = Counter()

    def begin(self, facts: Mapping[str, object]) -> None:
        """Write that the run begins; runs that died are written down as lost."""
        said = {
            "run": self.run,
            "kind": self.kind,
            "host": self.host,
            "user": find_user(),
            "pid": os.getpid(),
            "program": f"rebond {rebond.__version__}",
            **facts,
        }
        self.has_begun, self._begin = True, said
        running = self.ledger.folder / RUNNING
        lost = [(LOST, found) for name in list_marks(running) if (found := _take_lost(running, name)) is not None]
        self._mark = RunningMark(running, self.run, {key: said[key] for key in ("run", "kind", "host")})
        self.ledger.append_all([*lost, (BEGAN, said)])
        self._begin = {}

    def learn(self, **facts: object) -> None:
        """Note facts for the end of the run, such as ``stack`` or ``vault``; what is empty is left out."""
        self._facts |= {name: value for name, value in facts.items() if value not in ("", None)}

    def learn_figures(self, figures: Mapping[str, int | float]) -> None:
        """Note how much was read, added, stored, checked."""
        self._figures |= figures

    def learn_snapshots(self, snapshots: Iterable[str]) -> None:
        """Note which snapshots the run made, restored or let go."""
        self._snapshots = list(dict.fromkeys([*self._snapshots, *snapshots]))

    def advanced(self, advance: Advance) -> None:
        """Note which phase the work is in."""
        self._meter.enter_phase(advance.phase)

    def noticed(self, finding: Finding) -> None:
        """Note what was noticed: the first ones in words, all by their number."""
        self._counts[finding.severity.value] += 1
        if finding.severity is not Severity.NOTE and len(self._findings) < FINDINGS_KEPT:
            self._findings.append(
                {
                    "code": finding.code,
                    "severity": finding.severity.value,
                    "subject": _cut(finding.subject),
                    "message": _cut(finding.message),
                }
            )

    def summary(self, show_span: Callable[[float], str], show_size: Callable[[int], str]) -> str:
        """Return the figures of the run for one line of a log."""
        parts = [f"after {show_span(self._meter.measure().seconds)}"]
        parts += [f"{name} {show_size(round(self._figures[name]))}" for name in _SHOWN if name in self._figures]
        parts += [f"{count} {severity}" for severity, count in sorted(self._counts.items())]
        parts += [f"snapshot {each[:8]}" for each in self._snapshots[:3]]
        return ", ".join(["", *parts])

    def end(self, status: int, error: tuple[str, str] | None = None) -> None:
        """Write how the run ended: its exit status, and code and message of the error that ended it, if one did."""
        figures = {**msgspec.structs.asdict(self._meter.measure()), **self._figures}
        moved = next((figures[name] for name in _MOVED if name in figures), 0)
        if moved and figures["seconds"] > 0:
            figures["bytes_per_second"] = round(moved / figures["seconds"])
        facts: dict[str, object] = {
            "run": self.run,
            "kind": self.kind,
            "host": self.host,
            "status": status,
            **self._facts,
            "figures": figures,
            "phases": self._meter.phases(),
            "snapshots": self._snapshots[:SNAPSHOTS_KEPT],
            "findings": self._findings,
            "counts": dict(self._counts),
        }
        if error is not None:
            facts["error"] = {"code": error[0], "message": _cut(error[1])}
        # A begin that could not be written is written now: an end alone would be found by nobody.
        self.ledger.append_all([*([(BEGAN, self._begin)] if self._begin else []), (ENDED, facts)])
        if self._mark is not None:
            self._mark.clear()


def note_event(folder: Path, kind: str, facts: Mapping[str, object], *, clock: Clock | None = None) -> None:
    """Write something that happened outside of runs, such as a pause, into the ledger. Raises ``OSError``."""
    host = socket.gethostname()
    Ledger(folder, host=host, clock=clock).append(NOTED, {"kind": kind, "host": host, "user": find_user(), **facts})


def _take_lost(running: Path, name: str) -> dict[str, object] | None:
    facts = take_dead_mark(running, name)
    return None if facts is None else {**facts, "run": name}


def _cut(text: str) -> str:
    """Return a text without secrets, that JSON can hold, of a bounded length."""
    plain = mask(text).encode("utf-8", "backslashreplace").decode()
    return plain if len(plain) <= TEXT_KEPT else f"{plain[:TEXT_KEPT]}…"
