"""Whether the servers take databases that nothing in a plan of coming back would start."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from msgspec.structs import replace

from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.errors import RebondError, RestoreError, SourceUnfit
from rebond.findings import Finding, Severity
from rebond.operations.recovery.database_part import DatabasePart
from rebond.operations.recovery.foreseeing import tell_foreseen
from rebond.operations.recovery.parts import Part
from rebond.operations.recovery.plan import PlannedPart
from rebond.operations.recovery.server_waiting import find_obstacle, keeps_out, show_roles
from rebond.sources.channels.addresses import Address
from rebond.sources.postgres.target import DatabaseTarget, reach_target
from rebond.stack.postgres import ConfiguredPostgres
from rebond.stack.server_starting import find_gone_container, find_starter
from rebond.stack.whereabouts import place_of

NOTHING: Mapping[str, Part] = MappingProxyType({})


def list_unready_servers(
    loaded: Loaded, parts: Sequence[PlannedPart], *, vault: str, means: Mapping[str, Part] = NOTHING
) -> Iterator[Finding]:
    """Ask every server that has to run already, and yield why one takes no database now. Nothing is started.

    ``means`` are the parts by name, which know what they will ask of their server; ``vault`` is where the snapshots
    lie. What is asked takes half a minute where nothing refuses and nothing answers.
    """
    for part in parts:
        component = loaded.configuration.component.get(part.name)
        if not part.needs_server or not isinstance(component, Postgres):
            continue
        if not _is_started(component, loaded):
            yield from _look(part, component, loaded, vault, means.get(part.name))
        elif (gone := find_gone_container(component, loaded)) is not None:
            yield _is_gone(part.name, gone, vault)


def _is_started(component: Postgres, loaded: Loaded) -> bool:
    try:
        return find_starter(component, loaded) is not None
    except RebondError:
        return True  # its client is missing, which is among the programs that are


def _look(part: PlannedPart, component: Postgres, loaded: Loaded, vault: str, mean: Part | None) -> Iterator[Finding]:
    name, knows_password = part.name, True
    try:
        try:
            server, database = ConfiguredPostgres(name, component, loaded).find_server()
        except RebondError:  # the secrets come back with the stack; whether something answers shows without them
            knows_password = False
            server, database = ConfiguredPostgres(name, replace(component, password=None), loaded).find_server()
    except RebondError as error:
        yield _cannot_be_asked(name, error)
        return
    # Programs start in the root, which is not back yet.
    here = loaded if loaded.root.is_dir() else replace(loaded, root=Path.cwd())

    def find_target() -> DatabaseTarget:
        return reach_target(server, place_of(component, here).open, "" if component.databases else database)

    obstacle = find_obstacle(name, find_target, roles=show_roles(name, part.snapshot, vault))
    if obstacle is None:
        if isinstance(mean, DatabasePart):
            yield from tell_foreseen(mean.foresee(find_target))
        return
    if keeps_out(obstacle) and not knows_password:
        return  # it answers, which is all that can be known before its password is back
    yield _not_ready(name, obstacle, vault)


def _is_gone(name: str, container: Address, vault: str) -> Finding:
    return Finding(
        code="container-gone",
        severity=Severity.WARNING,
        subject=name,
        template="{client} has no container {container} here, in which the server of {component} runs, and nothing in "
        "this plan makes it.",
        hint_template="Run it as it was run before (name, user and password), now or when the plan stops there and "
        "prints the line that goes on.\n  → For next time, write the command that makes it into 'restart' of "
        "{component}.\n  → Or bring the databases elsewhere: rebond recover {vault} --to DIR --into-server ADDRESS",
        values={"client": container.client.value, "container": container.name, "component": name, "vault": vault},
    )


def _cannot_be_asked(name: str, error: RebondError) -> Finding:
    return Finding(
        code="server-not-asked",
        severity=Severity.NOTE,
        subject=name,
        template="Whether the server of {component} answers is asked when what it refers to is back: {reason}",
        values={"component": name, "reason": error},
    )


def _not_ready(name: str, obstacle: RestoreError, vault: str) -> Finding:
    told = Finding(
        code="server-not-ready",
        severity=Severity.WARNING,
        subject=name,
        template=obstacle.template,
        hint_template="Nothing in this plan starts it: start a PostgreSQL there, no older than the one that was saved."
        "\n  → Or bring the databases elsewhere: rebond recover {vault} --to DIR --into-server ADDRESS",
        values={**obstacle.values, "vault": vault},
    )
    if keeps_out(obstacle) or isinstance(obstacle.values.get("reason"), SourceUnfit):  # what helps is something else
        told = replace(told, hint_template=obstacle.hint_template)
    return told
