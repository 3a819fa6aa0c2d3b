"""Types made of fields: rows name no field, so a value of a type that changed would land in another one."""

import re
from collections.abc import Iterable, Mapping, Sequence

from rebond.errors import RestoreError
from rebond.sources.postgres.raw_text import read_json
from rebond.sources.postgres.saved import SavedTable
from rebond.sources.postgres.statements import Item
from rebond.sources.postgres.target import DatabaseTarget, ask

_LOOK = """
SELECT coalesce(pg_catalog.json_object_agg(pg_catalog.format_type(t.oid, NULL), (
  SELECT coalesce(pg_catalog.json_agg(pg_catalog.format('%I %s', a.attname,
    pg_catalog.format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum), '[]')
  FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)), '{}')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_type t ON t.oid = c.reltype WHERE c.relkind = 'c';
"""
_COMPOSITE = re.compile(r"CREATE TYPE (.+) AS \(\n(.*)\n\);\s*\Z", re.DOTALL)
_DOMAIN = re.compile(r'CREATE DOMAIN ((?:"(?:[^"]|"")*"|[^\s"])+) AS ((?:"(?:[^"]|"")*"|[^\s";])+)')
_COLLATION = re.compile(r' COLLATE (?:"(?:[^"]|"")*"|[^\s"])+\Z')


def require_same_types(items: Iterable[Item], tables: Sequence[SavedTable], target: DatabaseTarget) -> None:
    """Raise ``RestoreError`` where a type of fields that these tables use has other fields now than when it was saved.

    ``items`` are the definitions that were saved; types of types, arrays and domains are looked through.
    """
    then, bases = _read_saved(items)
    if not then or not any(table.types for table in tables):
        return
    now = read_json(ask(target.access, target.database, _LOOK)[0], dict[str, list[str]])
    for table in tables:
        for name in _find_used(table.types, then, bases):
            if name in now and tuple(now[name]) != then[name]:
                raise RestoreError(
                    "The type {type} in {table} has other fields now than when it was saved: {now}; then: {then}.",
                    hint="Load the rows under another name, and take over what you need by SQL: rebond restore "
                    "SNAPSHOT COMPONENT --into TARGET --table {table} --rename {table}={table}_restored",
                    type=name,
                    table=table.shown,
                    now=", ".join(now[name]) or "–",
                    then=", ".join(then[name]) or "–",
                )


def _read_saved(items: Iterable[Item]) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Return the fields of each type of fields, and of each domain what it is a domain of."""
    types: dict[str, tuple[str, ...]] = {}
    bases: dict[str, str] = {}
    for item in items:
        for statement in item.statements:
            text = statement.decode(errors="surrogateescape")
            if (found := _COMPOSITE.match(text)) is not None:
                lines = (line.strip().removesuffix(",") for line in found[2].split(",\n"))
                types[found[1]] = tuple(_COLLATION.sub("", line) for line in lines)
            elif (found := _DOMAIN.match(text)) is not None:
                bases[found[1]] = found[2]
    return types, bases


def _find_used(columns: Iterable[str], types: Mapping[str, tuple[str, ...]], bases: Mapping[str, str]) -> Sequence[str]:
    """Return which types of fields these columns are made of, however deep."""
    found: list[str] = []
    pending, seen = list(columns), set[str]()
    while pending:
        name = pending.pop().removesuffix("[]")
        if name in seen:
            continue
        seen.add(name)
        if name in bases:
            pending.append(bases[name])
        if name in types:
            found.append(name)
            pending += [_type_of(field) for field in types[name]]
    return found


def _type_of(field: str) -> str:
    """Return the type behind the name of a field, which may be quoted."""
    if field.startswith('"'):
        return re.sub(r'\A"(?:[^"]|"")*" ', "", field)
    return field.partition(" ")[2]
