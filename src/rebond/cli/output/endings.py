"""How a run ends: each error with its words, its remedy and its exit status, as text or as JSON."""

import os
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

import click

import rebond
from rebond.cli.invocation import Invocation
from rebond.cli.output.speech import hint_of, message_of, tr
from rebond.cli.output.standard_output import flush, leave_output, output_failed, was_writing, write
from rebond.errors import Interrupted, RebondError, UsageError


class Channel(Enum):
    """Where a failure is written, and how."""

    TEXT = "two lines on standard error"
    JSON = "a document on standard output"
    JSON_ASIDE = "a document in one line on standard error: standard output holds an answer, or standard error objects"


FAULT = "fault"  # the code of what nobody foresaw
READER_WENT_AWAY = 141  # what a shell shows for a program that SIGPIPE ended


def conclude(error: BaseException, arguments: Sequence[str], invocation: Invocation) -> int:
    """Say how a run ended that did not end well; return its exit status.

    When not even that can be written to standard output, standard error hears why.
    """
    try:
        status = _conclude(error, arguments, invocation)
        flush()
    except BrokenPipeError:
        return end_without_reader()
    except RebondError as output_error:
        return end_with_error(output_error, Channel.TEXT)
    return status


def _conclude(error: BaseException, arguments: Sequence[str], invocation: Invocation) -> int:
    channel = _choose_channel(arguments, invocation)
    match error:
        case click.exceptions.NoArgsIsHelpError():
            write(error.format_message() + "\n")
            return 0
        case click.UsageError():
            return end_with_usage(error, channel)
        case RebondError():
            return end_with_error(error, channel)
        case KeyboardInterrupt() | click.Abort():
            return end_interrupted(channel)
        case BrokenPipeError():
            return end_without_reader()
        case OSError() if was_writing(error):
            leave_output()
            return end_with_error(output_failed(error), Channel.TEXT)
        case FileNotFoundError() if _is_standing_nowhere():
            return end_with_error(
                UsageError(
                    "The folder that this was started in is gone, or another one took its name.",
                    hint="Go to it again, or to another one (cd), then run the same command again.",
                ),
                channel,
            )
        case Exception():
            return end_with_crash(error, arguments, channel)
    raise error


def _is_standing_nowhere() -> bool:
    """Say whether the working directory was deleted: as when it was moved aside, or its disk was unmounted."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _choose_channel(arguments: Sequence[str], invocation: Invocation) -> Channel:
    """Return how a failure is written; known also when the command line could not be parsed."""
    words = _before_command(arguments)
    if invocation.wants_json or "--json" in words:
        return Channel.JSON_ASIDE if invocation.has_answered else Channel.JSON
    has_objects = invocation.progress == "json" or "--progress json" in " ".join(words).replace("=", " ")
    return Channel.JSON_ASIDE if has_objects else Channel.TEXT


def end_with_error(error: RebondError, channel: Channel) -> int:
    """Show an error that was raised on purpose; return its exit status."""
    show_failure(error.code, message_of(error), hint_of(error), error.exit_status, channel)
    return error.exit_status


def end_with_usage(error: click.UsageError, channel: Channel) -> int:
    """Show what is wrong with the command line."""
    path = error.ctx.command_path if error.ctx else "rebond"
    hint = tr("'{command} --help' shows how it is written.", command=path)
    show_failure(UsageError.code, error.format_message(), hint, UsageError.exit_status, channel)
    return UsageError.exit_status


def end_interrupted(channel: Channel) -> int:
    """Say that the run was stopped, and that this harms nothing."""
    message = tr("Interrupted. Nothing is half done: what was finished stays, the rest begins where it stopped.")
    hint = tr("Run the same command again to go on.")
    show_failure(Interrupted.code, message, hint, Interrupted.exit_status, channel)
    return Interrupted.exit_status


def end_with_crash(error: Exception, arguments: Sequence[str], channel: Channel) -> int:
    """Show that this is a fault of the program, and where its report lies."""
    message = tr("Rebond stopped at a fault of its own: {kind}.", kind=type(error).__name__)
    try:
        hint = tr(
            "The report is in {path}; it holds no secret. Please send it with your account.",
            path=report(error, arguments),
        )
    except OSError:
        hint = tr("No report could be written. Set REBOND_STATE_DIR to a folder that can be.")
    show_failure(FAULT, message, hint, RebondError.exit_status, channel)
    return RebondError.exit_status


def end_without_reader() -> int:
    """Stop quietly: whoever read standard output (``head``, ``less``) has left."""
    leave_output()
    return READER_WENT_AWAY


def show_failure(code: str, message: str, hint: str, status: int, channel: Channel) -> None:
    """Write a failure: a document on standard output for machines, two lines on standard error for people."""
    if channel is not Channel.TEXT:
        import json

        document = {"error": {"code": code, "message": message, "hint": hint, "exit": status}}
        if channel is Channel.JSON:
            write(json.dumps(document, indent=2) + "\n")
        else:
            sys.stderr.write(json.dumps(document) + "\n")
        return
    click.echo(f"{click.style('rebond:', fg='red', bold=True)} {message}", err=True)
    if hint:
        click.echo(f"  → {hint}", err=True)


def report(error: Exception, arguments: Sequence[str]) -> Path:
    """Write what a maintainer needs: versions, option names, where it happened. No value that was passed in."""
    import platform
    import traceback

    from rebond.clock import SystemClock
    from rebond.units import format_iso

    now_ms = SystemClock().now_ms()
    folder = Invocation().state_folder / "faults"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"fault-{now_ms}.txt"
    frames = traceback.format_tb(error.__traceback__)
    lines = [
        f"rebond {rebond.__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"at {format_iso(now_ms)}",
        f"command: rebond {' '.join(_named(arguments))}",
        f"{type(error).__module__}.{type(error).__qualname__}",
        "",
        *frames,
    ]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path


def _named(arguments: Sequence[str]) -> list[str]:
    """Keep the command and the names of options; a value could be anything."""
    arguments = _before_command(arguments)
    kept = [each.split("=", 1)[0] for each in arguments if each.startswith("-")]
    verb = next((each for each in arguments if each.isalpha()), "")
    return [verb, *kept]


def _before_command(arguments: Sequence[str]) -> Sequence[str]:
    """Return what is ours: after ``--`` stand words of somebody else's command, such as ``-pPASSWORD``."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments
