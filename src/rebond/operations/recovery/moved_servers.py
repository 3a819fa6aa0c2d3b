"""A run whose component has another server by now, after a fail-over or a move: where it is gone on with, or undone.

Undoing at the server of then would change nothing that anybody uses, and be told as done. So the server of now is
asked whether it holds what the run has set aside, as one does that followed the other one; else a person decides.
"""

from collections.abc import Callable

from msgspec import Struct

from rebond.errors import RebondError, Refused
from rebond.findings import Finding, Severity
from rebond.operations.recovery.server_part import ServerPart
from rebond.operations.recovery.server_waiting import FindStarter, FindTarget, is_same_server
from rebond.operations.recovery.telling import remedy_of


class Moved(Struct, frozen=True, kw_only=True):
    """A part with another server: addresses in words, and what finds that of ``now``.

    ``finds_then`` says that the part's own target still leads to the server of then; ``came_back`` that the
    configuration which names the one of now lies in what the run itself put there. ``kept`` is where that lies which
    the run began with.
    """

    part: ServerPart
    then: str
    now: str
    find_target: FindTarget
    find_starter: FindStarter
    finds_then: bool
    came_back: bool
    kept: str


def settle(moved: Moved, *, run: str, way: str) -> Finding | None:
    """Let the part work where its things lie; return what is to be told of that. Raises ``Refused`` where nobody knows.

    ``way`` is what is done with the run, as an option.
    """
    part = moved.part
    if not part.has_something_there() and way != "resume":
        return None
    obstacle: RebondError | None = None
    try:
        if part.holds_at(moved.find_target):
            is_same = moved.finds_then and is_same_server(part.find_target, moved.find_target)
            part.move_to(moved.find_target, moved.find_starter)
            return None if is_same else _tell(moved, at=moved.now, not_at=moved.then)
    except RebondError as error:
        obstacle = error
    if moved.came_back and moved.finds_then and _is_there(lambda: part.holds_at(part.find_target)):
        return _tell(moved, at=moved.then, not_at=moved.now)
    raise _refuse(moved, run, way, obstacle)


def is_left_by(moved: Moved) -> bool:
    """Say whether the server of now holds nothing of the run, so that the part may be left out."""
    return not _is_there(lambda: moved.part.holds_at(moved.find_target))


def _is_there(ask: Callable[[], bool]) -> bool:
    try:
        return ask()
    except RebondError:
        return False


def _tell(moved: Moved, *, at: str, not_at: str) -> Finding:
    return Finding(
        code="another-server",
        severity=Severity.NOTE,
        subject=moved.part.name,
        template="The configuration names {now} for {component} by now, and the restore began at {then}. What it set "
        "aside lies in {at}: it is worked on there, and nothing is changed in {not_at}.",
        values={"component": moved.part.name, "now": moved.now, "then": moved.then, "at": at, "not_at": not_at},
    )


def _refuse(moved: Moved, run: str, way: str, obstacle: RebondError | None) -> Refused:
    values = {
        "component": moved.part.name,
        "then": moved.then,
        "now": moved.now,
        "run": run,
        "way": way,
        "kept": moved.kept,
        "reason": obstacle,
        "remedy": remedy_of(obstacle) if obstacle is not None else None,
    }
    if way == "resume":
        return Refused(
            "The restore {run} began with {component} at {then}, and the configuration names {now} by now: it cannot "
            "go on there.",
            hint="Undo what was begun: rebond restore --rollback {run}\n  → Then begin another one with --in-place.",
            **values,
        )
    if obstacle is not None:
        return Refused(
            "The restore {run} put {component} into {then}, and the configuration names {now} by now. Nobody knows "
            "whether that one holds what was set aside: {reason}",
            hint="{remedy}\n  → Where it is lost, or is another one, leave it out: rebond restore --{way} {run} "
            "--without {component}\n  → Where {then} is the right one: rebond restore --{way} {run} --config {kept}",
            **values,
        )
    return Refused(
        "The restore {run} put {component} into {then}, and the configuration names {now} by now, which holds nothing "
        "of it. What is done at the one changes nothing at the other.",
        hint="Where {now} is the right one, leave it out: rebond restore --{way} {run} --without {component}\n"
        "  → Where {then} is: rebond restore --{way} {run} --config {kept}",
        **values,
    )
