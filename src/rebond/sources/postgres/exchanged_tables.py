"""What is written down of tables whose rows are exchanged, for as long as that can be undone."""

import msgspec

from rebond.sources.postgres.names import quote_name
from rebond.sources.postgres.table_looks import TableLooks, look_at_tables
from rebond.sources.postgres.target import DatabaseTarget


class ExchangedTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table, and the names under which its rows lie beside: those that came, were there, and were written since."""

    schema: str
    name: str
    columns: tuple[str, ...]
    rows: int
    new: str
    before: str
    since: str
    is_made: bool

    @property
    def sql(self) -> str:
        """Its whole name as SQL."""
        return f"{quote_name(self.schema)}.{quote_name(self.name)}"

    @property
    def shown(self) -> str:
        """Its whole name as people write it."""
        return f"{self.schema}.{self.name}"


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """Tables of one database that are exchanged together. ``work`` is the schema beside.

    ``sequences`` are made with the tables that are gone; whole names as SQL. ``publishing_all`` are publications that
    send the tables beside to subscribers too; ``publishing_rows`` send the rows, and not that a table was emptied.
    ``pointing`` are columns that may name large objects, ``reworked`` those that are worked out otherwise by now;
    ``left_out`` are tables of a wanted schema whose rows were not saved.
    """

    database: str
    work: str
    tables: tuple[ExchangedTable, ...]
    sequences: tuple[str, ...] = ()
    publishing_all: tuple[str, ...] = ()
    publishing_rows: tuple[str, ...] = ()
    pointing: tuple[str, ...] = ()
    reworked: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def name_beside(self, table: str) -> str:
        """Return the whole name, as SQL, of a table of the schema beside."""
        return f"{quote_name(self.work)}.{quote_name(table)}"

    def look(self, target: DatabaseTarget) -> TableLooks:
        """Ask for the tables as they are now. Raises ``RestoreError``."""
        return look_at_tables(target, [(each.schema, each.name) for each in self.tables], self.work)


class MadeTables(msgspec.Struct, frozen=True, kw_only=True):
    """What makes the tables that are gone, before and after their rows, and sets the sequences of all of them.

    ``lost_views`` read those tables, are gone too, and are not made.
    """

    before: bytes = b""
    after: bytes = b""
    positions: bytes = b""
    lost_views: tuple[str, ...] = ()
