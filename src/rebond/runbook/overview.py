"""Section 1: what is protected and what is not, how often, within which objectives."""

from collections.abc import Iterator

from rebond.config.components import Component, Ephemeral, Regenerable, Versioned
from rebond.pages.blocks import Block, Commands, Grid, Heading, Notice, Paragraph, Points
from rebond.pages.words import Code, Sentence, Text, say
from rebond.runbook.covered import list_saved
from rebond.runbook.describing import (
    describe_components,
    describe_home,
    describe_keep,
    describe_rhythm,
    describe_rhythm_word,
    show_run,
)
from rebond.runbook.facts import Facts
from rebond.runbook.objectives import write_objectives
from rebond.units import format_size

_WORDS: tuple[tuple[Sentence, Sentence], ...] = (
    (say("snapshot"), say("what was saved by one run, of one moment; it can be restored whole or in part")),
    (say("vault"), say("where snapshots lie, encrypted; a folder or a store")),
    (say("component"), say("one part of the stack: a database, a folder, secrets")),
    (say("class"), say("a rhythm: what is saved when, and how long it is kept")),
    (
        say("whole"),
        say("the snapshot has every component; one that is partial or degraded lacks something, and says what"),
    ),
    (say("`latest`"), say("the newest whole snapshot")),
    (say("drill"), say("a restore that is only a test, in a throw-away place")),
    (say("held"), say("protected: no rule and no name lets it go")),
    (say("owner, writer, keeper"), say("who may read everything; who may only add; who may only clean up")),
    (say("recovery kit"), say("the sheet in the safe: the address of the vault, and the recovery key that opens it")),
    (say("ledger"), say("the record of all runs on this machine, which cannot be changed unseen")),
)


def write_overview(facts: Facts) -> Iterator[Block]:
    """Write the section."""
    yield Heading(2, say("Overview"), "1")
    yield Heading(3, say("What this is for"), "1.1")
    yield Paragraph(
        (
            say(
                "This page says how the stack {stack} is saved and how it is brought back: every command on it can be "
                "typed as it stands.",
                stack=Code(facts.stack),
            ),
            say("It was written by the program that does the work, from the configuration and from what was measured."),
            say("It holds no secret: where it names one, it says where that lies."),
        )
    )
    yield Heading(3, say("What is covered, and what is not"), "1.2")
    yield from _write_scope(facts)
    yield Heading(3, say("How often"), "1.3")
    yield from _write_rhythms(facts)
    yield Heading(3, say("Objectives, and what was measured"), "1.4")
    yield Paragraph(
        (
            say("**RTO**: how long until it is back. **RPO**: how much work may be lost."),
            say("Promised is what the configuration says; measured is what a drill on this machine took."),
        )
    )
    yield from write_objectives(facts)
    if facts.offered.has("status"):
        yield Paragraph(
            (say("As it is now, with the reason and the remedy where one is missed; it ends with 5 then:"),)
        )
        yield Commands(("rebond status",))
    yield Heading(3, say("Words"), "1.5")
    yield Grid((say("word"), say("what it means")), _WORDS)


def _write_scope(facts: Facts) -> Iterator[Block]:
    saved = list_saved(facts)
    others = {name: each for name, each in facts.configuration.component.items() if name not in saved}
    yield Paragraph((say("**Covered**, in the order of the configuration:"),))
    yield Grid(
        (say("component"), say("kind"), say("where it lives"), say("priority"), say("last size")),
        [_scope_row(facts, name, each) for name, each in saved.items()],
    )
    if others:
        yield Paragraph((say("**Not covered**, and how it comes back:"),))
        yield Points([_describe_return(name, each) for name, each in others.items()])
    yield Notice((say("What no line of the two lists names is not saved."),))


def _scope_row(facts: Facts, name: str, component: Component) -> tuple[Text, ...]:
    size = facts.vault.size_of(name)
    shown: Text = say("{files} files, {size}", files=size.files, size=format_size(size.bytes)) if size else "–"
    return Code(name), component.kind, describe_home(component), component.priority or "–", shown


def _describe_return(name: str, component: Component) -> Text:
    match component:
        case Regenerable():
            return say("{name}: is made anew by {command}", name=Code(name), command=Code(show_run(component.run)))
        case Versioned():
            return say(
                "{name}: lies in Git, remote {remote}; it comes back by a clone as long as everything is committed "
                "and pushed",
                name=Code(name),
                remote=Code(component.remote),
            )
        case Ephemeral():
            return say("{name}: may be lost; the application fills it again", name=Code(name))
    return say("{name}: this version cannot save the kind {kind}", name=Code(name), kind=Code(component.kind))


def _write_rhythms(facts: Facts) -> Iterator[Block]:
    classes = facts.configuration.classes
    if not classes:
        yield Notice(
            (say("No class says when anything is saved: all of it is by hand, and nothing is ever forgotten."),)
        )
        return
    yield Grid(
        (say("class"), say("when"), say("what"), say("how long it is kept"), say("read back"), say("drill")),
        [
            (
                Code(name),
                describe_rhythm(each),
                describe_components(each),
                describe_keep(each),
                describe_rhythm_word(each.verify) if each.verify else "–",
                describe_rhythm_word(each.drill.rhythm) if each.drill else "–",
            )
            for name, each in classes.items()
        ],
    )
    yield Paragraph((say("Hours are those of the time zone {zone}.", zone=Code(str(facts.zone))),))
    if facts.configuration.maintenance:
        windows = ", ".join(each.when for each in facts.configuration.maintenance)
        yield Paragraph((say("In these hours no run begins by itself: {windows}.", windows=Code(windows)),))
