"""What a bare machine lacks of what a stack needs to come back: programs, users, rights, places."""

import os
import pwd
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from rebond.config.components import Component, Mysql, Postgres, Redis, Regenerable
from rebond.config.model import Loaded
from rebond.config.quantities import Inside
from rebond.config.references import Text
from rebond.config.steps import Restoring, Run
from rebond.findings import Finding, Severity
from rebond.history.callers import find_user
from rebond.operations.recovery.plan import PlannedPart
from rebond.stack.rootless import find_rootless

_SPLIT = re.compile(r"&&|\|\||[;|\n&]")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_OF_THE_SHELL = frozenset(
    ". : [ alias bg break case cd command continue do done echo elif else esac eval exec exit export fi for if "
    "printf pwd read return set shift test then time times trap true false type ulimit umask unset until wait "
    "while { } ! (".split()
)
_CLIENTS = {"compose": "docker", "docker": "docker", "podman": "podman", "kubernetes": "kubectl"}
_TOOLS: tuple[tuple[type[Component], str], ...] = ((Postgres, "psql"), (Mysql, "mysql"), (Redis, "redis-cli"))


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


class Machine(Struct, frozen=True, kw_only=True):
    """What is asked of this machine. Tests hand in another one."""

    find_program: Callable[[str, str | None], str | None] = lambda name, path: shutil.which(name, path=path)
    has_user: Callable[[str], bool] = _has_user
    is_root: Callable[[], bool] = lambda: os.geteuid() == 0
    may_write: Callable[[bytes], bool] = lambda path: os.access(path, os.W_OK | os.X_OK)


def list_missing(
    loaded: Loaded, places: Sequence[bytes], machine: Machine | None = None, *, runs_commands: bool = True
) -> list[Finding]:
    """Return what is missing, each with what mends it. ``places`` are where components will lie.

    Without ``runs_commands`` nothing of the stack is stopped, rebuilt, started or asked, so nothing of that is missed.
    """
    machine = machine or Machine()
    commands = list(_commands_of(loaded)) if runs_commands else []
    found = [
        *_list_programs(loaded, commands, places, machine),
        *_list_users(loaded, machine, runs_commands=runs_commands),
        *list_closed(places, machine),
    ]
    if not machine.is_root():
        found.append(
            Finding(
                code="not-root",
                severity=Severity.WARNING,
                subject="",
                template="This is not root: files of other users will belong to who runs this.",
                hint_template="Run it as root (sudo), unless all files are of one user.",
            )
        )
    return found


def _list_programs(
    loaded: Loaded, commands: Iterable[tuple[Run, Inside | None]], places: Sequence[bytes], machine: Machine
) -> Iterator[Finding]:
    needed: dict[str, str] = {}
    for run, inside in commands:
        if inside is not None:
            needed.setdefault(_CLIENTS[inside.engine], f"{inside.engine}:{inside.name}")
            continue
        for program in name_programs(run):
            needed.setdefault(program, run if isinstance(run, str) else " ".join(run))
    for name, component in loaded.configuration.component.items():
        if component.inside is not None:
            needed.setdefault(_CLIENTS[component.inside.engine], name)
        else:
            needed.update({tool: name for kind, tool in _TOOLS if isinstance(component, kind) and tool not in needed})
    path = loaded.variables.get("PATH")
    brought = (os.fsencode(loaded.root), *places)
    for program, what_for in needed.items():
        is_path = "/" in program
        if is_path and not _is_apart(os.fsencode(program), brought):
            continue  # of the stack itself, most likely: it comes back with it
        if machine.find_program(program, path) is None:
            yield Finding(
                code="program-missing",
                severity=Severity.WARNING,
                subject=program,
                template="{program} is not installed here, and is needed for: {what_for}",
                hint_template="Install it there: it lies in no component, so nothing of the snapshot brings it."
                if is_path
                else "Install it, or put it on the PATH of this run.",
                values={"program": program, "what_for": what_for},
            )


def _is_apart(program: bytes, brought: Sequence[bytes]) -> bool:
    """Say whether a path is whole, and below none of the folders that come back."""
    return program.startswith(b"/") and not any(
        os.path.normpath(program).startswith(os.path.join(os.path.normpath(each), b"")) for each in brought
    )


def _commands_of(loaded: Loaded) -> Iterator[tuple[Run, Inside | None]]:
    restoring = loaded.configuration.restore or Restoring()
    for step in (*restoring.stop, *restoring.rebuild, *restoring.start):
        yield step.run, step.inside
    for probe in restoring.healthy:
        if probe.run is not None:
            yield probe.run, probe.inside
    for component in loaded.configuration.component.values():
        if isinstance(component, Regenerable):
            yield component.run, component.inside


def name_programs(run: Run) -> list[str]:
    """Return the programs that a command starts, as far as its words tell: the first of each simple command."""
    if not isinstance(run, str):
        return [run[0]]
    found = []
    for piece in _SPLIT.split(run):
        words = [each for each in piece.split() if not _ASSIGNMENT.match(each)]
        first = words[0].strip("'\"") if words else ""
        if first and first not in _OF_THE_SHELL and not first.startswith(("$", "(", "#", ">", "<")):
            found.append(first)
    return list(dict.fromkeys(found))


def _list_users(loaded: Loaded, machine: Machine, *, runs_commands: bool) -> Iterator[Finding]:
    restoring = loaded.configuration.restore or Restoring()
    steps = (*restoring.stop, *restoring.rebuild, *restoring.start) if runs_commands else ()
    texts: list[Text | None] = [each.user for each in steps if each.inside is None]
    if loaded.configuration.schedule is not None:
        texts.append(loaded.configuration.schedule.user)
    for name in dict.fromkeys(each for each in texts if isinstance(each, str)):
        if not machine.has_user(name):
            yield Finding(
                code="user-missing",
                severity=Severity.WARNING,
                subject=name,
                template="There is no user {user} here, and commands of the stack run as one.",
                hint_template="Make it: useradd -m {user}",
                values={"user": name},
            )


def list_shut(loaded: Loaded, parts: Sequence[PlannedPart]) -> Iterator[Finding]:
    """Yield what a restore into these places has to know of rights: as root, or as whom a Podman without root has."""
    closed: list[bytes] = []
    for each in parts:
        component = loaded.configuration.component.get(each.name)
        told = find_rootless(each.name, component, loaded, user=find_user()) if component is not None else None
        if told is not None:
            yield told
        elif not each.needs_server and os.path.isabs(each.place):
            closed.append(os.fsencode(each.place))
    yield from list_closed(closed)


def list_closed(places: Sequence[bytes], machine: Machine | None = None) -> Iterator[Finding]:
    """Yield the places, or where those are to be made, that may not be written to."""
    machine = machine or Machine()
    for place in dict.fromkeys(places):
        standing = place
        while not os.path.isdir(standing):
            standing = os.path.dirname(standing) or b"/"
        shown = place.decode(errors="backslashreplace")
        if not machine.may_write(standing):
            yield Finding(
                code="place-closed",
                severity=Severity.WARNING,
                subject=shown,
                template="{path} may not be written to.",
                hint_template="Run it as root (sudo), or choose another folder with --to.",
                values={"path": shown},
            )
