"""Tables of a wanted schema whose rows lie in partitions of another one: with that schema alone they come back half."""

from collections.abc import Iterator, Sequence

from rebond.errors import RestoreError
from rebond.findings import Finding, Severity
from rebond.sources.postgres.belonging import list_partitions, read_attached
from rebond.sources.postgres.saved import SavedDatabase, SavedTable
from rebond.sources.postgres.sequences import show, split


def require_whole_tables(saved: SavedDatabase, chosen: Sequence[SavedTable], schemas: Sequence[str]) -> None:
    """Raise ``RestoreError`` where not all partitions are chosen of a table that lies in one of these schemas."""
    for whole, missing in _find_split(saved, chosen, schemas):
        raise RestoreError(
            "Rows of {table} lie in partitions of another schema, and would stay as they are: {missing}.",
            hint="Let them come back too, with --table for each, or with a --schema of their own. Or name the "
            "tables that are wanted with --table, and leave --schema out.",
            table=whole,
            missing=", ".join(missing),
        )


def tell_split(saved: SavedDatabase, chosen: Sequence[SavedTable], schemas: Sequence[str]) -> Iterator[Finding]:
    """Yield what is to be known of tables that come back without the rows of some partitions."""
    for whole, missing in _find_split(saved, chosen, schemas):
        yield Finding(
            code="partitions-left-out",
            severity=Severity.WARNING,
            subject=whole,
            template="Rows of {table} lie in partitions of another schema, which did not come back: {missing}.",
            hint_template="Load that schema too, with a --schema of its own in the same command.",
            values={"table": whole, "missing": ", ".join(missing)},
        )


def _find_split(
    saved: SavedDatabase, chosen: Sequence[SavedTable], schemas: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    """Yield the tables of these schemas with those of their partitions that are not chosen."""
    if not schemas:
        return
    items = saved.read_script("pre-data.sql").items
    ends = [each for each in map(read_attached, items) if each is not None]
    wholes = dict.fromkeys(show(whole) for whole, _ in ends if split(whole)[0] in schemas)
    plain = {show(each.table) for each in items if each.kind == b"TABLE" and each.table}  # foreign ones have no rows
    names = {each.shown for each in chosen}
    for whole in wholes:
        if missing := [each for each in list_partitions(items, whole) if each in plain and each not in names]:
            yield whole, missing
