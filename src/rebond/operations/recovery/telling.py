"""What is told of a restore in place that is undone or accepted."""

from rebond.errors import RebondError, RestoreError
from rebond.findings import Finding, Severity


def remedy_of(error: RebondError) -> RestoreError:
    """Return what to do about an error, as a value of the hint of another."""
    if not error.hint_template:
        return RestoreError("See why, and mend it.")
    remedy = RestoreError(error.hint_template)
    remedy.values = error.values
    return remedy


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
