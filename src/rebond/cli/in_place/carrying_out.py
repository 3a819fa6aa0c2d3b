"""A plan of coming back is carried out, and what became of it is said: of a new one, or one that was cut."""

from collections.abc import Sequence

from rebond.cli.in_place.shown import (
    accept_command,
    plan_document,
    rollback_command,
)
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, answer, with_problems
from rebond.cli.output.observing import describe_finding, finding_document
from rebond.cli.output.speech import show_path, tr
from rebond.cli.restore.starting import describe_start, find_starts, tell_start
from rebond.clock import SystemClock
from rebond.config.model import Loaded
from rebond.errors import RebondError, RestoreError
from rebond.findings import Finding, Severity
from rebond.history.step_times import STEPS
from rebond.operations.recovery.carrying_out import Means, Recovery, StepTaken
from rebond.operations.recovery.journal import Journal, RunState
from rebond.operations.recovery.late_part import ComesLate
from rebond.operations.recovery.plan import BEGIN_ANEW, CHANGES_NOTHING, RecoveryPlan, StepKind
from rebond.progress import Advance, Observer
from rebond.units import format_moment, format_span


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
    if journal.state is RunState.ROLLING_BACK:  # a step had failed
        return RunInterrupted.saying(
            RestoreError(
                "Interrupted while the restore {run} was rolled back.",
                hint="Go on with: rebond restore --rollback {run}",
                run=journal.run,
            )
        )
    if journal.has_begun(*(set(StepKind) - CHANGES_NOTHING)):
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
    left_out = {name for name, each in means.parts.items() if isinstance(each, ComesLate) and each.is_left_out()}
    parts = [each for each in plan.parts if each.name not in left_out]
    asides = {each.name: means.parts[each.name].describe_aside() for each in parts}
    problems = gathering.problems()
    document = {
        **plan_document(plan, taken),
        "state": RunState.KEPT.value,
        "aside": {name: path for name, path in asides.items() if path},
        "rollback": rollback_command(plan.run),
        "accept": accept_command(plan.run),
        "dry_run": False,
        "files": sum(each.files for each in parts),
        "bytes": sum(each.bytes for each in parts),
        "seconds": round(seconds, 3),
        "snapshot": plan.parts[0].snapshot,
        "problems": [finding_document(each) for each in problems],
    }
    if starts := find_starts(plan, invocation.environment):
        document["starts"] = {name: describe_start(line) for name, line in starts.items()}
    lines = [
        tr("Brought back {components} in {span}.", components=", ".join(asides) or "–", span=format_span(seconds)),
    ]
    for name, path in asides.items():
        if path:
            lines.append(tr("The old version of {component} lies in {path}", component=name, path=show_path(path)))
    lines.append(tr("To undo all of it: {command}", command=rollback_command(plan.run)))
    lines.append(tr("To delete the old version when all is well: {command}", command=accept_command(plan.run)))
    if keep_seconds is not None:
        until = format_moment(SystemClock().now_ms() + keep_seconds * 1000)
        lines.append(tr("By the configuration the old version is kept until {moment}.", moment=until))
    for each in parts:
        values = {"component": each.name, "path": show_path(each.place)}
        if each.goes_on:
            lines.append(tr("{component}, to the end of its log, is in {path}", **values))
        else:
            lines.append(tr("{component} of {moment} is in {path}", moment=format_moment(each.moment_ms), **values))
    lines += [line for name, start in starts.items() for line in tell_start(name, start)]
    lines += [describe_finding(each) for each in plan.remarks if each.code == BEGIN_ANEW and not starts]
    answer(invocation, document, with_problems(invocation, "\n".join(lines), problems))
    return DOUBTFUL if problems else GOOD
