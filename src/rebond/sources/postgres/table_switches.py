"""What acts on tables whose rows are exchanged: triggers, rules, foreign keys, and what watches over those."""

import msgspec

from rebond.sources.postgres.names import quote_name, quote_text

_HOW = {"A": "ENABLE ALWAYS", "R": "ENABLE REPLICA", "D": "DISABLE"}
# The server names these triggers anew with each key: they are found by what they do, and for which pair of tables.
_FIND_SWITCHES = """
WITH RECURSIVE below AS (
  SELECT k.oid, k.conrelid, k.confrelid FROM pg_catalog.pg_constraint k
  WHERE k.contype = 'f' AND k.conname = {key} AND k.conrelid = {table}::pg_catalog.regclass
  UNION ALL SELECT k.oid, k.conrelid, k.confrelid FROM below b
    JOIN pg_catalog.pg_constraint k ON k.conparentid = b.oid AND k.contype = 'f'
)
SELECT pg_catalog.format('ALTER TABLE ONLY %s {{how}} TRIGGER %I', t.tgrelid::pg_catalog.regclass, t.tgname)
FROM below b JOIN pg_catalog.pg_trigger t ON t.tgconstraint = b.oid
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid AND p.proname = {{does}}
WHERE t.tgrelid = pg_catalog.to_regclass({{table}}) AND b.conrelid = pg_catalog.to_regclass({{referring}})
  AND b.confrelid = pg_catalog.to_regclass({{referred}}) \\gexec
"""
# Of a row "k" of pg_constraint: it can be taken away and made again without a look at any row.
IS_LOOSE = """NOT k.convalidated AND k.contype IN ('c', 'n') AND k.conislocal AND k.coninhcount = 0
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = k.conrelid)"""


class LooseCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A demand that not all rows were judged by, and that every row is which is written: old ones would not go back."""

    name: str
    definition: str
    comment: str

    def take_away(self, table: str) -> str:
        """Return the statement after which it demands nothing; ``table`` is a whole name as SQL."""
        return f"ALTER TABLE {table} DROP CONSTRAINT {quote_name(self.name)};"

    def make_again(self, table: str) -> list[str]:
        """Return the statements that make it as it was; they look at no row."""
        made = [f"ALTER TABLE {table} ADD CONSTRAINT {quote_name(self.name)} {self.definition};"]
        if self.comment:
            made.append(f"COMMENT ON CONSTRAINT {quote_name(self.name)} ON {table} IS {quote_text(self.comment)};")
        return made


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger or a rule that acts on what is written to a table; ``state`` is the letter of the catalogue."""

    kind: str
    name: str
    state: str

    def turn_off(self, table: str) -> str:
        """Return the statement after which it does not act; ``table`` is a whole name as SQL."""
        return f"ALTER TABLE {table} DISABLE {self.kind} {quote_name(self.name)};"

    def turn_on(self, table: str) -> str:
        """Return the statement after which it acts as it did."""
        return f"ALTER TABLE {table} {_HOW.get(self.state, 'ENABLE')} {self.kind} {quote_name(self.name)};"


class KeySwitch(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger of the server that watches over a foreign key; tables are whole names as SQL.

    ``does`` is the function that it calls, ``state`` the letter of the catalogue.
    """

    referring: str
    referred: str
    table: str
    does: str
    state: str

    def turn(self, find: str) -> str:
        """Return the statement after which it acts as it did; ``find`` finds those of its key."""
        return find.format(
            how=_HOW.get(self.state, "ENABLE"),
            does=quote_text(self.does),
            table=quote_text(self.table),
            referring=quote_text(self.referring),
            referred=quote_text(self.referred),
        )


class ForeignKey(msgspec.Struct, frozen=True, kw_only=True):
    """A foreign key of one of the tables, or of another table to one of them.

    ``is_part`` says that it goes with the key of a whole table. Those come first, to be made before it. ``switches``
    are the triggers that watch over it, and over its parts, as far as somebody changed when they act.
    """

    schema: str
    table: str
    name: str
    to_schema: str
    to_table: str
    definition: str
    comment: str
    owner: str
    is_ours: bool
    is_part: bool = False
    switches: tuple[KeySwitch, ...] = ()

    @property
    def shown(self) -> str:
        """The whole name of its table as people write it."""
        return f"{self.schema}.{self.table}"

    @property
    def ends(self) -> frozenset[str]:
        """The tables at both ends, as people write them."""
        return frozenset({self.shown, f"{self.to_schema}.{self.to_table}"})

    def drop(self) -> str:
        """Return the statement that takes it away."""
        return f"ALTER TABLE {self.sql} DROP CONSTRAINT {quote_name(self.name)};"

    def add(self) -> list[str]:
        """Return the statements that make it again, which judge all rows of both tables."""
        made = [f"ALTER TABLE {self.sql} ADD CONSTRAINT {quote_name(self.name)} {self.definition};"]
        if self.comment:
            words = quote_text(self.comment)
            made.append(f"COMMENT ON CONSTRAINT {quote_name(self.name)} ON {self.sql} IS {words};")
        return made

    def add_unjudged(self) -> str:
        """Return the statement that makes it again and judges no row that is there."""
        return f"{self.add()[0].removesuffix(';').removesuffix(' NOT VALID')} NOT VALID;"

    def list_turns(self) -> list[str]:
        """Return the statements after which what watches over it acts as it did; it was made again before."""
        found = _FIND_SWITCHES.format(table=quote_text(self.sql), key=quote_text(self.name))
        return [each.turn(found) for each in self.switches]

    @property
    def sql(self) -> str:
        """The whole name of its table as SQL."""
        return f"{quote_name(self.schema)}.{quote_name(self.table)}"
