"""What ``keep`` lets go, forgotten when that is due, in turn with other runs."""

from collections.abc import Callable

from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import GOOD, answer, note
from rebond.cli.output.speech import tr
from rebond.cli.turns.taking import run_in_turn
from rebond.errors import RoleTooSmall
from rebond.schedule.jobs import Deed
from rebond.schedule.keeping import MAIN_PLACE


def clean_in_turn(invocation: Invocation, place: str | None, forget: Callable[[], int]) -> int:
    """Forget when that is due. A key that may only add is no failure: then another machine does it."""

    def run() -> int:
        try:
            return forget()
        except RoleTooSmall:
            note(
                invocation, tr("The key of this machine may only add: whoever holds the owner's or a keeper's forgets.")
            )
            answer(invocation, {"dry_run": False, "forgotten": [], "kept": [], "role_too_small": True}, "")
            return GOOD

    return run_in_turn(invocation, Deed.FORGET, place or MAIN_PLACE, run)
