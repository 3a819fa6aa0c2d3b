"""Which tables of a component are meant by names, and how much they are."""

from collections.abc import Sequence

from rebond.errors import UnknownName, UsageError
from rebond.operations.restore_database import read_saved
from rebond.sources.postgres.saved import SavedDatabase
from rebond.sources.postgres.wanted_tables import choose_tables
from rebond.vault.reading import SnapshotReader


def choose_database(
    databases: Sequence[SavedDatabase], component: str, tables: Sequence[str], schemas: Sequence[str]
) -> SavedDatabase:
    """Return the database that has all the tables. Raises ``UnknownName`` and ``UsageError``."""
    found: list[SavedDatabase] = []
    refusal: UnknownName | None = None
    for each in databases:
        try:
            choose_tables(each, tables, schemas)
            found.append(each)
        except UnknownName as error:
            refusal = error
    if len(found) > 1:
        raise UsageError(
            "The databases {databases} all have such a table; in its place one comes back into one of them.",
            hint="Load it beside: rebond restore SNAPSHOT {component} --into TARGET/DATABASE --table TABLE "
            "--rename TABLE=NEW",
            databases=", ".join(each.name for each in found),
            component=component,
        )
    if not found:
        raise refusal or UnknownName(
            "There is no database in what was saved of {component}.",
            hint="'rebond ls SNAPSHOT {component}' shows what it holds.",
            component=component,
        )
    return found[0]


def measure_tables(
    reader: SnapshotReader, component: str, tables: Sequence[str], schemas: Sequence[str]
) -> tuple[int, int]:
    """Return how many tables are meant, and how many bytes their rows take as text. Raises as ``choose_database``."""
    saved = choose_database(read_saved(reader, component), component, tables, schemas)
    chosen = choose_tables(saved, tables, schemas)
    return len(chosen), sum(saved.files.size(each.file) for each in chosen)
