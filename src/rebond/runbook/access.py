"""Section 2: what one needs to begin: a shell there, rights, programs, variables, and a key."""

from collections.abc import Iterator

from msgspec import Struct

from rebond.config.components import Component, Django, Images, Mysql, Postgres, Redis, Secrets, Sqlite, Versioned
from rebond.config.references import FromEnvironment
from rebond.pages.blocks import Block, Commands, Grid, Heading, Paragraph, Points
from rebond.pages.shell_words import quote
from rebond.pages.words import Code, Joined, Sentence, Text, say
from rebond.runbook.facts import Facts
from rebond.runbook.keys import write_keys
from rebond.units import format_size
from rebond.vault.kit import list_credentials


def write_access(facts: Facts) -> Iterator[Block]:
    """Write the section."""
    yield Heading(2, say("Prerequisites and access"), "2")
    yield Heading(3, say("What you need"), "2.1")
    yield Points(list(_list_needs(facts)))
    yield Heading(3, say("Begin here"), "2.2")
    yield Paragraph(
        (
            say(
                "Open a shell on {host} as {user}, and type these lines first.",
                host=Code(facts.machine.host),
                user=Code(facts.machine.user),
            ),
            say("All commands below are meant in that shell."),
        )
    )
    yield Commands(list_first_lines(facts))
    yield Paragraph(
        (
            say(
                "Then ask what is there and whether anything is wrong; the second names the command that "
                "mends each thing:"
            ),
        )
    )
    yield Commands(("rebond --version", "rebond doctor"))
    yield Heading(3, say("Programs"), "2.3")
    yield Grid((say("program"), say("version"), say("what for")), list(_list_programs(facts)))
    yield Heading(3, say("Variables"), "2.4")
    yield from _write_variables(facts)
    yield Heading(3, say("Keys, and who holds them"), "2.5")
    yield from write_keys(facts)


def list_first_lines(facts: Facts, *, on_new_machine: bool = False) -> tuple[str, ...]:
    """Return what is typed first in a new shell; a new machine has its program elsewhere, and in that shell already."""
    folder = None if on_new_machine else facts.machine.program_folder
    return (
        f"cd {quote(str(facts.machine.root))}",
        *([f'export PATH={quote(str(folder))}:"$PATH"'] if folder else []),
        f"export REBOND_CONFIG={quote(str(facts.machine.configuration_files[0]))}",
    )


def _list_needs(facts: Facts) -> Iterator[Text]:
    configuration = facts.configuration
    yield say(
        "a shell on {host} (SSH), as {user} or with the right to become it",
        host=Code(facts.machine.host),
        user=Code(facts.machine.user),
    )
    yield say(
        "reading {path}, and reading and writing below {root}",
        path=Code(str(facts.machine.configuration_files[0])),
        root=Code(str(facts.machine.root)),
    )
    yield say("reading and writing the state in {path}", path=Code(str(facts.machine.state_folder)))
    if configuration.stack.compose:
        yield say("the group {group}, or root", group=Code("docker"))
    if configuration.stack.kubernetes:
        yield say("{command} with rights in the namespace of the stack", command=Code("kubectl"))
    for place in facts.places:
        yield say(
            "the vault {name} at {address}, opened by {secret}",
            name=Code(place.name),
            address=Code(place.address),
            secret=place.opened_by,
        )
    newest = facts.vault.newest_whole
    if newest:
        yield say(
            "room for a restore: at least {size} free, better twice that ({double})",
            size=format_size(newest.bytes),
            double=format_size(2 * newest.bytes),
        )
    else:
        yield say("room for a restore: twice what the stack takes")


_PROGRAMS: tuple[tuple[type[Component], str, str, Sentence], ...] = (
    (
        Postgres,
        "psql",
        "≥ 15",
        say("PostgreSQL's own programs, not older than the server; in its container they are there"),
    ),
    (Mysql, "mysqldump", "–", say("MySQL or MariaDB")),
    (Redis, "redis-cli", "–", say("Redis or Valkey")),
    (Sqlite, "sqlite3", "–", say("only to look into a database by hand")),
    (Django, "python", "≥ 3.11", say("Django's own commands")),
    (Versioned, "git", "–", say("what lies in Git")),
)


def _list_programs(facts: Facts) -> Iterator[tuple[Text, ...]]:
    configuration = facts.configuration
    yield (
        Code("rebond"),
        facts.machine.program.removeprefix("rebond "),
        say("everything on this page; Python 3.11 or newer"),
    )
    components = configuration.component.values()
    engines = {each.inside.engine for each in components if each.inside}
    own = facts.engine
    if configuration.stack.compose or "compose" in engines or any(isinstance(each, Images) for each in components):
        engines.add(own)
    if "docker" in engines:
        yield Code("docker"), "≥ 24.0", say("containers and volumes")
    if configuration.stack.compose or "compose" in engines:
        yield Code(f"{own} compose"), "≥ 2.20" if own == "docker" else "–", say("the services of the stack")
    if "podman" in engines:
        yield Code("podman"), "–", say("containers and volumes")
    cluster = any(isinstance(each, Secrets) and each.kubernetes for each in components)
    if configuration.stack.kubernetes or "kubernetes" in engines or cluster:
        yield Code("kubectl"), "–", say("pods and Secrets of the cluster")
    for kind, program, version, purpose in _PROGRAMS:
        if any(isinstance(each, kind) for each in components):
            yield Code(program), version, purpose


def _write_variables(facts: Facts) -> Iterator[Block]:
    rows: list[tuple[Text, ...]] = [
        (Code("REBOND_CONFIG"), say("the configuration, so that the commands work in any folder")),
        (
            Code("REBOND_LANG"),
            say("{first} or {second}: the language of messages", first=Code("fr"), second=Code("en")),
        ),
        (Code("REBOND_KEY_FILE"), say("a key file that opens the vault, where another one than usual is meant")),
        (Code("REBOND_PASSPHRASE_FILE"), say("a file with the passphrase or the recovery key, for an emergency")),
    ]
    rows += [
        (Code(name), say("the key of the store that holds the vault, where its own file of credentials has none"))
        for name in dict.fromkeys(name for place in facts.places for name in list_credentials(place.address))
    ]
    files: Text = (
        Joined(tuple(Code(each) for each in facts.configuration.stack.env)) if facts.configuration.stack.env else "–"
    )
    rows += [
        (Code(name), say("used by the configuration; from the environment, else from {files}", files=files))
        for name in _list_variables(facts.configuration)
    ]
    yield Grid((say("variable"), say("what for")), rows)


def _list_variables(value: object) -> list[str]:
    """Return the names of all variables that the configuration refers to."""
    found: dict[str, None] = {}

    def walk(each: object) -> None:
        if isinstance(each, FromEnvironment):
            found.setdefault(each.env)
        elif isinstance(each, dict):
            for below in each.values():
                walk(below)
        elif isinstance(each, list | tuple):
            for below in each:
                walk(below)
        elif isinstance(each, Struct):
            for name in each.__struct_fields__:
                walk(getattr(each, name))

    walk(value)
    return sorted(found)
