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
    return max((each.began_ms for each in _read_runs(scene, "backup") if each.texts("snapshots")), default=None)


def find_last_recovered(scene: Scene) -> int | None:
    """Return when ``rebond recover`` last fetched the stack from a vault, to its end or not; ``None`` for never."""
    return max((each.began_ms for each in _read_runs(scene, "recover")), default=None)


def ran_out_of_room(scene: Scene) -> bool:
    """Say whether the last backup of the stack that ended found its vault full."""
    ended = [each for each in _read_runs(scene, "backup") if each.status is not None]
    return bool(ended) and ended[-1].status == StoreFull.exit_status


def _read_runs(scene: Scene, kind: str) -> list[Run]:
    """Return the newest runs of a kind on the stack, oldest first."""
    ledger = Ledger(scene.state_folder / HISTORY)
    if not os.path.isdir(ledger.folder):
        return []
    try:
        runs = read_runs(ledger, RunFilter(kind=kind, newest=_LOOKED_AT))
    except OSError:  # the check of permissions tells of it
        return []
    stack = scene.configuration.stack.name
    return [each for each in runs if each.text("stack") == stack]
