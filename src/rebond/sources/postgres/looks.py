"""Sessions that are open already, so that a look at a database takes no time; and what a look sees.

A look locks nothing. So it is judged after each question whether a table was emptied or rewritten since: its rows of
then cannot be seen any more.
"""

import secrets
from typing import Protocol

import msgspec

from rebond.errors import SourceError
from rebond.sources.postgres.failures import explain_failure
from rebond.sources.postgres.session import COMMON, PADDING, Access, read_until
from rebond.sources.postgres.wal_names import parse_lsn
from rebond.sources.streams.readers import StreamReader

REWRITTEN = "rebond-rewritten"
_OPEN = f"""{COMMON}SET client_min_messages = error;
SELECT pg_catalog.count(pg_catalog.set_config(name, '0', false)) AS waits FROM pg_catalog.pg_settings
 WHERE name = 'idle_session_timeout' \\gset
"""  # noqa: S608 - made of constants
_WHERE = """(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
 ELSE pg_catalog.pg_current_wal_insert_lsn() END)::text"""
_NOW = "(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint"
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n"
# The arguments are worked out in their order, after the snapshot of the statement was taken.
_LOOK = f"""ROLLBACK;
SELECT {_WHERE} AS since \\gset
{_BEGIN}SELECT pg_catalog.json_build_object('snapshot', pg_catalog.pg_export_snapshot(),
 'seen', pg_catalog.pg_current_snapshot()::text, 'since', :'since', 'mark', %s, 'time_ms', {_NOW}, 'until', {_WHERE});
"""
_MARK = "pg_catalog.pg_create_restore_point('{name}')::text, 'switched', pg_catalog.pg_switch_wal()::text"
# A question locks what it reads until its transaction ends: what was rewritten before shows another file now.
_REQUIRE_SAME = f"""SELECT ('{REWRITTEN} ' || pg_catalog.string_agg(c.relname, ', '))::int AS same
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND c.relkind IN ('r', 'm')
AND n.nspname !~ '^pg_' AND c.relfilenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid) \\gset
"""  # noqa: S608 - made of constants


class Asked(Protocol):
    """A moment of a database that is held, and can be asked. ``name`` is the database's."""

    name: str

    def open_rows(self, query: str) -> StreamReader:
        """Begin to read what a query answers in this moment, as COPY writes it."""
        ...


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    snapshot: str
    seen: str
    since: str | None
    until: str | None
    time_ms: int
    mark: str | None = None


class Look:
    """What one session saw. It was taken after the log was at ``since``, and before it was at ``until``.

    It can be asked until its session looks again. Two looks with the same ``seen`` see the same rows. ``mark`` is where
    the restore point stands that was made with it.
    """

    def __init__(self, access: Access, database: str, seen: _Seen) -> None:
        self.name = database
        self.seen = seen.seen
        self.since = parse_lsn(seen.since or "0/0")
        self.until = parse_lsn(seen.until or "0/0")
        self.mark = parse_lsn(seen.mark) if seen.mark else 0
        self.time_ms = seen.time_ms
        self._access = access
        self._snapshot = seen.snapshot

    def open_rows(self, query: str) -> StreamReader:
        """Begin to read what a query answers; it ends in an error where ``is_rewritten`` is true."""
        script = (
            f"{COMMON}{_BEGIN}SET TRANSACTION SNAPSHOT '{self._snapshot}';\nRESET search_path;\n"
            f"COPY ({query}) TO STDOUT;\n{_REQUIRE_SAME}"
        )
        return self._access.open_psql(self.name, script)


class ReadySession:
    """A session that waits; it holds no snapshot until it looks, and that one until it looks again or lets go."""

    def __init__(self, access: Access, database: str) -> None:
        """Raises ``SourceError``."""
        self.database = database
        self._access = access
        self._end = self._make_end()
        self._reader = access.open_psql(database, f"{_OPEN}{self._end_script()}", keeps_input=True)
        try:
            self._read()
        except BaseException:
            self._reader.close()
            raise

    def begin_look(self, *, restore_point: str = "") -> None:
        """Let it look, and make a restore point at once after that; ``take_look`` gives what came of it."""
        mark = _MARK.format(name=restore_point) if restore_point else "NULL"
        self._end = self._make_end()
        try:
            self._reader.feed((_LOOK % mark + self._end_script()).encode(errors="surrogateescape"))
        except BrokenPipeError:  # what it said before tells why, and is read next
            self._reader.end_input()

    def take_look(self) -> Look:
        """Return what it saw. Raises ``SourceError``."""
        lines = [each for each in self._read() if each.startswith(b"{")]
        return Look(self._access, self.database, msgspec.json.decode(lines[-1], type=_Seen))

    def close(self) -> None:
        """End it; may be called twice."""
        self._reader.close()

    def _read(self) -> list[bytes]:
        try:
            return read_until(self._reader, self._end)
        except SourceError as error:
            raise explain_failure(error, server=str(self._access.server), database=self.database) from error

    def _make_end(self) -> str:
        return f"rebond-end-{secrets.token_hex(16)}"

    def _end_script(self) -> str:
        return f"SELECT '';\nSELECT '{self._end}';\nSELECT '{PADDING}';\n"


def is_rewritten(error: SourceError) -> bool:
    """Say whether a question has no answer because a table was emptied or rewritten after the look."""
    return REWRITTEN in str(error.values.get("words", ""))
