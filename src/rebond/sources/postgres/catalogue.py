"""What a database holds, as one session sees it, and the SQL that asks."""

import msgspec

from rebond.sources.postgres.key_triggers import LIST_TURNED, TurnedTrigger
from rebond.sources.postgres.names import quote_name, quote_text, quote_whole
from rebond.sources.postgres.partition_sql import FIND_ROOT

# Tables of extensions are made by these; of theirs only what they declare as configuration is data.
_TABLES = """
pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
     AND d.objsubid = 0 AND d.deptype = 'e'
LEFT JOIN LATERAL (
  SELECT e.extcondition[i] AS condition FROM pg_catalog.pg_extension e,
         pg_catalog.generate_subscripts(e.extconfig, 1) i WHERE e.oid = d.refobjid AND e.extconfig[i] = c.oid
) x ON true
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relpersistence <> 't'
  AND (d.objid IS NULL OR x.condition IS NOT NULL)
"""

RECOVERED = "rebond.recovered"  # a setting of servers that came out of a data directory and its log
# What a standby cannot read: nothing of an unlogged relation comes to it. pg_dump leaves the same out. On a server that
# was recovered it can be read, and is empty: that is no state which it ever had.
_UNREADABLE = f"""(c.relpersistence = 'u' AND (pg_catalog.pg_is_in_recovery()
  OR coalesce(pg_catalog.current_setting('{RECOVERED}', true), '') = 'on'))"""

LIST_TABLES_TO_LOCK = f"""
SELECT pg_catalog.string_agg(pg_catalog.format('ONLY %I.%I', n.nspname, c.relname), ', ') AS tables,
       pg_catalog.count(*) > 0 AS has_tables
FROM {_TABLES} AND c.relkind = 'r'
"""  # noqa: S608 - made of constants

DESCRIBE_DATABASE = f"""
SELECT pg_catalog.json_build_object(
  'snapshot', pg_catalog.pg_export_snapshot(),
  'server_version', pg_catalog.current_setting('server_version'),
  'server_version_num', pg_catalog.current_setting('server_version_num')::int,
  'database', pg_catalog.current_database(),
  'encoding', pg_catalog.pg_encoding_to_char(d.encoding),
  'collate', d.datcollate,
  'ctype', d.datctype,
  'owner', pg_catalog.pg_get_userbyid(d.datdba),
  'comment', coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), ''),
  'details', pg_catalog.to_jsonb(d)
             - '{{oid,datdba,datfrozenxid,datminmxid,datlastsysoid,encoding,dathasloginevt}}'::pg_catalog.text[],
  'settings', (SELECT pg_catalog.json_object_agg(coalesce(r.rolname, ''), s.setconfig ORDER BY r.rolname)
               FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
               WHERE s.setdatabase = d.oid),
  'may_read_passwords', pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT'),
  'large_objects', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata),
  'extensions', (SELECT pg_catalog.json_object_agg(extname, extversion ORDER BY extname) FROM pg_catalog.pg_extension),
  'turned', ({LIST_TURNED}),
  'is_standby', coalesce(pg_catalog.current_setting('{RECOVERED}', true), '') <> 'on',
  'beside', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_database b WHERE b.datallowconn AND NOT b.datistemplate
             AND b.datconnlimit <> -2 AND b.datname <> 'postgres' AND b.datname <> pg_catalog.current_database()),
  'left_out', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.format('%I.%I', n.nspname, c.relname)
               ORDER BY n.nspname, c.relname), '[]') FROM {_TABLES} AND c.relkind = 'r' AND {_UNREADABLE})
) FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
"""  # noqa: S608 - made of constants

DESCRIBE_TABLES = f"""
SELECT pg_catalog.json_build_object(
  'schema', n.nspname,
  'name', c.relname,
  'bytes', pg_catalog.pg_table_size(c.oid),
  'pages', CASE WHEN (SELECT a.amname FROM pg_catalog.pg_am a WHERE a.oid = c.relam) = 'heap'
           THEN pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int ELSE 0 END,
  'condition', coalesce(x.condition, ''),
  'root', {FIND_ROOT},
  'columns', (SELECT coalesce(pg_catalog.json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
  'types', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum),
            '[]') FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')
) FROM {_TABLES} AND c.relkind = 'r' AND NOT {_UNREADABLE} ORDER BY n.nspname, c.relname
"""  # noqa: S608 - made of constants

_SEQUENCES = f"{_TABLES} AND c.relkind = 'S' AND NOT {_UNREADABLE}"
COUNT_SEQUENCES = f"SELECT pg_catalog.count(*) FROM {_SEQUENCES}"  # noqa: S608 - made of constants

# Each row of the answer is a query that psql runs in turn; each of these writes one line of the file.
WRITE_SEQUENCES = f"""
SELECT pg_catalog.format('SELECT %L || last_value || '', '' || is_called || '');'' FROM %I.%I',
  'SELECT pg_catalog.setval(' || pg_catalog.quote_literal(pg_catalog.format('%I.%I', n.nspname, c.relname)) || ', ',
  n.nspname, c.relname)
FROM {_SEQUENCES} ORDER BY n.nspname, c.relname \\gexec
"""  # noqa: S608 - made of constants

# What PostgreSQL itself brings is none; nobody can open one whose DROP DATABASE was cut, and it is marked by its limit.
LIST_DATABASES = """
SELECT pg_catalog.json_build_object('name', datname, 'is_template', datistemplate,
  'can_be_opened', datallowconn AND datconnlimit <> -2)
FROM pg_catalog.pg_database WHERE datname NOT IN ('template0', 'template1') ORDER BY datname
"""


class ListedDatabase(msgspec.Struct, frozen=True, kw_only=True):
    """One database of a server: one that new ones are made after ``is_template``."""

    name: str
    is_template: bool
    can_be_opened: bool


class Database(msgspec.Struct, frozen=True, kw_only=True):
    """One database, and the name of the snapshot that others can join.

    ``left_out`` are tables whose rows this server does not have, by their whole names as SQL, since it ``is_standby``,
    or was recovered; ``beside`` says how many other databases it has, without the one that is there from the beginning.
    """

    snapshot: str
    server_version: str
    server_version_num: int
    database: str
    encoding: str
    collate: str
    ctype: str
    owner: str = ""
    comment: str = ""
    details: dict[str, object] = {}
    settings: dict[str, list[str]] | None = None
    may_read_passwords: bool
    large_objects: int
    extensions: dict[str, str] | None = None
    turned: tuple[TurnedTrigger, ...] = ()
    left_out: tuple[str, ...] = ()
    is_standby: bool = True
    beside: int = 0

    @property
    def major(self) -> int:
        """The version of the server by its first number."""
        return self.server_version_num // 10_000


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table that has rows of its own. ``columns`` are those that can be written.

    ``pages`` is 0 where its rows cannot be read by runs of pages. ``root`` are schema and name of the table that its
    rows go in by, empty for itself.
    """

    schema: str
    name: str
    bytes: int
    columns: tuple[str, ...]
    types: tuple[str, ...] = ()
    condition: str = ""
    root: tuple[str, ...] = ()
    pages: int = 0

    @property
    def sql(self) -> str:
        """Its whole name as SQL."""
        return f"{quote_name(self.schema)}.{quote_name(self.name)}"

    def write_out(self, encoding: str, condition: str = "") -> str:
        """Return the command that writes its rows, or those that a condition fits."""
        source = f"{self.sql}{self._list_columns()}"
        if condition := condition or self.condition:
            names = ", ".join(map(quote_name, self.columns)) or "1"
            source = f"(SELECT {names} FROM ONLY {self.sql} {condition})"  # noqa: S608 - quoted
        return f"COPY {source} TO STDOUT WITH (ENCODING {quote_text(encoding)})"

    def write_in(self, encoding: str) -> str:
        """Return the command that reads them back, on one line."""
        into = quote_whole(self.root) or self.sql
        return f"COPY {into}{self._list_columns()} FROM STDIN WITH (ENCODING {quote_text(encoding)});"

    def _list_columns(self) -> str:
        return f" ({', '.join(map(quote_name, self.columns))})" if self.columns else ""
