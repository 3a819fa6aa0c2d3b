"""``rebond restore --into`` of a data directory: a throw-away server replays it to its moment, and is loaded from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import tr
from rebond.cli.restore.databases import find_target_at, make_wish, show_loaded
from rebond.cli.vaults.opening import VaultAtHand
from rebond.clock import SystemClock
from rebond.units import format_span

if TYPE_CHECKING:
    from rebond.entries import Tree
    from rebond.operations.point_in_time import PlannedServer
    from rebond.progress import Observer
    from rebond.sources.postgres.catalogue import Table


def load_server(
    invocation: Invocation,
    vault: VaultAtHand,
    planned: "PlannedServer",
    address: str,
    wishes: Mapping[str, Any],
    observer: "Observer",
) -> int:
    """Load one database, or tables of it, and say where it is. Nothing of the throw-away server is left."""
    from rebond.operations.physical.passing import choose_database, pass_databases
    from rebond.sources.postgres.wal_names import format_lsn
    from rebond.sources.postgres.wanted_tables import is_named
    from rebond.stack.recovered import open_recovered
    from rebond.stack.thrown_away import thrown_away

    base = planned.reach.base
    wish = make_wish(wishes)
    target = find_target_at(invocation, address)
    database = choose_database(base.facts.server.database_names, target, wish, "")

    def is_wanted(table: "Table") -> bool:
        return is_named(table.schema, table.name, wish.tables, wish.schemas)

    with thrown_away(vault.live, planned, invocation.environment, observer, jobs=wishes["jobs"]) as thrown:
        values = {"lsn": format_lsn(thrown.reached.last_lsn), "span": format_span(thrown.reached.seconds)}
        note(invocation, tr("A throw-away server replayed the log up to {lsn}, in {span}.", **values))

        def open_tree(report: Any) -> "Tree":
            only = is_wanted if wish.tables or wish.schemas else None
            return open_recovered(thrown.server, base, [database], invocation.environment, report, is_wanted=only)

        outcome = pass_databases(open_tree, base.component, target, wish, thrown.folder, SystemClock(), observer)
    return show_loaded(invocation, base.record, target, outcome, is_dry=wishes["dry_run"])
