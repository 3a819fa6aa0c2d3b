"""The whole runbook as a page."""

from collections.abc import Iterator

from rebond.pages.blocks import Block, Commands, Contents, Grid, Notice, Page, Paragraph, Points
from rebond.pages.words import Code, Joined, Sentence, Text, say
from rebond.runbook.access import list_first_lines, write_access
from rebond.runbook.covered import list_unsavable, list_without_log
from rebond.runbook.describing import show_moment
from rebond.runbook.facts import Facts
from rebond.runbook.overview import write_overview
from rebond.runbook.parts import describe_idle_replicas, write_parts
from rebond.runbook.proving import write_proving
from rebond.runbook.putting_back import NEW_FOLDER
from rebond.runbook.reference import write_reference
from rebond.runbook.restoring import write_restoring
from rebond.runbook.retention import write_retention
from rebond.runbook.saving import write_saving
from rebond.runbook.troubles import write_troubles

REVIEW_DAYS = 30
_DAY_MS = 86_400_000
_SIGNS: tuple[tuple[Sentence, str], ...] = (
    (say("one service does not start, or its files are gone"), "5.8.1"),
    (say("wrong or missing data, on a machine that is sound"), "5.8.2"),
    (say("the machine is gone, or does not come back"), "5.8.3, 5.9"),
    (say("traces of a stranger; a secret that is public"), "5.8.4"),
    (say("one file is needed back"), "5.6"),
    (say("a backup failed, or none ran"), "8"),
    (say("whom to call"), "9.3"),
)


def write_runbook(facts: Facts) -> Page:
    """Return the runbook. The same facts give the same page."""
    blocks = [*_write_front(facts)]
    for write in (
        write_overview,
        write_access,
        write_parts,
        write_saving,
        write_restoring,
        write_proving,
        write_retention,
        write_troubles,
        write_reference,
    ):
        blocks += write(facts)
    return Page(say("Runbook: backup and restore of {stack}", stack=facts.stack), facts.language, tuple(blocks))


def list_gaps(facts: Facts) -> list[Text]:
    """Return what this runbook cannot say, and what would mend it."""
    return [
        *_miss_in_vault(facts),
        *_miss_in_components(facts),
        *_miss_in_configuration(facts),
        *_miss_in_program(facts),
    ]


def _miss_in_vault(facts: Facts) -> Iterator[Text]:
    if facts.vault.obstacle:
        yield say("the vault could not be opened: {reason}", reason=facts.vault.obstacle)
    elif facts.vault.newest_whole is None:
        yield say("there is no whole snapshot yet: `rebond backup`")
    if not facts.history.drills:
        yield say("no restore was measured on this machine yet: {command}", command=Code("rebond drill"))


def _miss_in_components(facts: Facts) -> Iterator[Text]:
    if names := list_without_log(facts):
        yield say(
            "nothing of the log of {names} can be replayed, so only snapshots come back: {command} says why",
            names=Joined(tuple(map(Code, names))),
            command=Code("rebond wal status"),
        )
    if names := list_unsavable(facts):
        yield say(
            "this version cannot save {names}: leave it out of the classes, which fail because of it",
            names=Joined(tuple(map(Code, names))),
        )


def _miss_in_configuration(facts: Facts) -> Iterator[Text]:
    configuration = facts.configuration
    if not configuration.contact:
        yield say("nobody is named to be called: `[[contact]]` in the configuration")
    if configuration.restore is None:
        yield say("nothing says how services are stopped and started: `[restore]` in the configuration")
    if configuration.notify is None and facts.offered.sends_notices:
        yield say("nobody is told when a backup fails: `[notify]` in the configuration")
    if configuration.schedule is None:
        yield say("nothing says who starts the runs: `[schedule]` in the configuration")


def _miss_in_program(facts: Facts) -> Iterator[Text]:
    """What the configuration asks for, or everybody needs, and a later version does."""
    if facts.configuration.replica and not facts.offered.copies_to_replicas:
        yield describe_idle_replicas(facts)
    if not facts.offered.sends_notices:
        yield say("this version sends no notices yet: look at `rebond history` and `rebond status` every day")
    has_exports = any(each.export for each in facts.configuration.classes.values())
    if has_exports and not facts.offered.writes_exports:
        yield say("this version writes no files for other tools yet: `export` in the classes")


def _write_front(facts: Facts) -> Iterator[Block]:
    gaps = list_gaps(facts)
    number = len(facts.history.revisions) + 1
    rows: list[tuple[Text, ...]] = [
        (say("stack"), Code(facts.stack)),
        (say("machine"), Code(facts.machine.host)),
        (say("written"), show_moment(facts, facts.written_ms)),
        (say("by"), Joined((facts.machine.user, facts.machine.program))),
        (say("revision"), str(number)),
        (say("to be looked at again"), show_moment(facts, facts.written_ms + REVIEW_DAYS * _DAY_MS)),
        (say("state"), say("gaps: {count}, see below", count=len(gaps)) if gaps else say("complete")),
    ]
    yield Grid(("", ""), rows)
    yield Notice(
        (
            say(
                "**Is something broken right now?** Type the lines below, then go to section 5.8. Nothing of "
                "this changes anything on the machine."
            ),
        )
    )
    yield Commands(
        (
            *list_first_lines(facts),
            "rebond snapshots --latest 5",
            NEW_FOLDER,
            'rebond restore latest --to "$TO" --dry-run',
        )
    )
    yield Grid((say("what one sees"), say("go to")), _SIGNS)
    if gaps:
        yield Paragraph((say("**What this page cannot say yet:**"),))
        yield Points(gaps)
    yield Contents()
