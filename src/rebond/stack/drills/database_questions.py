"""What a drill asks of PostgreSQL databases: row counts, indexes and heaps by amcheck, and the files that they name."""

from collections.abc import Iterator
from pathlib import Path

from rebond.errors import CommandFailed
from rebond.operations.drills.drill import Question
from rebond.operations.drills.outcomes import Answer, Check
from rebond.sources.postgres.names import quote_name
from rebond.sources.postgres.own_server import OwnServer
from rebond.stack.drills.loading import LoadedDatabases
from rebond.stack.drills.saved_databases import SavedDatabase

TOTALS = "totals/tables.tsv"
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
_HEAPS_FROM = 14  # the first version that knows verify_heapam


def make_database_questions(loaded: LoadedDatabases, component: str, folder: Path) -> tuple[Question, ...]:
    """Return what is asked of the databases of a component; ``folder`` is where its tree was put."""

    def count_rows() -> Iterator[Check]:
        for database in loaded.standing.values():
            yield _compare_rows(loaded.server, database, component, folder)

    def check_structure() -> Iterator[Check]:
        for database in loaded.standing.values():
            yield from _check_structure(loaded.server, database, component)

    return (
        Question(code="row-counts", subject=component, ask=count_rows),
        Question(code="amcheck", subject=component, ask=check_structure),
    )


def _compare_rows(server: OwnServer, database: SavedDatabase, component: str, folder: Path) -> Check:
    """Compare the rows that each table has now with those that it had when it was saved."""
    saved = _read_totals(folder / database.folder / TOTALS)
    tables = [each for each in database.manifest.tables if each.file in saved]
    wrong: list[str] = []
    rows = 0
    for start in range(0, len(tables), _TABLES_AT_ONCE):
        some = tables[start : start + _TABLES_AT_ONCE]
        script = " UNION ALL ".join(
            f"SELECT {number}, pg_catalog.count(*) FROM ONLY {quote_name(each.schema)}.{quote_name(each.name)}"  # noqa: S608
            for number, each in enumerate(some)
        )
        for line in server.ask(script, database.manifest.database).splitlines():
            number, _, counted = line.partition("|")
            table = some[int(number)]
            rows += int(counted)
            if int(counted) != saved[table.file]:
                wrong.append(f"{table.schema}.{table.name} ({counted}, {saved[table.file]})")
    missing = sorted(set(saved) - {each.file for each in tables})
    wrong += missing
    if wrong:
        return Check(
            code="row-counts",
            subject=component,
            answer=Answer.FAIL,
            template="{count} tables of {database} do not have the rows that were saved (now, then): {tables}",
            hint_template="Save it again, and see what wrote meanwhile.",
            values={
                "count": len(wrong),
                "database": database.manifest.database,
                "tables": ", ".join(wrong[:_NAMED]),
            },
        )
    return Check(
        code="row-counts",
        subject=component,
        answer=Answer.PASS,
        template="{tables} tables of {database} have the rows that were saved: {rows}.",
        values={"tables": len(tables), "database": database.manifest.database, "rows": rows},
    )


def _read_totals(path: Path) -> dict[str, int]:
    """Return how many rows were saved of each table, by its file. Raises ``CommandFailed`` without that list."""
    try:
        lines = path.read_text(errors="surrogateescape").splitlines()
        return {file: int(rows) for rows, file, _ in (line.split("\t", 2) for line in lines if line)}
    except (OSError, ValueError) as error:
        raise CommandFailed(
            "The list of the rows that were saved, {path}, cannot be read: {reason}.",
            hint="Save the database again.",
            path=path.name,
            reason=str(error),
        ) from error


def _check_structure(server: OwnServer, database: SavedDatabase, component: str) -> Iterator[Check]:
    """Ask amcheck, where it is; a machine without it proves less, and that is no fault of the snapshot."""
    name = database.manifest.database
    has_it = server.ask("SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'", name)
    if has_it.strip() != "1":
        return
    server.ask("CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA pg_catalog", name)
    try:
        indexes = server.ask(_INDEXES, name).strip()
        heaps = server.ask(_HEAPS, name).strip() if server.programs.major >= _HEAPS_FROM else ""
    except CommandFailed as error:
        heaps, indexes = str(error.values.get("words") or error.message), "0"
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
