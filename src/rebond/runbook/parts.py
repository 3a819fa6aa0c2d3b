"""Section 3: the components one by one, the vaults, and where things lie on this machine."""

from collections.abc import Iterator

from rebond.config.components import NOTHING_TO_SAVE, Component, Files, Postgres, Secrets, Versioned
from rebond.pages.blocks import Block, Grid, Heading, Notice, Paragraph, Points
from rebond.pages.words import Code, Joined, Text, say
from rebond.runbook.describing import describe_home, describe_reference, show_moment, show_span, show_words
from rebond.runbook.facts import Facts
from rebond.runbook.protecting import write_protection
from rebond.units import format_size


def write_parts(facts: Facts) -> Iterator[Block]:
    """Write the section."""
    yield Heading(2, say("The stack and its parts"), "3")
    yield Heading(3, say("Components"), "3.1")
    yield Grid(
        (say("component"), say("kind"), say("where it lives"), say("how it is saved"), say("last size")),
        [_component_row(facts, name, each) for name, each in facts.configuration.component.items()],
    )
    newest = facts.vault.newest_whole
    if newest:
        yield Paragraph(
            (
                say(
                    "The newest whole snapshot when this was written: {id} of {moment}, {files} files, {size}.",
                    id=Code(newest.id),
                    moment=show_moment(facts, newest.time_ms),
                    files=newest.files,
                    size=format_size(newest.bytes),
                ),
            )
        )
    yield Heading(3, say("Vaults and copies"), "3.2")
    yield from _write_vaults(facts)
    yield Heading(3, say("Where things lie on this machine"), "3.3")
    yield Grid((say("what"), say("where")), list(_list_paths(facts)))
    yield Heading(3, say("What is secret"), "3.4")
    yield Points(list(_list_secrets(facts)))
    yield Heading(3, say("Encryption, and good practice"), "3.5")
    yield from write_protection(facts)


def _component_row(facts: Facts, name: str, component: Component) -> tuple[Text, ...]:
    saves_nothing = isinstance(component, (*NOTHING_TO_SAVE, Versioned))
    size = None if saves_nothing else facts.vault.size_of(name)
    shown: Text = say("{files} files, {size}", files=size.files, size=format_size(size.bytes)) if size else "–"
    return Code(name), component.kind, describe_home(component), _describe_way(component), shown


def _describe_way(component: Component) -> Text:
    words: list[Text] = []
    match component:
        case Postgres(method="physical"):
            words.append(say("the data directory with its write-ahead log: any second can be reached"))
        case Postgres():
            words.append(say("a dump in one transaction: the moment of each snapshot can be reached"))
        case Files() if component.strategy:
            words.append(say("strategy {name}", name=Code(component.strategy)))
    if isinstance(component, Postgres) and component.window is not None:
        words.append(say("window {span}", span=show_span(component.window)))
    if component.vault:
        words.append(say("in the vault {name}", name=Code(component.vault)))
    return Joined(tuple(words)) if words else "–"


def _write_vaults(facts: Facts) -> Iterator[Block]:
    yield Grid(
        (say("name"), say("address"), say("what it is for"), say("medium"), say("site")),
        [
            (Code(each.name), Code(each.address), each.purpose, each.medium or "–", each.site or "–")
            for each in facts.places
        ],
    )
    replicas = {each.name for each in facts.configuration.replica} if facts.offered.copies_to_replicas else set()
    copies = sum(each.name == "vault" or each.name in replicas for each in facts.places)
    media = {each.medium for each in facts.places if each.medium}
    sites = {each.site for each in facts.places if each.site}
    yield Paragraph(
        (
            say(
                "The rule of 3-2-1: three copies (the stack itself, and vaults: {copies}), two media, one copy "
                "elsewhere.",
                copies=copies,
            ),
            say(
                "Named in the configuration: media {media}; sites {sites}.", media=_listed(media), sites=_listed(sites)
            ),
        )
    )
    if facts.configuration.replica and not facts.offered.copies_to_replicas:
        yield Notice((describe_idle_replicas(facts),))
    if copies < 2:
        yield Notice((say("There is one vault only: whoever loses it together with the stack loses everything."),))


def describe_idle_replicas(facts: Facts) -> Text:
    """Return that nothing is copied yet, and what to do meanwhile."""
    names = Joined(tuple(Code(each.name) for each in facts.configuration.replica))
    return say(
        "this version copies nothing to {names} by itself: copy the folder of the vault there with another tool, and "
        "`rebond verify` the copy",
        names=names,
    )


def _listed(words: set[str]) -> Text:
    return Joined(tuple(Code(each) for each in sorted(words))) if words else "–"


def _list_paths(facts: Facts) -> Iterator[tuple[Text, ...]]:
    machine, configuration = facts.machine, facts.configuration
    for number, path in enumerate(machine.configuration_files):
        yield say("the configuration") if number == 0 else say("a part of the configuration"), Code(str(path))
    yield say("the root of the stack"), Code(str(machine.root))
    for compose in configuration.stack.compose:
        yield say("compose file"), Code(compose)
    for each in configuration.stack.env:
        yield say("variables, with secrets"), Code(each)
    yield say("the state of this machine: ledger, runs, faults"), Code(str(machine.state_folder))
    yield say("the ledger of runs"), Code(str(machine.state_folder / "history"))
    yield say("what may be deleted at any time"), Code(str(machine.cache_folder))
    if configuration.log and configuration.log.file:
        yield say("the log"), Code(configuration.log.file)
    if configuration.schedule:
        yield say("who starts the runs"), Code(configuration.schedule.by)


def _list_secrets(facts: Facts) -> Iterator[Text]:
    for place in facts.places:
        yield say("what opens the vault {name}: {secret}", name=Code(place.name), secret=place.opened_by)
    for name, component in facts.configuration.component.items():
        if isinstance(component, Secrets):
            yield say(
                "{name} saves {home}; it comes back readable by its owner alone",
                name=Code(name),
                home=describe_home(component),
            )
        password = getattr(component, "password", None)
        if password is not None:
            yield say("the password of {name}: {secret}", name=Code(name), secret=describe_reference(password))
    for each in facts.configuration.stack.env:
        yield say("{path} holds secrets: never in Git, readable by its owner alone", path=Code(each))
    if facts.configuration.notify:
        yield say("where notices go is secret too: {places}", places=_list_receivers(facts))
    yield say("what a restore brings back is as secret as what was saved: restore into a folder that is yours alone")


def _list_receivers(facts: Facts) -> Text:
    notify = facts.configuration.notify
    if notify is None:
        return "–"
    receivers = (*notify.started, *notify.success, *notify.warning, *notify.failure)
    texts = [each.to for each in receivers] + ([notify.heartbeat] if notify.heartbeat else [])
    return Joined(tuple(show_words(each) for each in dict.fromkeys(texts)))
