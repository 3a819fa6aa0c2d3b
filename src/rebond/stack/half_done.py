"""Restores in place that were cut: neither version is whole then, and whoever looks at the stack has to be told."""

import contextlib
from pathlib import Path

from msgspec import Struct

from rebond.clock import Clock
from rebond.errors import RebondError
from rebond.findings import Finding, Severity
from rebond.operations.recovery.journal import OPEN_STATES, RESTORES, Journal, RunState
from rebond.operations.recovery.known_runs import look_at_runs

_WAYS = {RunState.UNFINISHED: "resume", RunState.ROLLING_BACK: "rollback", RunState.ACCEPTING: "accept"}


class HalfDone(Struct, frozen=True, kw_only=True):
    """One such restore; ``way`` is the option that ends it.

    ``reason`` says why a step failed, where that is why it was being taken back.
    """

    run: str
    stack: str
    way: str
    reason: str | None = None

    @property
    def values(self) -> dict[str, object]:
        """What fills the words about it."""
        return {"run": self.run, "stack": self.stack, "way": self.way, "reason": self.reason}

    @property
    def finding(self) -> Finding:
        """What happened, in words, and what ends it."""
        return Finding(
            code="restore-half-done",
            severity=Severity.WARNING,
            subject=self.run,
            template="The restore {run} of the stack {stack} was cut, and is half done; --rollback instead of --{way} "
            "undoes it."
            if self.way == "resume"
            else "A step of the restore {run} of the stack {stack} failed, and taking everything back failed too, or "
            "was cut. The step: {reason}"
            if self.reason is not None
            else "The restore {run} of the stack {stack} was being ended with --{way}, and that failed or was cut.",
            hint_template="Go on with: rebond restore --{way} {run}",
            values=self.values,
        )


def find_half_done(state_folder: Path, stack: str, clock: Clock) -> list[HalfDone]:
    """Return the restores of the stack that nobody is at work on and that did not come to an end, oldest first."""
    found: list[HalfDone] = []
    with contextlib.suppress(OSError):  # another user's: the check of permissions tells of it
        for journal in look_at_runs(state_folder / RESTORES, clock).whole:
            with contextlib.suppress(RebondError):
                if journal.state in OPEN_STATES and journal.read_plan().get("stack") == stack and not journal.is_held():
                    found.append(describe_half_done(journal, stack))
    return found


def describe_half_done(journal: Journal, stack: str) -> HalfDone:
    """Return what is to be said of a run that did not come to an end."""
    return HalfDone(run=journal.run, stack=stack, way=_WAYS[journal.state], reason=journal.undone_because())


def remark_half_done(state_folder: Path, stack: str, clock: Clock) -> tuple[Finding, ...]:
    """Return what a status says of them."""
    return tuple(each.finding for each in find_half_done(state_folder, stack, clock))
