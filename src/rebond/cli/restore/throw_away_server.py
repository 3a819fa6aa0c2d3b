"""``rebond restore --into`` of a data directory: a throw-away server replays it to its moment, and is loaded from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import tr
from rebond.cli.restore.databases import find_target_at, make_wish, show_loaded
from rebond.cli.vaults.opening import VaultAtHand
from rebond.clock import SystemClock
from rebond.private_folders import PrivateFolder
from rebond.units import format_span

if TYPE_CHECKING:
    from rebond.entries import Tree
    from rebond.operations.point_in_time import PlannedServer
    from rebond.operations.restore_database import DatabaseOutcome
    from rebond.progress import Observer
    from rebond.sources.postgres_physical.running import RecoveredServer


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
    from rebond.stack.drills.place import SERVER_PREFIX, clear_left_servers
    from rebond.stack.recovered import find_programs_for, make_recovered, open_recovered

    base = planned.reach.base
    wish = make_wish(wishes)
    target = find_target_at(invocation, address)
    database = choose_database(base.facts.server.database_names, target, wish, "")
    clock = SystemClock()
    clear_left_servers(clock)
    with PrivateFolder("", prefix=SERVER_PREFIX) as folder:
        programs = find_programs_for(base.facts.server.major, folder, invocation.environment)
        server = make_recovered(folder / "pg", programs, base, invocation.environment)
        try:
            _recover(invocation, vault, planned, server, wishes, observer)

            def open_tree(report: Any) -> "Tree":
                return open_recovered(server, base, database, invocation.environment, report)

            outcome: DatabaseOutcome = pass_databases(open_tree, base.component, target, wish, folder, clock, observer)
        finally:
            server.remove()
    return show_loaded(invocation, base.record, target, outcome, is_dry=wishes["dry_run"])


def _recover(
    invocation: Invocation,
    vault: VaultAtHand,
    planned: "PlannedServer",
    server: "RecoveredServer",
    wishes: Mapping[str, Any],
    observer: "Observer",
) -> None:
    from rebond.operations.physical.laying import lay_directory
    from rebond.operations.physical.trying import start_recovered
    from rebond.sources.postgres.wal_names import format_lsn

    lay_directory(vault.live, planned.reach, planned.log, server.data, observer, workers=wishes["jobs"])
    recovered = start_recovered(server, planned.reach)
    values = {"lsn": format_lsn(recovered.last_lsn), "span": format_span(recovered.seconds)}
    note(invocation, tr("A throw-away server replayed the log up to {lsn}, in {span}.", **values))
