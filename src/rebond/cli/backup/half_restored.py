"""Components that a restore in place has left half done: what lies there is neither version, and no backup."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Never

from msgspec import Struct, structs

from rebond.clock import SystemClock
from rebond.entries import Tree
from rebond.errors import RebondError, RestoreError, SourceUnfit
from rebond.findings import Finding
from rebond.presence import is_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from rebond.operations.components import ComponentToSave


class HalfRestored(Struct, frozen=True, kw_only=True):
    """Which run left a component so; what is half taken back cannot go on."""

    run: str
    can_go_on: bool


def find_half_restored(
    state_folder: Path, stack: str, tell: "Callable[[RebondError], None]"
) -> dict[str, HalfRestored]:
    """Return the components of files whose versions were changing places when a restore was cut, with its run.

    Of a restore whose record was spoilt, or may not be read, nobody knows that: ``tell`` is given why.
    """
    from rebond.operations.recovery.journal import RESTORES, Event, RunState
    from rebond.operations.recovery.known_runs import look_at_runs

    found: dict[str, HalfRestored] = {}
    try:
        if not is_folder(state_folder / RESTORES):
            return found
        runs = look_at_runs(state_folder / RESTORES, SystemClock())
    except OSError as error:
        tell(_cannot_be_listed(state_folder / RESTORES, error))
        return found
    for each in runs.spoilt:
        if each.may_be_half_done(stack):
            tell(each.error)
    for journal in runs.whole:
        with contextlib.suppress(RebondError, KeyError, TypeError):  # no backup may fail over what one wrote down
            plan = journal.read_plan()
            if journal.state not in (RunState.UNFINISHED, RunState.ROLLING_BACK) or plan.get("stack") != stack:
                continue
            whole = {each["name"] for each in plan["parts"] if each["needs_server"]}  # swapped in by one transaction
            whole |= {each.subject for each in journal.entries() if each.event is Event.TAKEN_BACK}
            can_go_on = journal.state is RunState.UNFINISHED
            half = HalfRestored(run=journal.run, can_go_on=can_go_on)
            found |= {name: half for name in journal.begun_parts() if name not in whole}
    return found


def _cannot_be_listed(folder: Path, error: OSError) -> RestoreError:
    return RestoreError(
        "{path} cannot be read: {reason}. So nobody knows whether a restore that was cut left a component half done.",
        hint="Run backups as the user who restores, or let this one read it.",
        path=str(folder),
        reason=error.strerror or str(error),
    )


def refuse_half_restored(
    components: Sequence["ComponentToSave"], half_restored: dict[str, HalfRestored]
) -> tuple["ComponentToSave", ...]:
    """Return the components; those that are half restored fail when they are read, as one that is missing does."""
    return tuple(
        structs.replace(each, open_tree=_refuse(each.name, half_restored[each.name]), moment=type(each.moment).NONE)
        if each.name in half_restored
        else each
        for each in components
    )


def _refuse(name: str, half: HalfRestored) -> "Callable[[Callable[[Finding], None]], Tree]":
    def open_tree(_report: "Callable[[Finding], None]") -> Never:
        raise SourceUnfit(
            "The component {component} is half restored: the restore {run} was cut, and what lies there is neither "
            "the old version nor the new one.",
            hint="Go on with: rebond restore --resume {run}\n  → or undo it: rebond restore --rollback {run}"
            if half.can_go_on
            else "Go on with: rebond restore --rollback {run}",
            component=name,
            run=half.run,
        )

    return open_tree
