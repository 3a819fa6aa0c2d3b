"""Partitions whose rows find their place anew: where an ENUM is hashed, another server hashes it to other partitions.

A value of an ENUM is hashed by its number in the catalogue, and each server gives its own. So the rows of such a
partition go in by the table at the root of its tree, and the server puts each where it belongs there.
"""

from collections.abc import Sequence

import msgspec

from rebond.sources.postgres.partition_sql import FIND_ROOT
from rebond.sources.postgres.raw_text import read_json
from rebond.sources.postgres.saved import SavedTable
from rebond.sources.postgres.session import Access
from rebond.sources.postgres.target import ask

_LIST_ROOTS = f"""
SELECT pg_catalog.json_build_object('schema', n.nspname, 'name', c.relname, 'root', {FIND_ROOT})
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relispartition AND c.relkind = 'r';
"""  # noqa: S608 - made of constants


class _Partition(msgspec.Struct, frozen=True, kw_only=True):
    schema: str
    name: str
    root: tuple[str, ...]


def find_roots(access: Access, database: str, tables: Sequence[SavedTable]) -> tuple[SavedTable, ...]:
    """Return the tables, each with the root that its rows go in by where they are to be loaded.

    Snapshots of earlier versions do not say it. Raises ``RestoreError``.
    """
    partitions = (read_json(each, _Partition) for each in ask(access, database, _LIST_ROOTS))
    roots = {(each.schema, each.name): each.root for each in partitions if each.root}
    return tuple(msgspec.structs.replace(each, root=roots.get((each.schema, each.name), ())) for each in tables)
