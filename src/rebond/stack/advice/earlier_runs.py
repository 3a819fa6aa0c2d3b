"""What the ledger of this machine knows of earlier backups of the stack."""

import os

from rebond.history.ledger import Ledger
from rebond.history.recording import HISTORY
from rebond.history.runs import RunFilter, read_runs
from rebond.stack.advice.observing import Scene

_LOOKED_AT = 500


def find_last_saved(scene: Scene) -> int | None:
    """Return when this machine last made a snapshot of the stack, in milliseconds; ``None`` where it knows of none."""
    ledger = Ledger(scene.state_folder / HISTORY)
    if not os.path.isdir(ledger.folder):
        return None
    try:
        runs = read_runs(ledger, RunFilter(kind="backup", newest=_LOOKED_AT))
    except OSError:  # the check of permissions tells of it
        return None
    stack = scene.configuration.stack.name
    return max(
        (each.began_ms for each in runs if each.text("stack") == stack and each.texts("snapshots")), default=None
    )
