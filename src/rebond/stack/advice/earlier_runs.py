"""What the ledger of this machine knows of earlier backups of the stack."""

import os

from rebond.errors import StoreFull
from rebond.history.ledger import Ledger
from rebond.history.recording import HISTORY
from rebond.history.runs import Run, RunFilter, read_runs
from rebond.stack.advice.observing import Scene

_LOOKED_AT = 500


def find_last_saved(scene: Scene) -> int | None:
    """Return when this machine last made a snapshot of the stack, in milliseconds; ``None`` where it knows of none."""
    return max((each.began_ms for each in _read_backups(scene) if each.texts("snapshots")), default=None)


def ran_out_of_room(scene: Scene) -> bool:
    """Say whether the last backup of the stack that ended found its vault full."""
    ended = [each for each in _read_backups(scene) if each.status is not None]
    return bool(ended) and ended[-1].status == StoreFull.exit_status


def _read_backups(scene: Scene) -> list[Run]:
    """Return the newest backups of the stack, oldest first."""
    ledger = Ledger(scene.state_folder / HISTORY)
    if not os.path.isdir(ledger.folder):
        return []
    try:
        runs = read_runs(ledger, RunFilter(kind="backup", newest=_LOOKED_AT))
    except OSError:  # the check of permissions tells of it
        return []
    stack = scene.configuration.stack.name
    return [each for each in runs if each.text("stack") == stack]
