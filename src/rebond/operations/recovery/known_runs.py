"""The restores in place that this machine knows: whole ones, those whose record was spoilt, and which one is meant."""

import contextlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from rebond.clock import Clock
from rebond.errors import Refused, RestoreError, UnknownName, UsageError
from rebond.operations.recovery.journal import JOURNAL, OPEN_STATES, PLAN, Journal, RunState, read_plan
from rebond.presence import is_there

_RUN = re.compile(r"[0-9a-f]{4,32}")


class SpoiltRun(Struct, frozen=True, kw_only=True):
    """A run whose plan or journal cannot be read: ``error`` says which, and what to do.

    ``stack`` is empty and ``state`` is ``None`` where that is what cannot be read.
    """

    folder: Path
    error: RestoreError
    stack: str = ""
    state: RunState | None = None

    @property
    def run(self) -> str:
        """The id of the run."""
        return self.folder.name

    def may_be_half_done(self, stack: str) -> bool:
        """Say whether it may have left that stack half done."""
        return self.stack in ("", stack) and (self.state is None or self.state in OPEN_STATES)

    def may_stand(self, stack: str) -> bool:
        """Say whether something of it may lie in the places of that stack."""
        return self.stack in ("", stack) and self.state is not RunState.ROLLED_BACK


class KnownRuns(Struct, frozen=True, kw_only=True):
    """The runs of this machine: ``whole`` ones, oldest first, and those that were spoilt."""

    whole: tuple[Journal, ...] = ()
    spoilt: tuple[SpoiltRun, ...] = ()

    def require_none_half_done(self, stack: str) -> None:
        """Raise ``RestoreError`` where a spoilt run may have left the stack half done."""
        for each in self.spoilt:
            if each.may_be_half_done(stack):
                raise each.error

    def require_none_standing(self, stack: str) -> None:
        """Raise ``RestoreError`` where a spoilt run may have put something into the stack, whenever that was."""
        for each in self.spoilt:
            if each.may_stand(stack):
                raise each.error


def look_at_runs(restores: Path, clock: Clock) -> KnownRuns:
    """Read what every run wrote down. One that is spoilt hides no other."""
    whole: list[tuple[float, Journal]] = []
    spoilt_ones: list[SpoiltRun] = []
    try:
        folders = sorted(each for each in restores.iterdir() if _RUN.fullmatch(each.name))
    except (FileNotFoundError, NotADirectoryError):
        return KnownRuns()
    for folder in folders:
        if not _has_begun(folder):
            continue
        found = _read(folder, clock)
        if isinstance(found, SpoiltRun):
            spoilt_ones.append(found)
        else:
            made_ms = found.read_plan().get("made_ms", 0)
            whole.append((made_ms if isinstance(made_ms, int | float) else 0, found))
    whole.sort(key=lambda each: each[0])
    return KnownRuns(whole=tuple(each for _, each in whole), spoilt=tuple(spoilt_ones))


def _has_begun(folder: Path) -> bool:
    """Say whether a run got as far as its plan; one that cannot be looked at may have."""
    try:
        return any(is_there(folder / name) for name in (PLAN, JOURNAL))
    except OSError:
        return True


def _read(folder: Path, clock: Clock) -> Journal | SpoiltRun:
    try:
        journal = Journal(folder, clock)
    except RestoreError as error:
        stack = ""
        with contextlib.suppress(RestoreError):
            stack = str(read_plan(folder).get("stack") or "")
        return SpoiltRun(folder=folder, error=error, stack=stack)
    try:
        journal.read_plan()
    except RestoreError as error:
        return SpoiltRun(folder=folder, error=error, state=journal.state)
    return journal


def find_run(restores: Path, text: str, clock: Clock, *, stack: str = "") -> Journal:
    """Return the run that ``text`` means: an id, a unique prefix, or ``latest``, which is one of ``stack``.

    Raises ``UnknownName``; ``UsageError`` where several fit: ``latest`` too, without a stack and with runs of two; and
    ``RestoreError`` for one whose record was spoilt, also where ``latest`` may mean it.
    """
    found = find_known(restores, text, clock, stack=stack)
    if isinstance(found, SpoiltRun):
        raise found.error
    return found


def find_known(restores: Path, text: str, clock: Clock, *, stack: str = "") -> Journal | SpoiltRun:
    """Return the run that ``text`` means, also one whose record was spoilt; raises as ``find_run`` does."""
    runs = look_at_runs(restores, clock)
    fitting: list[Journal | SpoiltRun]
    if text == "latest":
        runs.require_none_standing(stack)
        own = [each for each in runs.whole if not stack or _stack_of(each) == stack]
        _require_one_stack(own)
        fitting = [*own[-1:]]
    else:
        fitting = [each for each in runs.whole if each.run.startswith(text.lower())]
        fitting += [each for each in runs.spoilt if each.run.startswith(text.lower())]
    if len(fitting) == 1:
        return fitting[0]
    if len(fitting) > 1:
        raise UsageError(
            "{text} is the start of several runs: {known}.",
            hint="Give more of it.",
            text=text,
            known=_show_runs(fitting[-5:]),
        )
    everything: list[Journal | SpoiltRun] = [*runs.spoilt, *runs.whole]
    known = _show_runs(everything[-5:])  # of other stacks too: one that is half done must not be denied
    raise UnknownName(
        "This machine knows no restore in place called {text}.",
        hint="It knows: {known}." if known else "'rebond history' lists what ran; --in-place begins a restore.",
        text=text,
        known=known,
    )


def _stack_of(run: Journal | SpoiltRun) -> str:
    return run.stack or "?" if isinstance(run, SpoiltRun) else str(run.read_plan().get("stack"))


def _show_runs(runs: Iterable[Journal | SpoiltRun]) -> str:
    return ", ".join(f"{each.run} ({_stack_of(each)})" for each in runs)


def _require_one_stack(runs: Sequence[Journal]) -> None:
    newest = {_stack_of(each): each for each in runs}
    if len(newest) > 1:
        raise UsageError(
            "Restores of several stacks ran on this machine, and 'latest' does not say of which.",
            hint="Name one: {known}. Or run it in the stack's folder, or with --config.",
            known=_show_runs(newest.values()),
        )


def require_state(journal: Journal, *allowed: RunState) -> None:
    """Raise ``Refused``, with what the run came to, unless it stands where it may be worked on."""
    if journal.state not in allowed:
        raise describe_state(journal)


def describe_state(journal: Journal) -> Refused:
    """Return what a run came to and what may be done with it, as an error."""
    return _refusals(journal.run)[journal.state]


def _refusals(run: str) -> dict[RunState, Refused]:
    return {
        RunState.UNFINISHED: Refused(
            "The restore {run} is half done.",
            hint="Go on with: rebond restore --resume {run}\n  → or undo it: rebond restore --rollback {run}",
            run=run,
        ),
        RunState.KEPT: Refused(
            "The restore {run} has come to its end.",
            hint="Undo it with: rebond restore --rollback {run}\n  → or delete the old version: "
            "rebond restore --accept {run}",
            run=run,
        ),
        RunState.ROLLING_BACK: Refused(
            "The restore {run} is half undone.", hint="Go on with: rebond restore --rollback {run}", run=run
        ),
        RunState.ROLLED_BACK: Refused(
            "The restore {run} was rolled back: there is nothing left of it.",
            hint="Begin another one with --in-place.",
            run=run,
        ),
        RunState.ACCEPTING: Refused(
            "The old version that the restore {run} set aside is half deleted.",
            hint="Go on with: rebond restore --accept {run}",
            run=run,
        ),
        RunState.ACCEPTED: Refused(
            "The restore {run} was accepted: its old version is deleted, and nothing can be undone.",
            hint="An earlier snapshot brings an earlier version: 'rebond snapshots'.",
            run=run,
        ),
    }
