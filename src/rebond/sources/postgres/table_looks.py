"""What a live database says of tables whose rows are to be exchanged: their columns, keys, triggers, rights."""

from collections.abc import Sequence

import msgspec

from rebond.sources.postgres.names import quote_text
from rebond.sources.postgres.raw_text import read_json
from rebond.sources.postgres.table_switches import IS_LOOSE, ForeignKey, LooseCheck, Switch
from rebond.sources.postgres.target import DatabaseTarget, ask

_ORDINARY, _PARTITIONED = "r", "p"
# A key of a partition stands and falls with that of the whole table, and may be nobody's but a whole table's. One
# that has a name or a comment of its own keeps it where it is made first: that of the whole table takes it over then.
_LOOK = """
WITH RECURSIVE wanted AS (
  SELECT c.oid, c.relkind, c.relowner, n.nspname, c.relname FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE (n.nspname::text, c.relname::text) IN ({names})
), joins AS (
  SELECT k.oid, k.conparentid FROM pg_catalog.pg_constraint k
  WHERE k.contype = 'f' AND (k.conrelid IN (SELECT oid FROM wanted) OR k.confrelid IN (SELECT oid FROM wanted))
  UNION SELECT k.oid, k.conparentid FROM joins j JOIN pg_catalog.pg_constraint k ON k.oid = j.conparentid
), parts AS (
  SELECT j.oid, 0 AS depth, false AS is_own FROM joins j WHERE j.conparentid = 0
  UNION ALL SELECT k.oid, w.depth + 1, k.conname <> p.conname OR k.convalidated <> p.convalidated
      OR pg_catalog.obj_description(k.oid, 'pg_constraint') IS NOT NULL
    FROM parts w JOIN pg_catalog.pg_constraint p ON p.oid = w.oid
    JOIN pg_catalog.pg_constraint k ON k.conparentid = p.oid AND k.contype = 'f'
      AND k.confrelid = p.confrelid AND k.conrelid <> p.conrelid
), below AS (
  SELECT j.oid AS root, j.oid FROM joins j WHERE j.conparentid = 0
  UNION ALL SELECT b.root, k.oid FROM below b JOIN pg_catalog.pg_constraint k ON k.conparentid = b.oid
    AND k.contype = 'f'
)
SELECT pg_catalog.json_build_object(
  'may_create', pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
  'user', current_user,
  'is_superuser', (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user),
  'publishing_all', (SELECT coalesce(pg_catalog.json_agg(pubname ORDER BY pubname), '[]') FROM pg_catalog.pg_publication
                     WHERE puballtables),
  'publishing_rows', (SELECT coalesce(pg_catalog.json_agg(p.pubname ORDER BY p.pubname), '[]')
                      FROM pg_catalog.pg_publication p WHERE p.pubinsert AND NOT p.pubtruncate AND EXISTS (
                        SELECT FROM pg_catalog.pg_publication_tables t WHERE t.pubname = p.pubname
                        AND (t.schemaname::text, t.tablename::text) IN ({names}))),
  'mark', coalesce((SELECT pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace
                    WHERE nspname = {work}), ''),
  'beside', (SELECT coalesce(pg_catalog.json_agg(c.relname ORDER BY c.relname), '[]') FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = {work} AND c.relkind = 'r'),
  'tables', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
    'schema', w.nspname, 'name', w.relname, 'kind', w.relkind,
    'owner', pg_catalog.pg_get_userbyid(w.relowner),
    'is_ours', pg_catalog.pg_has_role(w.relowner, 'USAGE'),
    'is_hidden', (SELECT c.relrowsecurity AND c.relforcerowsecurity AND NOT (r.rolsuper OR r.rolbypassrls)
      FROM pg_catalog.pg_class c, pg_catalog.pg_roles r WHERE c.oid = w.oid AND r.rolname = current_user),
    'whole', coalesce((SELECT pg_catalog.format('%I.%I', pn.nspname, p.relname) FROM pg_catalog.pg_inherits i
      JOIN pg_catalog.pg_class p ON p.oid = i.inhparent AND p.relkind = 'p'
      JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace WHERE i.inhrelid = w.oid), ''),
    'columns', (SELECT coalesce(pg_catalog.json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
    'types', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum),
      '[]') FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
    'loose', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('name', k.conname,
        'definition', pg_catalog.pg_get_constraintdef(k.oid),
        'comment', coalesce(pg_catalog.obj_description(k.oid, 'pg_constraint'), '')) ORDER BY k.conname), '[]')
      FROM pg_catalog.pg_constraint k WHERE k.conrelid = w.oid AND {is_loose}),
    'switches', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
        'kind', s.kind, 'name', s.name, 'state', s.state) ORDER BY s.kind, s.name), '[]') FROM (
      SELECT 'TRIGGER' AS kind, t.tgname AS name, t.tgenabled AS state FROM pg_catalog.pg_trigger t
      WHERE t.tgrelid = w.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
      UNION ALL SELECT 'RULE', r.rulename, r.ev_enabled FROM pg_catalog.pg_rewrite r
      WHERE r.ev_class = w.oid AND r.ev_enabled <> 'D' AND w.relkind = 'r') s)
  ) ORDER BY w.nspname, w.relname), '[]') FROM wanted w),
  'keys', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
    'schema', n.nspname, 'table', c.relname, 'name', k.conname,
    'to_schema', m.nspname, 'to_table', o.relname,
    'definition', pg_catalog.pg_get_constraintdef(k.oid),
    'comment', coalesce(pg_catalog.obj_description(k.oid, 'pg_constraint'), ''),
    'owner', pg_catalog.pg_get_userbyid(c.relowner),
    'is_ours', pg_catalog.pg_has_role(c.relowner, 'USAGE'),
    'is_part', j.depth > 0,
    'switches', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
        'referring', x.conrelid::pg_catalog.regclass::text, 'referred', x.confrelid::pg_catalog.regclass::text,
        'table', t.tgrelid::pg_catalog.regclass::text, 'does', p.proname, 'state', t.tgenabled) ORDER BY t.oid), '[]')
      FROM below b JOIN pg_catalog.pg_constraint x ON x.oid = b.oid
      JOIN pg_catalog.pg_trigger t ON t.tgconstraint = b.oid AND t.tgisinternal AND t.tgenabled <> 'O'
      JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid WHERE b.root = k.oid)) ORDER BY j.depth DESC, k.oid), '[]')
    FROM parts j JOIN pg_catalog.pg_constraint k ON k.oid = j.oid
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_class o ON o.oid = k.confrelid JOIN pg_catalog.pg_namespace m ON m.oid = o.relnamespace
    WHERE j.depth = 0 OR j.is_own)
)"""
# Asked under the lock: a migration that we waited for may have ended only then. A failure is the only way to tell.
CHANGED = "rebond-changed"
_HAS_KEY = """
SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = {schema} AND c.relname = {table} AND k.conname = {name};
"""
_HAS_PUBLICATION = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_publication WHERE pubname = {name};"


class LiveTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table as it is now. ``columns`` are those that can be written; ``is_ours`` says that this user owns it.

    ``is_hidden`` says that policies hide rows from its owner too. ``whole`` is what it is a partition of, as SQL.
    """

    schema: str
    name: str
    kind: str
    owner: str
    is_ours: bool
    is_hidden: bool
    whole: str = ""
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    switches: tuple[Switch, ...] = ()
    loose: tuple[LooseCheck, ...] = ()

    @property
    def shown(self) -> str:
        """Its whole name as people write it."""
        return f"{self.schema}.{self.name}"

    @property
    def is_whole(self) -> bool:
        """Whether its rows lie in partitions."""
        return self.kind == _PARTITIONED

    @property
    def is_ordinary(self) -> bool:
        """Whether it has rows of its own."""
        return self.kind == _ORDINARY


class TableLooks(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a database showed. ``mark`` and ``beside`` are of the schema that a restore works in.

    ``publishing_all`` are publications of all tables, also of those that are made; ``publishing_rows`` send what is put
    into one of these, and not that it was emptied before. ``question`` and ``answer`` are what it was read from.
    """

    may_create: bool
    user: str
    is_superuser: bool
    publishing_all: tuple[str, ...]
    publishing_rows: tuple[str, ...]
    mark: str
    beside: tuple[str, ...]
    tables: tuple[LiveTable, ...]
    keys: tuple[ForeignKey, ...]
    question: str = ""
    answer: str = ""

    def find(self, schema: str, name: str) -> LiveTable | None:
        """Return a table; ``None`` where it is not there."""
        return next((each for each in self.tables if (each.schema, each.name) == (schema, name)), None)

    def require_still(self) -> str:
        """Return the statement that fails where anything of this is otherwise when it is run."""
        look, seen, changed = self.question, quote_text(self.answer), quote_text(CHANGED)
        return f"""SELECT pg_catalog.concat({changed}, pg_catalog.left(t.look::text, 0))::int
FROM ({look}) AS t (look) WHERE t.look::text <> {seen};"""  # noqa: S608 - the question that was asked, and quoted


def look_at_tables(target: DatabaseTarget, names: Sequence[tuple[str, str]], work: str) -> TableLooks:
    """Ask for tables by schema and name, and for the schema ``work``. Raises ``RestoreError``."""
    pairs = ", ".join(f"({quote_text(schema)}, {quote_text(name)})" for schema, name in names) or "('', '')"
    question = _LOOK.format(names=pairs, work=quote_text(work), is_loose=IS_LOOSE)
    answer = ask(target.access, target.database, f"{question};")[0]
    return msgspec.structs.replace(
        read_json(answer, TableLooks), question=question, answer=answer.decode(errors="surrogateescape")
    )


def has_key(target: DatabaseTarget, schema: str, table: str, name: str) -> bool:
    """Say whether a table has a constraint of that name. Raises ``RestoreError``."""
    question = _HAS_KEY.format(schema=quote_text(schema), table=quote_text(table), name=quote_text(name))
    return ask(target.access, target.database, question)[0] != b"0"


def has_publication(target: DatabaseTarget, name: str) -> bool:
    """Say whether there is a publication of that name; an empty one is never there. Raises ``RestoreError``."""
    question = _HAS_PUBLICATION.format(name=quote_text(name))
    return bool(name) and ask(target.access, target.database, question)[0] != b"0"
