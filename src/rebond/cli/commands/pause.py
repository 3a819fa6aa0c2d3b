"""``rebond pause`` and ``rebond resume``: stop what runs unattended for a while, and let it go on."""

import click

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.grammar.verbs import option, verb, words_option
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer, say_aside
from rebond.cli.output.speech import tr
from rebond.clock import SystemClock
from rebond.config.model import Loaded
from rebond.errors import RebondError, UsageError
from rebond.history.callers import name_caller
from rebond.schedule.asking_when import parse_coming_moment
from rebond.schedule.handing_over import find_user_of_runs, name_of_this_user
from rebond.schedule.jobs import make_calendar
from rebond.schedule.pausing import Pause, end_pause, read_pause, write_pause
from rebond.schedule.stack_folders import folder_of
from rebond.units import format_iso, format_moment


@verb(
    "pause",
    help="Let nothing of the stack begin unattended, whoever starts it: 'rebond serve', a timer, cron or a hook. What "
    "runs already goes on. Backups by hand work as ever.",
    example="rebond pause --until '2026-02-04 18:00' --reason 'migration of the database'",
)
@option("--until", metavar="T", help="Until this moment, or for so long, such as 2h; else until 'rebond resume'.")
@words_option("--reason", required=True, metavar="TEXT", help="Why; shown to whoever asks what runs.")
@click.pass_obj
def pause(invocation: Invocation, until: str | None, reason: str) -> None:
    """When this returns, no unattended run begins any more."""
    loaded = require_configuration(invocation)
    require_user_of_runs(invocation, loaded)
    zone, now_ms = make_calendar(loaded.configuration).zone, SystemClock().now_ms()
    until_ms = parse_coming_moment(until, now_ms=now_ms, zone=zone) if until else None
    if not reason.strip():
        raise UsageError("A pause needs a reason.", hint="Whoever finds it wants to know: --reason TEXT.")
    made = Pause(since_ms=now_ms, until_ms=until_ms, reason=reason, who=name_caller())
    folder = folder_of(invocation.state_folder, loaded)
    try:
        write_pause(folder, made)
    except OSError as error:
        raise _not_written(folder, error) from None
    if until_ms is None:
        text = tr("Nothing runs unattended any more.")
        say_aside(
            invocation,
            tr("warning: this pause has no end. Nothing is backed up until somebody says 'rebond resume'."),
        )
    else:
        text = tr("Nothing runs unattended until {moment}.", moment=format_moment(until_ms, zone))
    answer(invocation, _document(made), text)


@verb(
    "resume",
    help="End the pause. 'rebond serve' makes up for each class that was missed meanwhile by one run; timers and cron "
    "go on with their next time.",
    example="rebond resume",
)
@click.pass_obj
def resume(invocation: Invocation) -> None:
    """Do nothing where there is no pause."""
    loaded = require_configuration(invocation)
    require_user_of_runs(invocation, loaded)
    folder = folder_of(invocation.state_folder, loaded)
    was_paused = read_pause(folder, SystemClock().now_ms()) is not None
    try:
        end_pause(folder)
    except OSError as error:
        raise _not_written(folder, error) from None
    text = tr("The pause is over.") if was_paused else tr("There was no pause.")
    answer(invocation, {"paused": False, "was_paused": was_paused}, text)


def require_user_of_runs(invocation: Invocation, loaded: Loaded) -> None:
    """Raise ``UsageError`` for a user whose pause the runs would not see: each user has a state of his own."""
    user = find_user_of_runs(loaded)
    if user and user != name_of_this_user() and not invocation.environment.get("REBOND_STATE_DIR"):
        raise UsageError(
            "The runs of this stack are {user}'s, and would not see a pause of yours.",
            hint="Run the same command as {user}: sudo -u {user} rebond …",
            user=user,
        )


def _document(made: Pause) -> dict[str, object]:
    return {
        "paused": True,
        "since": format_iso(made.since_ms),
        "until": format_iso(made.until_ms) if made.until_ms is not None else None,
        "reason": made.reason,
        "who": made.who,
    }


def _not_written(folder: object, error: OSError) -> RebondError:
    return RebondError(
        "The pause could not be written to {path}: {reason}.",
        hint="Check the room and the rights there, or set REBOND_STATE_DIR.",
        path=str(folder),
        reason=error.strerror or str(error),
    )
