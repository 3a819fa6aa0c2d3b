"""How runs are shown, to machines and to people."""

from collections.abc import Sequence

from rebond.cli.output.observing import describe_finding
from rebond.cli.output.speech import show_path, tr
from rebond.cli.output.tables import drop_empty, format_table
from rebond.cli.snapshots.documents import SHORT_ID
from rebond.findings import Finding
from rebond.history.runs import Result, Run
from rebond.units import format_iso, format_moment, format_size, format_span


def run_document(run: Run) -> dict[str, object]:
    """Return the documented shape of one run; ``docs/reference/json.md`` lists it."""
    return {
        "run": run.run,
        "kind": run.kind,
        "began": format_iso(run.began_ms),
        "ended": None if run.ended_ms is None else format_iso(run.ended_ms),
        "seconds": run.figure("seconds"),
        "exit": run.status,
        "result": run.result.value,
        "host": run.host,
        "user": run.text("user"),
        "program": run.text("program"),
        "stack": run.text("stack"),
        "class": run.text("class"),
        "trigger": run.text("trigger") or None,
        "vault": run.text("vault") or None,
        "snapshots": run.texts("snapshots"),
        "figures": dict(run.table("figures")),
        "phases": dict(run.table("phases")),
        "finding_counts": dict(run.table("counts")),
        "findings": run.facts.get("findings") or [],
        "error": run.facts.get("error"),
        "ledger": run.chain or None,
    }


def run_table(runs: Sequence[Run]) -> str:
    """Return one line for each run. The host is shown where there are several."""
    heads = [
        tr("run"),
        tr("began"),
        tr("kind"),
        tr("stack"),
        tr("class"),
        tr("host"),
        tr("took"),
        tr("read"),
        tr("stored"),
        tr("result"),
        tr("snapshot"),
    ]
    has_hosts = len({run.host for run in runs}) > 1
    rows = [_row(run, has_hosts=has_hosts) for run in runs]
    return format_table(*drop_empty(heads, rows, "<<<<<<>>><<"))


def _row(run: Run, *, has_hosts: bool) -> list[str]:
    snapshots = run.texts("snapshots")
    more = f" +{len(snapshots) - 1}" if len(snapshots) > 1 else ""
    seconds = run.figure("seconds")
    return [
        run.run[:SHORT_ID],
        format_moment(run.began_ms),
        _name_kind(run),
        show_path(run.text("stack")),
        show_path(run.text("class")),
        show_path(run.host) if has_hosts else "",
        "" if seconds is None else format_span(seconds),
        _size(run, "read_bytes", "checked_bytes", "bytes"),
        _size(run, "stored_bytes"),
        describe_result(run),
        f"{snapshots[0][:SHORT_ID]}{more}" if snapshots else "",
    ]


def _name_kind(run: Run) -> str:
    """Return the command that ran, as it is typed; what is noted besides has words."""
    words = {"drilled": tr("drilled"), "runbook": tr("runbook written"), "checklist": tr("checklist")}
    return words.get(run.kind, show_path(run.kind)) if run.result is Result.NOTED else show_path(run.kind)


def _size(run: Run, *names: str) -> str:
    found = next((size for name in names if (size := run.figure(name)) is not None), None)
    return "" if found is None else format_size(round(found))


def describe_result(run: Run) -> str:
    """Return how a run ended, with its exit status where that says more."""
    words = {
        Result.GOOD: tr("good"),
        Result.DOUBTFUL: tr("needs a look"),
        Result.DAMAGED: tr("damage"),
        Result.MISSED: tr("objective missed"),
        Result.REFUSED: tr("refused"),
        Result.INTERRUPTED: tr("interrupted"),
        Result.FAILED: tr("failed ({status})", status=run.status if run.status is not None else "?"),
        Result.RUNNING: tr("running"),
        Result.NEVER_ENDED: tr("began, never ended"),
        Result.NOTED: "",
    }
    return words[run.result]


def check_text(lines: int, findings: Sequence[Finding]) -> str:
    """Return what a check came to."""
    if not findings:
        return tr("The ledger is whole: {count} lines, each follows from the one before.", count=lines)
    return "\n".join([*map(describe_finding, findings), tr("The ledger is not what was written.")])
