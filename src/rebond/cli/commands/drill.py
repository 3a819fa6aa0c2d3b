"""``rebond drill``: prove a snapshot by restoring it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import tr
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.choosing import choose_moment, choose_snapshot, stack_option
from rebond.cli.vaults.opening import VaultAtHand, vault_at_hand
from rebond.cli.witness import Watcher
from rebond.clock import SystemClock
from rebond.errors import RebondError, RestoreError, UsageError
from rebond.units import format_moment, parse_span

if TYPE_CHECKING:
    from rebond.operations.physical.targets import Target
    from rebond.stack.drills.evidence import Evidence
    from rebond.vault.snapshots import SnapshotRecord

SCENARIOS = ("lost-service", "corrupted-data", "lost-server", "security-breach")
_PATIENCE = "2h"
_MEANWHILE = (
    "rebond.cli.drills.drilling",
    "rebond.cli.drills.shown",
    "rebond.operations.restore",
    "rebond.history.sealing",
)


@verb(
    "drill",
    help="Prove that SNAPSHOT, or the latest, can be restored: bring it back into a throw-away place, load its "
    "databases into a server of their own, ask it what the configuration says, measure how long that took and what "
    "would be lost, and leave nothing behind but the evidence. The exit status is 4 when the proof fails and 5 when an "
    "objective is missed.",
    example="rebond drill\nrebond drill latest:daily --report drill.html --lang fr",
)
@click.argument("snapshot", required=False)
@option("--at", "moment", metavar="MOMENT", help="Instead of SNAPSHOT: the newest one not later than this.")
@option("--scenario", type=click.Choice(SCENARIOS), help="What has happened; each brings back what it takes.")
@option("--sample", is_flag=True, help="Restore a part, chosen by chance: little enough for every day.")
@option("--patience", metavar="SPAN", help="How long corrupted-data may look for the moment; else 2h.")
@option("--exercise", is_flag=True, help="An exercise for people: a sealed scenario, and a clock.")
@option(
    "--report",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Write the evidence: .json, .md or .html.",
)
@option("--class", "class_", default="", metavar="NAME", help="The newest snapshot of this class.")
@option("--scheduled", is_flag=True, help="For timers: drill when it is due, and not in a pause.")
@stack_option
@click.pass_obj
def drill(invocation: Invocation, /, snapshot: str | None, moment: str | None, **wishes: Any) -> int:
    """Return 4 when the proof failed, 5 when an objective is missed, 3 when something could not be asked."""
    _check(snapshot, moment, wishes)
    snapshot = f"latest:{wishes['class_']}" if wishes["class_"] else snapshot
    if wishes["scheduled"]:
        from rebond.cli.turns.taking import run_in_turn
        from rebond.schedule.jobs import Deed

        return run_in_turn(
            invocation, Deed.DRILL, wishes["class_"], lambda: _drill(invocation, snapshot, moment, wishes)
        )
    return _drill(invocation, snapshot, moment, wishes)


def _check(snapshot: str | None, moment: str | None, wishes: dict[str, Any]) -> None:
    """Refuse what contradicts itself, before anything is restored."""
    if sum(each not in {None, ""} for each in (snapshot, moment, wishes["class_"])) > 1:
        raise UsageError(
            "A snapshot, a moment and a class are three ways to say which.", hint="Leave all but one of them out."
        )
    is_chosen = snapshot is not None or moment is not None or wishes["sample"]
    if wishes["exercise"] and (is_chosen or wishes["scenario"] == "corrupted-data"):
        raise UsageError(
            "An exercise chooses by itself what is to be found.",
            hint="Leave everything out but --scenario lost-service, lost-server or security-breach.",
        )
    if wishes["sample"] and wishes["scenario"]:
        raise UsageError("A sample is a part, and a scenario says which.", hint="Leave --sample or --scenario out.")
    if wishes["patience"] is not None and wishes["scenario"] != "corrupted-data":
        raise UsageError("--patience goes with --scenario corrupted-data only.", hint="Leave it out.")
    parse_span(wishes["patience"] or _PATIENCE)
    if wishes["report"] is not None:
        from rebond.cli.drills.evidence_kept import check_report

        check_report(wishes["report"])


def _drill(invocation: Invocation, snapshot: str | None, moment: str | None, wishes: dict[str, Any]) -> int:
    with (
        watching(invocation) as watcher,
        vault_at_hand(invocation, watcher.noticed, only_reads=True, meanwhile=_MEANWHILE) as vault,
    ):
        from rebond.cli.drills.evidence_kept import publish
        from rebond.cli.drills.shown import announce

        if wishes["exercise"]:
            from rebond.cli.configuration.at_hand import require_configuration
            from rebond.cli.drills.exercise import exercise

            loaded = require_configuration(invocation)
            return exercise(
                invocation, vault, loaded, watcher, scenario=wishes["scenario"] or "", report=wishes["report"]
            )
        if moment is None:
            record = choose_snapshot(vault, snapshot or "latest", stack=wishes["stack"])
        else:
            record, until_ms = choose_moment(vault, moment, stack=wishes["stack"])
            note(invocation, tr("As of {moment}.", moment=format_moment(until_ms, vault.configured.zone)))
        announce(invocation, record)
        is_newest = moment is None and (snapshot is None or snapshot.startswith("latest"))
        try:
            evidence = _carry_out(
                invocation, vault, record, watcher, {**wishes, "is_newest": is_newest, "moment": moment}
            )
        except KeyboardInterrupt:
            raise _describe_interruption(invocation) from None
        return publish(invocation, evidence, wishes["report"])


def _find_target(vault: VaultAtHand, moment: str | None) -> "Target":
    """Return the moment that data directories are brought to: the snapshot's own unless one is named."""
    from rebond.operations.physical.targets import SET, parse_target

    if moment is None:
        return SET
    return parse_target(moment, now_ms=SystemClock().now_ms(), zone=vault.configured.zone)


def _carry_out(
    invocation: Invocation, vault: VaultAtHand, record: "SnapshotRecord", watcher: Watcher, wishes: dict[str, Any]
) -> "Evidence":
    """Drill what has happened, or just the snapshot."""
    from rebond.cli.drills.configuration import find_loaded
    from rebond.cli.drills.drilling import DrillWish, run_drill

    is_newest, live = wishes["is_newest"], vault.live
    if wishes["scenario"] == "lost-server":
        from rebond.cli.drills.lost_server import drill_lost_server
        from rebond.operations.physical.targets import LATEST

        target = LATEST if is_newest else _find_target(vault, wishes["moment"])
        return drill_lost_server(invocation, vault, record, watcher, is_newest=is_newest, target=target)
    loaded = find_loaded(invocation, record)
    if not wishes["scenario"]:
        wish = DrillWish(is_sample=wishes["sample"], is_newest=is_newest, target=_find_target(vault, wishes["moment"]))
        return run_drill(invocation, live, record, loaded, watcher, wish)
    from rebond.cli.drills import scenarios

    match wishes["scenario"]:
        case "lost-service":
            return scenarios.drill_lost_service(invocation, live, record, loaded, watcher, is_newest=is_newest)
        case "security-breach":
            return scenarios.drill_security_breach(invocation, live, record, loaded, watcher, is_newest=is_newest)
        case _:  # corrupted-data
            from rebond.cli.drills.corrupted_data import drill_corrupted_data, find_asked
            from rebond.operations.snapshots import time_of

            patience = parse_span(wishes["patience"] or _PATIENCE)
            needed = scenarios.require_loaded(loaded)
            asked, until_ms = find_asked(needed), None if is_newest else time_of(record)
            history = scenarios.list_history(live, record.catalog.stack, until_ms, asked)
            return drill_corrupted_data(invocation, live, needed, watcher, history, patience_seconds=patience)


def _describe_interruption(invocation: Invocation) -> RebondError:
    """Return what is said of a drill that was stopped: also its clean-up may have been."""
    from rebond.cli.in_place.carrying_out import RunInterrupted
    from rebond.stack.drills.place import find_own_folders

    left = find_own_folders(invocation.state_folder)
    if left:
        return RunInterrupted.saying(
            RestoreError(
                "Interrupted while the drill was cleared away. What was restored for it may still lie in {folder}.",
                hint="The next drill deletes it, and ends what still runs there: run the same command again.",
                folder=", ".join(map(str, left)),
            )
        )
    return RunInterrupted.saying(
        RestoreError(
            "Interrupted. What was restored for the drill is deleted; nothing else was touched.",
            hint="Run the same command again: a drill begins from the start.",
        )
    )
