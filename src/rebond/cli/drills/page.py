"""The evidence of a drill as a page that anyone can read."""

from collections.abc import Callable, Sequence

from rebond.operations.drills.outcomes import Answer, Check, Verdict
from rebond.operations.snapshots import time_of
from rebond.pages.blocks import Block, Grid, Heading, Notice, Output, Page, Paragraph
from rebond.pages.words import Code, Joined, Sentence, Text, say
from rebond.sources.postgres.wal_names import format_lsn
from rebond.stack.drills.evidence import Evidence, LogSearch
from rebond.stack.objectives.promises import Measure, Promise
from rebond.units import format_moment, format_size, format_span

SayCheck = Callable[[Check], tuple[str, str]]


def make_page(evidence: Evidence, language: str, say_check: SayCheck) -> Page:
    """Return the page; the sentences of checks are in ``language`` already."""
    outcome = evidence.outcome
    blocks: list[Block] = [
        Notice(
            [_say_verdict(outcome.verdict)],
            is_good=outcome.verdict is Verdict.PASS and not evidence.judgement.missed,
        ),
        _describe_drill(evidence),
        Heading(2, say("Promised and measured")),
        _describe_promises(evidence),
        Heading(2, say("What came back")),
        Grid(
            [say("Component"), say("Kind"), say("Files"), say("Size"), say("Time")],
            [
                [each.name, each.kind, str(each.files), format_size(each.bytes), format_span(each.seconds)]
                for each in outcome.components
            ],
        ),
        Heading(2, say("What was asked, and what came of it")),
        _list_checks(outcome.checks, say_check),
        *_describe_scenario(evidence),
    ]
    return Page(say("Drill of {stack}", stack=evidence.stack), language, blocks)


def _describe_drill(evidence: Evidence) -> Grid:
    """Return what was drilled, when, and how long it took."""
    outcome = evidence.outcome
    is_failed = outcome.verdict is Verdict.FAIL
    return Grid(
        [say("What"), say("Which")],
        [
            [say("Stack"), evidence.stack],
            [say("Scenario"), evidence.scenario or say("none")],
            [say("Snapshot"), Code(outcome.record.snapshot.hex())],
            [say("Moment that it shows"), format_moment(time_of(outcome.record))],
            [say("Drill begun"), format_moment(outcome.began_ms)],
            [
                say("The restore ended after") if is_failed else say("Everything was back after"),
                format_span(outcome.rto_seconds),
            ],
            [say("Questions took"), format_span(outcome.question_seconds)],
            [say("Only a part was restored"), say("yes") if outcome.is_sample else say("no")],
            [say("Network of the commands"), _say_network(evidence.is_cut_off)],
        ],
    )


def _describe_promises(evidence: Evidence) -> Grid:
    """Return each promise beside what was measured."""
    return Grid(
        [say("What"), say("Measure"), say("Promised"), say("Measured"), say("Holds")],
        [
            [
                each.subject,
                say("recovery time") if each.measure is Measure.RTO else say("work lost"),
                _show(each.promised_seconds),
                _show(each.measured_seconds),
                _say_holds(each, evidence),
            ]
            for each in evidence.judgement.promises
        ],
    )


def _describe_scenario(evidence: Evidence) -> list[Block]:
    """Return what only some scenarios find."""
    blocks: list[Block] = []
    if evidence.search:
        blocks += [
            Heading(2, say("How the last good snapshot was found")),
            Grid(
                [say("Snapshot"), say("Moment that it shows"), say("Answer")],
                [
                    [
                        Code(each.snapshot[:8]),
                        format_moment(each.moment_ms),
                        say("good") if each.is_good else say("bad"),
                    ]
                    for each in evidence.search
                ],
            ),
        ]
    if evidence.log_search is not None:
        blocks += _describe_log_search(evidence.log_search)
    if evidence.secrets:
        blocks += [
            Heading(2, say("Secrets to be changed")),
            Grid(
                [say("Name"), say("Kept in"), say("Used in")],
                [
                    [
                        Code(each.name),
                        Code(each.kept_in),
                        Joined(tuple(map(Code, each.used_in))) if each.used_in else "–",
                    ]
                    for each in evidence.secrets
                ],
            ),
        ]
    if evidence.changes:
        blocks += [
            Heading(2, say("What changed since")),
            Grid(
                [say("Component"), say("Added"), say("Removed"), say("Changed")],
                [[each.name, str(each.added), str(each.removed), str(each.changed)] for each in evidence.changes],
            ),
            Output("\n".join(f"{each.name}: {path}" for each in evidence.changes for path in each.paths)),
        ]
    return blocks


def _describe_log_search(search: LogSearch) -> list[Block]:
    found = search.found
    return [
        Heading(2, say("How the transaction was found that spoilt {component}", component=search.component)),
        Grid(
            [say("Moment"), say("Transaction"), say("Position"), say("Answer")],
            [
                [
                    format_moment(each.commit.time_us // 1000),
                    str(each.commit.xid),
                    Code(format_lsn(each.commit.lsn)),
                    say("good") if each.is_good else say("bad"),
                ]
                for each in found.probes
            ],
        ),
        Paragraph(
            [
                say("The search was ended before the last good transaction and the first bad one followed one another.")
                if found.is_cut
                else say("The last good transaction and the first bad one follow one another.")
            ]
        ),
    ]


def _list_checks(checks: Sequence[Check], say_check: SayCheck) -> Grid:
    order = {Answer.FAIL: 0, Answer.NOT_RUN: 1, Answer.PASS: 2}
    rows: list[list[Text]] = []
    for check in sorted(checks, key=lambda each: order[each.answer]):
        message, hint = say_check(check)
        rows.append([_say_answer(check.answer), check.subject, f"{message} {hint}".strip(), format_span(check.seconds)])
    return Grid([say("Answer"), say("Of"), say("In words"), say("Time")], rows)


def _say_verdict(verdict: Verdict) -> Sentence:
    if verdict is Verdict.PASS:
        return say(
            "**Proved.** Everything that was restored came back as it was saved, and every question was answered."
        )
    if verdict is Verdict.PARTIAL:
        return say("**Proved in part.** Nothing was found wrong, but something could not be asked; it is named below.")
    return say("**The proof failed.** What is wrong is named below.")


def _say_answer(answer: Answer) -> Sentence:
    if answer is Answer.PASS:
        return say("good")
    return say("**wrong**") if answer is Answer.FAIL else say("**not asked**")


def _say_network(is_cut_off: bool | None) -> Text:
    if is_cut_off is None:
        return say("no command was run")
    return say("none: they were cut off") if is_cut_off else say("**open**: this system does not let us cut it off")


def _say_holds(promise: Promise, evidence: Evidence) -> Text:
    """Return whether a promise holds; of nothing good that came back in time, nobody knows when it would be good."""
    if promise.promised_seconds is None or promise.measured_seconds is None:
        return "–"
    if promise.is_missed:
        return say("**no**")
    is_failed = evidence.outcome.verdict is Verdict.FAIL
    return say("not known") if is_failed and promise.measure is Measure.RTO else say("yes")


def _show(seconds: float | None) -> str:
    return "–" if seconds is None else format_span(seconds)
