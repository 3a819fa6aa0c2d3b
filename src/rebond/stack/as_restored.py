"""Whether the files of a class are just what a restore in place brought: then its snapshot holds them as they are."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from rebond.clock import Clock
from rebond.config.model import Loaded
from rebond.errors import RebondError
from rebond.operations.recovery.journal import RESTORES, Event, Journal, RunState
from rebond.operations.recovery.known_runs import look_at_runs
from rebond.operations.recovery.plan import StepKind
from rebond.schedule.observing import is_older_than
from rebond.vault.snapshots import SnapshotRecord

_STANDING = frozenset({RunState.KEPT, RunState.ACCEPTING, RunState.ACCEPTED})
_PARTIAL = ("include", "exclude", "parts", "tables", "schemas")


class Restored(Struct, frozen=True, kw_only=True):
    """A component that came back whole: out of which snapshot, and between which moments its files were touched."""

    snapshot: str
    since_ms: float
    until_ms: float


def is_as_restored(
    state_folder: Path, loaded: Loaded, class_name: str, newest: Mapping[str, SnapshotRecord], clock: Clock
) -> bool:
    """Say whether all that a class saves came back from the ``newest`` snapshots, and nobody touched a file since.

    A file that was there before and stayed is none that a snapshot holds, so each has to have been touched by it.
    """
    found = find_restored(state_folder, loaded.configuration.stack.name, clock)
    here = [found[name] for name in newest if name in found and found[name].snapshot == newest[name].snapshot.hex()]
    if not newest or len(here) < len(newest):
        return False
    since_ms, until_ms = max(each.since_ms for each in here), min(each.until_ms for each in here)
    return is_older_than(loaded, class_name, until_ms, since_ms=since_ms)


def find_restored(state_folder: Path, stack: str, clock: Clock) -> dict[str, Restored]:
    """Return what restores in place brought back whole and stands; of each component what the last one brought."""
    found: dict[str, Restored] = {}
    with contextlib.suppress(OSError):  # another user's
        for journal in look_at_runs(state_folder / RESTORES, clock).whole:
            with contextlib.suppress(RebondError, LookupError, TypeError):  # what cannot be read says nothing
                plan = journal.read_plan()
                if plan["stack"] == stack and journal.state in _STANDING:
                    found |= dict(_list_restored(journal, plan))
    return found


def _list_restored(journal: Journal, plan: Mapping[str, Any]) -> Iterator[tuple[str, Restored]]:
    partial = {each["name"] for each in plan["wish"]["chosen"] if any(each[name] for name in _PARTIAL)}
    ends = {
        each.subject: each.time_ms + 1
        for each in journal.entries()
        if each.event is Event.STEP_ENDS and each.kind == StepKind.PUT
    }
    for part in plan["parts"]:
        if part["name"] in ends and part["name"] not in partial and not part["only"]:
            yield (
                part["name"],
                Restored(snapshot=part["snapshot"], since_ms=plan["made_ms"], until_ms=ends[part["name"]]),
            )
