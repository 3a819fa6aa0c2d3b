"""The figures by which a backup is judged, and those that raise an alarm."""

from collections.abc import Iterator

from rebond.config.quantities import Bound
from rebond.pages.blocks import Block, Grid, Notice, Paragraph
from rebond.pages.words import Code, Joined, Text, say
from rebond.runbook.covered import list_saved
from rebond.runbook.describing import show_span
from rebond.runbook.facts import Facts
from rebond.runbook.observing import LEAST_FREE_BYTES, LEAST_FREE_SHARE
from rebond.units import format_size


def write_expectations(facts: Facts) -> Iterator[Block]:
    """Write what a good snapshot looks like, in figures; those of the configuration first."""
    rows: list[tuple[Text, ...]] = []
    for name, component in list_saved(facts).items():
        expected = component.expect
        if expected is None:
            continue
        for words, shape, bound in (
            (say("files"), "count", expected.files),
            (say("size"), "size", expected.size),
            (say("age of the newest file"), "span", expected.newest),
            (say("smaller than last time"), "share", expected.shrink),
        ):
            if bound is not None:
                what = say("{word}: {text}", word=Code(name), text=words)
                rows.append((what, _show_bound(bound, shape), _show_else(bound)))
    rows += [
        (
            say("every byte of it"),
            say("can be read back: {command} ends with 0", command=_VERIFY),
            say("exit status 4"),
        ),
        (say("age of the newest snapshot"), say("younger than the rhythm of its class (1.3)"), say("an open box")),
        (say("rights of the vault's folder"), say("700, files 600: its owner alone"), say("an open box")),
        (say("room that is left"), _describe_room(facts), say("a warning")),
    ]
    yield Grid((say("what is looked at"), say("good is"), say("otherwise")), rows)


_VERIFY = Code("rebond verify --read-data")


def _show_bound(bound: Bound, shape: str) -> str:
    shown = {
        "count": f"{bound.amount:g}",
        "size": format_size(round(bound.amount)),
        "span": show_span(bound.amount),
        "share": f"{100 * bound.amount:g} %",
    }
    sign = {">=": "≥", "<=": "≤"}.get(bound.sign, bound.sign)
    return f"{sign} {shown[shape]}"


def _show_else(bound: Bound) -> Text:
    return say("the backup fails") if bound.is_fatal else say("a warning")


def _describe_room(facts: Facts) -> Text:
    vault = facts.configuration.vault
    reserve = vault.reserve if vault else None
    least = say(
        "more than {share} % free, and more than {size}",
        share=round(100 * LEAST_FREE_SHARE),
        size=format_size(LEAST_FREE_BYTES),
    )
    if reserve is None:
        return least
    own = f"{100 * reserve.share:g} %" if reserve.share is not None else format_size(reserve.size_bytes or 0)
    return Joined((least, say("in the vault the reserve of {room}", room=own)), "; ")


def write_alarms(facts: Facts) -> Iterator[Block]:
    """Write when somebody has to be woken, how that is seen, and what then."""
    yield Grid((say("alarm"), say("when"), say("how it is seen"), say("what to do")), _list_alarms())
    serving = facts.configuration.serve
    if serving and serving.page:
        yield Paragraph(
            (say("One page that anyone can read is written after each run: {path}", path=Code(serving.page)),)
        )
    words = [
        say(
            "For a program that watches: every one of these commands takes {option}, and its exit status alone "
            "says whether anything is wrong.",
            option=Code("--json"),
        )
    ]
    wants_metrics = serving and (serving.textfile or serving.names == "guide")
    if wants_metrics and not facts.offered.writes_metrics:
        words.append(say("This version writes no metrics for Prometheus: let the watcher ask these commands."))
    yield Notice(tuple(words))


def _list_alarms() -> list[tuple[Text, ...]]:
    status = Code("rebond status")
    return [
        (
            say("a backup failed"),
            say("the last run ended with something else than 0"),
            Code("rebond history --last 10"),
            _name_section("8"),
        ),
        (
            say("the newest snapshot is too old"),
            say("older than 24 h, or than its objective"),
            status,
            _name_section("4.2, 4.3"),
        ),
        (
            say("the room runs out"),
            say(
                "less than {share} % free, or less than {size}",
                share=round(100 * LEAST_FREE_SHARE),
                size=format_size(LEAST_FREE_BYTES),
            ),
            Code("rebond checklist after"),
            _name_section("7.2"),
        ),
        (say("damage in the vault"), say("reading back ends with 4"), _VERIFY, _name_section("8.3")),
        (say("an objective is missed"), say("it ends with 5"), status, _name_section("1.4")),
    ]


def _name_section(number: str) -> Text:
    return say("section {number}", number=number)
