"""How a drill is told to the reader."""

from rebond.cli.drills.proofs import describe_chosen
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import label, language, message_of, show_path, tr
from rebond.cli.snapshots.documents import SHORT_ID
from rebond.errors import RebondError
from rebond.language import translate, translate_values
from rebond.logs.masking import mask
from rebond.operations.drills.outcomes import Answer, Check, Verdict
from rebond.operations.snapshots import time_of
from rebond.sources.postgres.wal_names import format_lsn
from rebond.stack.drills.evidence import Evidence, LogSearch
from rebond.stack.objectives.promises import Measure, Promise
from rebond.units import format_moment, format_span
from rebond.vault.snapshots import SnapshotRecord
from rebond.wording import fill


def announce(invocation: Invocation, record: SnapshotRecord) -> None:
    """Say which snapshot is drilled, before anything is restored."""
    note(invocation, describe_chosen(invocation, record))


def say_check(check: Check) -> tuple[str, str]:
    """Return what a check says and what to do about it, in the reader's language."""
    spoken = language()

    def say(template: str) -> str:
        values = {name: _printable(value) for name, value in check.values.items()}
        return mask(fill(translate(template, spoken), translate_values(values, spoken))) if template else ""

    return say(check.template), say(check.hint_template)


def describe_drill(evidence: Evidence) -> str:
    """Return what a drill found, for a terminal: what is wrong first, the verdict and the measured times last."""
    outcome = evidence.outcome
    lines = []
    for check in outcome.checks:
        if check.answer is not Answer.PASS:
            message, hint = say_check(check)
            lines.append(label(f"{_answer_word(check.answer)}  {show_path(check.subject)}", message))
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
                "The last good snapshot is {id} of {moment}; asked: {count}, in {span}.",
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
