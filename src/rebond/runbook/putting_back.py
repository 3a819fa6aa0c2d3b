"""How one component comes back, by kind: beside the live one, then in its place by hand."""

from collections.abc import Iterator
from urllib.parse import unquote

from rebond.config.components import (
    Component,
    Ephemeral,
    Files,
    Postgres,
    Regenerable,
    Secrets,
    Sqlite,
    Versioned,
)
from rebond.pages.blocks import Block, Commands, Paragraph
from rebond.pages.shell_words import quote
from rebond.pages.words import Code, Joined, Text, say
from rebond.runbook.covered import is_saved
from rebond.runbook.describing import show_run
from rebond.runbook.facts import Facts
from rebond.runbook.loading import describe_loading
from rebond.runbook.moving import move_databases, move_files, move_secrets
from rebond.runbook.moving_inside import copy_in, lay_in

NEW_FOLDER = "export TO=$(mktemp -d ~/rebond-XXXXXX)"
BESIDE = "_restored"  # what ends the name of a database beside the live one


def write_putting_back(facts: Facts, name: str, component: Component) -> Iterator[Block]:
    """Write how a component comes back."""
    match component:
        case Regenerable():
            yield Paragraph((say("Nothing of it is saved. Made anew by:"), Code(show_run(component.run))))
        case Ephemeral():
            yield Paragraph(
                (say("Nothing of it is saved, and nothing is to be done: the application fills it again."),)
            )
        case Versioned():
            yield from _write_clone(facts, component)
        case _ if not is_saved(name, component):
            yield Paragraph(
                (
                    say(
                        "This version cannot save the kind {kind}: nothing of it is in a snapshot.",
                        kind=Code(component.kind),
                    ),
                )
            )
        case _:
            yield from _write_beside(name, component)
            if name in facts.targets and facts.offered.has("restore", "--into"):
                yield from _write_into(name, component, facts.targets[name])
            yield from _write_by_hand(facts, name, component)
            if isinstance(component, Files) and component.parts:
                yield _name_parts(component)
            if component.rebuild:
                yield Paragraph((say("Or it is made anew: {command}", command=Code(show_run(component.rebuild))),))
            if component.restart:
                yield Paragraph((say("Then restart what uses it: {command}", command=Code(component.restart)),))


def choose_vault(component: Component, facts: Facts) -> str:
    """Return the option that names the vault of a component that is kept apart; else nothing."""
    place = next((each for each in facts.places if each.name == component.vault), None)
    return f" --vault {quote(place.address)}" if component.vault and place else ""


def _name_parts(component: Files) -> Block:
    part = component.parts[0].replace("*", "NAME")
    return Paragraph(
        (
            say(
                "Its parts come back by name ({parts}): {command}",
                parts=Joined(tuple(map(Code, component.parts))),
                command=Code(f'rebond restore latest {quote(part)} --to "$TO"'),
            ),
        )
    )


def _write_clone(facts: Facts, component: Versioned) -> Iterator[Block]:
    yield Paragraph(
        (
            say(
                "It lies in Git. The snapshot says which commit ran: `git.json` of this component. Clone from "
                "the remote {remote}, and check that commit out.",
                remote=Code(component.remote),
            ),
            say("Where it lay: {path}", path=Code(str(facts.machine.root / component.path))),
        )
    )


def _write_beside(name: str, component: Component) -> Iterator[Block]:
    if component.vault:
        return  # its own paragraph names the vault
    yield Paragraph((say("Bring it back into a new folder that is yours alone, and look at it:"),))
    yield Commands((NEW_FOLDER, f'rebond restore latest {name} --to "$TO"', f'ls -lA "$TO/{name}"'))


def _write_into(name: str, component: Component, address: str) -> Iterator[Block]:
    yield Paragraph((say("Or straight into its server, as a new database beside the live one, which is not touched:"),))
    renaming = ""
    if isinstance(component, Postgres) and component.method == "physical":  # a server of which one database is meant
        beside = unquote(address.partition("?")[0].rpartition("/")[2])
        renaming = f" --rename {quote(f'{beside.removesuffix(BESIDE)}={beside}')}"
    yield Commands((f"rebond restore latest {name} --into {quote(address)}{renaming}",))
    yield Paragraph(
        (
            say(
                "Look at it; then, with the application stopped, rename both: {command}",
                command=Code("ALTER DATABASE … RENAME TO …"),
            ),
        )
    )
    if isinstance(component, Postgres):
        yield _write_one_table(name, component, address)


def _write_one_table(name: str, component: Postgres, address: str) -> Block:
    """The commonest accident, and all that a role needs which may make no database."""
    server, mark, options = address.partition("?")
    live = f"{server.removesuffix(BESIDE)}{mark}{options}"
    sentences = [
        say(
            "A new database takes the right to make one; a superuser gives it: {command}",
            command=Code("ALTER ROLE … CREATEDB"),
        )
    ]
    source = f"--at MOMENT {name}" if component.method == "physical" else f"latest {name}"
    sentences += [
        say(
            "A single table comes back in its place without that right, with all that belongs to it; the rows that it "
            "has now are kept until you accept: {command}",
            command=Code(f"rebond restore {source} --in-place --table TABLE"),
        ),
        say(
            "With nothing stopped, it goes into the live database where it is missing or empty; one that has rows is "
            "left alone: {command}",
            command=Code(f"rebond restore latest {name} --into {quote(live)} --table TABLE"),
        ),
    ]
    return Paragraph(tuple(sentences))


def _write_by_hand(facts: Facts, name: str, component: Component) -> Iterator[Block]:
    if component.vault:
        option = choose_vault(component, facts)
        yield Paragraph((say("It lies in a vault of its own:"),))
        yield Commands((NEW_FOLDER, f'rebond restore latest{option} --to "$TO"', 'ls -lA "$TO"'))
    words, lines = _describe_move(facts, name, component)
    yield Paragraph(words)
    if lines:
        yield Commands(lines)


def _describe_move(facts: Facts, name: str, component: Component) -> tuple[tuple[Text, ...], tuple[str, ...]]:
    is_elsewhere = component.inside is not None or component.volume is not None
    match component:
        case Files() if is_elsewhere:
            return copy_in(facts, name, component)
        case Secrets() | Sqlite() if is_elsewhere and (component.path or component.paths):
            return lay_in(facts, name, component)
        case Files() if component.path or component.paths:
            return move_files(facts, name, component)
        case Secrets() if component.path or component.paths:
            return move_secrets(facts, name, component)
        case Sqlite() if component.path or component.paths:
            return move_databases(facts, name, component)
    return describe_loading(facts, name, component), ()
