"""The entry: read the command line, run one command, end with its status."""

import io
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from rebond.cli.grammar.click_words import teach_click
from rebond.cli.invocation import Invocation
from rebond.cli.output.closed_places import hold_closed_places
from rebond.cli.output.speech import language, speak
from rebond.cli.output.standard_output import flush
from rebond.cli.program import program
from rebond.cli.vaults.at_hand import find_zone
from rebond.errors import Interrupted
from rebond.language import choose_language
from rebond.units import tell_times_in

COMPLETION_VARIABLE = "_REBOND_COMPLETE"


def main() -> NoReturn:
    """Run the program; the process ends here."""
    signal.signal(signal.SIGTERM, _stop)
    _meet_closed_places()
    _let_every_letter_pass()
    sys.exit(run(sys.argv[1:]))


def _meet_closed_places() -> None:
    """Have something in the place of what was closed by whoever called; an answer that is written to it is lost."""
    hold_closed_places()
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)


def _let_every_letter_pass() -> None:
    """Write what the terminal's encoding lacks as an escape: a restore that is done does not fail for an arrow."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status."""
    invocation = Invocation()
    speak(choose_language(_asked_language(arguments), invocation.environment))
    teach_click(language())
    tell_times_in(lambda: find_zone(invocation))
    try:
        if instruction := invocation.environment.get(COMPLETION_VARIABLE):
            from click.shell_completion import shell_complete

            return shell_complete(program, {}, "rebond", COMPLETION_VARIABLE, instruction)
        status = _call(arguments, invocation)
        flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last net: everything becomes words and a status
        from rebond.cli.output.endings import conclude

        return conclude(error, arguments, invocation)
    return status if isinstance(status, int) else 0


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
