"""The rows of the tables of one database, each as a stream."""

import secrets
from collections.abc import Iterator, Sequence

from rebond.sources.postgres import catalogue
from rebond.sources.postgres.catalogue import Table
from rebond.sources.postgres.marked_output import ExplainedReader, RowsReader
from rebond.sources.postgres.names import name_file
from rebond.sources.postgres.session import HeldSnapshot
from rebond.sources.postgres.sharing import SharedSession
from rebond.sources.streams.readers import StreamReader
from rebond.sources.streams.whole_output import read_output

SMALL_BYTES = 1 << 20  # a table of less shares a session with others
_SCRIPT_BYTES = 40_000  # what is handed to psql at once has to fit a pipe


class TableRows:
    """Opens the tables of one snapshot, and knows afterwards how many rows each had."""

    def __init__(self, snapshot: HeldSnapshot) -> None:
        self.snapshot = snapshot
        self._read: dict[Table, RowsReader] = {}
        self._marks = {table: f"rebond-rows-{secrets.token_hex(16)}" for table in snapshot.tables}
        self._shared: dict[Table, tuple[SharedSession, int]] = {}
        for group in self._group_small():
            session = SharedSession(lambda group=group: self._open_tables(group), [self._marks[each] for each in group])  # type: ignore[misc]
            self._shared |= {table: (session, position) for position, table in enumerate(group)}

    def open_table(self, table: Table) -> StreamReader:
        """Begin to read the rows of a table."""
        shared = None
        if table in self._shared:
            session, position = self._shared[table]
            shared = session.open(position)
        reader = RowsReader(shared or self._open_tables([table]), self._marks[table], name=table.sql)
        self._read[table] = reader
        return reader

    def close(self) -> None:
        """End every session, and let go of the snapshot; may be called twice."""
        for session, _ in self._shared.values():
            session.close()
        self.snapshot.close()

    def open_sequences(self) -> StreamReader:
        """Begin to read the positions of all sequences, as SQL."""
        mark = f"rebond-rows-{secrets.token_hex(16)}"
        reader = self._open(f"{catalogue.WRITE_SEQUENCES}\n\\echo {mark} {self.snapshot.sequences}\n")
        return RowsReader(reader, mark, name="sequences.sql", counts_lines=False)

    def describe(self) -> bytes:
        """Return a line for each table that was read: rows, file and how they are loaded; the largest first.

        Raises ``SourceError`` when the snapshot is not held any more: without its locks a table may have been emptied
        by ``TRUNCATE`` before it was read, which no snapshot shows.
        """
        read_output(lambda: self._open(""), program="psql")  # it can be joined only while it is held
        encoding = self.snapshot.database.encoding
        lines = [
            f"{reader.counted}\ttables/{name_table_file(table).decode()}\t{table.write_in(encoding)}\n"
            for table, reader in sorted(self._read.items(), key=lambda each: (-each[1].size_bytes, each[0].sql))
        ]
        return "".join(lines).encode(errors="surrogateescape")

    def _group_small(self) -> Iterator[list[Table]]:
        """Yield small tables that are read by one session, in the order in which they are read."""
        group: list[Table] = []
        length = 0
        for table in sorted(self.snapshot.tables, key=name_table_file):
            if table.bytes > SMALL_BYTES:
                continue
            added = len(self._write_out(table).encode())
            if group and length + added > _SCRIPT_BYTES:
                yield group
                group, length = [], 0
            group.append(table)
            length += added
        if group:
            yield group

    def _write_out(self, table: Table) -> str:
        # Through cat, because psql forgets the number of rows of what goes to its own output; and one cat has ended
        # before the next begins, so that what they write is in order.
        return (
            f"{table.write_out(self.snapshot.database.encoding)} \\g |cat\n"
            f"SELECT '{self._marks[table]} ' || :ROW_COUNT \\g |cat\n"
        )

    def _open_tables(self, tables: Sequence[Table]) -> StreamReader:
        return self._open("".join(map(self._write_out, tables)))

    def _open(self, commands: str) -> StreamReader:
        snapshot = self.snapshot
        reader = snapshot.access.open_psql(snapshot.name, snapshot.join(commands))
        return ExplainedReader(reader, server=str(snapshot.access.server), database=snapshot.name)


def name_table_file(table: Table) -> bytes:
    """Return the name of the file with the rows of a table."""
    return name_file(table.schema, table.name) + b".copy"
