"""``rebond restore --into``: a database of a snapshot goes into a server."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DAMAGED, DOUBTFUL, GOOD, answer, note, with_problems
from rebond.cli.output.observing import finding_document
from rebond.cli.output.speech import tr
from rebond.cli.vaults.opening import VaultAtHand
from rebond.errors import RebondError, UsageError
from rebond.findings import Severity
from rebond.progress import Observer
from rebond.units import format_span

if TYPE_CHECKING:
    from rebond.config.model import Loaded
    from rebond.operations.restore_database import DatabaseOutcome, DatabaseWish
    from rebond.sources.postgres.target import DatabaseTarget
    from rebond.vault.snapshots import SnapshotRecord


def restore_into(
    invocation: Invocation,
    vault: VaultAtHand,
    record: "SnapshotRecord",
    names: Sequence[str],
    address: str,
    wishes: Mapping[str, Any],
    observer: Observer,
) -> int:
    """Load a component and say where it is. Raises what ``restore_database`` raises, and ``UsageError``."""
    from rebond.operations.restore_database import restore_database

    component = choose_component(record, names)
    target = find_target_at(invocation, address)
    outcome = restore_database(vault.live, record, component, target, make_wish(wishes), observer)
    return show_loaded(invocation, record, target, outcome, is_dry=wishes["dry_run"])


def choose_component(record: "SnapshotRecord", names: Sequence[str]) -> str:
    """Return the one database that is meant. Raises ``UsageError``."""
    databases = [each.name for each in record.catalog.components if each.kind == "postgres" and each.complete]
    if len(names) == 1:
        return names[0]
    if names or len(databases) != 1:
        raise UsageError(
            "Which component goes into the server? A restore --into takes one.",
            hint="Name it: {known}." if databases else "This snapshot holds no PostgreSQL database.",
            known=", ".join(databases),
        )
    return databases[0]


def find_target_at(invocation: Invocation, address: str) -> "DatabaseTarget":
    """Return the server that an address means. Raises ``UsageError`` and ``SourceError``."""
    from rebond.stack.database_targets import find_target, is_database_address

    if not is_database_address(address):
        raise UsageError(
            "'{text}' is no address of a database.",
            hint="Write postgresql://USER@HOST:PORT/DATABASE, or compose:NAME/DATABASE; a directory goes with --to.",
            text=address,
        )
    return find_target(address, find_usable(invocation), invocation.environment)


def find_usable(invocation: Invocation) -> "Loaded | None":
    """Return the configuration where there is one that can be used: an address alone is enough in an emergency."""
    from rebond.cli.configuration.at_hand import judge_configuration

    try:
        return judge_configuration(invocation).loaded
    except RebondError:
        return None


def make_wish(wishes: Mapping[str, Any]) -> "DatabaseWish":
    """Return what is wished of a database. Raises ``UsageError``."""
    from rebond.operations.restore_database import DatabaseWish

    renames = {}
    for text in wishes["rename"]:
        old, mark, new = text.partition("=")
        if not (mark and old and new):
            raise UsageError("'{text}' is no new name.", hint="Write --rename OLD=NEW.", text=text)
        renames[old] = new
    return DatabaseWish(
        tables=tuple(wishes["table"]),
        schemas=tuple(wishes["schema"]),
        renames=renames,
        keeps_owner=not wishes["no_owner"],
        jobs=wishes["jobs"],
        may_replace=wishes["yes"],
        dry_run=wishes["dry_run"],
    )


def show_loaded(
    invocation: Invocation,
    record: "SnapshotRecord",
    target: "DatabaseTarget",
    outcome: "DatabaseOutcome",
    *,
    is_dry: bool,
) -> int:
    """Show what was loaded and return the exit status."""
    problems = [each for each in outcome.findings if each.severity is not Severity.NOTE]
    document = {
        "snapshot": record.snapshot.hex(),
        "server": str(target.access.server),
        "dry_run": is_dry,
        "databases": [_describe(each) for each in outcome.loaded]
        or [{"name": each} for each in outcome.planned if not outcome.tables],
        "tables": list(outcome.tables),
        "rows": outcome.rows,
        "seconds": round(outcome.seconds, 3),
        "problems": [finding_document(each) for each in problems],
    }
    if problems:
        from rebond.cli.snapshots.documents import describe_problems

        note(invocation, describe_problems(problems))
    answer(
        invocation,
        document,
        with_problems(invocation, "\n".join(tell_loaded(target, outcome, is_dry=is_dry)), problems),
    )
    if any(each.severity is Severity.DAMAGE for each in problems):
        return DAMAGED
    return DOUBTFUL if problems else GOOD


def _describe(loaded: Any) -> dict[str, Any]:
    return {
        "name": loaded.name,
        "tables": loaded.tables,
        "rows": loaded.rows,
        "kept_aside": loaded.kept_aside or None,
        "new_roles": list(loaded.new_roles),
        "phases": dict(loaded.phases),
    }


def tell_loaded(target: "DatabaseTarget", outcome: "DatabaseOutcome", *, is_dry: bool) -> list[str]:
    """Return the lines that say what was loaded, or would be."""
    server, span = str(target.access.server), format_span(outcome.seconds)
    if is_dry:
        names = ", ".join(outcome.planned)
        return [tr("Would load {names}, {rows} rows, into {server}", names=names, rows=outcome.rows, server=server)]
    lines = []
    for each in outcome.loaded:
        if each.new_roles:
            lines.append(tr("New roles: {roles}", roles=", ".join(each.new_roles)))
        values = {"tables": each.tables, "rows": each.rows, "span": span, "database": each.name, "server": server}
        lines.append(tr("Loaded {tables} tables, {rows} rows, in {span}, into {database} at {server}", **values))
        if each.kept_aside:
            lines.append(
                tr(
                    'The old database is kept as {aside}; when it is needed no more: DROP DATABASE "{aside}";',
                    aside=each.kept_aside,
                )
            )
    for part in outcome.parts:
        names = ", ".join(part.tables)
        values = {"names": names, "rows": part.rows, "span": span, "database": part.database, "server": server}
        lines.append(tr("Loaded {names}, {rows} rows, in {span}, into {database} at {server}", **values))
    return lines
