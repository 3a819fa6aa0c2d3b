"""One drill from its beginning to what it found."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from rebond.cli.drills.sources import Sources, find_sources
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import tr
from rebond.cli.witness import Watcher
from rebond.clock import SystemClock
from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.operations.drills.drill import drill
from rebond.operations.drills.outcomes import Check, DrillOutcome
from rebond.operations.drills.room import check_room, find_room
from rebond.operations.physical.targets import SET, Target
from rebond.operations.selection import Selection
from rebond.progress import Silence
from rebond.schedule.stack_folders import folder_of
from rebond.stack.drills.evidence import Evidence
from rebond.stack.drills.place import DrillPlace
from rebond.stack.drills.planning import DrillPlanner
from rebond.stack.drills.task import DrillTask
from rebond.stack.objectives.ages import age_of, find_ages
from rebond.stack.objectives.promises import judge_drill
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord

if TYPE_CHECKING:
    from rebond.stack.objectives.log_ends import LogEnd

MEMORY_BYTES = 256 << 20  # of a restore, and of the server beside it
Look = Callable[[DrillPlanner], None]


class DrillWish(Struct, frozen=True, kw_only=True):
    """What is asked for. ``is_newest`` says that the snapshot is what would be restored if all were lost now.

    ``only`` names components and ``selections`` parts of them; ``checks`` are answers that are known beforehand,
    ``target`` the moment of data directories, ``targets`` that of some of them.
    """

    scenario: str = ""
    is_sample: bool = False
    is_newest: bool = True
    only: tuple[str, ...] = ()
    selections: Mapping[str, Selection] = field(default_factory=dict)
    asks_only_user: bool = False
    target: Target = SET
    targets: Mapping[str, Target] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()

    @property
    def is_part(self) -> bool:
        """Whether the stack does not come back whole, and is not only asked its user's queries."""
        return bool(self.only) and not self.asks_only_user


def run_drill(
    invocation: Invocation,
    vault: Vault,
    record: SnapshotRecord,
    loaded: Loaded | None,
    watcher: Watcher,
    wish: DrillWish,
    look: Look | None = None,
) -> Evidence:
    """Restore into a throw-away place, ask, judge; nothing is left of it when this returns or raises.

    ``look`` may look at what stands before it goes. Raises ``RestoreError`` when there is no room, and what ``drill``
    raises.
    """
    outcome = try_out(invocation, vault, record, loaded, watcher, wish, look)
    configuration = loaded.configuration if loaded is not None else None
    drilling = configuration.drill if configuration else None
    runs_commands = drilling is not None and (drilling.start is not None or any(each.run for each in drilling.checks))
    runs_commands = runs_commands and not wish.is_part
    return Evidence(
        outcome=outcome,
        judgement=judge_drill(outcome, configuration, scenario=wish.scenario),
        stack=configuration.stack.name if configuration else record.catalog.stack,
        scenario=wish.scenario,
        language=configuration.stack.language if configuration else None,
        is_cut_off=_is_cut_off(invocation) if runs_commands else None,
    )


def _is_cut_off(invocation: Invocation) -> bool:
    from rebond.stack.drills.surroundings import find_cutter

    return bool(find_cutter(invocation.environment))


def try_out(
    invocation: Invocation,
    vault: Vault,
    record: SnapshotRecord,
    loaded: Loaded | None,
    watcher: Watcher,
    wish: DrillWish,
    look: Look | None = None,
) -> DrillOutcome:
    """Restore into a throw-away place and ask."""
    clock = SystemClock()
    with contextlib.ExitStack() as held:
        place = held.enter_context(DrillPlace(invocation.state_folder, invocation.environment, clock))
        for folder in place.cleared:
            note(invocation, tr("Cleared what an earlier drill that was killed left in {folder}.", folder=folder))
        sources = find_sources(invocation, vault, record, loaded, watcher, held).limited_to(wish.only)
        task = DrillTask(
            loaded=loaded,
            place=place,
            environment=invocation.environment,
            clock=clock,
            observer=watcher,
            ages=find_ages_of(invocation, vault, loaded, sources, wish),
            selections=wish.selections,
            is_part=wish.is_part,
            asks_only_user=wish.asks_only_user,
            is_sample=wish.is_sample,
            target=wish.target,
            targets=wish.targets,
        )
        planner = DrillPlanner(task)
        held.enter_context(planner.snapshots)
        plan = planner.plan(sources.found)
        check_room(place.folder, find_room(place.folder), disk_bytes=planner.needed_bytes, memory_bytes=MEMORY_BYTES)
        whole = replace(plan, checks=(*wish.checks, *plan.checks, *sources.checks))
        outcome = drill(record, whole, watcher, clock)
        if look is not None:
            look(planner)
    return outcome


def find_ages_of(
    invocation: Invocation, vault: Vault, loaded: Loaded | None, sources: Sources, wish: DrillWish
) -> dict[str, float]:
    """Return what would be lost with each component; less than 0 where the snapshot says nothing of that.

    Where the server is gone, nobody can ask it whether it has written anything since its log ended.
    """
    names = [name for source in sources.found for name in source.components]
    if not wish.is_newest:
        return dict.fromkeys(names, -1.0)
    clock = SystemClock()
    is_gone, now_ms = wish.scenario == "lost-server", clock.now_ms()
    if loaded is None:
        return {name: age_of(_record_of(sources, name), now_ms) for name in names}
    folder: Path = folder_of(invocation.state_folder, loaded)
    stack = loaded.configuration.stack.name
    own = [each for each in sources.main_records if each.catalog.stack == stack]
    ends: Mapping[str, LogEnd] = {}
    if any(isinstance(each, Postgres) for each in loaded.configuration.component.values()):
        from rebond.stack.objectives.log_ends import find_log_ends
        from rebond.stack.wal import ask_server

        ends = find_log_ends(vault, loaded, own, folder, now_ms, ask=None if is_gone else ask_server)
    if is_gone:
        lost = {name: ends[name].lost_seconds(now_ms) if name in ends else None for name in names}
        return {
            name: age_of(_record_of(sources, name), now_ms) if (age := lost[name]) is None else age for name in names
        }

    def stands(class_name: str, newest: Mapping[str, SnapshotRecord]) -> bool:
        from rebond.cli.backup.standing import stands_as_it_is  # what plans a backup is loaded where it is asked

        return stands_as_it_is(invocation, loaded, vault, Silence(), class_name, newest)

    found = find_ages(loaded, sources.records, folder, clock, ends, stands)
    return {name: age if (age := found.get(name)) is not None else -1.0 for name in names}


def _record_of(sources: Sources, name: str) -> SnapshotRecord:
    return next(each.record for each in sources.found if name in each.components)
