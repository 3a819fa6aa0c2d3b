"""``rebond drill``: prove a snapshot by restoring it."""

from pathlib import Path
from typing import Any

import click

from rebond.cli.choosing import choose_moment, choose_snapshot, stack_option
from rebond.cli.frame import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.opening import vault_at_hand
from rebond.cli.watching import watching
from rebond.errors import UsageError

SCENARIOS = ("lost-service", "corrupted-data", "lost-server", "security-breach")
_MEANWHILE = ("rebond.cli.drilling", "rebond.cli.drill_shown", "rebond.operations.restore", "rebond.history.sealing")


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
@option("--exercise", is_flag=True, help="An exercise for people: a sealed scenario, and a clock.")
@option("--report", type=click.Path(path_type=Path), metavar="FILE", help="Write the evidence: .json, .md or .html.")
@option("--class", "class_", default="", metavar="NAME", help="The newest snapshot of this class.")
@option("--scheduled", is_flag=True, help="For timers: drill when it is due, and not in a pause.")
@stack_option
@click.pass_obj
def drill(invocation: Invocation, /, snapshot: str | None, moment: str | None, **wishes: Any) -> int:
    """Return 4 when the proof failed, 5 when an objective is missed, 3 when something could not be asked."""
    if wishes["class_"]:
        if snapshot is not None or moment is not None:
            raise UsageError("A class says which snapshot.", hint="Leave the snapshot and --at out.")
        snapshot = f"latest:{wishes['class_']}"
    if wishes["scheduled"]:
        from rebond.cli.turns import run_in_turn
        from rebond.schedule.jobs import Deed

        return run_in_turn(
            invocation, Deed.DRILL, wishes["class_"], lambda: _drill(invocation, snapshot, moment, wishes)
        )
    return _drill(invocation, snapshot, moment, wishes)


def _drill(invocation: Invocation, snapshot: str | None, moment: str | None, wishes: dict[str, Any]) -> int:
    if snapshot is not None and moment is not None:
        raise UsageError("A snapshot and a moment are two ways to say which.", hint="Leave one of them out.")
    if wishes["report"] is not None:
        from rebond.cli.drill_shown import check_report

        check_report(wishes["report"])
    with (
        watching(invocation) as watcher,
        vault_at_hand(invocation, watcher.noticed, only_reads=True, meanwhile=_MEANWHILE) as vault,
    ):
        from rebond.cli.drill_configuration import find_loaded
        from rebond.cli.drill_shown import announce, publish
        from rebond.cli.drilling import DrillWish, run_drill

        record = (
            choose_moment(vault, moment, stack=wishes["stack"])
            if moment is not None
            else choose_snapshot(vault, snapshot or "latest", stack=wishes["stack"])
        )
        announce(invocation, record)
        wish = DrillWish(
            scenario=wishes["scenario"] or "",
            is_sample=wishes["sample"],
            is_newest=moment is None and (snapshot is None or snapshot.startswith("latest")),
        )
        evidence = run_drill(invocation, vault.live, record, find_loaded(invocation, record), watcher, wish)
        return publish(invocation, evidence, wishes["report"])
