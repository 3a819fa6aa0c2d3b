"""Exchanging the rows of single tables of a database that is there: in one transaction, and back again.

The rows lie beside, in a schema of their own. A table that is there stays what it is, so what depends on it (views,
rights, publications) is not touched; a table that is gone is made. Foreign keys are taken away and made again at the
end, by which the server itself judges that every row still has what it points to. What is done says a comment on the
schema, written by the same transaction: whatever is cut, it is true.
"""

from collections.abc import Callable, Iterable, Iterator

from rebond.errors import RestoreError
from rebond.sources.postgres.exchanged_tables import Exchange, ExchangedTable, MadeTables
from rebond.sources.postgres.feeding import LoadSession, ScriptGuard
from rebond.sources.postgres.names import quote_name, quote_text
from rebond.sources.postgres.table_failures import explain, is_in_use, tell_in_use, tell_lost, was_changed
from rebond.sources.postgres.table_looks import TableLooks
from rebond.sources.postgres.target import DatabaseTarget, ask

READY, PUT, TAKEN_BACK = "rebond: ready", "rebond: put", "rebond: taken back"
# Ready, though it was put: a standby took over that never heard of it, and has the tables as they were.
_OLD_ROWS_IN_PLACE = frozenset({READY, TAKEN_BACK})
_LOCK_SECONDS = 60
_TRIES = 3  # where somebody changes what acts on the tables while they are waited for
# Who may read a table by its policies alone must not find its rows here, whatever right every new schema gives away.
_KEEP_PRIVATE = """
SELECT DISTINCT pg_catalog.format('REVOKE ALL ON SCHEMA %I FROM ', n.nspname)
  || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
WHERE n.nspname = {work} AND a.grantee <> n.nspowner \\gexec
"""
# A role may say "off"; "on" would wait for a standby that nobody else waits for.
_DURABLY = """SELECT pg_catalog.set_config('synchronous_commit', 'local', {is_local})
WHERE pg_catalog.current_setting('synchronous_commit') = 'off';"""
_COLUMNS = """SELECT a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = {table}::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"""
# Asked under the lock: a migration that was under way may have ended only then. A failure is the only way to tell.
_REQUIRE_COLUMNS = """SELECT pg_catalog.concat('rebond-columns: ', pg_catalog.string_agg(t.shown, ', '))::int FROM (
({left} EXCEPT {right}) UNION ALL ({more} EXCEPT {left})) t (shown) HAVING pg_catalog.count(*) > 0;"""
_LATE = "rebond: written since"
_NOTED = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = {work} AND pg_catalog.obj_description(c.oid, 'pg_class') = {note});
"""
_WRITTEN = """
SELECT EXISTS (SELECT FROM ONLY {table} WHERE xmin::pg_catalog.text <> (
    SELECT d.xmin::pg_catalog.text FROM pg_catalog.pg_description d
    JOIN pg_catalog.pg_namespace n ON n.oid = d.objoid
    WHERE d.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND n.nspname = {work}))
  OR (SELECT pg_catalog.count(*) FROM ONLY {table}) <> {rows};
"""


def open_beside(target: DatabaseTarget, exchange: Exchange) -> None:
    """Make the schema beside, with nothing in it of an earlier try. Raises ``RestoreError``."""
    lines = [f"CREATE SCHEMA IF NOT EXISTS {quote_name(exchange.work)};"]
    lines += [f"DROP TABLE IF EXISTS {exchange.name_beside(each.new)};" for each in exchange.tables]
    lines.append(_KEEP_PRIVATE.format(work=quote_text(exchange.work)))
    ask(target.access, target.database, "\n".join(lines))


def mark_ready(target: DatabaseTarget, exchange: Exchange) -> None:
    """Say that all rows lie beside. Raises ``RestoreError``."""
    # Behind this one in the log lie the rows, which were loaded without waiting for it.
    ask(target.access, target.database, "\n".join([_DURABLY.format(is_local="false"), _mark(exchange, READY)]))


def put_rows(target: DatabaseTarget, exchange: Exchange, made: MadeTables) -> None:
    """Put the rows that came into their tables, all of them or none; those that were there lie beside then.

    Raises ``RestoreError``; then nothing was changed.
    """
    _until_still(lambda: _put_rows(target, exchange, made))


def _put_rows(target: DatabaseTarget, exchange: Exchange, made: MadeTables) -> None:
    looks = exchange.look(target)
    if looks.mark == PUT:
        return
    there = [each for each in exchange.tables if not each.is_made]
    keeping = [
        line
        for each in there
        for line in (_require_columns(each, exchange, each.new, is_exact=True), _copy(each, exchange, into=each.before))
    ]
    _exchange(target, exchange, looks, made, keeping, state=PUT)


def take_rows_back(target: DatabaseTarget, exchange: Exchange, *, was_put: bool = False) -> None:
    """Put the rows that were there before into their tables again; those of now lie beside then.

    A table that had been gone is gone again. ``was_put`` says that the rows are known to have been put. Raises
    ``RestoreError``; then nothing was changed.
    """
    _until_still(lambda: _take_rows_back(target, exchange, was_put=was_put))


def _take_rows_back(target: DatabaseTarget, exchange: Exchange, *, was_put: bool) -> None:
    looks = exchange.look(target)
    if looks.mark != PUT:
        if was_put and looks.mark not in _OLD_ROWS_IN_PLACE:
            raise tell_lost(exchange, is_begun=True)
        return
    keeping: list[str] = []
    for each in exchange.tables:
        if not each.is_made:
            keeping.append(_require_columns(each, exchange, each.before, is_exact=False))
        if looks.find(each.schema, each.name) is not None or not each.is_made:
            # All columns: some may have come since, and be written to.
            kept = f"CREATE TABLE {exchange.name_beside(each.new)} AS SELECT * FROM ONLY {each.sql};"  # noqa: S608 - quoted
            keeping += [f"DROP TABLE {exchange.name_beside(each.new)};", kept, _note_writes(each, exchange)]
    _exchange(target, exchange, looks, MadeTables(), keeping, state=TAKEN_BACK)


def was_written(target: DatabaseTarget, exchange: Exchange, *, was_put: bool = False) -> bool:
    """Say whether any row is another than the restore wrote, or is gone.

    Raises ``RestoreError``, also where the old rows could not be put back; ``was_put`` says that there have to be some.
    """
    looks = exchange.look(target)
    if looks.mark != PUT:
        if was_put and looks.mark not in _OLD_ROWS_IN_PLACE:
            raise tell_lost(exchange, is_begun=False)
        return False
    _require_fitting(target, exchange, looks)
    for each in exchange.tables:
        if looks.find(each.schema, each.name) is None:
            return True
        question = _WRITTEN.format(table=each.sql, work=quote_text(exchange.work), rows=each.rows)
        if ask(target.access, target.database, question)[0] == b"t":
            return True
    return False


def was_written_late(target: DatabaseTarget, exchange: Exchange) -> bool:
    """Say whether what was taken back, and is still there, had been written to until then. Raises ``RestoreError``."""
    question = _NOTED.format(work=quote_text(exchange.work), note=quote_text(_LATE))
    return ask(target.access, target.database, question)[0] == b"t"


def _note_writes(table: ExchangedTable, exchange: Exchange) -> str:
    """Return what says of a kept table, under the lock, whether any row of it is another than the restore wrote."""
    note = f"COMMENT ON TABLE {exchange.name_beside(table.new)} IS {quote_text(_LATE)}"
    written = _WRITTEN.format(table=table.sql, work=quote_text(exchange.work), rows=table.rows).strip().rstrip(";")
    return f"SELECT {quote_text(note)} WHERE ({written}) \\gexec"


def _require_fitting(target: DatabaseTarget, exchange: Exchange, looks: TableLooks) -> None:
    """Raise ``RestoreError`` where tables have lost columns of their old rows: before anything is undone."""
    questions = [
        _require_columns(each, exchange, each.before, is_exact=False)
        for each in exchange.tables
        if not each.is_made and looks.find(each.schema, each.name) is not None
    ]
    try:
        ask(target.access, target.database, "\n".join(questions))
    except RestoreError as error:
        raise explain(error, exchange, looks, is_back=True) from error


def keep_since(target: DatabaseTarget, exchange: Exchange) -> None:
    """Give what was taken back a name under which it stays. Raises ``RestoreError``."""
    beside = exchange.look(target).beside
    lines = [
        f"ALTER TABLE {exchange.name_beside(each.new)} RENAME TO {quote_name(each.since)};"
        for each in exchange.tables
        if each.new in beside and each.since not in beside
    ]
    if lines:
        # Durably: what still had its first name would be dropped.
        lines = [_DURABLY.format(is_local="false"), "BEGIN;", *lines, "COMMIT;"]
        ask(target.access, target.database, "\n".join(lines))


def drop_beside(target: DatabaseTarget, exchange: Exchange) -> None:
    """Drop what lies beside, but what was written since; the schema too, where it is empty. Raises ``RestoreError``."""
    left = set(exchange.look(target).beside)
    ours = [name for each in exchange.tables for name in (each.new, each.before) if name in left]
    lines = [f"DROP TABLE {exchange.name_beside(name)};" for name in ours]
    if left == set(ours):
        lines.append(f"DROP SCHEMA IF EXISTS {quote_name(exchange.work)};")
    ask(target.access, target.database, "\n".join(["BEGIN;", *lines, "COMMIT;"]))


def _until_still(attempt: Callable[[], None]) -> None:
    """Look at the tables and change them, anew where they were others when their lock was there."""
    for left in reversed(range(_TRIES)):
        try:
            return attempt()
        except RestoreError as error:
            if not left or not was_changed(error):
                raise
    return None


def _exchange(
    target: DatabaseTarget,
    exchange: Exchange,
    looks: TableLooks,
    made: MadeTables,
    keeping: Iterable[str],
    *,
    state: str,
) -> None:
    """Change all tables in one transaction, which ends with the mark of ``state``."""
    is_back = state == TAKEN_BACK
    gone = {each.shown for each in exchange.tables if each.is_made and is_back}
    changes = [line for each in exchange.tables for line in _list_change(each, exchange, looks, is_back=is_back)]
    if is_back:
        changes += [f"DROP SEQUENCE IF EXISTS {each};" for each in exchange.sequences]
    joined = [each for each in looks.keys if not each.ends & gone]
    keys = [line for key in joined for line in key.add()] + [line for key in joined for line in key.list_turns()]
    session, guard = LoadSession(target.access, exchange.database), ScriptGuard(target.access)
    try:
        _feed_lines(
            session, [*_list_first(exchange, looks), *keeping, *(key.drop() for key in looks.keys if not key.is_part)]
        )
        _feed_script(session, guard, made.before)
        _feed_lines(session, changes)
        _feed_script(session, guard, made.positions)
        _feed_script(session, guard, made.after)
        _feed_lines(session, keys)
        _feed_lines(session, [f"ANALYZE {each.sql};" for each in exchange.tables if each.shown not in gone])
        _feed_lines(session, [_mark(exchange, state), "COMMIT;"])
        session.finish()
    except RestoreError as error:
        if is_in_use(error):
            session.close()
            raise tell_in_use(error, target, exchange, looks, _LOCK_SECONDS) from error
        raise explain(error, exchange, looks, is_back=is_back) from error
    finally:
        session.close()


def _list_first(exchange: Exchange, looks: TableLooks) -> Iterator[str]:
    yield "BEGIN ISOLATION LEVEL READ COMMITTED;"  # whatever the role says: what is waited for has to be seen
    yield f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s';"
    yield "SET LOCAL synchronous_commit TO DEFAULT;"  # that of the role: a load goes without
    yield _DURABLY.format(is_local="true")
    there = [f"ONLY {each.sql}" for each in exchange.tables if looks.find(each.schema, each.name) or not each.is_made]
    # Those that point here too: their keys are dropped anyhow, and until then somebody might turn them off.
    there += [f"ONLY {each.sql}" for each in looks.keys if not each.is_part]
    if there:
        yield f"LOCK TABLE {', '.join(dict.fromkeys(there))} IN ACCESS EXCLUSIVE MODE;"
    yield looks.require_still()


def _list_change(table: ExchangedTable, exchange: Exchange, looks: TableLooks, *, is_back: bool) -> Iterator[str]:
    live = looks.find(table.schema, table.name)
    if table.is_made:
        if not is_back:
            yield from _fill(table, exchange)
        elif live is not None:
            if live.whole:  # what points to the whole table holds on to its partitions
                yield f"ALTER TABLE {live.whole} DETACH PARTITION {table.sql};"
            yield f"DROP TABLE {table.sql};"
        return
    switches, loose = (live.switches, live.loose) if live is not None else ((), ())
    yield from (each.turn_off(table.sql) for each in switches)
    yield from (each.take_away(table.sql) for each in loose)
    yield f"TRUNCATE TABLE ONLY {table.sql};"
    yield from _fill(table, exchange, is_back=is_back)
    yield from (line for each in loose for line in each.make_again(table.sql))
    yield from (each.turn_on(table.sql) for each in switches)


def _fill(table: ExchangedTable, exchange: Exchange, *, is_back: bool = False) -> Iterator[str]:
    names = ", ".join(map(quote_name, table.columns))
    source = exchange.name_beside(table.before if is_back else table.new)
    into = f"{table.sql} ({names}) OVERRIDING SYSTEM VALUE" if names else table.sql
    yield f"INSERT INTO {into} SELECT {names} FROM {source};"  # noqa: S608 - quoted
    if not is_back:
        yield f"SELECT 1 / (:ROW_COUNT = {table.rows})::int AS rows_as_saved;"


def _copy(table: ExchangedTable, exchange: Exchange, *, into: str) -> str:
    names = ", ".join(map(quote_name, table.columns))
    return f"CREATE TABLE {exchange.name_beside(into)} AS SELECT {names} FROM ONLY {table.sql};"  # noqa: S608 - quoted


def _require_columns(table: ExchangedTable, exchange: Exchange, kept: str, *, is_exact: bool) -> str:
    """Return what fails unless a table has the columns of what is kept beside; ``is_exact`` allows it no other."""
    left = _COLUMNS.format(table=quote_text(exchange.name_beside(kept)))
    right = _COLUMNS.format(table=quote_text(table.sql))
    return _REQUIRE_COLUMNS.format(left=left, right=right, more=right if is_exact else left)


def _mark(exchange: Exchange, state: str) -> str:
    return f"COMMENT ON SCHEMA {quote_name(exchange.work)} IS {quote_text(state)};"


def _feed_lines(session: LoadSession, lines: Iterable[str]) -> None:
    for line in lines:
        session.feed(f"{line}\n")


def _feed_script(session: LoadSession, guard: ScriptGuard, script: bytes) -> None:
    if script:
        first, last = guard.make_key()
        session.feed(first)
        session.feed(script)
        session.feed(b"\n")
        session.feed(last)
