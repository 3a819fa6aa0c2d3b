"""How the status of a stack is shown: as a document, as text, and as a page."""

import os
from pathlib import Path

from rebond.cli.drills.shown import describe_missed
from rebond.cli.output.observing import describe_finding
from rebond.cli.output.speech import hint_of, language, message_of, show_path, tr
from rebond.cli.output.tables import drop_empty, format_table
from rebond.cli.snapshots.windows_shown import describe_stretches, stretch_document
from rebond.cli.status.page import make_status_page
from rebond.durable_files import replace_durably
from rebond.errors import RestoreError
from rebond.history.runs import Run
from rebond.language import translate
from rebond.pages.html import write_html
from rebond.pages.inline import say_plainly
from rebond.runbook.describing import describe_trigger
from rebond.stack.drills.evidence import describe_promise
from rebond.stack.objectives.log_ends import LogEnd
from rebond.stack.objectives.promises import Promise
from rebond.stack.objectives.status import ComponentStatus, StackStatus
from rebond.units import format_iso, format_moment, format_size, format_span


def status_document(status: StackStatus) -> dict[str, object]:
    """Return the documented shape; ``docs/reference/json.md`` lists it."""
    reachable = status.reachable_ms
    canary = status.vault.canary
    return {
        "ok": not status.missed,
        "stack": status.stack,
        "time": format_iso(status.now_ms),
        "components": [
            _component_document(each, next((end for end in status.logs if end.component == each.name), None))
            for each in status.components
        ],
        "scenarios": [{**describe_promise(each), "missed": each.is_missed} for each in status.scenarios],
        "missed": [describe_promise(each) for each in status.missed],
        "remarks": [
            {"code": each.code, "subject": each.subject, "message": message_of(each), "hint": hint_of(each)}
            for each in status.remarks
        ],
        "classes": [
            {
                "name": each.name,
                "newest": _iso(each.newest_ms),
                "next": _iso(each.next_ms),
                "trigger": each.trigger or None,
            }
            for each in status.classes
        ],
        "places": [
            {
                "name": each.name,
                "address": each.address,
                "medium": each.medium or None,
                "site": each.site or None,
                "snapshots": each.snapshots,
            }
            for each in status.places
        ],
        "snapshots": len(status.vault.records),
        "reachable": [format_iso(each) for each in reachable] if reachable else None,
        "windows": [stretch_document(each) for log in status.logs for each in log.stretches],
        "last_drill": _drill_document(status.last_drill),
        "can_read": status.vault.can_read,
        "can_destroy": None if canary is None else not canary.is_safe,
    }


def _component_document(each: ComponentStatus, end: LogEnd | None) -> dict[str, object]:
    return {
        "name": each.name,
        "kind": each.kind,
        "priority": each.priority or None,
        "newest": _iso(each.newest_ms),
        "bytes": each.size_bytes,
        "bytes_per_day": round(each.bytes_per_day),
        "rto_objective": each.rto.promised_seconds,
        "rto_seconds": _round(each.rto.measured_seconds),
        "rto_expected_seconds": _round(each.expected_seconds),
        "rto_breaks_in_days": each.breaks_in_days,
        "rpo_objective": each.rpo.promised_seconds,
        "rpo_seconds": _round(each.rpo.measured_seconds),
        "rpo_basis": _name_basis(each, end),
        "missed": [promise.measure.value for promise in (each.rto, each.rpo) if promise.is_missed],
        "phases": {name: round(seconds, 3) for name, seconds in each.phases.items()},
    }


def _name_basis(each: ComponentStatus, end: LogEnd | None) -> str | None:
    """Return what the work that would be lost was counted from."""
    if each.rpo.measured_seconds is None:
        return None
    if end is None or end.until_ms is None:
        return "snapshot"
    if end.is_idle:
        return "server-wrote-nothing"
    return "log-arrival" if end.is_estimate else "log"


def _drill_document(drill: Run | None) -> dict[str, object] | None:
    if drill is None:
        return None
    return {
        "time": format_iso(drill.began_ms),
        "verdict": drill.text("verdict"),
        "snapshot": drill.text("snapshot"),
        "scenario": drill.text("scenario") or None,
        "rto_seconds": drill.facts.get("rto_seconds"),
        "rpo_seconds": drill.facts.get("rpo_seconds"),
    }


def describe_status(status: StackStatus) -> str:
    """Return what a person at a terminal wants to know: promises beside facts first."""
    table, lines = _describe_components(status), []
    lines += [each for log in status.logs for each in describe_stretches(log.stretches, status.zone)]
    lines += [
        tr("{component}: its server wrote nothing since then, so nothing would be lost.", component=each.component)
        for each in status.logs
        if each.is_idle
    ]
    lines += [_describe_scenario(each) for each in status.scenarios]
    lines += [describe_missed(each) for each in status.missed]
    lines += [describe_finding(each) for each in status.remarks]
    blocks = (table, "\n".join(lines), "\n".join(_describe_surroundings(status)))
    return "\n\n".join(each for each in blocks if each)


def _describe_components(status: StackStatus) -> str:
    heads = [
        tr("component"),
        tr("priority"),
        tr("size"),
        tr("newest"),
        tr("back in"),
        tr("promised"),
        tr("would lose"),
        tr("promised"),
        "",
    ]
    rows = [
        [
            show_path(each.name),
            each.priority,
            format_size(each.size_bytes),
            "–" if each.newest_ms is None else format_moment(each.newest_ms, status.zone)[:16],
            _span(each.rto.measured_seconds),
            _span(each.rto.promised_seconds),
            _span(each.rpo.measured_seconds),
            _span(each.rpo.promised_seconds),
            tr("MISSED") if each.rto.is_missed or each.rpo.is_missed else "",
        ]
        for each in status.components
    ]
    return format_table(*drop_empty(heads, rows, "<<><>>>><")) if rows else tr("Nothing is to be saved.")


def _describe_scenario(promise: Promise) -> str:
    values = {
        "scenario": promise.subject,
        "measured": _span(promise.measured_seconds),
        "promised": _span(promise.promised_seconds),
    }
    if promise.measured_seconds is None:
        return (
            tr("{scenario}: promised back within {promised}, and never tried.", **values)
            if promise.measure.value == "rto"
            else tr("{scenario}: no more than {promised} of work may be lost, and nobody measured it.", **values)
        )
    if promise.measure.value == "rto":
        return tr("{scenario}: back after {measured}, promised {promised}.", **values)
    return tr("{scenario}: {measured} of work would be lost, promised {promised}.", **values)


def _describe_surroundings(status: StackStatus) -> list[str]:
    lines = []
    for each in status.classes:
        newest = "–" if each.newest_ms is None else format_moment(each.newest_ms, status.zone)
        if each.trigger:
            following = say_plainly(describe_trigger(each.trigger), lambda template: translate(template, language()))
        else:
            following = "–" if each.next_ms is None else format_moment(each.next_ms, status.zone)
        lines.append(tr("Class {name}: newest {newest}, next {next}.", name=each.name, newest=newest, next=following))
    drill = status.last_drill
    lines.append(
        tr("No drill yet. 'rebond drill' proves that all of this comes back.")
        if drill is None
        else tr(
            "Last drill {moment}: {verdict}.",
            moment=format_moment(drill.began_ms, status.zone),
            verdict=_verdict_word(drill.text("verdict")),
        )
    )
    if status.reachable_ms is not None:
        count = len(status.reachable)
        oldest, newest = (format_moment(each, status.zone) for each in status.reachable_ms)
        lines.append(
            tr("{count} snapshots, of the moment {oldest}.", count=count, oldest=oldest)
            if oldest == newest
            else tr(
                "{count} snapshots, of moments from {oldest} to {newest}.", count=count, oldest=oldest, newest=newest
            )
        )
    for place in status.places:
        where = ", ".join(filter(None, (place.medium, place.site)))
        lines.append(
            tr(
                "Copies in {name} ({address}{where}): {count}.",
                name=place.name,
                address=show_path(place.address),
                where=f"; {where}" if where else "",
                count=tr("this version copies nothing there") if place.snapshots is None else place.snapshots,
            )
        )
    lines.append(describe_promise_4(status))
    return lines


def describe_promise_4(status: StackStatus) -> str:
    """Return which half of promise 4 holds: who writes backups can neither read nor destroy the older ones."""
    if status.vault.canary is None and status.vault.can_read:
        return tr("Promise 4 is off: this machine holds a key that may read and delete what it saved.")
    reading = tr("does not hold") if status.vault.can_read else tr("holds")
    canary = status.vault.canary
    destroying = tr("not known") if canary is None else tr("holds") if canary.is_safe else tr("does not hold")
    return tr(
        "Promise 4: who saves cannot read: {reading}; cannot destroy: {destroying}.",
        reading=reading,
        destroying=destroying,
    )


def _verdict_word(verdict: str) -> str:
    words = {"pass": tr("PROVED"), "partial": tr("PROVED IN PART"), "fail": tr("PROOF FAILED")}
    return words.get(verdict, verdict)


def write_page(status: StackStatus, path: Path) -> None:
    """Write the page in the reader's language, at once or not at all. Raises ``RestoreError``."""
    spoken = language()
    page = make_status_page(status, spoken, say_remark=lambda each: (message_of(each), hint_of(each)))
    content = write_html(page, lambda template: translate(template, spoken)).encode(errors="backslashreplace")
    try:
        replace_durably(os.path.abspath(path), content)
        os.chmod(path, 0o644)  # it is for everyone, and says nothing that is secret
    except OSError as error:
        raise RestoreError(
            "The page cannot be written to {path}: {reason}.",
            hint="Name a file in a directory that this user may write to.",
            path=str(path),
            reason=error.strerror or str(error),
        ) from error


def _span(seconds: float | None) -> str:
    return "–" if seconds is None else format_span(seconds)


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _iso(moment_ms: int | None) -> str | None:
    return None if moment_ms is None else format_iso(moment_ms)
