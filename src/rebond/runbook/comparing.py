"""Which way of saving is good for what: the classes beside one another, then what each method can and cannot do."""

from collections.abc import Iterator

from rebond.config.classes import BackupClass
from rebond.config.components import Component, Files, Postgres
from rebond.pages.blocks import Block, Grid, Paragraph
from rebond.pages.words import Code, Joined, Sentence, Text, say
from rebond.runbook.covered import list_saved
from rebond.runbook.describing import describe_components, describe_trigger, show_moment, show_span
from rebond.runbook.facts import Facts
from rebond.units import format_size

_METHODS: tuple[tuple[str, Sentence, Sentence, Sentence], ...] = (
    (
        "logical",
        say("a dump of the database"),
        say("loads into this version of PostgreSQL and newer ones; single tables come back"),
        say("reaches the moment of each snapshot and none between; loading takes longer than copying"),
    ),
    (
        "physical",
        say("the data directory with its log"),
        say("any second comes back, and a large server sooner than from a dump"),
        say("comes back whole, into the same major version of PostgreSQL"),
    ),
    (
        "smart",
        say("files, strategy `smart`"),
        say("small and quick: without `.git`, logs and temporary files"),
        say("history comes back from Git, as far as it was pushed"),
    ),
    (
        "complete",
        say("files, strategy `complete`"),
        say("everything comes back as it was, with nothing to be fetched or built"),
        say("takes the most room and time; before large deployments, and for archives"),
    ),
    (
        "files",
        say("files as they are"),
        say("every file below the paths that are named"),
        say("what is written meanwhile is looked at again, and named where it never stood still"),
    ),
)


def write_comparison(facts: Facts) -> Iterator[Block]:
    """Write both tables; what is not in the stack is in neither."""
    classes = facts.configuration.classes
    if classes:
        yield Grid(
            (say("class"), say("take it for"), say("what"), say("the last one took"), say("read then")),
            [_class_row(facts, name, each) for name, each in classes.items()],
        )
    ways = _list_ways(facts)
    rows = [(words, good, limit) for way, words, good, limit in _METHODS if way in ways]
    if rows:
        yield Grid((say("way"), say("good for"), say("mind")), rows)
    yield Paragraph(
        (
            say(
                "There is no full and no differential one: each snapshot comes back whole and by itself, and each "
                "stores only what no earlier one has."
            ),
            say("How hard the vault compresses: {level}.", level=Code(_level(facts))),
        )
    )


def _class_row(facts: Facts, name: str, class_: BackupClass) -> tuple[Text, ...]:
    purpose: Text = say("every day work, by itself") if class_.schedule else describe_trigger(class_.trigger)
    if class_.trigger == "manual":
        purpose = say("before what could go wrong: a deployment, a migration")
    what = describe_components(class_)
    if class_.strategy:
        what = Joined((what, Code(class_.strategy)))
    run = facts.history.newest_good("backup", name)
    if run is None:
        return Code(name), purpose, what, say("not made yet"), "–"
    took = say("{span} on {moment}", span=show_span(run.seconds), moment=show_moment(facts, run.began_ms))
    return Code(name), purpose, what, took, format_size(run.bytes)


def _list_ways(facts: Facts) -> set[str]:
    """Return which methods the stack uses, with the strategies that its classes ask for."""
    ways = {way for each in list_saved(facts).values() if (way := _way_of(each))}
    if any(isinstance(each, Files) for each in list_saved(facts).values()):
        ways |= {each.strategy for each in facts.configuration.classes.values() if each.strategy}
    return ways


def _way_of(component: Component) -> str:
    if isinstance(component, Postgres):
        return component.method
    return (component.strategy or "files") if isinstance(component, Files) else ""


def _level(facts: Facts) -> str:
    return facts.configuration.vault.level if facts.configuration.vault else "balanced"
