"""Tables whose rows were not saved: unlogged ones, of which a standby, a log and a saved data directory have none."""

from collections.abc import Sequence

from rebond.errors import RestoreError
from rebond.findings import Finding, Severity
from rebond.sources.postgres.saved import SavedDatabase
from rebond.sources.postgres.sequences import means, show, split


def find_left_out(saved: SavedDatabase, text: str) -> str:
    """Return the whole name of the one that ``SCHEMA.TABLE`` or ``TABLE`` means; empty where it means none."""
    for each in _list_names(saved):
        if means(text, *split(each)):
            return show(each)
    return ""


def list_left_out(saved: SavedDatabase, schemas: Sequence[str]) -> tuple[str, ...]:
    """Return the whole names of those that lie in these schemas."""
    return tuple(show(each) for each in _list_names(saved) if split(each)[0] in schemas)


def tell_without_rows(table: str) -> RestoreError:
    """Say that a table cannot come back: its rows of now would give way to none."""
    return RestoreError(
        "The rows of {table} were not saved: it is an unlogged table, of which a standby, a log and a saved data "
        "directory have none.",
        hint="A snapshot of the primary by the logical method has them: 'rebond snapshots'. Where it is to be empty: "
        "TRUNCATE {table};",
        table=table,
    )


def tell_left_out(component: str, tables: Sequence[str]) -> list[Finding]:
    """Return what is told where a whole schema comes back, but for the rows of these."""
    if not tables:
        return []
    return [
        Finding(
            code="unlogged-left-out",
            severity=Severity.WARNING,
            subject=component,
            template="The rows of {tables} were not saved: they are unlogged tables, of which a standby, a log and a "
            "saved data directory have none. What is in them now stays.",
            hint_template="Save them by the logical method, from the primary.",
            values={"tables": ", ".join(tables)},
        )
    ]


def _list_names(saved: SavedDatabase) -> list[bytes]:
    return [each.encode(errors="surrogateescape") for each in saved.manifest.left_out]
