"""The facts of a runbook: the configuration at hand, the vault as far as its key opens it, the ledger, the program."""

import os
import socket
from pathlib import Path

import click

import rebond
from rebond.cli.configuration.at_hand import MAIN, list_places
from rebond.cli.grammar.verbs import CommonOption, Verbs
from rebond.cli.invocation import Invocation
from rebond.cli.output.speech import message_of
from rebond.cli.runbook.outputs import show_outputs
from rebond.cli.snapshots.windows_shown import list_stretches
from rebond.cli.vaults.opening import vault_at_hand
from rebond.clock import SystemClock
from rebond.config.model import Loaded
from rebond.config.references import Text as Words
from rebond.errors import ConfigError, RebondError
from rebond.findings import Finding
from rebond.history.callers import find_user
from rebond.history.ledger import Ledger
from rebond.history.recording import HISTORY
from rebond.operations.snapshots import SnapshotFilter, list_snapshots
from rebond.pages.words import Sentence, Text, say
from rebond.runbook.describing import conceal, describe_reference
from rebond.runbook.facts import Facts, HistoryFacts, Machine, Offered, PlaceFacts, VaultFacts
from rebond.runbook.gathering import (
    find_engine_name,
    find_single_files,
    find_targets,
    gather_history,
    gather_vault,
    read_files,
    show_address,
)
from rebond.schedule.handing_over import find_program
from rebond.schedule.jobs import zone_of
from rebond.schedule.stack_folders import folder_of
from rebond.vault.key_slots import list_slots

_EVERYWHERE = {"/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"}
_MOST_DIGITS = 11  # more are no date that a calendar has
EPOCH = "SOURCE_DATE_EPOCH"  # seconds since 1970: the moment that a page is dated with, so that it can be made again


def gather_facts(invocation: Invocation, loaded: Loaded, language: str) -> Facts:
    """Return everything that a runbook says. A vault that cannot be opened leaves a gap, which the page names."""
    stack = loaded.configuration.stack.name
    vault, offered = look_into_vault(invocation, stack), list_offered()
    outputs = show_outputs(invocation, vault, offered)
    return Facts(
        configuration=loaded.configuration,
        machine=describe_machine(invocation, loaded),
        places=list_place_facts(invocation, loaded),
        vault=vault,
        history=read_history(invocation, stack),
        offered=offered,
        zone=zone_of(loaded.configuration),
        language=language,
        written_ms=choose_date(invocation),
        targets=find_targets(loaded),
        single_files=find_single_files(loaded),
        engine=find_engine_name(loaded),
        outputs={command: conceal(text) for command, text in outputs.items()},
        files=read_files(loaded),
    )


def choose_date(invocation: Invocation) -> int:
    """Return the moment that a page is dated with: now, or what ``SOURCE_DATE_EPOCH`` says."""
    given = invocation.environment.get(EPOCH, "")
    is_moment = given.isdecimal() and len(given) <= _MOST_DIGITS
    return int(given) * 1000 if is_moment else SystemClock().now_ms()


def describe_machine(invocation: Invocation, loaded: Loaded) -> Machine:
    """Return where things lie here."""
    return Machine(
        host=socket.gethostname(),
        user=find_user(),
        program=f"rebond {rebond.__version__}",
        configuration_files=tuple(Path(each).absolute() for each in loaded.files),
        root=loaded.root,
        state_folder=invocation.state_folder,
        cache_folder=invocation.cache_folder,
        stack_folder=folder_of(invocation.state_folder, loaded),
        program_folder=_find_program_folder(),
    )


def _find_program_folder() -> Path | None:
    """Return where the program lies, unless every shell looks there: who types the page has no environment."""
    script, *module = find_program()
    folder = Path(script).parent
    return None if module or str(folder) in _EVERYWHERE else folder


def list_place_facts(invocation: Invocation, loaded: Loaded) -> tuple[PlaceFacts, ...]:
    """Return every vault of the configuration, the main one first."""
    configuration = loaded.configuration
    replicas = {each.name: each for each in configuration.replica}
    found = []
    for place in list_places(loaded):
        owner = configuration.vault if place.name == MAIN else configuration.vaults.get(place.name)
        described = owner or replicas.get(place.name)
        found.append(
            PlaceFacts(
                name=place.name,
                address=show_address(place.address),
                purpose=_describe_purpose(place.name, replicas=set(replicas)),
                opened_by=_describe_secret(place.key, place.passphrase),
                medium=_plain(described.medium) if described else "",
                site=_plain(described.site) if described else "",
            )
        )
    named = invocation.named_vault
    if not found and named:
        found.append(
            PlaceFacts(
                name=MAIN,
                address=show_address(os.path.abspath(named) if "://" not in named else named),
                purpose=say("the snapshots of the stack"),
                opened_by=_describe_secret(None, None),
            )
        )
    return tuple(found)


def _plain(words: Words | None) -> str:
    return words if isinstance(words, str) else ""


def _describe_purpose(name: str, *, replicas: set[str]) -> Sentence:
    if name == MAIN:
        return say("the snapshots of the stack")
    return say("a copy elsewhere") if name in replicas else say("what is kept apart")


def _describe_secret(key: Words | None, passphrase: Words | None) -> Text:
    if key is not None:
        return say("a key file: {place}", place=describe_reference(key))
    if passphrase is not None:
        return say("a passphrase: {place}", place=describe_reference(passphrase))
    return say("a passphrase or key that is asked for, or named by `REBOND_KEY_FILE` or `REBOND_PASSPHRASE_FILE`")


def read_history(invocation: Invocation, stack: str) -> HistoryFacts:
    """Return what the ledger of this machine says. Raises ``ConfigError`` when it cannot be read."""
    ledger = Ledger(invocation.state_folder / HISTORY)
    try:
        return gather_history(ledger, stack, SystemClock().now_ms())
    except OSError as error:
        raise ConfigError(
            "The ledger in {path} cannot be read: {reason}.",
            hint="Check the rights of that folder, or set REBOND_STATE_DIR.",
            path=str(ledger.folder),
            reason=error.strerror or str(error),
        ) from None


def look_into_vault(invocation: Invocation, stack: str) -> VaultFacts:
    """Return what is stored of a stack, and who may work there; where it cannot be opened, why."""

    def ignore(_finding: Finding) -> None:
        """What is odd about the vault is told by doctor and verify."""

    try:
        with vault_at_hand(invocation, ignore, only_reads=True) as vault:
            keyring = vault.opened.keyring
            slots = list_slots(vault.store, keyring) if keyring else ()
            stretches = list_stretches(vault, list_snapshots(vault.live, SnapshotFilter(stack=stack)))
            now_ms = SystemClock().now_ms()
            return gather_vault(vault.live, slots, vault.opened.roster, stack, now_ms=now_ms, stretches=stretches)
    except RebondError as error:
        return VaultFacts(obstacle=message_of(error))


def list_offered() -> Offered:
    """Return what this program has, so that a page names no command that is not there."""
    from rebond.cli.program import program

    commands: set[str] = set()
    options: set[str] = set()

    def walk(command: click.Command, name: str) -> None:
        if name:
            commands.add(name)
        for parameter in command.params:
            if not isinstance(parameter, CommonOption):
                options.update(f"{name} {each}" for each in parameter.opts if each.startswith("--"))
        if isinstance(command, Verbs):
            for each in command.places:
                below = command.get_command(click.Context(command), each)
                if below is not None:
                    walk(below, f"{name} {each}".strip())

    walk(program, "")
    return Offered(commands=frozenset(commands), options=frozenset(options))
