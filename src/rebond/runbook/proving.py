"""Section 6: what proves that it can be restored, and how often."""

from collections.abc import Iterator

from rebond.pages.blocks import Block, Commands, Grid, Heading, Notice, Paragraph, Points
from rebond.pages.words import Code, Text, say
from rebond.runbook.describing import describe_rhythm_word, show_moment, show_run, show_span, show_words
from rebond.runbook.facts import Facts
from rebond.runbook.objectives import DRILL, describe_verdict
from rebond.runbook.protecting import write_stock_tools
from rebond.runbook.putting_back import NEW_FOLDER
from rebond.runbook.saving import write_last_run


def write_proving(facts: Facts) -> Iterator[Block]:
    """Write the section."""
    yield Heading(2, say("Tests and validation"), "6")
    yield Heading(3, say("Can it be read back?"), "6.1")
    yield Paragraph(
        (
            say(
                "The structure of the vault, then every byte. Damage is named with every path that it "
                "reaches, and the exit status is 4."
            ),
        )
    )
    yield Commands(("rebond verify", "rebond verify --read-data"))
    yield from write_last_run(facts, facts.history.newest_good("verify"))
    yield Heading(3, say("Does it come back? The drill"), "6.2")
    yield from _write_drill(facts)
    yield Heading(3, say("What is asked of what came back"), "6.3")
    yield from _write_checks(facts)
    yield Heading(3, say("How often"), "6.4")
    yield from _write_rhythm(facts)
    yield Heading(3, say("People"), "6.5")
    yield Points(
        (
            say(
                "Every half year somebody who did not write this page restores the stack with it alone, "
                "beside, on another machine; what was unclear is mended."
            ),
            say("One sheet with the time of each step; the time until it is back goes beside the objectives of 1.4."),
            say(
                "The recovery kit is taken out once a year, and its key opens the vault: `rebond verify` with "
                "it says so."
            ),
        )
    )
    yield Heading(3, say("Evidence"), "6.6")
    yield Paragraph(
        (say("Every run is a line of a ledger that cannot be changed unseen. The second command says whether it was:"),)
    )
    yield Commands(("rebond history --last 20", "rebond history --check"))
    yield Heading(3, say("Files for other tools"), "6.7")
    yield from write_stock_tools(facts)


def _write_drill(facts: Facts) -> Iterator[Block]:
    if facts.offered.has("drill"):
        yield Paragraph(
            (
                say(
                    "A drill restores into a throw-away place, starts it, asks it questions, measures, and cleans "
                    "up. It cannot touch what lives."
                ),
            )
        )
        yield Commands(("rebond drill",))
    else:
        yield Notice(
            (
                say(
                    "This version has no {command}: restore beside and compare by hand, once a month. The last "
                    "command shows what differs from what is there now; what the application wrote since is "
                    "expected.",
                    command=DRILL,
                ),
            )
        )
        yield Commands((NEW_FOLDER, 'rebond restore latest --to "$TO"', 'ls -lA "$TO"', "rebond diff latest --live"))
    drills = facts.history.drills[-5:]
    if not drills:
        yield Notice((say("Nothing was measured on this machine yet: run {command}.", command=DRILL),))
        return
    yield Grid(
        (say("when"), say("snapshot"), say("scenario"), say("verdict"), "RTO", "RPO"),
        [
            (
                show_moment(facts, each.began_ms),
                Code(each.snapshot),
                each.scenario or "–",
                describe_verdict(each),
                show_span(each.rto_seconds) if each.rto_seconds is not None and each.tells_times else "–",
                show_span(each.rpo_seconds) if each.rpo_seconds is not None else "–",
            )
            for each in drills
        ],
    )


def _write_checks(facts: Facts) -> Iterator[Block]:
    checks = facts.configuration.drill.checks if facts.configuration.drill else ()
    rows: list[tuple[Text, ...]] = []
    for each in checks:
        if each.sql:
            rows.append((each.name, say("a query whose first value is true"), Code(each.sql)))
        elif each.run:
            rows.append((each.name, say("a command that succeeds"), Code(show_run(each.run))))
        else:
            rows.append((each.name, say("an address that answers"), show_words(each.url)))
    for name, component in facts.configuration.component.items():
        for required in getattr(component, "require", ()):
            rows.append((name, say("has to be there"), Code(required.path)))
    if rows:
        yield Grid((say("question"), say("what is good"), say("how")), rows)
    else:
        yield Notice(
            (
                say(
                    "The configuration asks nothing of its own: write `checks` under `[drill]`, such as a query "
                    "that counts users."
                ),
            )
        )


def _write_rhythm(facts: Facts) -> Iterator[Block]:
    rows: list[tuple[Text, ...]] = [
        (
            Code(name),
            describe_rhythm_word(each.verify) if each.verify else say("never by itself"),
            describe_rhythm_word(each.drill.rhythm) if each.drill else say("never by itself"),
        )
        for name, each in facts.configuration.classes.items()
    ]
    if rows:
        yield Grid((say("class"), say("read back"), say("drill")), rows)
    yield Paragraph((say("Before each deployment: a backup, held (7.3), and a drill of it."),))
