"""Columns by which rows may name large objects, which do not come with a table."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from rebond.findings import Finding, Severity
from rebond.sources.postgres.saved import SavedDatabase

_LARGE_OBJECTS = frozenset({"oid", "lo"})  # types; the second is of an extension, in any schema


def list_pointing(saved: SavedDatabase, tables: AbstractSet[str], *, is_counted: bool = True) -> tuple[str, ...]:
    """Return those columns of tables, where any object was saved, or nobody counted them (not ``is_counted``)."""
    return tuple(
        f"{table.shown}.{column}"
        for table in saved.tables
        if (saved.manifest.large_objects or not is_counted) and table.shown in tables
        for column, kind in zip(table.columns, table.types, strict=False)
        if kind.rpartition(".")[2] in _LARGE_OBJECTS
    )


def tell_pointing(component: str, columns: Sequence[str], *, is_elsewhere: bool = False) -> list[Finding]:
    """Return what is told of such columns. ``is_elsewhere`` says that the rows may go into another database."""
    if not columns:
        return []
    return [
        Finding(
            code="large-objects-stay-gone",
            severity=Severity.WARNING,
            subject=component,
            template="Large objects do not come with a table. Rows may name some by {columns}, which are there only "
            "where this database has them already."
            if is_elsewhere
            else "Large objects do not come back with a table. Rows may name some by {columns}: those that were "
            "deleted since stay gone.",
            hint_template="Load the whole database beside, and take over the ones that are missing (lo_export, "
            "lo_import): rebond restore SNAPSHOT {component} --into TARGET",
            values={"columns": ", ".join(columns), "component": component},
        )
    ]
