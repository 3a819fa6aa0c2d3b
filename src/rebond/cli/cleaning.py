"""What ``keep`` lets go, forgotten when that is due, in the main vault or in another of the configuration."""

from collections.abc import Callable

from msgspec.structs import replace

from rebond.cli.answering import GOOD, answer, note
from rebond.cli.apart import with_its_own_key
from rebond.cli.configured import describe_place, list_places, require_configuration
from rebond.cli.invocation import Invocation
from rebond.cli.speech import tr
from rebond.cli.turns import run_in_turn
from rebond.config.places import find_nearest
from rebond.errors import RoleTooSmall, UnknownName
from rebond.schedule.jobs import Deed
from rebond.schedule.keeping import MAIN_PLACE


def enter_place(invocation: Invocation, name: str) -> Invocation:
    """Return the invocation with the vault that the configuration calls so, and its key. Raises ``UnknownName``."""
    loaded = require_configuration(invocation)
    places = {each.name: each for each in list_places(loaded)}
    if name not in places:
        nearest = find_nearest(name, places)
        raise UnknownName(
            "There is no vault '{name}' in the configuration.",
            hint="Did you mean '{nearest}'?" if nearest else "There are: {known}.",
            name=name,
            nearest=nearest,
            known=", ".join(places) or "–",
        )
    if name == MAIN_PLACE:
        return invocation
    place = places[name]
    return with_its_own_key(replace(invocation, vault=place.address), describe_place(loaded, place))


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
