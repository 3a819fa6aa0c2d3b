"""``rebond recover --to DIR --into-server ADDRESS``: the databases of dumps go into a server that somebody named."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DAMAGED, DOUBTFUL, GOOD, note
from rebond.cli.output.speech import tr
from rebond.cli.restore.databases import tell_loaded
from rebond.cli.snapshots.documents import describe_problems
from rebond.config.model import Loaded
from rebond.errors import UsageError
from rebond.findings import Severity
from rebond.operations.restore_database import DatabaseWish, restore_database
from rebond.progress import Observer
from rebond.sources.postgres.target import DatabaseTarget
from rebond.stack.database_targets import find_target, is_database_address
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedServer:
    """A server, and the components whose databases go there, each from its snapshot."""

    target: DatabaseTarget
    wish: DatabaseWish
    records: Mapping[str, SnapshotRecord]


def find_named_server(
    invocation: Invocation,
    loaded: Loaded,
    address: str,
    records: Mapping[str, SnapshotRecord],
    wish: DatabaseWish,
) -> NamedServer:
    """Return the server that an address means. Raises ``UsageError`` and ``SourceError``."""
    if not is_database_address(address):
        raise UsageError(
            "'{text}' is no address of a database.",
            hint="Write postgresql://USER@HOST:PORT/DATABASE, or compose:NAME/DATABASE; a directory goes with --to.",
            text=address,
        )
    root = loaded.root if loaded.root.is_dir() else Path.cwd()  # nothing has come back yet, and programs start in it
    target = find_target(address, replace(loaded, root=root), invocation.environment)
    if len(records) > 1 and target.database:
        raise UsageError(
            "The databases of {names} cannot all become {database}.",
            hint="Leave the name of the database out of the address: each then keeps its own.",
            names=", ".join(records),
            database=target.database,
        )
    return NamedServer(target=target, wish=wish, records=records)


def show_loading(invocation: Invocation, vault: Vault, server: NamedServer, observer: Observer) -> None:
    """Look whether everything can be loaded, and say so; nothing is changed. Raises what a load raises."""
    for name, record in server.records.items():
        outcome = restore_database(vault, record, name, server.target, replace(server.wish, dry_run=True), observer)
        values = {"component": name, "names": ", ".join(outcome.planned), "rows": outcome.rows}
        where = str(server.target.access.server)
        note(invocation, tr("Then {component} is loaded into {server}: {names}, {rows} rows.", server=where, **values))


def load_all(
    invocation: Invocation, vault: Vault, server: NamedServer, observer: Observer
) -> Iterator[tuple[str, int]]:
    """Load every component, say where it is, and yield it with its exit status. Raises what a load raises."""
    for name, record in server.records.items():
        outcome = restore_database(vault, record, name, server.target, server.wish, observer)
        note(invocation, "\n".join(tell_loaded(server.target, outcome, is_dry=False)))
        problems = [each for each in outcome.findings if each.severity is not Severity.NOTE]
        if problems:
            note(invocation, describe_problems(problems))
        yield name, _judge([each.severity for each in problems])


def _judge(severities: Sequence[Severity]) -> int:
    if Severity.DAMAGE in severities:
        return DAMAGED
    return DOUBTFUL if severities else GOOD
