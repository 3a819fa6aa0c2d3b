"""The log of every server that is saved physically: does it come into the vault."""

from collections.abc import Iterator

from rebond.config.components import Postgres
from rebond.errors import SourceError, SourceUnfit
from rebond.findings import Finding
from rebond.operations.wal.ledger import read_notes
from rebond.operations.wal.standing import judge_server
from rebond.schedule.stack_folders import folder_of
from rebond.stack.advice.installing import install_postgres_client
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.wal import ask_server, find_access
from rebond.stack.wal_lines import find_program
from rebond.stack.wal_places import find_barrier, find_user, find_wal_components, find_wal_socket, is_answered
from rebond.stack.wal_ways import StreamWay

_LOOK = "rebond wal status"
_SETTINGS = "rebond wal settings"
_START = "rebond serve"
_NOT_SAVED = frozenset(
    {
        *("wal-archive-mode", "wal-archive-command", "wal-wal-level", "wal-archiver-fails", "wal-waits", "wal-silent"),
        *("wal-slot", "wal-no-slot", "wal-not-received"),
    }
)
_COMMANDS = {
    **dict.fromkeys(("wal-archiver-fails", "wal-waits", "wal-silent", "wal-slot-short"), _LOOK),
    **dict.fromkeys(("wal-no-slot", "wal-not-received"), _START),
}


def check_write_ahead_logs(scene: Scene) -> Iterator[Observation]:
    """Ask each server, and see whether its user comes to where the daemon listens."""
    for name, component in find_wal_components(scene.loaded).items():
        notes = read_notes(folder_of(scene.state_folder, scene.loaded) / "wal" / f"{name}.json")
        yield from _check_server(scene, name, component, notes.slot)
        if component.wal == "archive-command" and component.inside is None:
            yield from _check_ways(scene, name, component)
        if notes.fault:
            yield Observation(
                check="services",
                code="wal-failing",
                weight=Weight.FAILURE,
                template="The log of {component} does not come into the vault: {reason}",
                values={"component": name, "reason": notes.fault},
                command=_LOOK,
            )


def _check_server(scene: Scene, name: str, component: Postgres, slot: str) -> Iterator[Observation]:
    try:
        facts = ask_server(name, component, scene.loaded)
    except SourceError:
        return  # said where services are looked at
    for each in judge_server(name, facts, component.wal or "", slot):
        yield _observe(each)
    if component.wal == "receive":
        yield from _check_receiver(scene, name, component, facts.major)


def _check_receiver(scene: Scene, name: str, component: Postgres, server_major: int) -> Iterator[Observation]:
    """Its program has to be here, and something has to lead from there to the server."""
    way = StreamWay(name, component, scene.loaded)
    try:
        access, database = find_access(name, component, scene.loaded)
        way.find_receiver(access, server_major)
    except SourceUnfit as error:
        command = install_postgres_client(server_major, scene.environment, is_root=scene.is_root)
        yield _not_received(name, "wal-no-receiver", error, command)
        return
    except SourceError:
        return  # said where services are looked at
    try:
        way.require_way(access, database)
    except SourceError as error:
        yield _not_received(name, "wal-no-way", error, f"${{EDITOR:-vi}} {scene.command(scene.path)}")


def _not_received(name: str, code: str, error: SourceError, command: str) -> Observation:
    return Observation(
        check="services",
        code=code,
        weight=Weight.FAILURE,
        template="The log of {component} cannot be received, so no snapshot of it is whole: {reason} {remedy}",
        values={
            "component": name,
            "reason": error,
            "remedy": SourceUnfit(error.hint_template, hint="", **error.values),
        },
        command=command,
    )


def _observe(finding: Finding) -> Observation:
    return Observation(
        check="services",
        code=finding.code,
        weight=Weight.FAILURE if finding.code in _NOT_SAVED else Weight.WARNING,
        template=finding.template,
        values=finding.values,
        command=_COMMANDS.get(finding.code, _SETTINGS),
    )


def _check_ways(scene: Scene, name: str, component: Postgres) -> Iterator[Observation]:
    """The user of the server has to come to the socket and to the program."""
    user = find_user(component.wal_user)
    if user is None:
        return
    socket = find_wal_socket(scene.environment, scene.state_folder, scene.loaded)
    if not is_answered(socket):
        yield Observation(
            check="services",
            code="wal-no-daemon",
            weight=Weight.WARNING,
            template="Nothing answers rebond-wal for {component} at {path}.",
            values={"component": name, "path": str(socket)},
            command=_START,
        )
        return
    for path, code in ((socket, "wal-socket-barred"), (socket.__class__(find_program()), "wal-program-barred")):
        barrier = find_barrier(path, user) if path.is_absolute() else ""
        if barrier:
            yield Observation(
                check="services",
                code=code,
                weight=Weight.FAILURE,
                template="The server of {component} runs as {user}, who may not pass {folder} on the way to {path}.",
                values={"component": name, "user": component.wal_user, "folder": barrier, "path": str(path)},
                command=scene.root_command("chmod", "o+x", barrier),
            )
