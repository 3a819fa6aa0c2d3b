"""Who holds tables that have to be changed: sessions, and transactions that were prepared and never ended."""

from collections.abc import Sequence

import msgspec

from rebond.errors import RestoreError
from rebond.sources.postgres.names import quote_text
from rebond.sources.postgres.raw_text import read_json
from rebond.sources.postgres.target import DatabaseTarget, ask

_HELD = """
SELECT coalesce(pg_catalog.json_agg(h ORDER BY h.since), '[]') FROM (
  SELECT DISTINCT coalesce(l.pid, 0) AS pid, coalesce(p.gid, '') AS prepared,
    coalesce(a.application_name, '') AS program, coalesce(a.usename, p.owner, '') AS "user",
    coalesce(pg_catalog.host(a.client_addr), '') AS client, coalesce(a.state, '') AS state,
    coalesce(pg_catalog.to_char(coalesce(a.xact_start, a.backend_start, p.prepared) AT TIME ZONE 'UTC',
      'YYYY-MM-DD HH24:MI:SS"Z"'), '') AS since
  FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
  LEFT JOIN pg_catalog.pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
    AND x.virtualtransaction = l.virtualtransaction
  LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = x.transactionid
  WHERE l.granted AND l.locktype = 'relation' AND (l.pid IS NULL OR l.pid <> pg_catalog.pg_backend_pid())
    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
    AND (n.nspname::text, c.relname::text) IN ({names})) h;
"""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A session that holds a table, or a prepared transaction, which has no ``pid``. Empty is what may not be seen."""

    pid: int
    prepared: str
    program: str
    user: str
    client: str
    state: str
    since: str

    @property
    def shown(self) -> str:
        """Its number with what is known of it, in the words of the server."""
        who = f"{self.user}@{self.client}" if self.client else self.user
        name = f"pid {self.pid}" if self.pid else f"PREPARED TRANSACTION {quote_text(self.prepared)}"
        return f"{name} ({'; '.join(each for each in (self.program, who, self.state, self.since) if each)})"

    @property
    def end(self) -> str:
        """The statement that ends it."""
        if self.pid:
            return f"SELECT pg_terminate_backend({self.pid});"
        return f"ROLLBACK PREPARED {quote_text(self.prepared)};"


def find_holders(target: DatabaseTarget, names: Sequence[tuple[str, str]]) -> tuple[Holder, ...]:
    """Return who holds any of some tables, by schema and name, the longest first; none where nobody can be asked."""
    pairs = ", ".join(f"({quote_text(schema)}, {quote_text(name)})" for schema, name in names)
    try:
        return tuple(read_json(ask(target.access, target.database, _HELD.format(names=pairs))[0], list[Holder]))
    except RestoreError:
        return ()
