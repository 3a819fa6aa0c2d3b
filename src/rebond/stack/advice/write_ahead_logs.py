"""The log of every server that is saved physically: does it come into the vault."""

from collections.abc import Iterator

from rebond.config.components import Postgres
from rebond.errors import SourceError
from rebond.findings import Finding
from rebond.operations.wal.ledger import read_notes
from rebond.operations.wal.standing import judge_server
from rebond.schedule.stack_folders import folder_of
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.wal import ask_server
from rebond.stack.wal_lines import find_program
from rebond.stack.wal_places import find_barrier, find_user, find_wal_components, find_wal_socket, is_answered

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
        if component.wal == "receive" and (component.inside is not None or component.volume is not None):
            yield _cannot_be_streamed(scene, name)
            continue
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


def _cannot_be_streamed(scene: Scene, name: str) -> Observation:
    """What no slot and no daemon would mend: a log is streamed from a port, not through a program in a container."""
    return Observation(
        check="services",
        code="wal-inside",
        weight=Weight.FAILURE,
        template="The log of {component} cannot be streamed out of a container, so no snapshot of it is whole: publish "
        "the port of the server and name it with host and port, without 'in' and 'volume'.",
        values={"component": name},
        command=f"${{EDITOR:-vi}} {scene.command(scene.path)}",
    )


def _check_server(scene: Scene, name: str, component: Postgres, slot: str) -> Iterator[Observation]:
    try:
        facts = ask_server(name, component, scene.loaded)
    except SourceError:
        return  # said where services are looked at
    for each in judge_server(name, facts, component.wal or "", slot):
        yield _observe(each)


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
