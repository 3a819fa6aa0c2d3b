"""Which tables of a saved database are meant by the names that somebody wrote."""

from collections.abc import Sequence

from rebond.errors import UnknownName, UsageError
from rebond.sources.postgres.belonging import list_partitions
from rebond.sources.postgres.left_out import find_left_out, tell_without_rows
from rebond.sources.postgres.saved import SavedDatabase, SavedTable
from rebond.sources.postgres.sequences import means, show, split


def choose_tables(saved: SavedDatabase, tables: Sequence[str], schemas: Sequence[str]) -> list[SavedTable]:
    """Return the tables that are meant, each once. Raises ``UnknownName`` and ``UsageError``."""
    chosen = [*(_find_table(saved, each) for each in tables), *_find_of_schemas(saved, schemas)]
    return list(dict.fromkeys(chosen))


def is_named(schema: str, name: str, tables: Sequence[str], schemas: Sequence[str]) -> bool:
    """Say whether a table may be one of those that ``choose_tables`` chooses by these words."""
    return schema in schemas or any(means(text, schema, name) for text in tables)


def _find_table(saved: SavedDatabase, text: str) -> SavedTable:
    """Return the table that ``SCHEMA.TABLE`` or ``TABLE`` means. Raises ``UnknownName`` and ``UsageError``."""
    found = [each for each in saved.tables if each.shown == text] or [
        each for each in saved.tables if means(text, each.schema, each.name)
    ]
    if len(found) > 1:
        raise UsageError(
            "Several tables are called {name}: {known}.",
            hint="Write one of them with its schema.",
            name=text,
            known=", ".join(each.shown for each in found),
        )
    if not found and (parts := _find_partitions(saved, text)):
        raise UsageError(
            "{name} has no rows of its own: they lie in its partitions, {known}.",
            hint="Name each with --table.",
            name=text,
            known=", ".join(parts),
        )
    if not found and (without := find_left_out(saved, text)):
        raise tell_without_rows(without)
    if not found:
        raise UnknownName(
            "There is no table {name} in what was saved of {database}.",
            hint="'rebond ls SNAPSHOT COMPONENT/tables' lists them.",
            name=text,
            database=saved.name,
        )
    return found[0]


def _find_partitions(saved: SavedDatabase, text: str) -> list[str]:
    items = saved.read_script("pre-data.sql").items
    names = {each.table for each in items if each.kind == b"TABLE ATTACH" and each.table}
    whole = [show(each) for each in sorted(names) if means(text, *split(each))]
    return list_partitions(items, whole[0]) if whole else []


def _find_of_schemas(saved: SavedDatabase, schemas: Sequence[str]) -> list[SavedTable]:
    for each in schemas:
        if not any(table.schema == each for table in saved.tables):
            raise UnknownName(
                "There is no table in a schema {name} in what was saved of {database}.",
                hint="'rebond ls SNAPSHOT COMPONENT/tables' lists them.",
                name=each,
                database=saved.name,
            )
    return [table for table in saved.tables if table.schema in schemas]
