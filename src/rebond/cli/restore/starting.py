"""How a data directory that was laid down is started: for a person, and for a document."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rebond.cli.output.speech import show_path, tr
from rebond.operations.recovery.plan import RecoveryPlan, StepKind

if TYPE_CHECKING:
    from rebond.sources.postgres_physical.start_line import StartLine


def find_start(path: Path, environment: Mapping[str, str], superuser: str | None = None) -> "StartLine | None":
    """Return the line; ``None`` where the directory cannot be read here. ``superuser`` is a role of it."""
    from rebond.sources.postgres_physical.start_line import find_start_line

    try:
        return find_start_line(path, environment, *([superuser] if superuser else []))
    except OSError:
        return None


def find_starts(plan: RecoveryPlan, environment: Mapping[str, str]) -> "dict[str, StartLine]":
    """Return the lines for the data directories that a plan brought back and started nothing in, by component."""
    if any(each.kind is StepKind.START for each in plan.steps):
        return {}
    brought = {each.name: Path(each.place) for each in plan.parts if each.kind == "postgres" and not each.needs_server}
    found = {name: find_start(path, environment) for name, path in brought.items()}
    return {name: line for name, line in found.items() if line is not None}


def describe_start(line: "StartLine") -> dict[str, Any]:
    """Return what a document says of it."""
    return {
        "command": line.command,
        "user": line.user,
        "port": line.port,
        "version": line.major,
        "is_installed": line.is_installed,
    }


def tell_start(component: str, line: "StartLine") -> list[str]:
    """Return the lines that say it, and what it lacks."""
    lines = [
        tr(
            "{component} is ready to start, as the user {user}:\n  {command}\nIt answers while it still replays its "
            "log: everything is there once this says f:\n  {ask}\nIt archives nothing and takes nothing from "
            "publishers. If it is to stay, 'rebond wal status' says what is missing; its last step is a new base: "
            "rebond backup {component}",
            component=component,
            user=line.user,
            command=line.command,
            ask=line.ask,
        )
    ]
    if not line.is_installed:
        lines.append(
            tr(
                "PostgreSQL {major}, which it takes, is not installed here: apt-get install postgresql-{major}",
                major=line.major,
            )
        )
    if line.closed:
        lines.append(
            tr(
                "{user} may not pass {folder}, and cannot start it there: lay it down elsewhere, or let it pass: "
                "chmod o+x {folder}",
                user=line.user,
                folder=show_path(line.closed),
            )
        )
    return lines
