"""Columns that a table works out by itself: their values come back by the rule of now, whatever they were."""

import re
from collections.abc import Iterable, Sequence

from rebond.sources.postgres.names import quote_name, quote_text
from rebond.sources.postgres.raw_text import read_json
from rebond.sources.postgres.saved import SavedTable
from rebond.sources.postgres.sequences import show
from rebond.sources.postgres.statements import Item
from rebond.sources.postgres.target import DatabaseTarget, ask

_LOOK = """
SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(n.nspname, c.relname, a.attname,
  pg_catalog.pg_get_expr(d.adbin, d.adrelid)) ORDER BY n.nspname, c.relname, a.attnum), '[]')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped
JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE (n.nspname::text, c.relname::text) IN ({names});
"""
_RULE = r" GENERATED ALWAYS AS \("


def list_reworked(items: Iterable[Item], tables: Sequence[SavedTable], target: DatabaseTarget) -> tuple[str, ...]:
    """Return the columns that tables, which are there, work out otherwise than when they were saved.

    ``items`` are the definitions of then. Raises ``RestoreError``.
    """
    names = ", ".join(f"({quote_text(each.schema)}, {quote_text(each.name)})" for each in tables) or "('', '')"
    now = read_json(ask(target.access, target.database, _LOOK.format(names=names))[0], list[tuple[str, str, str, str]])
    then = {show(item.table): _read(item) for item in items if item.kind == b"TABLE" and item.table} if now else {}
    found = []
    for schema, table, column, rule in now:
        known = _find_rule(then.get(f"{schema}.{table}", ""), column)
        if known and not known.startswith(f"{rule})"):
            found.append(f"{schema}.{table}.{column}")
    return tuple(found)


def _read(item: Item) -> str:
    return item.statements[0].decode(errors="surrogateescape") if item.statements else ""


def _find_rule(statement: str, column: str) -> str:
    """Return what a statement says from the rule of a column on; nothing where it says none."""
    named = "|".join(map(re.escape, {column, quote_name(column)}))
    found = re.search(rf"\n\s+(?:{named}) [^\n]*?{_RULE}", statement)
    return statement[found.end() :] if found else ""
