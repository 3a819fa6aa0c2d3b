"""``restore --in-place`` and what follows one: going on, rolling back, accepting."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rebond.cli.answering import DOUBTFUL, GOOD, answer, note, require_consent, with_problems
from rebond.cli.in_place_choosing import choose_parts_to_bring
from rebond.cli.in_place_runs import begin_run, require_no_open_run, restores_of
from rebond.cli.in_place_shown import (
    accept_command,
    describe_plan,
    plan_document,
    rollback_command,
)
from rebond.cli.invocation import Invocation
from rebond.cli.observing import describe_finding, finding_document
from rebond.cli.opening import VaultAtHand
from rebond.cli.recovery_sources import Sources
from rebond.cli.speech import show_path, tr
from rebond.cli.stack_holding import stack_held
from rebond.clock import SystemClock
from rebond.config.model import Loaded
from rebond.errors import RebondError, RestoreError
from rebond.findings import Finding, Severity
from rebond.history.ledger import Ledger
from rebond.history.recording import HISTORY
from rebond.history.runs import RunFilter, read_runs
from rebond.history.step_times import LEARNT_FROM, NEWEST, STEPS, StepTimes
from rebond.identifiers import random_id
from rebond.operations.recovery.carrying_out import Means, Recovery, StepTaken
from rebond.operations.recovery.journal import Journal, RunState
from rebond.operations.recovery.plan import BEGIN_ANEW, Expect, RecoveryPlan, StepKind
from rebond.progress import Advance, Observer
from rebond.stack.preconditions import list_closed
from rebond.stack.recovering import leave_out, plan_recovery
from rebond.stack.recovery_wishes import Surroundings
from rebond.units import format_moment, format_span

_LOOKED_AT = 20 * NEWEST  # runs of the ledger: restores and drills are rare


class RunInterrupted(RebondError):
    """Asked to stop in the middle of a plan."""

    code = "interrupted"
    exit_status = 130

    @classmethod
    def saying(cls, error: RebondError) -> "RunInterrupted":
        """Return it with the words of another error."""
        return cls(error.template, hint=error.hint_template, **error.values)


class Gathering:
    """Passes on what is noticed, and keeps it for the answer."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.findings: list[Finding] = []

    def advanced(self, advance: Advance) -> None:
        """Pass it on."""
        self._observer.advanced(advance)

    def noticed(self, finding: Finding) -> None:
        """Pass it on, and keep it."""
        self.findings.append(finding)
        self._observer.noticed(finding)

    def problems(self) -> list[Finding]:
        """Return what is more than a note."""
        return [each for each in self.findings if each.severity is not Severity.NOTE]


def restore_in_place(
    invocation: Invocation,
    loaded: Loaded,
    vault: VaultAtHand,
    watcher: Observer,
    words: Sequence[str],
    moment: str | None,
    wishes: Mapping[str, Any],
) -> int:
    """Bring components back into their places. Return 3 when something could not be put back as it was."""
    clock, run = SystemClock(), name_run(invocation)
    with ExitStack() as held:
        sources = held.enter_context(sources_of(invocation, loaded, vault, watcher))
        wish = choose_parts_to_bring(invocation, loaded, sources, words, moment, wishes)
        around = Surroundings(
            run=run,
            folder_of=lambda name: restores_of(invocation) / run / "parts" / name,
            sources=sources.by_component(wish),
            untouchable=list_untouchable(invocation, vault.store.location),
            expect=learn_expectations(invocation, loaded.configuration.stack.name),
        )
        plan, means = plan_recovery(loaded, wish, around, is_dry=wishes["dry_run"])
        apart = [leave_out(str(each.values["component"]), each) for each in sources.left_out]
        plan = replace(plan, left_out=(*plan.left_out, *apart)) if apart else plan
        closed = list(list_closed([os.fsencode(each.place) for each in plan.parts if not each.needs_server]))
        if wishes["dry_run"]:
            document = {**plan_document(plan), "dry_run": True, "missing": [finding_document(each) for each in closed]}
            answer(invocation, document, "\n".join([describe_plan(plan), *map(describe_finding, closed)]))
            return GOOD
        note(invocation, describe_plan(plan))
        for each in closed:
            note(invocation, describe_finding(each))
        require_no_open_run(invocation, plan.stack, clock)
        require_consent(invocation, tr("Carry this plan out?"), is_given=wishes["yes"])
        held.enter_context(stack_held(invocation, waits=False, what="rebond restore", loaded=loaded))
        journal = begin_run(invocation, loaded, wish, plan, clock)
        return carry_out(invocation, plan, means, journal, watcher, loaded)


def name_run(invocation: Invocation) -> str:
    """Return the id of the run: the one under which the ledger knows it."""
    return invocation.recording.run if invocation.recording is not None else random_id(8).hex()


@contextmanager
def sources_of(invocation: Invocation, loaded: Loaded, vault: VaultAtHand, watcher: Observer) -> Iterator[Sources]:
    """Give the vaults that components may come from; others than the main one are closed in the end."""
    with ExitStack() as others:
        yield Sources(invocation, loaded, vault, watcher, others)


def list_untouchable(invocation: Invocation, location: str) -> tuple[bytes, ...]:
    """Return what no restore may move: what this machine remembers, and the vault where it is a directory here."""
    found = [os.fsencode(invocation.state_folder), os.fsencode(invocation.cache_folder)]
    if os.path.isabs(location):
        found.append(os.path.realpath(os.fsencode(location)))
    return tuple(found)


def learn_expectations(invocation: Invocation, stack: str) -> Expect:
    """Return what earlier restores and drills of a stack here let expect; nothing where their record cannot be read."""
    ledger = Ledger(Path(invocation.state_folder) / HISTORY)
    try:
        runs = [run for kind in LEARNT_FROM for run in read_runs(ledger, RunFilter(kind=kind, newest=_LOOKED_AT))]
    except OSError:
        runs = []
    return StepTimes(sorted(runs, key=lambda each: each.began_ms), stack).expect


# -- carrying out ---------------------------------------------------------------------------------


def carry_out(
    invocation: Invocation,
    plan: RecoveryPlan,
    means: Means,
    journal: Journal,
    watcher: Observer,
    loaded: Loaded,
) -> int:
    """Carry a plan out whose journal has begun, and say what became of it. Raises what its steps raise."""
    gathering, clock = Gathering(watcher), SystemClock()
    recovery = Recovery(plan, means, journal, gathering, clock)
    began = clock.monotonic()
    with journal.held():
        try:
            taken = recovery.carry_out()
        except KeyboardInterrupt:
            raise _interrupted(journal) from None
        finally:
            _record(invocation, plan, recovery.steps_taken())
    restoring = loaded.configuration.restore
    keep = restoring.aside.keep if restoring is not None and restoring.aside is not None else None
    return show_outcome(invocation, plan, means, taken, gathering, clock.monotonic() - began, keep)


def _record(invocation: Invocation, plan: RecoveryPlan, taken: Sequence[StepTaken]) -> None:
    if invocation.recording is None:
        return
    steps = [
        {
            "kind": each.step.kind.value,
            "subject": each.step.subject,
            "bytes": each.step.bytes,
            "seconds": each.seconds,
            "tries": each.tries,
        }
        for each in taken
    ]
    invocation.recording.meet_facts(**{STEPS: steps, "plan": plan.run, "stack": plan.stack})


def _interrupted(journal: Journal) -> RunInterrupted:
    if journal.has_begun(StepKind.STOP, StepKind.SET_ASIDE, StepKind.PUT):
        return RunInterrupted.saying(
            RestoreError(
                "Interrupted in the middle of the restore {run}; the services may be stopped.",
                hint="Go on with: rebond restore --resume {run}\n  → or undo it: rebond restore --rollback {run}",
                run=journal.run,
            )
        )
    return RunInterrupted.saying(
        RestoreError(
            "Interrupted while the restore {run} was fetching; nothing was changed.",
            hint="Go on with: rebond restore --resume {run}\n  → or undo it: rebond restore --rollback {run}",
            run=journal.run,
        )
    )


def show_outcome(
    invocation: Invocation,
    plan: RecoveryPlan,
    means: Means,
    taken: Sequence[StepTaken],
    gathering: Gathering,
    seconds: float,
    keep_seconds: int | None,
) -> int:
    """Say where things are, where the old version lies, how to undo and how to accept."""
    asides = {name: each.describe_aside() for name, each in means.parts.items()}
    problems = gathering.problems()
    document = {
        **plan_document(plan, taken),
        "state": RunState.KEPT.value,
        "aside": {name: path for name, path in asides.items() if path},
        "rollback": rollback_command(plan.run),
        "accept": accept_command(plan.run),
        "dry_run": False,
        "files": sum(each.files for each in plan.parts),
        "bytes": sum(each.bytes for each in plan.parts),
        "seconds": round(seconds, 3),
        "snapshot": plan.parts[0].snapshot,
        "problems": [finding_document(each) for each in problems],
    }
    lines = [
        tr("Brought back {components} in {span}.", components=", ".join(means.parts), span=format_span(seconds)),
    ]
    for name, path in asides.items():
        if path:
            lines.append(tr("The old version of {component} lies in {path}", component=name, path=show_path(path)))
    lines.append(tr("To undo all of it: {command}", command=rollback_command(plan.run)))
    lines.append(tr("To delete the old version when all is well: {command}", command=accept_command(plan.run)))
    if keep_seconds is not None:
        until = format_moment(SystemClock().now_ms() + keep_seconds * 1000)
        lines.append(tr("By the configuration the old version is kept until {moment}.", moment=until))
    for each in plan.parts:
        moment = format_moment(each.moment_ms)
        lines.append(
            tr("{component} of {moment} is in {path}", component=each.name, moment=moment, path=show_path(each.place))
        )
    lines += [describe_finding(each) for each in plan.remarks if each.code == BEGIN_ANEW]
    answer(invocation, document, with_problems(invocation, "\n".join(lines), problems))
    return DOUBTFUL if problems else GOOD
