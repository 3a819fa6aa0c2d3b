"""Triggers of constraints that somebody turned off: of most of them no dump tells, and they would act again.

The server names them anew with each constraint. They are found by what they do, and for which pair of tables; only a
superuser may turn them.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from rebond.findings import Finding, Severity
from rebond.sources.postgres.names import quote_text
from rebond.sources.postgres.statements import QUALIFIED

FILE = "key-triggers.sql"
_HOW = {"A": "ENABLE ALWAYS", "R": "ENABLE REPLICA", "D": "DISABLE"}
# Of a partition pg_dump tells which of them are turned off, by names that no other server gives them.
OF_DUMP = re.compile(
    rb"\s*ALTER TABLE (?:ONLY )?(" + QUALIFIED + rb") (?:DISABLE|ENABLE(?: ALWAYS| REPLICA)?) TRIGGER "
    rb'"RI_ConstraintTrigger_[ac]_\d+";'
)
# "key" and "of" are the constraint that somebody made: those of its parts have names that a server gives.
LIST_TURNED = """
WITH RECURSIVE up AS (
  SELECT t.oid AS trigger, k.oid AS key, k.conparentid AS above FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_constraint k ON k.oid = t.tgconstraint
  WHERE t.tgisinternal AND t.tgenabled <> 'O' AND k.contype IN ('f', 'p', 'u', 'x')
  UNION ALL SELECT u.trigger, k.oid, k.conparentid FROM up u
  JOIN pg_catalog.pg_constraint k ON k.oid = u.above AND k.contype = 'f'
), named AS (
  SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
)
SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('table', w.name, 'key', r.conname, 'of', o.name,
  'referring', a.name, 'referred', b.name, 'does', p.proname, 'state', t.tgenabled)
  ORDER BY w.name, o.name, r.conname, a.name, b.name, p.proname), '[]')
FROM (SELECT DISTINCT ON (trigger) trigger, key FROM up
  ORDER BY trigger, above = 0 DESC, key) u JOIN pg_catalog.pg_trigger t ON t.oid = u.trigger
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN named w ON w.oid = t.tgrelid
JOIN pg_catalog.pg_constraint r ON r.oid = u.key JOIN named o ON o.oid = r.conrelid
JOIN pg_catalog.pg_constraint k ON k.oid = t.tgconstraint JOIN named a ON a.oid = k.conrelid
LEFT JOIN named b ON b.oid = k.confrelid
"""
# In the role of a replica, as an event trigger of the database itself might forbid it, or write it down.
_TURN = """
DECLARE
  found text;
  role text := pg_catalog.current_setting('session_replication_role');
BEGIN
  PERFORM pg_catalog.set_config('session_replication_role', 'replica', true);
  FOR found IN
    WITH RECURSIVE below AS (
      SELECT k.oid, k.conrelid, k.confrelid FROM pg_catalog.pg_constraint k
      WHERE k.conname = {key} AND k.conrelid = pg_catalog.to_regclass({of})
      UNION ALL SELECT k.oid, k.conrelid, k.confrelid FROM below b
        JOIN pg_catalog.pg_constraint k ON k.conparentid = b.oid AND k.contype = 'f'
    )
    SELECT pg_catalog.format('ALTER TABLE ONLY %s {how} TRIGGER %I', t.tgrelid::pg_catalog.regclass, t.tgname)
    FROM below b JOIN pg_catalog.pg_trigger t ON t.tgconstraint = b.oid
    JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid AND p.proname = {does}
    WHERE t.tgrelid = pg_catalog.to_regclass({table}) AND b.conrelid = pg_catalog.to_regclass({referring})
      AND b.confrelid = {referred}
  LOOP
    EXECUTE found;
  END LOOP;
  PERFORM pg_catalog.set_config('session_replication_role', role, true);
EXCEPTION WHEN insufficient_privilege THEN
  RAISE WARNING 'Triggers of the constraint % of % act as usual now: only a superuser may turn them.', {key}, {of};
END
"""


class TurnedTrigger(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger of a server's own that acts otherwise than usual; tables are whole names as SQL.

    It watches over the constraint ``key`` of the table ``of``, or over a part of that, for the pair ``referring`` and
    ``referred``, by the function that it ``does``. ``state`` is the letter of the catalogue.
    """

    table: str
    key: str
    of: str
    referring: str
    referred: str | None = None
    does: str
    state: str

    def turn(self) -> str:
        """Return the statement after which it acts as it did, for whoever is a superuser; others are warned by it."""
        referred = f"pg_catalog.to_regclass({quote_text(self.referred)})" if self.referred else "0"
        body = _TURN.format(
            how=_HOW.get(self.state, "ENABLE"),
            **{name: quote_text(getattr(self, name)) for name in ("key", "of", "does", "table", "referring")},
            referred=referred,
        )
        return f"DO {quote_text(body)};"


def list_turns(turned: Sequence[TurnedTrigger]) -> Iterator[bytes]:
    """Yield the statements after which all of them act as they did."""
    for each in turned:
        yield each.turn().encode(errors="surrogateescape")


def without_names_of_triggers(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a script without the lines that name such triggers: on another server they fail, or name another one."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield b"".join(each + b"\n" for each in lines if not OF_DUMP.fullmatch(each))
    if not OF_DUMP.fullmatch(rest):
        yield rest


def tell_they_act(database: str, tables: Collection[bytes]) -> Iterator[Finding]:
    """Yield what is to be known where they act as usual now."""
    if tables:
        yield Finding(
            code="key-triggers-act",
            severity=Severity.WARNING,
            subject=database,
            template="Triggers of foreign keys and other constraints of {tables} were turned off, or acted otherwise "
            "than usual. They act as usual now.",
            hint_template="Where they are to stay so, let a superuser say it again: ALTER TABLE … DISABLE TRIGGER ALL;",
            values={"tables": ", ".join(sorted(each.decode(errors="replace") for each in tables))},
        )
