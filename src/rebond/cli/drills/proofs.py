"""What drills proved, as the ledger of this machine knows it."""

from rebond.cli.invocation import Invocation
from rebond.cli.output.speech import show_path, tr
from rebond.cli.snapshots.documents import describe_choice
from rebond.clock import SystemClock
from rebond.history.drills import find_proven, read_drills
from rebond.history.ledger import Ledger
from rebond.history.recording import HISTORY
from rebond.units import format_moment
from rebond.vault.snapshots import SnapshotRecord


def read_proven(invocation: Invocation, since_ms: int = 0) -> dict[str, int]:
    """Return when each snapshot was last proved, by its id: milliseconds since 1970; empty where nothing is known.

    Drills before ``since_ms`` are not looked at.
    """
    try:
        return find_proven(read_drills(Ledger(invocation.state_folder / HISTORY), since_ms=since_ms))
    except OSError:  # a ledger that cannot be read proves nothing
        return {}


def describe_chosen(invocation: Invocation, record: SnapshotRecord) -> str:
    """Return what was chosen, before anything is written: id, age, what it holds, class, when it was last proven."""
    proven_ms = read_proven(invocation, record.catalog.time_ms).get(record.snapshot.hex())
    values = {
        "class_": show_path(record.catalog.class_),
        "moment": format_moment(proven_ms) if proven_ms is not None else "",
    }
    if record.catalog.class_:
        proof = (
            tr("Class {class_}, not proven by a drill yet.", **values)
            if proven_ms is None
            else tr("Class {class_}, last proven by a drill on {moment}.", **values)
        )
    else:
        proof = (
            tr("Not proven by a drill yet.")
            if proven_ms is None
            else tr("Last proven by a drill on {moment}.", **values)
        )
    chosen, *noticed = describe_choice(record, SystemClock().now_ms()).splitlines()
    return "\n".join((f"{chosen} {proof}", *noticed))
