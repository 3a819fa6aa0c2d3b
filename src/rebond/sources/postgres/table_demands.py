"""What tables demand of their rows by now: judged while these lie beside, before anything is stopped for them.

Keys of other tables are judged when the rows are put: what they point to may change until then.
"""

import msgspec

from rebond.errors import RestoreError
from rebond.sources.postgres.exchanged_tables import Exchange, ExchangedTable
from rebond.sources.postgres.names import quote_name, quote_text
from rebond.sources.postgres.raw_text import read_json
from rebond.sources.postgres.saved import SavedDatabase
from rebond.sources.postgres.sequences import show
from rebond.sources.postgres.table_failures import is_violation
from rebond.sources.postgres.table_switches import IS_LOOSE
from rebond.sources.postgres.target import DatabaseTarget, ask

# Checks that are not enforced have no say; what was never judged is put back as it was, where that can be done.
_LOOK = """
SELECT pg_catalog.json_build_object(
  'generated', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(a.attname,
      pg_catalog.pg_get_expr(d.adbin, d.adrelid)) ORDER BY a.attnum), '[]')
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped),
  'bounds', coalesce(CASE WHEN c.relispartition THEN pg_catalog.pg_get_partition_constraintdef(c.oid) END, ''),
  'checks', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(k.conname,
      pg_catalog.pg_get_expr(k.conbin, k.conrelid)) ORDER BY k.conname), '[]')
    FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'
      AND coalesce(pg_catalog.to_json(k) ->> 'conenforced', 'true') = 'true' AND NOT ({is_loose})),
  'filled', (SELECT coalesce(pg_catalog.json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_constraint k
      WHERE k.conrelid = c.oid AND k.contype = 'n' AND k.conkey[1] = a.attnum AND ({is_loose}))),
  'unique', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(i.relname,
      coalesce(pg_catalog.pg_get_constraintdef(k.oid), ''), pg_catalog.pg_get_indexdef(x.indexrelid),
      pg_catalog.replace(pg_catalog.pg_get_indexdef(x.indexrelid),
        pg_catalog.format(' ON %s USING ', c.oid::pg_catalog.regclass), {beside})) ORDER BY i.relname), '[]')
    FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
    LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x')
    WHERE x.indrelid = c.oid AND x.indisready AND (x.indisunique OR k.oid IS NOT NULL))
) FROM pg_catalog.pg_class c WHERE c.oid = {table}::pg_catalog.regclass;
"""


class _Demands(msgspec.Struct, frozen=True, kw_only=True):
    """``unique`` are names of indexes, their constraints, their definitions, and those of the same index beside."""

    generated: tuple[tuple[str, str], ...]
    bounds: str
    checks: tuple[tuple[str, str], ...]
    filled: tuple[str, ...]
    unique: tuple[tuple[str, str, str, str], ...]


def require_rows_fit(saved: SavedDatabase, target: DatabaseTarget, exchange: Exchange) -> None:
    """Raise ``RestoreError`` where rows that lie beside are not what their tables, which are there, demand by now."""
    statements = _gather_statements(saved, exchange)
    for each in exchange.tables:
        if not each.is_made:
            demands = _look(target, exchange, each)
            _require_checked(target, exchange, each, demands)
            _require_unique(target, exchange, each, demands, statements.get(each.shown, ""))


def _look(target: DatabaseTarget, exchange: Exchange, table: ExchangedTable) -> _Demands:
    beside = quote_text(f" ON {exchange.name_beside(table.new)} USING ")
    question = _LOOK.format(table=quote_text(table.sql), is_loose=IS_LOOSE, beside=beside)
    return read_json(ask(target.access, target.database, question)[0], _Demands)


def _gather_statements(saved: SavedDatabase, exchange: Exchange) -> dict[str, str]:
    """Return by table what made its keys and indexes when it was saved: its rows obeyed those."""
    wanted = {each.shown for each in exchange.tables}
    found: dict[str, str] = {}
    for item in saved.read_script("post-data.sql").items:
        if item.table and show(item.table) in wanted:
            text = b"\n".join(item.statements).decode(errors="surrogateescape")
            found[show(item.table)] = f"{found.get(show(item.table), '')}\n{text}"
    return found


def _require_checked(target: DatabaseTarget, exchange: Exchange, table: ExchangedTable, demands: _Demands) -> None:
    named = [*demands.checks, *((f"{name} NOT NULL", f"{quote_name(name)} IS NOT NULL") for name in demands.filled)]
    if demands.bounds:
        named.append(("FOR VALUES", demands.bounds))
    if not named:
        return
    columns = "".join(f", {text} AS {quote_name(name)}" for name, text in demands.generated)
    counts = ", ".join(f"pg_catalog.count(*) FILTER (WHERE ({text}) IS FALSE)" for _, text in named)
    rows = f"(SELECT *{columns} FROM {exchange.name_beside(table.new)}) AS {quote_name(table.name)}"  # noqa: S608
    question = f"SELECT pg_catalog.json_build_array({counts}) FROM {rows};"  # noqa: S608 - the server's own words
    wrong = read_json(ask(target.access, target.database, question)[0], list[int])
    broken = [(name, count) for (name, _), count in zip(named, wrong, strict=True) if count]
    if broken:
        raise _tell(table, ", ".join(f"{name} ({count})" for name, count in broken))


def _require_unique(
    target: DatabaseTarget, exchange: Exchange, table: ExchangedTable, demands: _Demands, then: str
) -> None:
    """Make beside, where they cost nobody anything, the unique indexes that came since the rows were saved."""
    if demands.generated:
        return  # which lie not beside
    for name, constraint, definition, index in demands.unique:
        if (constraint and f"{quote_name(name)} {constraint};" in _quote_all(then, name)) or f"{definition};" in then:
            continue
        made = f"ALTER TABLE {exchange.name_beside(table.new)} ADD CONSTRAINT {quote_name(name)} {constraint};"
        try:
            ask(target.access, target.database, made if constraint else f"{index};")
        except RestoreError as error:
            if is_violation(error):
                raise _tell(table, name) from error
            raise


def _quote_all(statements: str, name: str) -> str:
    """Return statements in which a name is quoted where it need not be."""
    return statements.replace(f"ADD CONSTRAINT {name} ", f"ADD CONSTRAINT {quote_name(name)} ")


def _tell(table: ExchangedTable, demands: str) -> RestoreError:
    return RestoreError(
        "Rows of {table} as they were saved are not what the table demands by now: {demands}.",
        hint="Load the rows under another name, and take over what you need by SQL: rebond restore SNAPSHOT "
        "COMPONENT --into TARGET --table {table} --rename {table}={table}_restored",
        table=table.shown,
        demands=demands,
    )
