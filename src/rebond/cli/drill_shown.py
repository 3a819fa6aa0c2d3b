"""How a drill is told: to the reader, to the ledger, and as evidence that is kept."""

import hashlib
import json
import os
from pathlib import Path

from rebond.cli.answering import DAMAGED, DOUBTFUL, GOOD, MISSED, answer, note
from rebond.cli.documents import SHORT_ID, describe_choice
from rebond.cli.drill_page import make_page
from rebond.cli.invocation import Invocation
from rebond.cli.page_language import choose_page_language
from rebond.cli.speech import language, message_of, show_path, speaking, tr
from rebond.clock import SystemClock
from rebond.durable_files import make_directories_durably, replace_durably
from rebond.errors import RebondError, RestoreError, UsageError
from rebond.history.drills import DRILLED
from rebond.history.recording import HISTORY, note_event
from rebond.language import translate
from rebond.logs.masking import mask
from rebond.operations.drills.outcomes import Answer, Check, Verdict
from rebond.operations.snapshots import time_of
from rebond.pages.html import write_html
from rebond.pages.markdown import write_markdown
from rebond.sources.postgres.wal_names import format_lsn
from rebond.stack.drills.evidence import Evidence, LogSearch, describe_evidence, describe_for_ledger
from rebond.stack.objectives.promises import Measure, Promise
from rebond.units import format_iso, format_moment, format_span
from rebond.vault.snapshots import SnapshotRecord
from rebond.wording import fill

EVIDENCE = "drills/evidence"  # below the state folder
_KEPT = 200  # drills whose evidence is kept; the ledger keeps a line of each for ever
_FORMS = (".json", ".md", ".html")


def announce(invocation: Invocation, record: SnapshotRecord) -> None:
    """Say which snapshot is drilled, before anything is restored."""
    note(invocation, describe_choice(record, SystemClock().now_ms()))


def publish(invocation: Invocation, evidence: Evidence, report: Path | None) -> int:
    """Keep the evidence, write the report, answer, and return the exit status."""
    document = keep_evidence(invocation, evidence, report)
    answer(invocation, document, describe_drill(evidence))
    return status_of_evidence(evidence)


def keep_evidence(invocation: Invocation, evidence: Evidence, report: Path | None = None) -> dict[str, object]:
    """Keep the evidence in the state folder and in the ledger, write the report, and return the document."""
    document = describe_evidence(evidence, say_check)
    run = invocation.recording.run if invocation.recording is not None else evidence.outcome.record.snapshot.hex()[:16]
    document["run"] = run
    if invocation.recording is not None:
        invocation.recording.meet_facts(steps=list_steps(evidence))
    with speaking(choose_page_language(invocation, evidence.language)):
        contents = make_contents(evidence, document)
    _keep(invocation, evidence, contents, run)
    if report is not None:
        write_report(report, contents)
    return document


def list_steps(evidence: Evidence) -> list[dict[str, object]]:
    """Return how long each component took, in the shape in which plans of a restore learn from it."""
    if evidence.outcome.is_sample:
        return []
    return [
        {"kind": "fetch", "subject": each.name, "bytes": each.bytes, "seconds": round(each.seconds, 3)}
        for each in evidence.outcome.components
    ]


def status_of_evidence(evidence: Evidence) -> int:
    """Return 4 for a proof that failed, 5 for a promise that is missed, 3 for one that is not whole, else 0."""
    if evidence.outcome.verdict is Verdict.FAIL:
        return DAMAGED
    if evidence.judgement.missed:
        return MISSED
    return GOOD if evidence.outcome.verdict is Verdict.PASS else DOUBTFUL


def say_check(check: Check) -> tuple[str, str]:
    """Return what a check says and what to do about it, in the reader's language."""
    spoken = language()

    def say(template: str) -> str:
        values = {name: _printable(value) for name, value in check.values.items()}
        return mask(fill(translate(template, spoken), values)) if template else ""

    return say(check.template), say(check.hint_template)


def make_contents(evidence: Evidence, document: dict[str, object]) -> dict[str, str]:
    """Return the evidence by the ending of a file's name."""
    spoken = language()
    page = make_page(evidence, spoken, say_check)

    def in_language(template: str) -> str:
        return translate(template, spoken)

    return {
        ".json": json.dumps(document, indent=2) + "\n",
        ".md": write_markdown(page, in_language),
        ".html": write_html(page, in_language),
    }


def write_report(report: Path, contents: dict[str, str]) -> None:
    """Write the evidence into a file, in the form that its name says. Raises ``UsageError`` and ``RestoreError``."""
    check_report(report)
    try:
        replace_durably(os.path.abspath(report), contents[report.suffix].encode(errors="backslashreplace"))
    except OSError as error:
        raise RestoreError(
            "The evidence cannot be written to {path}: {reason}.",
            hint="Name a file in a directory that this user may write to. It is kept in the state folder as well.",
            path=str(report),
            reason=error.strerror or str(error),
        ) from error


def check_report(report: Path) -> None:
    """Refuse a file's name that says no form, before anything is restored. Raises ``UsageError``."""
    if report.suffix not in _FORMS:
        raise UsageError(
            "{path} does not say in which form the evidence is wanted.",
            hint="End the name with {forms}.",
            path=str(report),
            forms=", ".join(_FORMS),
        )


def _keep(invocation: Invocation, evidence: Evidence, contents: dict[str, str], run: str) -> None:
    """Keep the evidence in the state folder, and note it in the ledger. A full disk does not undo a proof."""
    folder = invocation.state_folder / EVIDENCE
    began = format_iso(evidence.outcome.began_ms).replace(":", "").partition(".")[0]
    name, sums = f"{began}-{run[:8]}", {}
    try:
        make_directories_durably(str(folder))
        for form, text in contents.items():
            content = text.encode(errors="backslashreplace")
            replace_durably(str(folder / f"{name}{form}"), content)
            sums[f"{name}{form}"] = hashlib.sha256(content).hexdigest()
        _forget_old(folder)
        note_event(invocation.state_folder / HISTORY, DRILLED, describe_for_ledger(evidence, run, sums))
    except OSError as error:
        note(
            invocation,
            tr(
                "The evidence could not be kept in {folder}: {reason}.",
                folder=str(folder),
                reason=error.strerror or str(error),
            ),
        )


def _forget_old(folder: Path) -> None:
    names = sorted({each.stem for each in folder.iterdir() if each.suffix in _FORMS})
    for name in names[:-_KEPT]:
        for form in _FORMS:
            (folder / f"{name}{form}").unlink(missing_ok=True)


def describe_drill(evidence: Evidence) -> str:
    """Return what a drill found, for a terminal: what is wrong first, the verdict and the measured times last."""
    outcome = evidence.outcome
    lines = []
    for check in outcome.checks:
        if check.answer is not Answer.PASS:
            message, hint = say_check(check)
            lines.append(f"{_answer_word(check.answer)}  {show_path(check.subject)}: {message}")
            lines += [f"  → {hint}"] if hint else []
    passed = sum(each.answer is Answer.PASS for each in outcome.checks)
    lines += _describe_scenario(evidence)
    lines += [describe_missed(each) for each in evidence.judgement.missed]
    lines.append(
        tr(
            "{verdict}: {passed} of {count} answers are good; back after {span}, asked for {asked}.",
            verdict=verdict_word(outcome.verdict),
            passed=passed,
            count=len(outcome.checks),
            span=format_span(outcome.rto_seconds),
            asked=format_span(outcome.question_seconds),
        )
    )
    lines += [_describe_pair(each) for each in (evidence.judgement.rto, evidence.judgement.rpo)]
    return "\n".join(each for each in lines if each)


def _describe_scenario(evidence: Evidence) -> list[str]:
    """Return what only some scenarios find: the last good snapshot, what to change, what came since."""
    lines = []
    if evidence.search:
        record = evidence.outcome.record
        lines.append(
            tr(
                "The last good snapshot is {id} of {moment}; {count} were asked, in {span}.",
                id=record.snapshot.hex()[:SHORT_ID],
                moment=format_moment(time_of(record)),
                count=len(evidence.search),
                span=format_span(evidence.search_seconds),
            )
        )
    if evidence.log_search is not None:
        lines += _describe_log_search(evidence.log_search)
    for secret in evidence.secrets:
        used = ", ".join(secret.used_in)
        values = {"name": show_path(secret.name), "place": show_path(secret.kept_in), "used": show_path(used)}
        lines.append(
            tr("CHANGE  {name} (kept in {place}); used in: {used}", **values)
            if used
            else tr("CHANGE  {name} (kept in {place})", **values)
        )
    lines += [
        tr(
            "Since then in {component}: {added} added, {removed} removed, {changed} changed.",
            component=show_path(each.name),
            added=each.added,
            removed=each.removed,
            changed=each.changed,
        )
        for each in evidence.changes
    ]
    return lines


def _describe_log_search(search: LogSearch) -> list[str]:
    """Return which transaction spoilt a database, and what brings it back to before that."""
    found, lines = search.found, []
    values = {"component": show_path(search.component), "count": len(found.probes), "span": format_span(search.seconds)}
    if found.first_bad is not None:
        bad = {"xid": found.first_bad.xid, "moment": format_moment(found.first_bad.time_us // 1000)}
        lines.append(
            tr("Somewhere up to transaction {xid} of {moment}, {component} is spoilt.", **values, **bad)
            if found.is_cut
            else tr("Transaction {xid} of {moment} spoils {component}.", **values, **bad)
        )
    if found.is_cut:
        lines.append(
            tr("The search of its log was ended after {count} moments, {span}: --patience gives it more.", **values)
        )
    if found.last_good is not None:
        good = {"xid": found.last_good.xid, "moment": format_moment(found.last_good.time_us // 1000)}
        lines.append(
            tr(
                "Up to transaction {xid} of {moment} all is good; {count} moments of its log were asked, in {span}.",
                **values,
                **good,
            )
        )
        lines.append(
            tr(
                "To bring it back there: rebond restore --at lsn:{lsn} {component} --in-place",
                lsn=format_lsn(found.last_good.lsn),
                **values,
            )
        )
    return lines


def _describe_pair(promise: Promise) -> str:
    if promise.measured_seconds is None:
        return ""
    measured = format_span(promise.measured_seconds)
    if promise.promised_seconds is None:
        return (
            tr("Recovery time {measured}; nothing is promised.", measured=measured)
            if promise.measure is Measure.RTO
            else tr("Work that would be lost: {measured}; nothing is promised.", measured=measured)
        )
    values = {"measured": measured, "promised": format_span(promise.promised_seconds), "subject": promise.subject}
    if promise.measure is Measure.RTO:
        return tr("Recovery time {measured}, promised {promised} ({subject}).", **values)
    return tr("Work that would be lost: {measured}, promised {promised} ({subject}).", **values)


def describe_missed(promise: Promise) -> str:
    """Return one line for a promise that does not hold."""
    values = {
        "subject": promise.subject,
        "measured": format_span(promise.measured_seconds or 0),
        "promised": format_span(promise.promised_seconds or 0),
    }
    if promise.measure is Measure.RTO:
        return tr("MISSED  {subject}: back after {measured}, promised {promised}.", **values)
    return tr("MISSED  {subject}: {measured} of work would be lost, promised {promised}.", **values)


def verdict_word(verdict: Verdict) -> str:
    """Return a verdict in the reader's language."""
    words = {Verdict.PASS: tr("PROVED"), Verdict.PARTIAL: tr("PROVED IN PART"), Verdict.FAIL: tr("PROOF FAILED")}
    return words[verdict]


def _answer_word(found: Answer) -> str:
    words = {Answer.PASS: tr("good"), Answer.FAIL: tr("WRONG"), Answer.NOT_RUN: tr("NOT ASKED")}
    return words[found]


def _printable(value: object) -> object:
    if isinstance(value, RebondError):
        return message_of(value)
    return show_path(value) if isinstance(value, bytes | str) else value
