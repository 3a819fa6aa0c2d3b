"""What a server works out from the rows again, once they are loaded: statistics, and materialized views.

That may want more than what was saved: another server, whose tables are foreign here, or a function that finds what it
names. None of it is lost when it fails, so it costs no load: what is missing is told, with the statement that makes it.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from rebond.errors import RestoreError
from rebond.findings import Finding, Severity
from rebond.sources.postgres.definitions import Job
from rebond.sources.postgres.feeding import ScriptGuard, run_statements
from rebond.sources.postgres.raw_text import read_json
from rebond.sources.postgres.session import Access
from rebond.sources.postgres.target import ask

_SHOWN = 8  # tables without statistics, by name
# The largest first. A partitioned table stands for its partitions, which the server looks at with it; not so where one
# of them is foreign, since that asks another server for rows: then each of those that are here is looked at by itself.
_LIST_ANALYZED = """
WITH RECURSIVE reaching_out AS (
  SELECT oid FROM pg_catalog.pg_class WHERE relkind = 'f'
  UNION SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN reaching_out r ON r.oid = i.inhrelid)
SELECT pg_catalog.to_json(pg_catalog.format('%I.%I', n.nspname, c.relname)) FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND c.oid NOT IN (SELECT oid FROM reaching_out)
  AND (NOT c.relispartition OR EXISTS (SELECT FROM pg_catalog.pg_inherits i JOIN reaching_out r ON r.oid = i.inhparent
                                       WHERE i.inhrelid = c.oid))
ORDER BY pg_catalog.pg_table_size(c.oid) DESC, c.oid;
"""


def gather_statistics(access: Access, database: str, *, shown: str, jobs: int) -> Iterator[Finding]:
    """Let the server look at all tables, as ``ANALYZE`` does, in several sessions; yield what failed.

    ``shown`` is what the database will be called. Raises ``RestoreError`` when the server cannot be asked.
    """
    names = [read_json(each, str) for each in ask(access, database, _LIST_ANALYZED)]
    shares = [share for number in range(jobs) if (share := names[number::jobs])]
    with ThreadPoolExecutor(max(1, len(shares)), "statistics") as pool:
        work = [pool.submit(_analyze, access, database, one) for one in shares]
    failed = [found for each in work for found in each.result()]
    if failed:
        yield _no_statistics(shown, failed)


def fill_views(
    access: Access, database: str, views: Iterable[tuple[str, Job]], guard: ScriptGuard, *, shown: str
) -> Iterator[Finding]:
    """Fill materialized views in their order, each by itself; yield a finding for each that stays empty."""
    for name, statements in views:
        try:
            run_statements(access, database, guard.wrap(statements))
        except RestoreError as error:
            yield _not_filled(shown, name, error)


def _analyze(access: Access, database: str, names: Sequence[str]) -> list[tuple[str, RestoreError]]:
    """Look at tables; return those that could not be looked at."""
    try:
        run_statements(access, database, [f"ANALYZE {each};" for each in names])
        return []
    except RestoreError as error:
        if len(names) == 1:
            return [(names[0], error)]
    half = len(names) // 2
    return [*_analyze(access, database, names[:half]), *_analyze(access, database, names[half:])]


def _no_statistics(database: str, failed: Sequence[tuple[str, RestoreError]]) -> Finding:
    names = [each for each, _ in failed]
    shown = ", ".join(names[:_SHOWN])
    return Finding(
        code="statistics-missing",
        severity=Severity.NOTE,
        subject=database,
        template="{database} is loaded whole, but the server could not look at some tables, and plans queries of them "
        "badly: {tables}. It said: {reason}",
        hint_template="Run this once it can: ANALYZE {first};",
        values={
            "database": database,
            "tables": f"{shown} …" if len(names) > _SHOWN else shown,
            "first": names[0],
            "reason": failed[0][1],
        },
    )


def _not_filled(database: str, name: str, error: RestoreError) -> Finding:
    return Finding(
        code="view-not-filled",
        severity=Severity.WARNING,
        subject=database,
        template="All rows of {database} are loaded, but its materialized view {view} is empty and cannot be asked: "
        "{reason}",
        hint_template="Mend what it says, then run: REFRESH MATERIALIZED VIEW {view};",
        values={"database": database, "view": name, "reason": error},
    )
