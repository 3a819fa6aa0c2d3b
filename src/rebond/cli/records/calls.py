"""What is written down of a call, and of how it ended."""

import click

from rebond.cli.invocation import Invocation
from rebond.cli.output.endings import FAULT, READER_WENT_AWAY
from rebond.errors import Interrupted, RebondError, UsageError


def describe_call(context: click.Context, invocation: Invocation) -> dict[str, object]:
    """Return class, stack, cause and the names of the options that were given; a value could be anything."""
    given = [
        name for name in context.params if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    facts: dict[str, object] = {"options": sorted(given)}
    for name, fact in (("class_", "class"), ("stack", "stack")):
        if value := context.params.get(name):
            facts[fact] = str(value)
    trigger = "schedule" if context.params.get("scheduled") else invocation.environment.get("REBOND_TRIGGER", "")[:40]
    return {**facts, "trigger": trigger} if trigger else facts


def status_of(error: BaseException) -> int:
    """Return the exit status that a run ends with for what it raised."""
    match error:
        case RebondError() | Interrupted():
            return error.exit_status
        case click.exceptions.Exit():
            return int(error.exit_code)
        case KeyboardInterrupt() | click.Abort():
            return Interrupted.exit_status
        case click.UsageError():
            return UsageError.exit_status
        case BrokenPipeError():
            return READER_WENT_AWAY
    return RebondError.exit_status


def describe_error(error: BaseException | None) -> tuple[str, str] | None:
    """Return a code and, for what was foreseen, the words; those of other errors could hold anything."""
    if error is None:
        return None
    if isinstance(error, RebondError):
        return error.code, error.message
    if isinstance(error, KeyboardInterrupt):
        return Interrupted.code, ""
    return FAULT, type(error).__name__
