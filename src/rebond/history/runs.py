"""Runs as they are read back: a begin and an end that belong together, or a begin alone."""

import enum
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from rebond.history.ledger import Ledger
from rebond.history.lines import BEGAN, ENDED, NOTED, Line
from rebond.history.recording import RUNNING
from rebond.history.running import is_under_way


class Result(enum.StrEnum):
    """How a run ended."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    DAMAGED = "damaged"
    MISSED = "missed"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    RUNNING = "running"
    NEVER_ENDED = "never-ended"
    NOTED = "noted"  # no run: something that happened beside them


_RESULTS = {
    0: Result.GOOD,
    3: Result.DOUBTFUL,
    4: Result.DAMAGED,
    5: Result.MISSED,
    6: Result.REFUSED,
    130: Result.INTERRUPTED,
    141: Result.INTERRUPTED,
}


class Run(Struct, frozen=True, kw_only=True):
    """One run. Times are milliseconds since 1970, UTC; ``status`` and ``ended_ms`` are ``None`` without an end.

    ``facts`` are those of its begin and its end together.
    """

    run: str
    kind: str
    host: str
    began_ms: int
    ended_ms: int | None = None
    status: int | None = None
    result: Result = Result.NEVER_ENDED
    chain: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a fact that is text; empty where there is none."""
        value = self.facts.get(name, "")
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """Return a fact that is a list of texts."""
        value = self.facts.get(name)
        return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []

    def table(self, name: str) -> Mapping[str, Any]:
        """Return a fact that is a table; empty where there is none."""
        value = self.facts.get(name)
        return value if isinstance(value, dict) else {}

    def figure(self, name: str) -> float | None:
        """Return a number that was measured, or ``None``."""
        value = self.table("figures").get(name)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None


class RunFilter(Struct, frozen=True, kw_only=True):
    """Which runs are meant; what is empty asks for nothing. ``newest`` counts those that fit.

    A run that names no stack is taken as one of ``stack`` too.
    """

    since_ms: int | None = None
    kind: str = ""
    stack: str = ""
    newest: int | None = None

    def takes(self, run: Run) -> bool:
        """Say whether a run fits, apart from ``newest``."""
        if self.since_ms is not None and run.began_ms < self.since_ms:
            return False
        if self.stack and run.text("stack") not in {self.stack, ""}:
            return False
        return not self.kind or run.kind == self.kind or run.kind.startswith(f"{self.kind} ")


def read_runs(ledger: Ledger, wanted: RunFilter) -> list[Run]:
    """Return the runs of this machine that are wanted, oldest first. Reads from the newest on, as far as needed."""
    return _oldest_first(list(islice(newest_runs(ledger, wanted), wanted.newest)))


def newest_runs(ledger: Ledger, wanted: RunFilter) -> Iterator[Run]:
    """Yield the same runs one by one, the newest first, however many they are: ``newest`` is not looked at."""
    for run in _pair(ledger.newest_lines(), ledger.folder / RUNNING):
        if wanted.since_ms is not None and run.began_ms < wanted.since_ms - _OVERLAP_MS:
            return
        if wanted.takes(run):
            yield run


_OVERLAP_MS = 7 * 86_400_000  # runs lie in the order of their ends: one may have begun long before


def runs_of_lines(lines: Iterable[Line], wanted: RunFilter, *, chain: str) -> list[Run]:
    """Return the wanted runs of lines that were read elsewhere, oldest first."""
    newest_first = sorted(lines, key=lambda line: -line.number)
    found = [run for run in _pair(iter(newest_first), None, chain) if wanted.takes(run)]
    return _oldest_first(found[: wanted.newest])


def _oldest_first(newest_first: list[Run]) -> list[Run]:
    """Sort by their begin; runs of one moment stay in the order of their lines."""
    oldest_first = newest_first[::-1]
    oldest_first.sort(key=lambda run: run.began_ms)
    return oldest_first


def _pair(lines: Iterator[Line], running: Path | None, chain: str = "") -> Iterator[Run]:
    """Yield runs from lines, newest first: each where its begin stands, so a run that goes on comes by its begin."""
    ends: dict[str, Line] = {}
    for line in lines:
        run = str(line.facts.get("run", ""))
        if line.event == ENDED:
            ends[run] = line
        elif line.event in {BEGAN, NOTED}:
            yield _make_run(run, line, ends.pop(run, None), running, chain)


def _make_run(run: str, began: Line, ended: Line | None, running: Path | None, chain: str) -> Run:
    facts: dict[str, Any] = {**began.facts, **(ended.facts if ended else {})}
    status = facts.get("status") if ended else None
    if began.event == NOTED:
        result = Result.NOTED
    elif ended is not None:
        result = _RESULTS.get(status if isinstance(status, int) else -1, Result.FAILED)
    else:
        is_alive = running is not None and bool(run) and "/" not in run and is_under_way(running, run)
        result = Result.RUNNING if is_alive else Result.NEVER_ENDED
    return Run(
        run=run,
        kind=str(facts.get("kind", "")),
        host=str(facts.get("host", "")),
        began_ms=_read_moment(began.facts.get("time")),
        ended_ms=_read_moment(ended.facts.get("time")) if ended else None,
        status=status if isinstance(status, int) else None,
        result=result,
        chain=chain,
        facts=facts,
    )


def _read_moment(text: object) -> int:
    try:
        return round(datetime.fromisoformat(str(text)).timestamp() * 1000)
    except ValueError:
        return 0
