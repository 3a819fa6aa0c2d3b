"""How a plan of coming back, and what became of it, are shown."""

from collections.abc import Sequence

from rebond.cli.output.observing import describe_finding, finding_document
from rebond.cli.output.speech import hint_of, message_of, show_path, tr
from rebond.cli.output.tables import format_table
from rebond.findings import Finding, Severity
from rebond.logs.masking import mask
from rebond.operations.recovery.carrying_out import StepTaken
from rebond.operations.recovery.plan import LeftOut, PlannedPart, RecoveryPlan, Step, StepKind
from rebond.units import format_iso, format_moment, format_size, format_span

SHORT_ID = 8


def describe_plan(plan: RecoveryPlan) -> str:
    """Return a plan in words: what comes back, what does not, every step with its expected duration."""
    if plan.to:
        values = {"stack": plan.stack, "folder": show_path(plan.to), "run": plan.run}
        lines = [tr("Plan to bring the stack {stack} back into {folder}, and not to its place (run {run})", **values)]
    else:
        lines = [tr("Plan to bring the stack {stack} back in its place (run {run})", stack=plan.stack, run=plan.run)]
    lines += ["", describe_parts(plan.parts)]
    for part in plan.parts:
        if part.only:
            values = {"component": part.name, "names": ", ".join(map(show_path, part.only))}
            lines.append(tr("Of {component} only this, and all else of it stays: {names}", **values))
    if plan.spread_ms:
        lines.append(tr("The moments of these parts are {span} apart.", span=format_span(plan.spread_ms / 1000)))
    lines += ["", *_describe_left_out(plan.left_out), *map(describe_finding, plan.remarks)]
    lines += [""] if plan.remarks else []
    rows = [[str(each.number), describe_step(each), describe_expected(each.expected_seconds)] for each in plan.steps]
    lines += [format_table(["", tr("step"), tr("expected")], rows, "><>"), "", describe_sum(plan)]
    return "\n".join(lines)


def describe_parts(parts: Sequence[PlannedPart]) -> str:
    """Return one line for each component."""
    heads = [tr("component"), tr("snapshot"), tr("as of"), tr("files"), tr("size"), tr("place")]
    rows = [
        [
            each.name,
            each.snapshot[:SHORT_ID],
            tr("the end of its log") if each.goes_on else format_moment(each.moment_ms),
            str(each.files),
            format_size(each.bytes),
            show_path(each.place),
        ]
        for each in parts
    ]
    return format_table(heads, rows, "<<<>><")


def _describe_left_out(left_out: Sequence[LeftOut]) -> list[str]:
    lines = []
    for each in left_out:
        said = _as_finding(each)
        lines.append(tr("Not by this plan: {component}. {reason}", component=each.name, reason=message_of(said)))
        if hint := hint_of(said):
            lines.append(f"  → {hint}")
    return [*lines, ""] if lines else []


def _as_finding(left: LeftOut) -> Finding:
    return Finding(
        code="left-out",
        severity=Severity.NOTE,
        subject=left.name,
        template=left.template,
        hint_template=left.hint_template,
        values=left.values,
    )


def describe_sum(plan: RecoveryPlan) -> str:
    """Return how long everything is expected to take."""
    known = sum(each.expected_seconds or 0.0 for each in plan.steps)
    if not plan.unknown_steps:
        return tr("Expected, by earlier runs: {span}.", span=format_span(known))
    if plan.unknown_steps == len(plan.steps):
        return tr("How long it takes is not known: no restore and no whole drill of this stack taught it here yet.")
    return tr(
        "Expected, by earlier runs: {span}, and {count} steps that nothing was learnt about yet.",
        span=format_span(known),
        count=plan.unknown_steps,
    )


def describe_expected(seconds: float | None) -> str:
    """Return a duration, or that it is not known."""
    return tr("unknown") if seconds is None else format_span(seconds)


def describe_step(step: Step) -> str:
    """Return what a step does."""
    subject = mask(show_path(step.subject))
    match step.kind:
        case StepKind.VERIFY:
            return tr("see that the snapshot can be opened; every byte is checked when it is fetched")
        case StepKind.ROOM:
            return tr("see that there is room beside the old version")
        case StepKind.REACH:
            return tr("see that the server of {component} answers; start it where it does not", component=subject)
        case StepKind.MAKE:
            return tr("make the volumes and containers that are filled next, and start none of them")
        case StepKind.FETCH:
            return tr("fetch {component} beside the live version", component=subject)
        case StepKind.ISOLATE:
            return tr("isolate: {command}", command=subject)
        case StepKind.STOP:
            return tr("stop: {command}", command=subject)
        case StepKind.SET_ASIDE:
            return tr("set the old version of {component} aside", component=subject)
        case StepKind.PUT:
            return tr("put {component} in its place, with its permissions", component=subject)
        case StepKind.REBUILD:
            return tr("rebuild: {command}", command=subject)
        case StepKind.REGENERATE:
            return tr("make anew: {command}", command=subject)
        case StepKind.START:
            return tr("start: {command}", command=subject)
        case StepKind.HEALTHY:
            return tr("ask until it is well: {question}", question=subject)


def plan_document(plan: RecoveryPlan, taken: Sequence[StepTaken] = ()) -> dict[str, object]:
    """Return a plan for machines; ``seconds`` of a step are there once it was done."""
    seconds = {each.step.number: each.seconds for each in taken}
    return {
        "run": plan.run,
        "stack": plan.stack,
        "parts": [
            {
                "name": each.name,
                "kind": each.kind,
                "snapshot": each.snapshot,
                "moment": format_iso(each.moment_ms),
                "goes_on": each.goes_on,
                "place": each.place,
                "files": each.files,
                "bytes": each.bytes,
                "only": list(each.only),
            }
            for each in plan.parts
        ],
        "left_out": [
            {"name": each.name, "reason": message_of(_as_finding(each)), "hint": hint_of(_as_finding(each))}
            for each in plan.left_out
        ],
        "remarks": [finding_document(each) for each in plan.remarks],
        "spread_seconds": plan.spread_ms / 1000,
        "expected_seconds": plan.expected_seconds,
        "steps": [
            {
                "number": each.number,
                "kind": each.kind.value,
                "subject": mask(each.subject),
                "bytes": each.bytes,
                "expected_seconds": each.expected_seconds,
                "seconds": seconds.get(each.number),
            }
            for each in plan.steps
        ],
    }


def rollback_command(run: str) -> str:
    """Return what undoes a run."""
    return f"rebond restore --rollback {run}"


def accept_command(run: str) -> str:
    """Return what deletes the old version."""
    return f"rebond restore --accept {run}"
