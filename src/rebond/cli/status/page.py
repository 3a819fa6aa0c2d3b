"""The status of a stack as one page that anyone can read."""

from collections.abc import Callable

from rebond.findings import Finding
from rebond.pages.blocks import Block, Grid, Heading, Notice, Page, Paragraph, Points
from rebond.pages.words import Joined, Text, say
from rebond.runbook.describing import describe_trigger
from rebond.stack.objectives.promises import Measure, Promise
from rebond.stack.objectives.status import ComponentStatus, PlaceStatus, StackStatus
from rebond.units import format_moment, format_size, format_span

SayRemark = Callable[[Finding], tuple[str, str]]


def make_status_page(status: StackStatus, language: str, *, say_remark: SayRemark) -> Page:
    """Return the page; remarks are in ``language`` already."""
    blocks: list[Block] = [_say_result(status)]
    if status.remarks:
        blocks.append(Heading(2, say("What is to be done")))
        blocks.append(Points([" → ".join(filter(None, say_remark(each))) for each in status.remarks]))
    blocks += [
        Heading(2, say("Promised and measured")),
        Grid(
            [
                say("Component"),
                say("Back within"),
                say("Measured"),
                say("Work lost at most"),
                say("Measured"),
                say("Newest copy"),
                say("Size"),
                say("Holds"),
            ],
            [_describe(each, status) for each in status.components],
        ),
    ]
    if status.scenarios:
        blocks.append(
            Grid(
                [say("If this happens"), say("Measure"), say("Promised"), say("Measured"), say("Holds")],
                [_describe_scenario(each) for each in status.scenarios],
            )
        )
    blocks += [
        Heading(2, say("How that is known")),
        Paragraph([_say_drill(status)]),
        Paragraph([_say_window(status)]),
        *_list_stretches(status),
        Heading(2, say("When it is saved")),
        _list_classes(status),
        Heading(2, say("Where copies are")),
        _list_places(status),
        Paragraph([_say_promise_4(status)]),
    ]
    title = say("{stack}: what is promised, and what holds", stack=status.stack)
    return Page(title, language, blocks)


def _list_classes(status: StackStatus) -> Block:
    rows = [
        [
            each.name,
            _moment(each.newest_ms, status),
            describe_trigger(each.trigger) if each.trigger else _moment(each.next_ms, status),
        ]
        for each in status.classes
    ]
    return Grid([say("Class"), say("Last time"), say("Next time")], rows)


def _list_places(status: StackStatus) -> Block:
    rows = [[each.name, each.medium or "–", each.site or "–", _count_copies(each)] for each in status.places]
    return Grid([say("Place"), say("Medium"), say("Site"), say("Snapshots")], rows)


def _count_copies(place: PlaceStatus) -> Text:
    return say("this version copies nothing there") if place.snapshots is None else str(place.snapshots)


def _say_result(status: StackStatus) -> Block:
    as_of = say("As of {moment}.", moment=format_moment(status.now_ms, status.zone))
    if status.missed:
        return Notice([say("**{count} promises do not hold.**", count=len(status.missed)), as_of])
    if status.last_drill is not None and status.last_drill.text("verdict") == "fail":
        return Notice([say("**The last drill failed: what came back was not good.** See below."), as_of])
    if status.promises_nothing:
        return Notice([say("**Nothing is promised: the configuration names no objectives.**"), as_of])
    if status.is_untried:
        return Notice([say("**No promise is known to be broken, and some were never tried.**"), as_of])
    return Notice([say("**Every promise holds.**"), as_of], is_good=True)


def _describe(each: ComponentStatus, status: StackStatus) -> list[Text]:
    return [
        each.name,
        _span(each.rto.promised_seconds),
        _span(each.rto.measured_seconds),
        _span(each.rpo.promised_seconds),
        _span(each.rpo.measured_seconds),
        _moment(each.newest_ms, status),
        format_size(each.size_bytes),
        say("**no**") if each.rto.is_missed or each.rpo.is_missed else _say_known(each),
    ]


def _say_known(each: ComponentStatus) -> Text:
    promises = [promise for promise in (each.rto, each.rpo) if promise.promised_seconds is not None]
    if not promises:
        return "–"
    return say("yes") if all(promise.measured_seconds is not None for promise in promises) else say("not known")


def _describe_scenario(promise: Promise) -> list[Text]:
    return [
        promise.subject,
        say("recovery time") if promise.measure is Measure.RTO else say("work lost"),
        _span(promise.promised_seconds),
        _span(promise.measured_seconds),
        say("**no**")
        if promise.is_missed
        else say("yes")
        if promise.measured_seconds is not None
        else say("not known"),
    ]


def _say_drill(status: StackStatus) -> Text:
    drill = status.last_drill
    if drill is None:
        return say("No drill was made yet, so nobody knows how long it takes until everything is back.")
    moment = format_moment(drill.began_ms, status.zone)
    verdict = drill.text("verdict")
    if verdict == "pass":
        return say("On {moment} everything was restored, loaded and asked, and all of it was good.", moment=moment)
    if verdict == "partial":
        return say("On {moment} everything was restored; something could not be asked.", moment=moment)
    return say("On {moment} a drill **failed**: what came back was not good.", moment=moment)


def _say_window(status: StackStatus) -> Text:
    reachable = status.reachable_ms
    if reachable is None:
        return say("There is no snapshot yet.")
    return say(
        "One can go back to each of {count} snapshots, from {oldest} to {newest}.",
        count=len(status.reachable),
        oldest=_moment(reachable[0], status),
        newest=_moment(reachable[1], status),
    )


def _list_stretches(status: StackStatus) -> list[Block]:
    """Return between which moments any second of a database can be reached."""
    stretches = [each for log in status.logs for each in log.stretches]
    if not stretches:
        return []
    blocks: list[Block] = [
        Paragraph([say("Between these moments one can go back to any second:")]),
        Grid(
            [say("Component"), say("Timeline"), say("From"), say("Until"), say("Breaks off before")],
            [
                [
                    each.component,
                    str(each.timeline),
                    _moment(each.since_ms, status),
                    _moment(each.until_ms, status),
                    each.gap or "–",
                ]
                for each in stretches
            ],
        ),
    ]
    if any(each.is_estimate for each in stretches):
        blocks.append(Paragraph([say("These are the times at which the log arrived: this machine may not read it.")]))
    return blocks


def _say_promise_4(status: StackStatus) -> Text:
    canary = status.vault.canary
    if canary is None and status.vault.can_read:
        return say("The server that saves also holds a key that may read and delete what it saved.")
    reading = (
        say("The server that saves can read the copies.")
        if status.vault.can_read
        else say("The server that saves cannot read the copies.")
    )
    if canary is None:
        return reading
    destroying = (
        say("It cannot destroy them either.") if canary.is_safe else say("It **can** overwrite or delete them.")
    )
    return Joined((reading, destroying), " ")


def _moment(moment_ms: int | None, status: StackStatus) -> str:
    return "–" if moment_ms is None else format_moment(moment_ms, status.zone)


def _span(seconds: float | None) -> str:
    return "–" if seconds is None else format_span(seconds)
