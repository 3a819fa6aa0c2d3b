"""What drills proved, as the ledger of this machine knows it."""

from rebond.cli.invocation import Invocation
from rebond.history.drills import find_proven, read_drills
from rebond.history.ledger import Ledger
from rebond.history.recording import HISTORY


def read_proven(invocation: Invocation, since_ms: int = 0) -> dict[str, int]:
    """Return when each snapshot was last proved, by its id: milliseconds since 1970; empty where nothing is known.

    Drills before ``since_ms`` are not looked at.
    """
    try:
        return find_proven(read_drills(Ledger(invocation.state_folder / HISTORY), since_ms=since_ms))
    except OSError:  # a ledger that cannot be read proves nothing
        return {}
