"""What is told of a restore in place that is undone or accepted."""

from collections.abc import Sequence

from rebond.errors import RebondError, RestoreError
from rebond.findings import Finding, Severity


def remedy_of(error: RebondError) -> RestoreError:
    """Return what to do about an error, as a value of the hint of another."""
    if not error.hint_template:
        return RestoreError("See why, and mend it.")
    remedy = RestoreError(error.hint_template)
    remedy.values = error.values
    return remedy


def tell_undone(error: RebondError, unstarted: Sequence[str]) -> RebondError:
    """Return the error of a step as one, of the same kind, that says that all was undone.

    It names the commands that left the services ``unstarted``: nothing else of it may be read, or shown at all.
    """
    if not unstarted:
        return error.told_by(
            "Everything is as it was, and the old version is in its place again. {reason}", reason=error
        )
    told = RestoreError(
        "The old version is in its place again, but the services may not be running: on the way back what starts them "
        "failed ({commands}). {reason}",
        hint="Look whether they run; if not, see why that fails, and start them by hand.\n  → {remedy}",
        commands=", ".join(unstarted),
        reason=error,
        remedy=remedy_of(error),
    )
    return type(error)(told.template, hint=told.hint_template, **{**error.values, **told.values})


def tell_failed_back(command: str, error: RebondError, *, is_stop: bool) -> Finding:
    """Say that a command failed on the way back: the services run on, or do not run again."""
    return Finding(
        code="step-failed",
        severity=Severity.WARNING,
        subject=command,
        template="'{command}' failed while everything was taken back: {reason}",
        hint_template="The services may have run on meanwhile: stop them by hand, look whether what they wrote since "
        "is whole, and start them again."
        if is_stop
        else "Run it by hand: the services may not be running.",
        values={"command": command, "reason": error},
    )


def tell_left_in_server(component: str, databases: str) -> Finding:
    """Say that a component was left as it is, and which ``databases`` of the restore its server may hold."""
    return Finding(
        code="left-in-server",
        severity=Severity.WARNING,
        subject=component,
        template="Of {component} nothing was changed: its server was not asked any more. If it ever comes back, these "
        "databases in it are of this restore: {databases}."
        if databases
        else "Of {component} nothing was changed: its server was not asked any more. Nothing of this restore is in it.",
        hint_template="'rebond restore latest {component} --into ADDRESS' brings it into the server that it has from "
        "now on.",
        values={"component": component, "databases": databases},
    )


def tell_newer_kept(component: str, where: str) -> Finding:
    """Say where that lies which was written since the restore."""
    return Finding(
        code="newer-kept",
        severity=Severity.NOTE,
        subject=component,
        template="What was written to {component} since the restore is kept in {path}.",
        hint_template="Take from it what is missed, then delete it.",
        values={"component": component, "path": where},
    )
