"""What a drill asks of PostgreSQL databases: row counts, indexes and heaps by amcheck, and the files that they name."""

import re
from collections.abc import Iterator

from rebond.errors import CommandFailed, SourceUnfit
from rebond.operations.drills.drill import Question
from rebond.operations.drills.outcomes import Answer, Check
from rebond.sources.postgres.own_server import OwnServer
from rebond.sources.postgres.saved import SavedDatabase
from rebond.stack.drills.loading import LoadedDatabases

_NAMED = 5
_TABLES_AT_ONCE = 200
_INDEXES = """
SELECT pg_catalog.count(bt_index_check(c.oid, heapallindexed => i.indisunique)::text) FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_am a ON a.oid = c.relam
 WHERE a.amname = 'btree' AND c.relpersistence <> 't' AND c.relkind = 'i' AND i.indisready AND i.indisvalid
"""
_HEAPS = """
SELECT c.oid::pg_catalog.regclass || ': ' || v.msg FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_am a ON a.oid = c.relam AND a.amname = 'heap', LATERAL verify_heapam(c.oid) v
 WHERE c.relkind IN ('r', 'm', 't') AND c.relpersistence <> 't' LIMIT 20
"""
_VERBOSE = ("VERBOSITY=verbose",)
_CORRUPTED = re.compile(r"XX00[0-2]")  # what PostgreSQL calls corruption of data and of an index, and its own faults
_HEAPS_FROM = 14  # the first version that knows verify_heapam


def make_database_questions(loaded: LoadedDatabases, component: str) -> tuple[Question, ...]:
    """Return what is asked of the databases of a component."""

    def count_rows() -> Iterator[Check]:
        for database in loaded.standing.values():
            yield _compare_rows(loaded.server, database, component)

    def check_all() -> Iterator[Check]:
        for name in loaded.standing:
            yield from check_structure(loaded.server, name, component)

    return (
        Question(code="row-counts", subject=component, ask=count_rows),
        Question(code="amcheck", subject=component, ask=check_all),
    )


def _compare_rows(server: OwnServer, database: SavedDatabase, component: str) -> Check:
    """Compare the rows that each table has now with those that it had when it was saved."""
    tables, wrong, rows = database.tables, [], 0
    for start in range(0, len(tables), _TABLES_AT_ONCE):
        some = tables[start : start + _TABLES_AT_ONCE]
        script = " UNION ALL ".join(
            f"SELECT {number}, pg_catalog.count(*) FROM ONLY {each.sql}"  # noqa: S608 - quoted
            for number, each in enumerate(some)
        )
        for line in server.ask(script, database.name).splitlines():
            number, _, counted = line.partition("|")
            table = some[int(number)]
            rows += int(counted)
            if int(counted) != table.rows:
                wrong.append(f"{table.shown} ({counted}, {table.rows})")
    if wrong:
        return Check(
            code="row-counts",
            subject=component,
            answer=Answer.FAIL,
            template="{count} tables of {database} do not have the rows that were saved (now, then): {tables}",
            hint_template="Save it again, and see what wrote meanwhile.",
            values={
                "count": len(wrong),
                "database": database.name,
                "tables": ", ".join(wrong[:_NAMED]),
            },
        )
    return Check(
        code="row-counts",
        subject=component,
        answer=Answer.PASS,
        template="{tables} tables of {database} have the rows that were saved: {rows}.",
        values={"tables": len(tables), "database": database.name, "rows": rows},
    )


def check_structure(server: OwnServer, name: str, component: str) -> Iterator[Check]:
    """Ask amcheck, where it is; a machine without it proves less, and that is no fault of the snapshot."""
    has_it = server.ask("SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'", name)
    if has_it.strip() != "1":
        return
    try:
        server.ask("CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA pg_catalog", name)
        indexes = server.ask(_INDEXES, name, variables=_VERBOSE).strip()
        heaps = server.ask(_HEAPS, name, variables=_VERBOSE).strip() if server.programs.major >= _HEAPS_FROM else ""
    except CommandFailed as error:
        heaps, indexes = str(error.values.get("words") or error.message), "0"
        if not _CORRUPTED.search(heaps):
            raise SourceUnfit(
                "amcheck could not be asked of {database}: {words}",
                hint="See whether the extension is whole on the machine that drills.",
                database=name,
                words=heaps,
            ) from error
    if heaps:
        yield Check(
            code="amcheck",
            subject=component,
            answer=Answer.FAIL,
            template="amcheck finds {database} damaged: {words}",
            hint_template="Look at the same index on the live server: SELECT bt_index_check('NAME').",
            values={"database": name, "words": heaps.replace("\n", " | ")},
        )
        return
    yield Check(
        code="amcheck",
        subject=component,
        answer=Answer.PASS,
        template="amcheck finds nothing wrong with {indexes} indexes and all tables of {database}.",
        values={"indexes": indexes, "database": name},
    )
