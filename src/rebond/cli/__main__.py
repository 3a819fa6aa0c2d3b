"""The entry: read the command line, run one command, end with its status."""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from rebond.cli.click_words import teach_click
from rebond.cli.endings import (
    Channel,
    end_interrupted,
    end_with_crash,
    end_with_error,
    end_with_usage,
    end_without_reader,
)
from rebond.cli.invocation import Invocation
from rebond.cli.output import flush
from rebond.cli.program import program
from rebond.cli.speech import language, speak
from rebond.errors import Interrupted, RebondError
from rebond.language import choose_language

COMPLETION_VARIABLE = "_REBOND_COMPLETE"


def main() -> NoReturn:
    """Run the program; the process ends here."""
    signal.signal(signal.SIGTERM, _stop)
    if sys.stdout is None:  # it was closed by whoever called
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status."""
    invocation = Invocation()
    speak(choose_language(_asked_language(arguments), invocation.environment))
    teach_click(language())
    try:
        if instruction := invocation.environment.get(COMPLETION_VARIABLE):
            from click.shell_completion import shell_complete

            return shell_complete(program, {}, "rebond", COMPLETION_VARIABLE, instruction)
        status = _call(arguments, invocation)
        flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.UsageError as error:
        return end_with_usage(error, _channel(arguments, invocation))
    except RebondError as error:
        return end_with_error(error, _channel(arguments, invocation))
    except (KeyboardInterrupt, Interrupted, click.Abort):
        return end_interrupted(_channel(arguments, invocation))
    except BrokenPipeError:
        return end_without_reader()
    except Exception as error:  # noqa: BLE001 - the last net: a fault becomes a report and a status
        return end_with_crash(error, arguments, _channel(arguments, invocation))
    return status if isinstance(status, int) else 0


def _channel(arguments: Sequence[str], invocation: Invocation) -> Channel:
    """Return how a failure is written; known also when the command line could not be parsed."""
    if not (invocation.wants_json or "--json" in arguments):
        return Channel.TEXT
    return Channel.JSON_ASIDE if invocation.has_answered else Channel.JSON


def _call(arguments: Sequence[str], invocation: Invocation) -> object:
    """Parse and call; return what the command returned. Click's own ``main`` would swallow broken pipes."""
    try:
        with program.make_context("rebond", list(arguments), obj=invocation) as context:
            return program.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code


def _asked_language(arguments: Sequence[str]) -> str | None:
    """Find ``--lang`` before anything is parsed, because help and usage errors speak it too."""
    for position, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument.startswith("--lang="):
            return argument.partition("=")[2]
        if argument == "--lang" and position + 1 < len(arguments):
            return arguments[position + 1]
    return None


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Treat a request to terminate like Ctrl-C."""
    raise Interrupted


if __name__ == "__main__":
    main()
